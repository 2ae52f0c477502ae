#pragma once
// Other ways through the tiles than schedule_sm90.cuh's, for launches whose last round leaves
// multiprocessors idle and is not split along the keys. attention() takes them once they have been
// measured to be faster; until then attention_with_tail() (tail_schedules.hpp) does.

#include "kernels/attention/schedule_sm90.cuh"

namespace kernels::sm90 {

// The size of the grid, and which of its blocks asks.
struct grid_position {
  int grid, block;
  static __device__ grid_position here() {
    return {static_cast<int>(gridDim.x), static_cast<int>(blockIdx.x)};
  }
};

struct half_tile_work : attention_work {
  int group;  // the only warpgroup that computes its rows, or -1 for both
};

// The tiles of the last round are halved: each goes to two blocks of the grid, where one warpgroup
// computes its 64 rows and the other only keeps in step. For few keys, where pieces would cost more
// than they save.
class half_tile_schedule {
 public:
  using work = half_tile_work;
  static constexpr bool splits = false, halves = true;

  static constexpr __host__ __device__ bool applies(int tiles, int grid) {
    return tiles > grid && tiles % grid > 0 && 2 * (tiles % grid) <= grid;
  }

  __host__ __device__ half_tile_schedule(int row_blocks, int heads, int batch, int key_blocks,
                                         grid_position at)
      : row_blocks_(row_blocks),
        heads_(heads),
        key_blocks_(key_blocks),
        grid_(at.grid),
        block_(at.block),
        rounds_(row_blocks * heads * batch / at.grid),
        tail_(row_blocks * heads * batch % at.grid) {}
  __device__ half_tile_schedule(int row_blocks, int heads, int batch, int key_blocks, bool, bool)
      : half_tile_schedule(row_blocks, heads, batch, key_blocks, grid_position::here()) {}

  [[nodiscard]] __host__ __device__ int pieces() const { return 0; }
  [[nodiscard]] __host__ __device__ work piece(int) const { return nothing; }
  [[nodiscard]] __host__ __device__ int turns() const { return rounds_ + 1; }
  [[nodiscard]] __host__ __device__ work turn(int i) const {
    if (i < rounds_) return tile_of(i * grid_ + block_, -1);
    return block_ < 2 * tail_ ? tile_of(rounds_ * grid_ + block_ / 2, block_ % 2) : nothing;
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

// Causal: pairs of a tile and its mirror image as usual, but what the last three rounds would
// compute is dealt out by length, the longest tiles first, forwards and backwards in turn over the
// grid. All multiprocessors then end within a few blocks of keys, instead of a whole pair apart.
class level_tail_schedule {
 public:
  using work = attention_work;
  static constexpr bool splits = false, halves = false;
  static constexpr int rounds_by_length = 3;

  // Pairs are equal where no row block is its own mirror image.
  static constexpr __host__ __device__ bool applies(int row_blocks, int tiles, int grid) {
    return row_blocks % 2 == 0 && tiles > grid;
  }

  __host__ __device__ level_tail_schedule(int row_blocks, int heads, int batch, grid_position at)
      : row_blocks_(row_blocks),
        heads_(heads),
        all_heads_(heads * batch),
        half_(row_blocks / 2),
        grid_(at.grid),
        block_(at.block) {
    const int rounds = half_ * all_heads_ / grid_ - (rounds_by_length - 1);
    pair_rounds_ = rounds > 0 ? rounds : 0;
    const int pairs = pair_rounds_ * grid_;
    // The tail: of head `head_` the row blocks [low_, row_blocks - low_), of the heads behind it
    // all.
    head_ = pairs / half_;
    low_ = pairs % half_;
  }
  __device__ level_tail_schedule(int row_blocks, int heads, int batch, int, bool, bool)
      : level_tail_schedule(row_blocks, heads, batch, grid_position::here()) {}

  [[nodiscard]] __host__ __device__ int pieces() const { return 0; }
  [[nodiscard]] __host__ __device__ attention_work piece(int) const { return nothing; }
  [[nodiscard]] __host__ __device__ int turns() const {
    return 2 * pair_rounds_ + (tail_tiles() + grid_ - 1) / grid_;
  }
  [[nodiscard]] __host__ __device__ attention_work turn(int i) const {
    if (i < 2 * pair_rounds_) {
      const int pair = i / 2 * grid_ + block_, low = pair % half_;
      return tile_of(i % 2 == 0 ? row_blocks_ - 1 - low : low, pair / half_);
    }
    const int round = i - 2 * pair_rounds_;
    const int rank = round * grid_ + (round % 2 == 0 ? block_ : grid_ - 1 - block_);
    return rank < tail_tiles() ? tile_of_rank(rank) : nothing;
  }

 private:
  static constexpr attention_work nothing{-1, 0, 0, 0, 0, -1};

  [[nodiscard]] __host__ __device__ int heads_behind() const { return all_heads_ - head_ - 1; }
  [[nodiscard]] __host__ __device__ int tail_tiles() const {
    return heads_behind() * row_blocks_ + row_blocks_ - 2 * low_;
  }
  // Tile `rank` of the tail, the longest first: row blocks from the last to the first, each of all
  // heads that have it.
  [[nodiscard]] __host__ __device__ attention_work tile_of_rank(int rank) const {
    const int heads_of_ends = heads_behind(), heads_of_middle = heads_of_ends + 1;
    const int middle = row_blocks_ - 2 * low_;  // row blocks that head_ has, too
    const int above = low_ * heads_of_ends;     // tiles of the row blocks above those
    if (rank < above)
      return tile_of(row_blocks_ - 1 - rank / heads_of_ends, head_ + 1 + rank % heads_of_ends);
    rank -= above;
    if (rank < middle * heads_of_middle)
      return tile_of(row_blocks_ - 1 - low_ - rank / heads_of_middle,
                     head_ + rank % heads_of_middle);
    rank -= middle * heads_of_middle;
    return tile_of(low_ - 1 - rank / heads_of_ends, head_ + 1 + rank % heads_of_ends);
  }
  // A causal tile's keys are for the caller to say.
  [[nodiscard]] __host__ __device__ attention_work tile_of(int row_block, int head) const {
    return {row_block, head % heads_, head / heads_, 0, 0, -1};
  }

  int row_blocks_, heads_, all_heads_, half_, grid_, block_;
  int pair_rounds_, head_, low_;
};

}  // namespace kernels::sm90
