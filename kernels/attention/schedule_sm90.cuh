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
// Blocks of a cluster copy keys for each other, so that they must compute over the same ones. A
// cluster takes what a block is said to take here: in place of a tile, a group of as many
// neighbouring tiles of one head as it has blocks, each block one of them.
//
// causal_schedule_sm90.cuh and few_keys_walk_sm90.cuh have others.

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

// Groups of as many tiles as a cluster has blocks; the last of a head may reach beyond its queries.
constexpr __host__ __device__ int row_groups(int row_blocks, int cluster) {
  return (row_blocks + cluster - 1) / cluster;
}

// `Cluster` blocks share the keys that they read.
template <int Cluster = 1>
class attention_schedule {
 public:
  static constexpr int cluster = Cluster;
  static constexpr bool splits = true;  // whether it has pieces of tiles

  // Into how many ranges the groups of the last round are split, 0 for not at all. A piece of fewer
  // than four blocks of keys costs more to combine than it saves.
  static constexpr __host__ __device__ int ranges(int clusters, int groups, int key_blocks) {
    const int tail = groups % clusters;
    const int most = tail * key_blocks / 4, count = most < clusters ? most : clusters;
    return count > tail ? count : 0;
  }

  // `key_blocks`: of a whole tile.
  __device__ attention_schedule(int row_blocks, int heads, int batch, int key_blocks,
                                bool may_split)
      : row_groups_(row_groups(row_blocks, Cluster)),
        heads_(heads),
        key_blocks_(key_blocks),
        whole_groups_(row_groups_ * heads * batch) {
    if (!may_split) return;
    splitters_ = ranges(clusters(), whole_groups_, key_blocks);
    if (splitters_ == 0) return;
    split_groups_ = whole_groups_ % clusters();
    whole_groups_ -= split_groups_;
  }

  [[nodiscard]] __device__ int splitters() const { return splitters_; }
  [[nodiscard]] __device__ int split_tiles() const { return split_groups_ * Cluster; }
  [[nodiscard]] __device__ attention_work split_tile(int tile) const {
    return tile_of(whole_groups_ + tile / Cluster, tile % Cluster);
  }

  // Range i of the split groups' blocks of keys, counted through, is [range_start(i),
  // range_start(i + 1)).
  [[nodiscard]] __device__ int range_start(int i) const {
    return static_cast<int>(static_cast<long long>(i) * split_groups_ * key_blocks_ / splitters_);
  }
  // The first and the last range that hold a part of a split tile.
  [[nodiscard]] __device__ int first_range(int tile) const {
    return range_of(tile / Cluster * key_blocks_);
  }
  [[nodiscard]] __device__ int last_range(int tile) const {
    return range_of((tile / Cluster + 1) * key_blocks_ - 1);
  }
  // Where that part is.
  [[nodiscard]] __device__ int piece_of(int range, int tile) const {
    const int second = range_start(range) / key_blocks_ != tile / Cluster;
    return (2 * range + second) * Cluster + tile % Cluster;
  }

  // The number of pieces of this block of the grid, then the pieces.
  [[nodiscard]] __device__ int pieces() const {
    const int c = this_cluster();
    if (c >= splitters_) return 0;
    return (range_start(c + 1) - 1) / key_blocks_ - range_start(c) / key_blocks_ + 1;
  }
  [[nodiscard]] __device__ attention_work piece(int i) const {
    const int c = this_cluster(), group = range_start(c) / key_blocks_ + i;
    attention_work work = tile_of(whole_groups_ + group, rank());
    work.first = max(range_start(c) - group * key_blocks_, 0);
    work.last = min(range_start(c + 1) - group * key_blocks_, key_blocks_);
    work.piece = (2 * c + i) * Cluster + rank();
    return work;
  }

  // The whole tiles of this block of the grid: turn(i) for i in [0, turns()); a row block of -1
  // says that there is nothing to do in this turn.
  [[nodiscard]] __device__ int turns() const {
    return (whole_groups_ + clusters() - 1) / clusters();
  }
  [[nodiscard]] __device__ attention_work turn(int i) const {
    const int at = i * clusters() + this_cluster();
    return at < whole_groups_ ? tile_of(at, rank()) : attention_work{-1, 0, 0, 0, 0, -1};
  }

 private:
  static __device__ int clusters() { return static_cast<int>(gridDim.x) / Cluster; }
  static __device__ int this_cluster() { return static_cast<int>(blockIdx.x) / Cluster; }
  static __device__ int rank() { return static_cast<int>(blockIdx.x) % Cluster; }

  // Groups of one head follow each other, so that blocks that run together share keys in L2.
  [[nodiscard]] __device__ attention_work tile_of(int group, int rank) const {
    const int row_block = group % row_groups_ * Cluster + rank, head = group / row_groups_;
    return {row_block, head % heads_, head / heads_, 0, key_blocks_, -1};
  }
  [[nodiscard]] __device__ int range_of(int block) const {
    int i = static_cast<int>(static_cast<long long>(block) * splitters_ /
                             (split_groups_ * key_blocks_));
    while (range_start(i + 1) <= block) ++i;
    return i;
  }

  int row_groups_, heads_, key_blocks_;
  int whole_groups_, splitters_ = 0, split_groups_ = 0;
};

}  // namespace kernels::sm90
