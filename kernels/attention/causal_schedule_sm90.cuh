#pragma once
// Causal tiles see fewer keys the earlier their queries are. A block of the grid takes pairs of a
// tile and its mirror image (the last with the first), whose costs add up to the same, head after
// head, so that the keys of the heads at work stay in L2. What the last three rounds of pairs would
// compute is dealt out by length instead, the longest tiles first, forwards and backwards in turn
// over the grid: all multiprocessors then end within a few blocks of keys, not a pair apart.

#include "kernels/attention/schedule_sm90.cuh"

namespace kernels::sm90 {

class causal_schedule {
 public:
  using work = attention_work;
  static constexpr bool splits = false, halves = false;
  static constexpr int rounds_by_length = 3;

  __host__ __device__ causal_schedule(int row_blocks, int heads, int batch, grid_position at)
      : row_blocks_(row_blocks),
        heads_(heads),
        all_heads_(heads * batch),
        half_(row_blocks / 2),
        grid_(at.grid),
        block_(at.block) {
    const int rounds = half_ * all_heads_ / grid_ - (rounds_by_length - 1);
    pair_rounds_ = rounds > 0 ? rounds : 0;
    // Dealt out by length: of head `head_` the row blocks [low_, row_blocks - low_), of the heads
    // behind it all, and of those before it the middle one that has no mirror image.
    const int pairs = pair_rounds_ * grid_;
    head_ = half_ > 0 ? pairs / half_ : 0;
    low_ = half_ > 0 ? pairs % half_ : 0;
  }
  __device__ causal_schedule(int row_blocks, int heads, int batch, int, bool)
      : causal_schedule(row_blocks, heads, batch, grid_position::here()) {}

  [[nodiscard]] __host__ __device__ int pieces() const { return 0; }
  [[nodiscard]] __host__ __device__ attention_work piece(int) const { return nothing; }
  [[nodiscard]] __host__ __device__ int turns() const {
    return 2 * pair_rounds_ + (tiles_by_length() + grid_ - 1) / grid_;
  }
  [[nodiscard]] __host__ __device__ attention_work turn(int i) const {
    if (i < 2 * pair_rounds_) {
      const int pair = i / 2 * grid_ + block_, low = pair % half_;
      return tile_of(i % 2 == 0 ? row_blocks_ - 1 - low : low, pair / half_);
    }
    const int round = i - 2 * pair_rounds_;
    const int rank = round * grid_ + (round % 2 == 0 ? block_ : grid_ - 1 - block_);
    return rank < tiles_by_length() ? tile_of_rank(rank) : nothing;
  }

 private:
  static constexpr attention_work nothing{-1, 0, 0, 0, 0, -1};

  [[nodiscard]] __host__ __device__ int tiles_by_length() const {
    return all_heads_ * row_blocks_ - 2 * pair_rounds_ * grid_;
  }
  // Tile `rank` of those dealt out by length, the longest first.
  [[nodiscard]] __host__ __device__ attention_work tile_of_rank(int rank) const {
    // From the last row block to the first: how many in a row the same heads have, and which.
    const int inner = half_ - low_;
    const int rows[] = {low_, inner, row_blocks_ % 2, inner, low_};
    const int first_head[] = {head_ + 1, head_, 0, head_, head_ + 1};
    int highest = row_blocks_ - 1;
#pragma unroll
    for (int i = 0; i < 5; ++i) {
      const int heads = all_heads_ - first_head[i];
      if (rank < rows[i] * heads)
        return tile_of(highest - rank / heads, first_head[i] + rank % heads);
      rank -= rows[i] * heads;
      highest -= rows[i];
    }
    return nothing;
  }
  // A causal tile's keys are for the caller to say.
  [[nodiscard]] __host__ __device__ attention_work tile_of(int row_block, int head) const {
    return {row_block, head % heads_, head / heads_, 0, 0, -1};
  }

  int row_blocks_, heads_, all_heads_, half_, grid_, block_;
  int pair_rounds_, head_, low_;
};

}  // namespace kernels::sm90
