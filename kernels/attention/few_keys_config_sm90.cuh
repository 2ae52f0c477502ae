#pragma once
// What producer and consumers of the kernel for few keys share: the configuration and its shared
// memory, the arguments, and rings of slots.

#include "kernels/attention/attention.hpp"
#include "kernels/attention/few_keys_walk_sm90.cuh"
#include "kernels/ptx/mbarrier.cuh"

namespace kernels::sm90 {

struct few_keys_config {
  static constexpr int cluster = 1;  // blocks that share keys and values
  static constexpr int head_dim = 128;
  static constexpr int block_m = unit_shares::unit_rows;
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

struct few_keys_arguments {
  attention_params params;
  unit_shares shares;
  int heads_of_keys;  // query heads that share one key head
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

}  // namespace kernels::sm90
