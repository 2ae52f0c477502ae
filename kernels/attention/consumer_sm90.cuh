#pragma once
// A consumer: a warpgroup with 64 queries of a tile. Scores S, probabilities P and output O stay in
// its registers. In each step it issues S(n) = Q K(n)^T and O += P(n+1) V(n+1) together, and
// computes the softmax of S(n) while its second product still runs.

#include "kernels/attention/config_sm90.cuh"
#include "kernels/attention/consumer_warpgroup_sm90.cuh"
#include "kernels/attention/lazy_softmax_sm90.cuh"
#include "kernels/attention/output_sm90.cuh"
#include "kernels/attention/softmax_sm90.cuh"
#include "kernels/ptx/mbarrier.cuh"
#include "kernels/ptx/warpgroup.cuh"
#include "kernels/ptx/wgmma.cuh"

namespace kernels::sm90 {

// A consumer warpgroup.
template <class Config>
class attention_consumer : consumer_warpgroup<Config> {
 public:
  using consumer_warpgroup<Config>::wait_next;

  __device__ attention_consumer(typename Config::shared& shared, const attention_arguments& args,
                                int valid)
      : consumer_warpgroup<Config>(shared), args_(args), valid_(valid) {}

  __device__ __forceinline__ void compute(const attention_work& work) {
    const attention_params& p = args_.params;
    float o[Config::head_dim / 2];
    softmax rows(p.scale);
#pragma unroll
    for (float& x : o) x = 0;
    if (work.first < work.last)
      products(work, rows, o);
    else
      release_q();
    rows.finish();
#pragma unroll
    for (int i = 0; i < Config::head_dim / 2; ++i) o[i] *= rows.inverse(i % 4 / 2);
    if (work.piece >= 0)
      store_piece<Config>(args_, work, row_in_tile_, rows, o);
    else
      store_tile<Config>(args_.params, work, row_in_tile_, rows, o);
  }

 private:
  // Integers are faster for heads of 64, where the softmax bounds the time, and slower for 128.
  using softmax =
      std::conditional_t<Config::causal, lazy_softmax_rows, softmax_rows<Config::head_dim == 64>>;
  using qk = ptx::wgmma<Config::block_n>;
  using pv = ptx::wgmma<Config::head_dim>;
  using position = ring_position<Config::slots>;
  using consumer_warpgroup<Config>::shared_;
  using consumer_warpgroup<Config>::group_;
  using consumer_warpgroup<Config>::row_in_tile_;
  using consumer_warpgroup<Config>::release_q;
  using consumer_warpgroup<Config>::next_full;
  using consumer_warpgroup<Config>::look_at_next;
  using consumer_warpgroup<Config>::release;
  static constexpr std::uint32_t q_slab_bytes = Config::block_m * 128;
  static constexpr std::uint32_t kv_slab_bytes = Config::block_n * 128;

  // S = Q K^T of this warpgroup's 64 rows, one group.
  __device__ __forceinline__ void issue_qk(float (&s)[Config::block_n / 2], int slot) {
    const ptx::shared_matrix q(shared_.q[0][64 * group_], 0);
    const ptx::shared_matrix k(shared_.kv[slot], 0);
    ptx::wgmma_fence();
#pragma unroll
    for (int i = 0; i < Config::head_dim / 16; ++i)
      qk::template ss<ptx::b_layout::k_major>(s, q.advanced(i / 4 * q_slab_bytes + i % 4 * 32),
                                              k.advanced(i / 4 * kv_slab_bytes + i % 4 * 32),
                                              i > 0);
    ptx::wgmma_commit();
  }

  // O += P V, one group.
  __device__ __forceinline__ void issue_pv(float (&o)[Config::head_dim / 2],
                                           std::uint32_t (&p)[Config::block_n / 16][4], int slot) {
    const ptx::shared_matrix v(shared_.kv[slot], kv_slab_bytes);
    ptx::wgmma_hold(o);
    ptx::wgmma_hold(p);
    ptx::wgmma_fence();
#pragma unroll
    for (int i = 0; i < Config::block_n / 16; ++i)
      pv::template rs<ptx::b_layout::n_major>(o, p[i], v.advanced(i * 2048), true);
    ptx::wgmma_commit();
  }

  // How many keys a row of this warpgroup sees, which may be none.
  __device__ __forceinline__ int keys_seen(int row_block, int row) const {
    const int of_tile = row_block * Config::block_m + 64 * group_ + row;
    return max(min(valid_, of_tile + 1 + valid_ - args_.params.tokens_q), 0);
  }

  __device__ __forceinline__ void mask(float (&s)[Config::block_n / 2], int row_block, int n) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int row = row_block * Config::block_m + row_in_tile_ + 8 * r;
      int seen = valid_;
      if (Config::causal) seen = min(seen, row + 1 + valid_ - args_.params.tokens_q);
      seen -= n * Config::block_n + threadIdx.x % 4 * 2;
#pragma unroll
      for (int i = 0; i < Config::block_n / 8; ++i) {
        if (8 * i >= seen) s[4 * i + 2 * r] = -INFINITY;
        if (8 * i + 1 >= seen) s[4 * i + 2 * r + 1] = -INFINITY;
      }
    }
  }

  // Scores of a last key that counts several times, in the block that holds it.
  __device__ __forceinline__ void count_last_key(float (&s)[Config::block_n / 2], int n) {
    const float more = __logf(args_.params.last_key_count) / args_.params.scale;
    const int last = valid_ - 1 - n * Config::block_n - threadIdx.x % 4 * 2;
#pragma unroll
    for (int i = 0; i < Config::block_n / 2; ++i)
      if (i / 4 * 8 + i % 2 == last) s[i] += more;
  }

  // A slot whose keys or values no row of this warpgroup sees.
  __device__ __forceinline__ void pass_slot() {
    release(next_full());
  }

  __device__ __forceinline__ void products(const attention_work& work, softmax& rows,
                                           float (&o)[Config::head_dim / 2]) {
    float s[Config::block_n / 2];
    std::uint32_t p[Config::block_n / 16][4];

    // Causal: the last rows of a tile, and those of its neighbour in a cluster, see blocks of keys
    // that these do not. One block is computed in any case, so that slots and turns stay in step.
    int last = work.last;
    if constexpr (Config::causal) {
      const int seen = keys_seen(work.row_block, 63);
      last = min(last, max((seen + Config::block_n - 1) / Config::block_n, 1));
      for (int n = work.last - 1; n >= last; --n) {
        pass_slot();
        if (n < work.last - 1) pass_slot();
        ptx::named_barrier_sync(turn_of_0 + group_, 256);
        ptx::named_barrier_arrive(turn_of_0 + (group_ ^ 1), 256);
      }
    }
    const position first_k = next_full();
    issue_qk(s, first_k.slot);
    if (Config::causal && last < work.last) pass_slot();
    ptx::wgmma_wait<0>();
    ptx::wgmma_hold(s);
    release(first_k);
    if (work.first == last - 1) release_q();
    mask(s, work.row_block, last - 1);
    if (args_.params.last_key_count != 1) count_last_key(s, last - 1);
    rows.template update<true>(s);
    round_to_bf16(p, s);

    int n = last - 2;
    if constexpr (Config::causal) {
      const int unmasked = keys_seen(work.row_block, 0) / Config::block_n;
      for (; n >= max(unmasked, work.first); --n) step<true>(work, n, rows, s, p, o);
    }
    for (; n >= work.first; --n) step<false>(work, n, rows, s, p, o);

    const position last_v = next_full();
    issue_pv(o, p, last_v.slot);
    ptx::wgmma_wait<0>();
    ptx::wgmma_hold(o);
    release(last_v);
  }

  // From the probabilities of block n + 1 to those of block n.
  template <bool Masked>
  __device__ __forceinline__ void step(const attention_work& work, int n, softmax& rows,
                                       float (&s)[Config::block_n / 2],
                                       std::uint32_t (&p)[Config::block_n / 16][4],
                                       float (&o)[Config::head_dim / 2]) {
    const position k = next_full();
    ptx::named_barrier_sync(turn_of_0 + group_, 256);
    issue_qk(s, k.slot);
    const position v = next_full();
    issue_pv(o, p, v.slot);
    ptx::named_barrier_arrive(turn_of_0 + (group_ ^ 1), 256);
    look_at_next();

    ptx::wgmma_wait<1>();
    ptx::wgmma_hold(s);
    release(k);
    if (n == work.first) release_q();
    if (Masked) mask(s, work.row_block, n);
    const bool rescales = rows.template update<Masked>(s);

    ptx::wgmma_wait<0>();
    ptx::wgmma_hold(o);
    release(v);
    round_to_bf16(p, s);
    if (!rescales) return;
#pragma unroll
    for (int i = 0; i < Config::head_dim / 2; ++i) o[i] *= rows.rescale(i % 4 / 2);
  }

  const attention_arguments& args_;
  const int valid_;
};

}  // namespace kernels::sm90
