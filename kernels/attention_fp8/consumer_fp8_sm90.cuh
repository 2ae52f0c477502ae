#pragma once
// A consumer warpgroup of the FP8 kernel: 64 queries of a tile. Scores of two blocks of keys are in
// its registers: while one's become probabilities, the tensor cores compute the other's, and P V of
// the block before. What else differs from consumer_sm90.cuh:
//
//   operands    a row of Q or K is 128 bytes, one span of the swizzle, and so is a row of
//               transposed values; S goes to the A operand of P V byte by byte as
//               fp8::accumulator_of says
//   scales      one power of two per block of keys: of K in the factor of the softmax, of V in the
//               number that rescales the output, so that they cost nothing per score
//   sums        the tensor cores add e4m3 products with about 14 bits, and cut off what lies below.
//               O of fp8::blocks_of_sum blocks is therefore added to a sum in shared memory, in
//               fp32

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
  static constexpr int slots = 8;
  static constexpr bool causal = false;
  static constexpr int threads = 3 * 128;
  static constexpr int producer_registers = 24, consumer_registers = 240;
  static constexpr int k_step = block_n, v_step = 1;

  struct shared {
    alignas(1024) std::uint8_t q[block_m][head_dim];
    alignas(1024) std::uint8_t kv[slots][128][128];  // keys x dims of K, dims x keys of V
    float4 sums[16][2 * 128];                        // of O, [..][thread of the consumers]
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
    int unit = 0;
    softmax_rows_fp8 rows;
#pragma unroll
    for (float& x : o) x = 0;
    if (work.first < work.last)
      unit = products(work, rows, o);
    else
      release_q();
    rows.finish();
#pragma unroll
    for (int i = 0; i < accumulators; ++i) o[i] *= rows.inverse(i % 4 / 2) * power_of_two(unit);
    if (work.piece >= 0)
      store_piece<Config>(args_, work, row_in_tile_, rows, o);
    else
      store_tile<Config>(args_.params, work, row_in_tile_, rows, o);
  }

 private:
  static constexpr int accumulators = 64;  // of a thread in S and O
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

  // O += P V of one block, one group.
  __device__ __forceinline__ void issue_pv(float (&o)[accumulators], std::uint32_t (&p)[steps][4],
                                           int slot) {
    const ptx::shared_matrix v(shared_.kv[slot], 0);
    ptx::wgmma_hold(o);
    ptx::wgmma_hold(p);
    ptx::wgmma_fence();
#pragma unroll
    for (int i = 0; i < steps; ++i) product::rs(o, p[i], v.advanced(i * fp8::step_bytes), true);
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

  // Scales of the tile's operands, and what stands between O and the sum in shared memory.
  struct tile_state {
    const int *k_exponents, *v_exponents;  // of its head
    float q_factor;                        // of a score, but for the keys' scale
    int unit;                              // the exponent of O: that of the last block's values
    bool has_sum = false;
    float older[2];  // what the sum in shared memory is multiplied by when it is added to O
  };

  // The sum in shared memory becomes what it was plus O, and O 0.
  __device__ __forceinline__ void add_to_sum(tile_state& tile, float (&o)[accumulators]) {
    float4* const sums = shared_.sums[0] + threadIdx.x - 128;
#pragma unroll
    for (int i = 0; i < accumulators / 4; ++i) {
      const float4 before = tile.has_sum ? sums[256 * i] : make_float4(0, 0, 0, 0);
      sums[256 * i] = make_float4(
          before.x * tile.older[0] + o[4 * i], before.y * tile.older[0] + o[4 * i + 1],
          before.z * tile.older[1] + o[4 * i + 2], before.w * tile.older[1] + o[4 * i + 3]);
      o[4 * i] = o[4 * i + 1] = o[4 * i + 2] = o[4 * i + 3] = 0;
    }
    tile.has_sum = true;
    tile.older[0] = tile.older[1] = 1;
  }

  __device__ __forceinline__ void add_sum(const tile_state& tile, float (&o)[accumulators]) {
    if (!tile.has_sum) return;
    const float4* const sums = shared_.sums[0] + threadIdx.x - 128;
#pragma unroll
    for (int i = 0; i < accumulators / 4; ++i) {
      const float4 sum = sums[256 * i];
      o[4 * i] += sum.x * tile.older[0];
      o[4 * i + 1] += sum.y * tile.older[0];
      o[4 * i + 2] += sum.z * tile.older[1];
      o[4 * i + 3] += sum.w * tile.older[1];
    }
  }

  // Scores s of block n become probabilities p, beside the products P V of n + 1 and s_next = Q K^T
  // of n - 1. `First`: there is no n + 1. `Last`: no n - 1.
  template <bool First, bool Last>
  __device__ __forceinline__ void step(const attention_work& work, int n, float (&s)[accumulators],
                                       float (&s_next)[accumulators], std::uint32_t (&p)[steps][4],
                                       float (&o)[accumulators], softmax_rows_fp8& rows,
                                       tile_state& tile) {
    const int k_exponent = tile.k_exponents[n], v_exponent = tile.v_exponents[n];
    position k, v;
    if (!First) {
      v = next_full();
      ptx::named_barrier_sync(turn_of_0 + group_, 256);
      issue_pv(o, p, v.slot);
    }
    if (!Last) {
      k = next_full();
      issue_qk(s_next, k.slot);
    }
    if (!First) ptx::named_barrier_arrive(turn_of_0 + (group_ ^ 1), 256);
    look_at_next();
    rows.begin(tile.q_factor * power_of_two(k_exponent));
    rows.exponentials(s);
#pragma unroll  // before the wait, past which ptxas would sink them
    for (int i = 0; i < accumulators; ++i) asm volatile("" : "+f"(s[i])::"memory");

    ptx::wgmma_wait<0>();
    ptx::wgmma_hold(o);
    ptx::wgmma_hold(s_next);
    if (!First) release(v);
    if (!Last) release(k);
    if (!Last && n - 1 == work.first) release_q();
    if (!Last) rows.look_at(s_next);
    round_to_e4m3(p, s);

    if (!First && (work.last - 1 - n) % fp8::blocks_of_sum == 0) add_to_sum(tile, o);
    const float change = power_of_two(tile.unit) * power_of_two(-v_exponent);
    const float keep[2] = {rows.rescale(0) * change, rows.rescale(1) * change};
    tile.unit = v_exponent;
    if (!First && !__all_sync(0xffffffff, keep[0] == 1 && keep[1] == 1)) {
#pragma unroll
      for (int i = 0; i < accumulators; ++i) o[i] *= keep[i % 4 / 2];
      tile.older[0] *= keep[0];
      tile.older[1] *= keep[1];
    }
  }

  // O of a tile's blocks of keys, at least one, and the exponent of its unit.
  __device__ __forceinline__ int products(const attention_work& work, softmax_rows_fp8& rows,
                                          float (&o)[accumulators]) {
    const attention_params& params = args_.params;
    const int head_kv = work.batch * params.heads_kv + work.head / (params.heads / params.heads_kv);
    const int of_head = head_kv * fp8::groups(params.tokens_kv);
    const int q_exponent =
        args_.q_exponents[(work.batch * params.heads + work.head) * fp8::groups(params.tokens_q) +
                          work.row_block];
    tile_state tile;
    tile.k_exponents = args_.k_exponents + of_head;
    tile.v_exponents = args_.v_exponents + of_head;
    tile.q_factor = params.scale * 1.4426950408889634f * power_of_two(q_exponent);
    tile.unit = tile.v_exponents[work.last - 1];
    tile.older[0] = tile.older[1] = 0;

    float s[accumulators], s_other[accumulators];
    std::uint32_t p[steps][4];
    int n = work.last - 1;
    const position first_k = next_full();
    issue_qk(s, first_k.slot);
    ptx::wgmma_wait<0>();
    ptx::wgmma_hold(s);
    release(first_k);
    if (n == work.first) release_q();
    mask(s, n);
    rows.look_at(s);

    if (n == work.first) {
      step<true, true>(work, n, s, s_other, p, o, rows, tile);
    } else {
      step<true, false>(work, n--, s, s_other, p, o, rows, tile);
#pragma unroll 1
      for (; n > work.first + 1; n -= 2) {
        step<false, false>(work, n, s_other, s, p, o, rows, tile);
        step<false, false>(work, n - 1, s, s_other, p, o, rows, tile);
      }
      if (n > work.first) {
        step<false, false>(work, n--, s_other, s, p, o, rows, tile);
        step<false, true>(work, n, s, s_other, p, o, rows, tile);
      } else {
        step<false, true>(work, n, s_other, s, p, o, rows, tile);
      }
    }
    const position last_v = next_full();
    issue_pv(o, p, last_v.slot);
    ptx::wgmma_wait<0>();
    ptx::wgmma_hold(o);
    release(last_v);
    add_sum(tile, o);
    return tile.unit;
  }

  const attention_fp8_arguments& args_;
  const int valid_;
};

}  // namespace kernels::sm90
