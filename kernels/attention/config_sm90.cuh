#pragma once
// What the parts of the Hopper kernel share: the configuration and its shared memory, the
// arguments, the ring of slots, and what the producer tells the consumers.

#include <type_traits>

#include "kernels/attention/attention.hpp"
#include "kernels/attention/causal_schedule_sm90.cuh"
#include "kernels/attention/schedule_sm90.cuh"
#include "kernels/ptx/mbarrier.cuh"

namespace kernels::sm90 {

// What the consumers compute next. The producer says so beside the queries: it has the time to walk
// over a schedule, and consumers then know their work as numbers that all lanes share.
struct next_work {
  attention_work work;  // a row block of -1 says that there is no more
  bool ends_pieces;     // it is the last piece of this block of the grid
};

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
  static constexpr int producer_registers = 40, consumer_registers = 232;
  static constexpr int slabs = HeadDim / 64;  // shared matrices consist of slabs 64 elements wide
  // From one block to the next along dimension 1 of the tensor maps.
  static constexpr int k_step = BlockN, v_step = BlockN;

  struct shared {
    alignas(1024) __nv_bfloat16 q[slabs][block_m][64];
    alignas(1024) __nv_bfloat16 kv[slots][slabs][block_n][64];
    ptx::mbarrier q_full, q_empty, kv_full[slots], kv_empty[slots];
    next_work next;  // goes with q
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

}  // namespace kernels::sm90
