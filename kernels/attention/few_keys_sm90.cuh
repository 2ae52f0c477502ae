#pragma once
// The Hopper kernel for few keys, as in cross-attention to a prompt, where most of a tile's time
// would be its beginning and its end.
//
//   producer    one thread copies units of 64 queries, a pass ahead, and blocks of K and V into a
//               ring of slots: K(n), V(n), K(n-1), V(n-1), ...
//   consumers   three warpgroups, each with a unit of its own in every pass: S = Q K^T, softmax,
//               O += P V, one after the other. While one computes exponentials, or begins or ends
//               its unit, the tensor cores work for the other two; no turns are needed. O leaves
//               through shared memory, where the unit's Q was.
//
// Blocks of keys run from the last to the first: only the block that comes first needs a mask.

#include <cuda.h>

#include "kernels/attention/config_sm90.cuh"
#include "kernels/attention/few_keys_walk_sm90.cuh"
#include "kernels/attention/softmax_sm90.cuh"
#include "kernels/ptx/matrix_move.cuh"
#include "kernels/ptx/mbarrier.cuh"
#include "kernels/ptx/tma.cuh"
#include "kernels/ptx/warpgroup.cuh"
#include "kernels/ptx/wgmma.cuh"

namespace kernels::sm90 {

struct few_keys_config {
  static constexpr int head_dim = 128;
  static constexpr int block_m = unit_counts::unit_rows;
  static constexpr int block_n = 128;
  static constexpr int consumers = few_keys_walk::consumers;
  static constexpr int threads = 128 * (1 + consumers);
  static constexpr int slots = 4;              // blocks of keys or values in shared memory
  static constexpr int q_slots = 2;            // units of a consumer, its Q and then its O
  static constexpr int slabs = head_dim / 64;  // shared matrices consist of slabs 64 elements wide

  struct shared {
    alignas(1024) __nv_bfloat16 kv[slots][slabs][block_n][64];
    alignas(1024) __nv_bfloat16 q[consumers][q_slots][slabs][block_m][64];
    ptx::mbarrier kv_full[slots], kv_empty[slots];
    ptx::mbarrier q_full[consumers][q_slots], q_empty[consumers][q_slots];
  };
};

// A position in a ring whose slots are a power of two in number: one register, because S, O and
// what comes with them leave a consumer none to spare.
template <int Slots>
struct counted_ring {
  static_assert((Slots & (Slots - 1)) == 0);
  struct position {
    int slot;
    std::uint32_t parity;
  };
  unsigned used = 0;
  __device__ __forceinline__ position next() {
    const unsigned here = used++;
    return {static_cast<int>(here % Slots), here / Slots & 1};
  }
};

// One thread.
__device__ __forceinline__ void produce(few_keys_config::shared& shared, const attention_params& p,
                                        const unit_counts& counts, few_keys_walk walk, int blocks,
                                        const CUtensorMap& q, const CUtensorMap& k,
                                        const CUtensorMap& v) {
  using config = few_keys_config;
  counted_ring<config::slots> ring;
  counted_ring<config::q_slots> q_rings[config::consumers];
  const auto load_block = [&](const CUtensorMap& map, int block, int head, int batch) {
    const auto at = ring.next();
    ptx::mbarrier_wait(shared.kv_empty[at.slot], at.parity ^ 1);
    ptx::mbarrier_arrive_expect(shared.kv_full[at.slot], sizeof shared.kv[0]);
    ptx::tma_load(shared.kv[at.slot], map, shared.kv_full[at.slot], ptx::l2_hint::evict_last, 0,
                  block * config::block_n, 0, head, batch);
  };
#pragma unroll 1
  for (unit_pass pass; walk.next(counts, pass);) {
    const int head_kv = pass.head / (p.heads / p.heads_kv);
    // Before Q, whose slot may still hold output on its way.
    if (blocks > 0) load_block(k, blocks - 1, head_kv, pass.batch);
#pragma unroll
    for (int c = 0; c < config::consumers; ++c) {
      if (c >= pass.units) continue;
      const auto at = q_rings[c].next();
      ptx::mbarrier& full = shared.q_full[c][at.slot];
      ptx::mbarrier_wait(shared.q_empty[c][at.slot], at.parity ^ 1);
      ptx::mbarrier_arrive_expect(full, sizeof shared.q[0][0]);
      ptx::tma_load(shared.q[c][at.slot], q, full, ptx::l2_hint::evict_first, 0,
                    (pass.first_unit + c) * config::block_m, 0, pass.head, pass.batch);
    }
#pragma unroll 1
    for (int n = blocks - 1; n >= 0; --n) {
      if (n < blocks - 1) load_block(k, n, head_kv, pass.batch);
      load_block(v, n, head_kv, pass.batch);
    }
  }
}

// A consumer warpgroup. `valid`: keys, the same in all threads.
class few_keys_consumer {
 public:
  __device__ few_keys_consumer(few_keys_config::shared& shared, const attention_params& p,
                               const CUtensorMap& o, int valid)
      : shared_(shared),
        p_(p),
        o_map_(o),
        consumer_(ptx::warp_uniform(static_cast<int>(threadIdx.x) / 128 - 1)),
        valid_(ptx::warp_uniform(valid)) {}

  __device__ __forceinline__ void compute(const unit_counts& counts, few_keys_walk walk) {
#pragma unroll 1
    for (unit_pass pass; walk.next(counts, pass);) {
      if (consumer_ < pass.units)
        compute_unit(pass);
      else
        pass_by();
    }
    if (copies_output()) ptx::tma_wait_read<0>();  // before its source is given up
  }

 private:
  using config = few_keys_config;
  using qk = ptx::wgmma<config::block_n>;
  using pv = ptx::wgmma<config::head_dim>;
  using softmax = softmax_rows<true>;
  using scores = float[config::block_n / 2];
  using output = float[config::head_dim / 2];
  static constexpr std::uint32_t q_slab_bytes = config::block_m * 128;
  static constexpr std::uint32_t kv_slab_bytes = config::block_n * 128;

  [[nodiscard]] __device__ __forceinline__ int blocks() const {
    return (valid_ + config::block_n - 1) / config::block_n;
  }
  // Each warp says so: its own products have read what the barrier guards.
  static __device__ __forceinline__ void arrive(ptx::mbarrier& barrier) {
    if (threadIdx.x % 32 == 0) ptx::mbarrier_arrive(barrier);
  }
  [[nodiscard]] static __device__ __forceinline__ bool copies_output() {
    return threadIdx.x % 128 == 0;
  }

  __device__ __forceinline__ void compute_unit(const unit_pass& pass) {
    const auto q = q_ring_.next();
    softmax rows(p_.scale);
    output o;
    ptx::mbarrier_wait(shared_.q_full[consumer_][q.slot], q.parity);
    if (valid_ > 0) {
      step<true>(q.slot, blocks() - 1, rows, o);
#pragma unroll 1
      for (int n = blocks() - 2; n >= 0; --n) step<false>(q.slot, n, rows, o);
    } else {
#pragma unroll
      for (float& x : o) x = 0;
      release_last_q();
    }
    rows.finish();
#pragma unroll
    for (int i = 0; i < config::head_dim / 2; ++i) o[i] *= rows.inverse(i % 4 / 2);
    store(pass, q.slot, rows, o);
  }

  // The slot of the unit before this one, when its output is on its way.
  __device__ __forceinline__ void release_last_q() {
    if (q_ring_.used < 2 || !copies_output()) return;
    ptx::tma_wait_read<0>();
    ptx::mbarrier_arrive(shared_.q_empty[consumer_][q_ring_.used % config::q_slots]);
  }

  // O as bf16 into the slot of Q, and from there, by one thread, to memory.
  __device__ __forceinline__ void store(const unit_pass& pass, int q_slot, const softmax& rows,
                                        const output& o) {
    const int lane = static_cast<int>(threadIdx.x) % 32,
              first_row = static_cast<int>(threadIdx.x) % 128 / 32 * 16;  // of the warp's 16
    auto& slot = shared_.q[consumer_][q_slot];
    const int row = first_row + lane % 16, chunk = lane / 16;  // where this lane stores 16 bytes
    whole_warpgroup();                                         // its products have read Q
#pragma unroll
    for (int i = 0; i < config::head_dim / 16; ++i) {
      std::uint32_t words[4];
#pragma unroll
      for (int j = 0; j < 4; ++j) words[j] = pack_bf16(o[8 * i + 2 * j], o[8 * i + 2 * j + 1]);
      ptx::store_matrices(&slot[i / 4][row][((2 * (i % 4) + chunk) ^ row % 8) * 8], words);
    }
    ptx::fence_shared_to_async();
    whole_warpgroup();
    const int unit = pass.first_unit + consumer_;
    if (copies_output()) {
      ptx::tma_store(o_map_, slot, 0, unit * config::block_m, 0, pass.head, pass.batch);
      ptx::tma_commit();
    }
    if (p_.lse == nullptr || lane % 4 != 0) return;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int query = unit * config::block_m + first_row + lane / 4 + 8 * r;
      if (query < p_.tokens_q)
        p_.lse[(static_cast<std::int64_t>(pass.batch) * p_.heads + pass.head) * p_.tokens_q +
               query] = rows.lse(r);
    }
  }

  __device__ __forceinline__ void whole_warpgroup() const {
    ptx::named_barrier_sync(1 + consumer_, 128);
  }

  // A block of keys. `First`: the one with the last keys; O has nothing in it yet.
  template <bool First>
  __device__ __forceinline__ void step(int q_slot, int n, softmax& rows, output& o) {
    scores s;
    const auto k = ring_.next();
    ptx::mbarrier_wait(shared_.kv_full[k.slot], k.parity);
    issue_qk(s, q_slot, k.slot);
    if (First) release_last_q();
    ptx::wgmma_wait<0>();
    ptx::wgmma_hold(s);
    arrive(shared_.kv_empty[k.slot]);
    if (First) weigh_last_keys(s, n);
    rows.template update<First>(s);
    std::uint32_t probabilities[config::block_n / 16][4];
    round_to_bf16(probabilities, s);
    if (!First)
#pragma unroll
      for (int i = 0; i < config::head_dim / 2; ++i) o[i] *= rows.rescale(i % 4 / 2);

    const auto v = ring_.next();
    ptx::mbarrier_wait(shared_.kv_full[v.slot], v.parity);
    issue_pv<First>(o, probabilities, v.slot);
    ptx::wgmma_wait<0>();
    ptx::wgmma_hold(o);
    arrive(shared_.kv_empty[v.slot]);
  }

  // A pass without a unit for this consumer: slots go by.
  __device__ __forceinline__ void pass_by() {
#pragma unroll 1
    for (int i = 0; i < 2 * blocks(); ++i) {
      const auto at = ring_.next();
      ptx::mbarrier_wait(shared_.kv_full[at.slot], at.parity);
      arrive(shared_.kv_empty[at.slot]);
    }
  }

  // S = Q K^T, one group.
  __device__ __forceinline__ void issue_qk(scores& s, int q_slot, int slot) {
    const ptx::shared_matrix q(shared_.q[consumer_][q_slot], 0), k(shared_.kv[slot], 0);
    ptx::wgmma_fence();
#pragma unroll
    for (int i = 0; i < config::head_dim / 16; ++i)
      qk::ss<ptx::b_layout::k_major>(s, q.advanced(i / 4 * q_slab_bytes + i % 4 * 32),
                                     k.advanced(i / 4 * kv_slab_bytes + i % 4 * 32), i > 0);
    ptx::wgmma_commit();
  }

  // O = P V, or O += P V, one group.
  template <bool First>
  __device__ __forceinline__ void issue_pv(output& o,
                                           std::uint32_t (&probabilities)[config::block_n / 16][4],
                                           int slot) {
    const ptx::shared_matrix v(shared_.kv[slot], kv_slab_bytes);
    if (!First) ptx::wgmma_hold(o);
    ptx::wgmma_hold(probabilities);
    ptx::wgmma_fence();
#pragma unroll
    for (int i = 0; i < config::block_n / 16; ++i)
      pv::rs<ptx::b_layout::n_major>(o, probabilities[i], v.advanced(i * 2048), !First || i > 0);
    ptx::wgmma_commit();
  }

  // In the block with the last keys: the last valid one counts as often as it does, those behind it
  // not at all.
  __device__ __forceinline__ void weigh_last_keys(scores& s, int n) {
    const int here = valid_ - n * config::block_n;
    const float more = __logf(p_.last_key_count) / p_.scale;
#pragma unroll
    for (int i = 0; i < config::block_n / 8; ++i) {
      if (8 * i + 8 < here) continue;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const int key = 8 * i + static_cast<int>(threadIdx.x % 4) * 2 + j % 2;
        if (key == here - 1) s[4 * i + j] += more;
        if (key >= here) s[4 * i + j] = -INFINITY;
      }
    }
  }

  few_keys_config::shared& shared_;
  const attention_params& p_;
  const CUtensorMap& o_map_;
  const int consumer_, valid_;
  counted_ring<config::slots> ring_;
  counted_ring<config::q_slots> q_ring_;
};

}  // namespace kernels::sm90
