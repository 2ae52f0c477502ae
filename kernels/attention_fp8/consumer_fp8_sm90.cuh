#pragma once
// A consumer warpgroup of the FP8 kernel, in the steps of consumer_sm90.cuh. What differs:
//
//   operands    a row of Q or K is 128 bytes, one span of the swizzle, and so is a row of
//   transposed values;
//               S goes to the A operand of P V byte by byte as fp8::accumulator_of says
//   scales      one power of two per block of keys: of K in the factor of the softmax, of V in the
//   number that
//               rescales the output anyway, so that they cost nothing per score
//   sums        the tensor cores add e4m3 products with about 14 bits. P V of one block, 128 keys,
//               goes to accumulators T of its own and is added to O in fp32 by the same instruction
//               that rescales O

#include "kernels/attention/config_sm90.cuh"
#include "kernels/attention/consumer_warpgroup_sm90.cuh"
#include "kernels/attention/output_sm90.cuh"
#include "kernels/attention_fp8/softmax_fp8_sm90.cuh"
#include "kernels/ptx/warpgroup.cuh"
#include "kernels/ptx/wgmma.cuh"

namespace kernels::sm90 {

struct attention_fp8_config {
  using schedule = attention_schedule<>;
  static constexpr int cluster = 1;
  static constexpr int head_dim = 128;
  static constexpr int block_m = 128, block_n = 128;  // groups of rows that share a scale
  static constexpr int slots = 12;
  static constexpr bool causal = false;
  static constexpr int threads = 3 * 128;
  static constexpr int k_step = block_n, v_step = 1;

  struct shared {
    alignas(1024) std::uint8_t q[block_m][head_dim];
    alignas(1024) std::uint8_t kv[slots][128][128];  // keys x dims of K, dims x keys of V
    ptx::mbarrier q_full, q_empty, kv_full[slots], kv_empty[slots];
    next_work next;  // goes with q
  };
};

struct attention_fp8_arguments : attention_arguments {
  const int *q_exponents, *k_exponents, *v_exponents;
};

template <class Config>
class attention_fp8_consumer : consumer_warpgroup<Config> {
 public:
  using consumer_warpgroup<Config>::wait_next;

  __device__ attention_fp8_consumer(typename Config::shared& shared,
                                    const attention_fp8_arguments& args, int valid)
      : consumer_warpgroup<Config>(shared), args_(args), valid_(valid) {}

  __device__ __forceinline__ void compute(const attention_work& work) {
    float o[accumulators];
    float unit = 1;
    softmax_rows_fp8 rows;
#pragma unroll
    for (float& x : o) x = 0;
    if (work.first < work.last)
      unit = products(work, rows, o);
    else
      release_q();
    rows.finish();
#pragma unroll
    for (int i = 0; i < accumulators; ++i) o[i] *= rows.inverse(i % 4 / 2) * unit;
    if (work.piece >= 0)
      store_piece<Config>(args_, work, row_in_tile_, rows, o);
    else
      store_tile<Config>(args_.params, work, row_in_tile_, rows, o);
  }

 private:
  static constexpr int accumulators = 64;  // of a thread in S, T and O
  static constexpr int steps = 4;          // of 32 in each product
  using product = ptx::wgmma_e4m3<128>;
  using position = ring_position<Config::slots>;
  using consumer_warpgroup<Config>::shared_;
  using consumer_warpgroup<Config>::group_;
  using consumer_warpgroup<Config>::row_in_tile_;
  using consumer_warpgroup<Config>::release_q;
  using consumer_warpgroup<Config>::next_full;
  using consumer_warpgroup<Config>::look_at_next;
  using consumer_warpgroup<Config>::release;

  static __device__ __forceinline__ float power_of_two(int exponent) {
    return __uint_as_float(fp8::bits_of_power(exponent));
  }

  // S = Q K^T of this warpgroup's 64 rows, one group.
  __device__ __forceinline__ void issue_qk(float (&s)[accumulators], int slot) {
    const ptx::shared_matrix q(shared_.q[64 * group_], 0), k(shared_.kv[slot], 0);
    ptx::wgmma_fence();
#pragma unroll
    for (int i = 0; i < steps; ++i)
      product::ss(s, q.advanced(i * fp8::step_bytes), k.advanced(i * fp8::step_bytes), i > 0);
    ptx::wgmma_commit();
  }

  // T = P V of one block, one group.
  __device__ __forceinline__ void issue_pv(float (&t)[accumulators], std::uint32_t (&p)[steps][4],
                                           int slot) {
    const ptx::shared_matrix v(shared_.kv[slot], 0);
    ptx::wgmma_hold(t);
    ptx::wgmma_hold(p);
    ptx::wgmma_fence();
#pragma unroll
    for (int i = 0; i < steps; ++i) product::rs(t, p[i], v.advanced(i * fp8::step_bytes), i > 0);
    ptx::wgmma_commit();
  }

  // Keys behind the valid rows.
  __device__ __forceinline__ void mask(float (&s)[accumulators], int n) {
    const int seen = valid_ - n * Config::block_n - threadIdx.x % 4 * 2;
#pragma unroll
    for (int i = 0; i < accumulators / 4; ++i) {
      if (8 * i >= seen) s[4 * i] = s[4 * i + 2] = -INFINITY;
      if (8 * i + 1 >= seen) s[4 * i + 1] = s[4 * i + 3] = -INFINITY;
    }
  }

  // O = O keep + T.
  static __device__ __forceinline__ void add(float (&o)[accumulators],
                                             const float (&t)[accumulators],
                                             const float (&keep)[2]) {
#pragma unroll
    for (int i = 0; i < accumulators; ++i) o[i] = o[i] * keep[i % 4 / 2] + t[i];
  }

  // Returns the unit of O: the scale of the values of the last block.
  __device__ __forceinline__ float products(const attention_work& work, softmax_rows_fp8& rows,
                                            float (&o)[accumulators]) {
    const attention_params& params = args_.params;
    const int head_kv = work.batch * params.heads_kv + work.head / (params.heads / params.heads_kv);
    const int of_head = head_kv * fp8::groups(params.tokens_kv);
    const int* const k_exponents = args_.k_exponents + of_head;
    const int* const v_exponents = args_.v_exponents + of_head;
    const int q_exponent =
        args_.q_exponents[(work.batch * params.heads + work.head) * fp8::groups(params.tokens_q) +
                          work.row_block];
    const float q_factor = params.scale * 1.4426950408889634f * power_of_two(q_exponent);

    float s[accumulators], t[accumulators];
    std::uint32_t p[steps][4];
#pragma unroll
    for (float& x : t) x = 0;
    float keep[2];  // what O is multiplied by before the next T is added
    int n = work.last - 1;
    int v_exponent = v_exponents[n];

    const position first_k = next_full();
    issue_qk(s, first_k.slot);
    ptx::wgmma_wait<0>();
    ptx::wgmma_hold(s);
    release(first_k);
    if (n == work.first) release_q();
    mask(s, n);
    rows.update<true>(s, q_factor * power_of_two(k_exponents[n]));
    round_to_e4m3(p, s);
    keep[0] = keep[1] = 0;

    // From the probabilities of block n + 1 to those of block n.
#pragma unroll 1
    for (--n; n >= work.first; --n) {
      const int k_exponent = k_exponents[n], v_exponent_here = v_exponents[n];
      const position k = next_full();
      ptx::named_barrier_sync(turn_of_0 + group_, 256);
      issue_qk(s, k.slot);
      const position v = next_full();
      issue_pv(t, p, v.slot);
      ptx::named_barrier_arrive(turn_of_0 + (group_ ^ 1), 256);
      look_at_next();

      ptx::wgmma_wait<1>();
      ptx::wgmma_hold(s);
      release(k);
      if (n == work.first) release_q();
      rows.update<false>(s, q_factor * power_of_two(k_exponent));

      ptx::wgmma_wait<0>();
      ptx::wgmma_hold(t);
      release(v);
      round_to_e4m3(p, s);
      add(o, t, keep);
      const float change = power_of_two(v_exponent) * power_of_two(-v_exponent_here);
      v_exponent = v_exponent_here;
#pragma unroll
      for (int r = 0; r < 2; ++r) keep[r] = rows.rescale(r) * change;
    }

    const position last_v = next_full();
    issue_pv(t, p, last_v.slot);
    ptx::wgmma_wait<0>();
    ptx::wgmma_hold(t);
    release(last_v);
    add(o, t, keep);
    return power_of_two(v_exponent);
  }

  const attention_fp8_arguments& args_;
  const int valid_;
};

}  // namespace kernels::sm90
