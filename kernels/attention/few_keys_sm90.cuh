#pragma once
// The Hopper kernel for few keys, as in cross-attention to a prompt, where most of a tile's time
// would be its beginning and its end.
//
//   producer    one thread copies units of 64 queries and blocks of keys, pass by pass
//               (few_keys_producer_sm90.cuh, few_keys_walk_sm90.cuh)
//   consumers   three warpgroups, each with a unit of its own in every pass: S = Q K^T, softmax,
//               O += P V, one after the other. While one computes exponentials, or begins or ends
//               its unit, the tensor cores work for the other two; no turns are needed. O leaves
//               through shared memory, where the unit's Q was.
//
// Blocks of keys run from the last to the first: only the block that comes first needs a mask.
//
// Here is the consumer; instances/sm90_128_few_keys.cu puts both together.

#include <cuda.h>

#include "kernels/attention/few_keys_config_sm90.cuh"
#include "kernels/attention/key_slots_sm90.cuh"
#include "kernels/attention/softmax_sm90.cuh"
#include "kernels/ptx/matrix_move.cuh"
#include "kernels/ptx/mbarrier.cuh"
#include "kernels/ptx/tma.cuh"
#include "kernels/ptx/warpgroup.cuh"
#include "kernels/ptx/wgmma.cuh"

namespace kernels::sm90 {

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

  __device__ __forceinline__ void compute(const unit_shares& shares, few_keys_walk walk) {
#pragma unroll 1
    for (unit_pass pass; walk.next(shares, pass);) {
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
    empty_slot<config>(shared_, k.slot);
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
    empty_slot<config>(shared_, v.slot);
  }

  // A pass without a unit for this consumer: slots go by.
  __device__ __forceinline__ void pass_by() {
#pragma unroll 1
    for (int i = 0; i < 2 * blocks(); ++i) {
      const auto at = ring_.next();
      ptx::mbarrier_wait(shared_.kv_full[at.slot], at.parity);
      empty_slot<config>(shared_, at.slot);
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
