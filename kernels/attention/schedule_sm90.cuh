#pragma once
// Which tiles (128 queries of one head) a block of the persistent grid computes, and over which
// blocks of keys. Producer and consumers walk the same schedule.
//
// Block c takes tiles c, c + grid, ...; the last round then keeps only tiles % grid multiprocessors
// busy. With a workspace, the tiles of that round are split along the keys into equal ranges, one
// per block; a range reaches over at most two tiles, hence at most two pieces. A block computes its
// pieces first and its whole tiles then, so that every piece is written long before the end, and is
// combined with the others meanwhile.
//
// causal_schedule_sm90.cuh and half_tile_schedule_sm90.cuh have others.

#include "kernels/attention/attention.hpp"

namespace kernels::sm90 {

struct attention_work {
  int row_block, head, batch;
  int first, last;  // blocks of keys [first, last)
  int piece;        // where its partial result goes, or -1 for a whole tile
};

// The size of the grid, and which of its blocks asks.
struct grid_position {
  int grid, block;
  static __device__ grid_position here() {
    return {static_cast<int>(gridDim.x), static_cast<int>(blockIdx.x)};
  }
};

class attention_schedule {
 public:
  using work = attention_work;
  // Whether it has pieces of tiles, and work for one warpgroup alone.
  static constexpr bool splits = true, halves = false;

  // Into how many ranges the `tail` tiles of the last round are split, 0 for not at all. A piece of
  // fewer than four blocks costs more to combine than it saves.
  static constexpr __host__ __device__ int ranges(int grid, int tail, int key_blocks) {
    const int most = tail * key_blocks / 4, count = most < grid ? most : grid;
    return count > tail ? count : 0;
  }

  // `key_blocks`: of a whole tile.
  __device__ attention_schedule(int row_blocks, int heads, int batch, int key_blocks,
                                bool may_split)
      : row_blocks_(row_blocks),
        heads_(heads),
        key_blocks_(key_blocks),
        whole_tiles_(row_blocks * heads * batch) {
    const int tail = whole_tiles_ % static_cast<int>(gridDim.x);
    if (!may_split) return;
    splitters_ = ranges(gridDim.x, tail, key_blocks);
    if (splitters_ == 0) return;
    split_tiles_ = tail;
    whole_tiles_ -= tail;
  }

  [[nodiscard]] __device__ int splitters() const { return splitters_; }
  [[nodiscard]] __device__ int split_tiles() const { return split_tiles_; }

  // Range i of the split tiles' blocks, counted through, is [range_start(i), range_start(i + 1)).
  [[nodiscard]] __device__ int range_start(int i) const {
    return static_cast<int>(static_cast<long long>(i) * split_tiles_ * key_blocks_ / splitters_);
  }
  // The range that holds block `block` of the split tiles.
  [[nodiscard]] __device__ int range_of(int block) const {
    int i =
        static_cast<int>(static_cast<long long>(block) * splitters_ / (split_tiles_ * key_blocks_));
    while (range_start(i + 1) <= block) ++i;
    return i;
  }

  // The number of pieces of this block of the grid, then the pieces.
  [[nodiscard]] __device__ int pieces() const {
    const int c = blockIdx.x;
    if (c >= splitters_) return 0;
    return (range_start(c + 1) - 1) / key_blocks_ - range_start(c) / key_blocks_ + 1;
  }
  [[nodiscard]] __device__ attention_work piece(int i) const {
    const int c = blockIdx.x, tile = range_start(c) / key_blocks_ + i;
    attention_work work = tile_of(whole_tiles_ + tile);
    work.first = max(range_start(c) - tile * key_blocks_, 0);
    work.last = min(range_start(c + 1) - tile * key_blocks_, key_blocks_);
    work.piece = 2 * c + i;
    return work;
  }

  [[nodiscard]] __device__ int key_blocks() const { return key_blocks_; }
  [[nodiscard]] __device__ int whole_tiles() const { return whole_tiles_; }

  // The whole tiles of this block of the grid: turn(i) for i in [0, turns()); a row block of -1
  // says that there is nothing to do in this turn.
  [[nodiscard]] __device__ int turns() const {
    const int grid = gridDim.x;
    return (whole_tiles_ + grid - 1) / grid;
  }
  [[nodiscard]] __device__ attention_work turn(int i) const {
    const int at = i * static_cast<int>(gridDim.x) + blockIdx.x;
    return at < whole_tiles_ ? tile_of(at) : attention_work{-1, 0, 0, 0, 0, -1};
  }
  // Row blocks of one head follow each other, so that blocks that run together share keys in L2.
  [[nodiscard]] __device__ attention_work tile_of(int tile) const {
    const int row_block = tile % row_blocks_, head = tile / row_blocks_;
    return {row_block, head % heads_, head / heads_, 0, key_blocks_, -1};
  }

 private:
  int row_blocks_, heads_, key_blocks_;
  int whole_tiles_, splitters_ = 0, split_tiles_ = 0;
};

}  // namespace kernels::sm90
