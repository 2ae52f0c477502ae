#pragma once
// What the parts of the Hopper kernel share: the configuration and its shared memory, the
// arguments, the ring of slots, and the walk over the schedule that producer and consumers take
// alike.

#include <type_traits>

#include "kernels/attention/attention.hpp"
#include "kernels/attention/causal_schedule_sm90.cuh"
#include "kernels/attention/schedule_sm90.cuh"
#include "kernels/ptx/mbarrier.cuh"

namespace kernels::sm90 {

template <int HeadDim, int BlockN, int Slots, bool Causal,
          class Schedule = std::conditional_t<Causal, causal_schedule<>, attention_schedule<>>>
struct attention_config {
  using schedule = Schedule;
  static constexpr int cluster = Schedule::cluster;  // blocks that share keys and values
  static constexpr int head_dim = HeadDim;
  static constexpr int block_m = 128;     // queries of a tile
  static constexpr int block_n = BlockN;  // keys of a block
  static constexpr int slots = Slots;     // blocks of keys or values in shared memory
  static constexpr bool causal = Causal;
  static constexpr int threads = 3 * 128;
  static constexpr int slabs = HeadDim / 64;  // shared matrices consist of slabs 64 elements wide
  // From one block to the next along dimension 1 of the tensor maps.
  static constexpr int k_step = BlockN, v_step = BlockN;

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

// The blocks of keys that any query of a tile sees, or of its neighbours in a cluster, are
// [0, key_blocks).
template <class Config>
__device__ __forceinline__ int key_blocks(const attention_params& p, int valid, int row_block) {
  const int row_blocks = (row_block / Config::cluster + 1) * Config::cluster;
  const int seen =
      Config::causal ? min(valid, row_blocks * Config::block_m + valid - p.tokens_q) : valid;
  return (max(seen, 0) + Config::block_n - 1) / Config::block_n;
}

// Calls visit(work) for everything this block of the grid computes; pieces_done() after the pieces.
template <class Config, class Visit, class PiecesDone>
__device__ __forceinline__ void for_each_work(const typename Config::schedule& schedule,
                                              const attention_params& p, int valid,
                                              const Visit& visit, const PiecesDone& pieces_done) {
  const int pieces = schedule.pieces(), end = pieces + schedule.turns();
#pragma unroll 1
  for (int i = 0; i < end; ++i) {
    auto work = i < pieces ? schedule.piece(i) : schedule.turn(i - pieces);
    if (work.row_block < 0) continue;
    if (Config::causal) work.last = key_blocks<Config>(p, valid, work.row_block);
    visit(work);
    if (i == pieces - 1) pieces_done();
  }
}

}  // namespace kernels::sm90
