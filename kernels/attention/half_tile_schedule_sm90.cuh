#pragma once
// For few keys, where pieces of tiles would cost more than they save: tiles in rounds, and where
// the last round would keep at most half of the grid busy, each of its tiles goes to two blocks.
// There one warpgroup computes its 64 rows, and the other only keeps in step.

#include "kernels/attention/schedule_sm90.cuh"

namespace kernels::sm90 {

struct half_tile_work : attention_work {
  int group;  // the only warpgroup that computes its rows, or -1 for both
};

class half_tile_schedule {
 public:
  using work = half_tile_work;
  static constexpr int cluster = 1;
  static constexpr bool splits = false, halves = true;

  __host__ __device__ half_tile_schedule(int row_blocks, int heads, int batch, int key_blocks,
                                         grid_position at)
      : row_blocks_(row_blocks),
        heads_(heads),
        key_blocks_(key_blocks),
        grid_(at.grid),
        block_(at.block),
        rounds_(row_blocks * heads * batch / at.grid),
        tail_(row_blocks * heads * batch % at.grid) {}
  __device__ half_tile_schedule(int row_blocks, int heads, int batch, int key_blocks, bool)
      : half_tile_schedule(row_blocks, heads, batch, key_blocks, grid_position::here()) {}

  [[nodiscard]] __host__ __device__ int pieces() const { return 0; }
  [[nodiscard]] __host__ __device__ work piece(int) const { return nothing; }
  [[nodiscard]] __host__ __device__ int turns() const { return rounds_ + 1; }
  [[nodiscard]] __host__ __device__ work turn(int i) const {
    const int first = i * grid_;
    if (i < rounds_) return tile_of(first + block_, -1);
    if (2 * tail_ > grid_) return block_ < tail_ ? tile_of(first + block_, -1) : nothing;
    return block_ < 2 * tail_ ? tile_of(first + block_ / 2, block_ % 2) : nothing;
  }

 private:
  static constexpr work nothing{{-1, 0, 0, 0, 0, -1}, -1};

  [[nodiscard]] __host__ __device__ work tile_of(int tile, int group) const {
    const int row_block = tile % row_blocks_, head = tile / row_blocks_;
    return {{row_block, head % heads_, head / heads_, 0, key_blocks_, -1}, group};
  }

  int row_blocks_, heads_, key_blocks_, grid_, block_;
  int rounds_, tail_;
};

}  // namespace kernels::sm90
