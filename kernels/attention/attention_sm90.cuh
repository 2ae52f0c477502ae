#pragma once
// The Hopper kernel: three warpgroups in a block, one block on a multiprocessor.
//
//   producer    one thread copies Q tiles, and blocks of K and V into a ring of slots, in the order
//               in which the consumers want them: K(n), V(n+1), K(n-1), V(n), ...
//               the other three warps combine the pieces of split tiles (schedule_sm90.cuh)
//   consumers   two warpgroups with 64 queries each; scores S, probabilities P and output O stay in
//               registers. In each step a warpgroup issues S(n) = Q K(n)^T and O += P(n+1) V(n+1)
//               together, and computes the softmax of S(n) while its second product still runs.
//
// The consumers take turns in issuing (ping-pong), so that one computes its softmax while the
// tensor cores work for the other:
//
//   warpgroup 0   |QK PV|softmax ......|QK PV|softmax ......|
//   warpgroup 1   ......|QK PV|softmax ......|QK PV|softmax
//
// Blocks of keys run from the last to the first: only the blocks that come first need masks.

#include <cuda.h>

#include "kernels/attention/attention.hpp"
#include "kernels/attention/schedule_sm90.cuh"
#include "kernels/attention/softmax_sm90.cuh"
#include "kernels/ptx/mbarrier.cuh"
#include "kernels/ptx/tma.cuh"
#include "kernels/ptx/warpgroup.cuh"
#include "kernels/ptx/wgmma.cuh"

namespace kernels::sm90 {

template <int HeadDim, int BlockN, int Slots, bool Causal>
struct attention_config {
  static constexpr int head_dim = HeadDim;
  static constexpr int block_m = 128;     // queries of a tile
  static constexpr int block_n = BlockN;  // keys of a block
  static constexpr int slots = Slots;     // blocks of keys or values in shared memory
  static constexpr bool causal = Causal;
  static constexpr int threads = 3 * 128;
  static constexpr int slabs = HeadDim / 64;  // shared matrices consist of slabs 64 elements wide

  struct shared {
    alignas(1024) __nv_bfloat16 q[slabs][block_m][64];
    alignas(1024) __nv_bfloat16 kv[slots][slabs][block_n][64];
    ptx::mbarrier q_full, q_empty, kv_full[slots], kv_empty[slots];
  };
};

// What the kernel needs besides the tensor maps.
struct attention_arguments {
  attention_params params;
  int row_blocks;
  float* partial_o;    // [pieces][block_m][head_dim]
  float* partial_lse;  // [pieces][block_m]
  unsigned* arrivals;  // [2] warpgroups that wrote their pieces; warps that combined
};

// Barriers with names, besides __syncthreads.
enum barrier_id { turn_of_0 = 1, turn_of_1 = 2, pieces_of_0 = 3, pieces_of_1 = 4 };

// A position in the ring of slots, and the parity of its round.
template <int Slots>
struct ring_position {
  int slot = 0;
  std::uint32_t parity = 0;
  __device__ __forceinline__ ring_position next() {
    const ring_position here = *this;
    if (++slot == Slots) {
      slot = 0;
      parity ^= 1;
    }
    return here;
  }
};

// The blocks of keys of a tile that any of its queries sees are [0, key_blocks).
template <class Config>
__device__ __forceinline__ int key_blocks(const attention_params& p, int valid, int row_block) {
  const int seen =
      Config::causal ? min(valid, (row_block + 1) * Config::block_m + valid - p.tokens_q) : valid;
  return (max(seen, 0) + Config::block_n - 1) / Config::block_n;
}

// Calls visit(work) for everything this block of the grid computes; pieces_done() after the pieces.
template <class Config, class Visit, class PiecesDone>
__device__ __forceinline__ void for_each_work(const attention_schedule& schedule,
                                              const attention_params& p, int valid,
                                              const Visit& visit, const PiecesDone& pieces_done) {
  const int pieces = schedule.pieces(), end = pieces + schedule.turns();
#pragma unroll 1
  for (int i = 0; i < end; ++i) {
    attention_work work = i < pieces ? schedule.piece(i) : schedule.turn(i - pieces);
    if (work.row_block < 0) continue;
    if (Config::causal) work.last = key_blocks<Config>(p, valid, work.row_block);
    visit(work);
    if (i == pieces - 1) pieces_done();
  }
}

// One thread.
template <class Config>
__device__ __forceinline__ void produce(typename Config::shared& shared, const attention_params& p,
                                        int valid, const attention_schedule& schedule,
                                        const CUtensorMap& q, const CUtensorMap& k,
                                        const CUtensorMap& v) {
  ring_position<Config::slots> ring;
  std::uint32_t q_parity = 0;
  const auto load_block = [&](const CUtensorMap& map, int block, int head, int batch) {
    const auto at = ring.next();
    ptx::mbarrier_wait(shared.kv_empty[at.slot], at.parity ^ 1);
    ptx::mbarrier_arrive_expect(shared.kv_full[at.slot], sizeof shared.kv[0]);
    ptx::tma_load(shared.kv[at.slot], map, shared.kv_full[at.slot], ptx::l2_hint::evict_last, 0,
                  block * Config::block_n, 0, head, batch);
  };
  for_each_work<Config>(
      schedule, p, valid,
      [&](const attention_work& work) {
        if (work.first >= work.last) return;
        const int head = work.head / (p.heads / p.heads_kv);
        load_block(k, work.last - 1, head, work.batch);
        ptx::mbarrier_wait(shared.q_empty, q_parity ^ 1);
        ptx::mbarrier_arrive_expect(shared.q_full, sizeof shared.q);
        ptx::tma_load(shared.q, q, shared.q_full, ptx::l2_hint::evict_first, 0,
                      work.row_block * Config::block_m, 0, work.head, work.batch);
        q_parity ^= 1;
        for (int n = work.last - 2; n >= work.first; --n) {
          load_block(k, n, head, work.batch);
          load_block(v, n + 1, head, work.batch);
        }
        load_block(v, work.first, head, work.batch);
      },
      [] {});
}

// A consumer warpgroup.
template <class Config>
class attention_consumer {
 public:
  __device__ attention_consumer(typename Config::shared& shared, const attention_arguments& args,
                                int valid)
      : shared_(shared),
        args_(args),
        valid_(valid),
        group_(threadIdx.x / 128 - 1),
        row_in_tile_(64 * group_ + threadIdx.x % 128 / 32 * 16 + threadIdx.x % 32 / 4) {}

  __device__ __forceinline__ void compute(const attention_work& work) {
    const attention_params& p = args_.params;
    float o[Config::head_dim / 2];
    softmax_rows rows(p.scale);
#pragma unroll
    for (float& x : o) x = 0;
    if (work.first < work.last) products(work, rows, o);
    rows.finish();
#pragma unroll
    for (int i = 0; i < Config::head_dim / 2; ++i) o[i] *= rows.inverse(i % 4 / 2);
    if (work.piece >= 0)
      store_piece(work, rows, o);
    else
      store_tile(work, rows, o);
  }

 private:
  using qk = ptx::wgmma<Config::block_n>;
  using pv = ptx::wgmma<Config::head_dim>;
  using position = ring_position<Config::slots>;
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

  __device__ __forceinline__ void wait_full(const position& at) {
    ptx::mbarrier_wait(shared_.kv_full[at.slot], at.parity);
  }
  // Each warp says so: its own products have read the slot.
  __device__ __forceinline__ void release(const position& at) {
    if (threadIdx.x % 32 == 0) ptx::mbarrier_arrive(shared_.kv_empty[at.slot]);
  }

  __device__ __forceinline__ void release_q() {
    if (threadIdx.x % 32 == 0) ptx::mbarrier_arrive(shared_.q_empty);
  }

  // Blocks [0, this) need no mask for any row of the warpgroup.
  __device__ __forceinline__ int unmasked_blocks(int row_block) const {
    const int first_row = row_block * Config::block_m + 64 * group_;
    const int seen =
        Config::causal ? min(valid_, first_row + 1 + valid_ - args_.params.tokens_q) : valid_;
    return max(seen, 0) / Config::block_n;
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

  __device__ __forceinline__ void products(const attention_work& work, softmax_rows& rows,
                                           float (&o)[Config::head_dim / 2]) {
    float s[Config::block_n / 2];
    std::uint32_t p[Config::block_n / 16][4];

    ptx::mbarrier_wait(shared_.q_full, q_parity_);
    q_parity_ ^= 1;
    const position first_k = ring_.next();
    wait_full(first_k);
    issue_qk(s, first_k.slot);
    ptx::wgmma_wait<0>();
    ptx::wgmma_hold(s);
    release(first_k);
    if (work.first == work.last - 1) release_q();
    mask(s, work.row_block, work.last - 1);
    rows.update<true>(s);
    round_to_bf16(p, s);

    int n = work.last - 2;
    if (Config::causal) {
      const int unmasked = max(unmasked_blocks(work.row_block), work.first);
      for (; n >= unmasked; --n) step<true>(work, n, rows, s, p, o);
    }
    for (; n >= work.first; --n) step<false>(work, n, rows, s, p, o);

    const position last_v = ring_.next();
    wait_full(last_v);
    issue_pv(o, p, last_v.slot);
    ptx::wgmma_wait<0>();
    ptx::wgmma_hold(o);
    release(last_v);
  }

  // From the probabilities of block n + 1 to those of block n.
  template <bool Masked>
  __device__ __forceinline__ void step(const attention_work& work, int n, softmax_rows& rows,
                                       float (&s)[Config::block_n / 2],
                                       std::uint32_t (&p)[Config::block_n / 16][4],
                                       float (&o)[Config::head_dim / 2]) {
    const position k = ring_.next(), v = ring_.next();
    wait_full(k);
    ptx::named_barrier_sync(turn_of_0 + group_, 256);
    issue_qk(s, k.slot);
    wait_full(v);
    issue_pv(o, p, v.slot);
    ptx::named_barrier_arrive(turn_of_0 + (group_ ^ 1), 256);

    ptx::wgmma_wait<1>();
    ptx::wgmma_hold(s);
    release(k);
    if (n == work.first) release_q();
    if (Masked) mask(s, work.row_block, n);
    rows.update<Masked>(s);

    ptx::wgmma_wait<0>();
    ptx::wgmma_hold(o);
    release(v);
    round_to_bf16(p, s);
#pragma unroll
    for (int i = 0; i < Config::head_dim / 2; ++i) o[i] *= rows.rescale(i % 4 / 2);
  }

  // Rows are written 64 contiguous bytes at a time: four lanes exchange what they hold of 32
  // columns, so that each has 8 in a row.
  __device__ __forceinline__ void store_tile(const attention_work& work, const softmax_rows& rows,
                                             const float (&o)[Config::head_dim / 2]) {
    const attention_params& params = args_.params;
    const int c = threadIdx.x % 4;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int row = work.row_block * Config::block_m + row_in_tile_ + 8 * r;
      const bool inside = row < params.tokens_q;
      __nv_bfloat16* const to = params.o.data + work.batch * params.o.batch_stride +
                                row * params.o.token_stride + work.head * params.o.head_stride;
#pragma unroll
      for (int j = 0; j < Config::head_dim / 32; ++j) {
        std::uint32_t words[4];
#pragma unroll
        for (int i = 0; i < 4; ++i)
          words[i] = pack_bf16(o[16 * j + 4 * i + 2 * r], o[16 * j + 4 * i + 2 * r + 1]);
        transpose_in_quad(words);
        if (inside)
          *reinterpret_cast<uint4*>(to + 32 * j + 8 * c) =
              make_uint4(words[0], words[1], words[2], words[3]);
      }
      if (inside && c == 0 && params.lse != nullptr)
        params.lse[(static_cast<std::int64_t>(work.batch) * params.heads + work.head) *
                       params.tokens_q +
                   row] = rows.lse(r);
    }
  }

  __device__ __forceinline__ void store_piece(const attention_work& work, const softmax_rows& rows,
                                              const float (&o)[Config::head_dim / 2]) {
    const int c = threadIdx.x % 4;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int row = work.piece * Config::block_m + row_in_tile_ + 8 * r;
      float* const to = args_.partial_o + static_cast<std::int64_t>(row) * Config::head_dim;
#pragma unroll
      for (int i = 0; i < Config::head_dim / 8; ++i)
        *reinterpret_cast<float2*>(to + 8 * i + 2 * c) =
            make_float2(o[4 * i + 2 * r], o[4 * i + 2 * r + 1]);
      if (c == 0) args_.partial_lse[row] = rows.lse(r);
    }
  }

  typename Config::shared& shared_;
  const attention_arguments& args_;
  const int valid_;
  const int group_;        // 0 or 1
  const int row_in_tile_;  // of this thread's first row; the second is 8 further on
  position ring_;
  std::uint32_t q_parity_ = 0;
};

// Combines the pieces of split tiles once all are written: the work of the three warps beside the
// producer, which have nothing else to do while the consumers compute whole tiles. A warp takes a
// row at a time.
template <class Config>
__device__ __forceinline__ void combine_pieces(const attention_arguments& args,
                                               const attention_schedule& schedule) {
  const attention_params& p = args.params;
  const int lane = threadIdx.x % 32;
  const unsigned writers = 2 * schedule.splitters();
  while (*static_cast<volatile unsigned*>(args.arrivals) < writers) __nanosleep(500);
  __threadfence();

  constexpr int per_lane = Config::head_dim / 32;
  const int blocks = schedule.key_blocks();
  const int first = blockIdx.x * 3 + threadIdx.x / 32 - 1;
  for (int i = first; i < schedule.split_tiles() * Config::block_m; i += gridDim.x * 3) {
    const int tile = i / Config::block_m, row_in_tile = i % Config::block_m;
    const attention_work work = schedule.tile_of(schedule.whole_tiles() + tile);
    const int row = work.row_block * Config::block_m + row_in_tile;
    if (row >= p.tokens_q) continue;
    const int last_range = schedule.range_of((tile + 1) * blocks - 1);
    float o[per_lane] = {}, biggest = -INFINITY, sum = 0;
    for (int range = schedule.range_of(tile * blocks); range <= last_range; ++range) {
      const int second = schedule.range_start(range) / blocks != tile;
      const std::int64_t from = (2 * range + second) * Config::block_m + row_in_tile;
      const float lse = __ldcg(args.partial_lse + from);
      const float bigger = fmaxf(biggest, lse);
      const float keep = biggest == -INFINITY ? 0.0f : __expf(biggest - bigger);
      const float weight = lse == -INFINITY ? 0.0f : __expf(lse - bigger);
      biggest = bigger;
      sum = sum * keep + weight;
#pragma unroll
      for (int e = 0; e < per_lane; ++e)
        o[e] = o[e] * keep +
               weight * __ldcg(args.partial_o + from * Config::head_dim + per_lane * lane + e);
    }
    const float inverse = sum == 0 ? 0.0f : 1 / sum;
    __nv_bfloat16* const to = p.o.data + work.batch * p.o.batch_stride + row * p.o.token_stride +
                              work.head * p.o.head_stride;
#pragma unroll
    for (int e = 0; e < per_lane; e += 2)
      *reinterpret_cast<std::uint32_t*>(to + per_lane * lane + e) =
          pack_bf16(o[e] * inverse, o[e + 1] * inverse);
    if (lane == 0 && p.lse != nullptr)
      p.lse[(static_cast<std::int64_t>(work.batch) * p.heads + work.head) * p.tokens_q + row] =
          biggest + __logf(sum);
  }
  // Whoever is last leaves the counters as the next launch wants them.
  if (lane == 0 && atomicAdd(args.arrivals + 1, 1) == 3 * gridDim.x - 1) {
    args.arrivals[0] = 0;
    args.arrivals[1] = 0;
  }
}

template <class Config>
__global__ void __launch_bounds__(Config::threads, 1)
    attention_kernel(const __grid_constant__ attention_arguments args,
                     const __grid_constant__ CUtensorMap q, const __grid_constant__ CUtensorMap k,
                     const __grid_constant__ CUtensorMap v) {
  extern __shared__ __align__(1024) unsigned char storage[];
  auto& shared = *reinterpret_cast<typename Config::shared*>(storage);
  const attention_params& p = args.params;

  if (threadIdx.x == 0) {
    ptx::prefetch_tensor_map(q);
    ptx::prefetch_tensor_map(k);
    ptx::prefetch_tensor_map(v);
    ptx::mbarrier_init(shared.q_full, 1);
    ptx::mbarrier_init(shared.q_empty, 8);  // the consumers' warps
    for (int i = 0; i < Config::slots; ++i) {
      ptx::mbarrier_init(shared.kv_full[i], 1);
      ptx::mbarrier_init(shared.kv_empty[i], 8);
    }
    ptx::fence_mbarrier_init();
  }
  __syncthreads();

  const int valid = p.valid_rows == nullptr ? p.tokens_kv : *p.valid_rows;
  const int blocks = (valid + Config::block_n - 1) / Config::block_n;
  const attention_schedule schedule(args.row_blocks, p.heads, p.batch, blocks, Config::causal,
                                    p.workspace != nullptr);

  if (threadIdx.x < 128) {
    ptx::registers_release<40>();
    if (threadIdx.x == 0)
      produce<Config>(shared, p, valid, schedule, q, k, v);
    else if (threadIdx.x >= 32 && schedule.splitters() > 0)
      combine_pieces<Config>(args, schedule);
  } else {
    ptx::registers_acquire<232>();
    const int group = threadIdx.x / 128 - 1;
    attention_consumer<Config> consumer(shared, args, valid);
    if (group == 1) ptx::named_barrier_arrive(turn_of_0, 256);  // the first turn is 0's
    for_each_work<Config>(
        schedule, p, valid, [&](const attention_work& work) { consumer.compute(work); },
        [&] {
          __threadfence();
          ptx::named_barrier_sync(pieces_of_0 + group, 128);
          if (threadIdx.x % 128 == 0) atomicAdd(args.arrivals, 1);
        });
    if (group == 0) ptx::named_barrier_sync(turn_of_0, 256);  // takes the turn that nobody wants
  }
}

}  // namespace kernels::sm90
