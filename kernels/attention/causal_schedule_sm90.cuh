#pragma once
// Causal tiles see fewer keys the earlier their queries are. A block of the grid takes pairs of a
// tile and its mirror image (the last with the first), whose costs add up to the same, head after
// head, so that the keys of the heads at work stay in L2. What the last three rounds of pairs would
// compute is dealt out by length instead, the longest tiles first, forwards and backwards in turn
// over the grid: all multiprocessors then end within a few blocks of keys, not a pair apart.
//
// In clusters the same is done with groups of neighbouring tiles, as in schedule_sm90.cuh.

#include "kernels/attention/schedule_sm90.cuh"

namespace kernels::sm90 {

template <int Cluster = 1>
class causal_schedule {
 public:
  static constexpr int cluster = Cluster;
  static constexpr bool splits = false;
  static constexpr int rounds_by_length = 3;

  __host__ __device__ causal_schedule(int row_blocks, int heads, int batch, grid_position at)
      : row_groups_(row_groups(row_blocks, Cluster)),
        heads_(heads),
        all_heads_(heads * batch),
        half_(row_groups_ / 2),
        clusters_(at.grid / Cluster),
        cluster_(at.block / Cluster),
        rank_(at.block % Cluster) {
    const int rounds = half_ * all_heads_ / clusters_ - (rounds_by_length - 1);
    pair_rounds_ = rounds > 0 ? rounds : 0;
    // Dealt out by length: of head `head_` the groups [low_, row_groups - low_), of the heads
    // behind it all, and of those before it the middle one that has no mirror image.
    const int pairs = pair_rounds_ * clusters_;
    head_ = half_ > 0 ? pairs / half_ : 0;
    low_ = half_ > 0 ? pairs % half_ : 0;
  }
  __device__ causal_schedule(int row_blocks, int heads, int batch, int, bool)
      : causal_schedule(row_blocks, heads, batch, grid_position::here()) {}

  [[nodiscard]] __host__ __device__ int pieces() const { return 0; }
  [[nodiscard]] __host__ __device__ attention_work piece(int) const { return nothing; }
  [[nodiscard]] __host__ __device__ int turns() const {
    return 2 * pair_rounds_ + (groups_by_length() + clusters_ - 1) / clusters_;
  }
  [[nodiscard]] __host__ __device__ attention_work turn(int i) const {
    if (i < 2 * pair_rounds_) {
      const int pair = i / 2 * clusters_ + cluster_, low = pair % half_;
      return tile_of(i % 2 == 0 ? row_groups_ - 1 - low : low, pair / half_);
    }
    const int round = i - 2 * pair_rounds_;
    const int rank = round * clusters_ + (round % 2 == 0 ? cluster_ : clusters_ - 1 - cluster_);
    return rank < groups_by_length() ? tile_by_length(rank) : nothing;
  }

 private:
  static constexpr attention_work nothing{-1, 0, 0, 0, 0, -1};

  [[nodiscard]] __host__ __device__ int groups_by_length() const {
    return all_heads_ * row_groups_ - 2 * pair_rounds_ * clusters_;
  }
  // Of group `at` of those dealt out by length, the longest first.
  [[nodiscard]] __host__ __device__ attention_work tile_by_length(int at) const {
    // From the last group to the first: how many in a row the same heads have, and which.
    const int inner = half_ - low_;
    const int rows[] = {low_, inner, row_groups_ % 2, inner, low_};
    const int first_head[] = {head_ + 1, head_, 0, head_, head_ + 1};
    int highest = row_groups_ - 1;
#pragma unroll
    for (int i = 0; i < 5; ++i) {
      const int heads = all_heads_ - first_head[i];
      if (at < rows[i] * heads) return tile_of(highest - at / heads, first_head[i] + at % heads);
      at -= rows[i] * heads;
      highest -= rows[i];
    }
    return nothing;
  }
  // This block's tile of a group. A causal tile's keys are for the caller to say.
  [[nodiscard]] __host__ __device__ attention_work tile_of(int group, int head) const {
    return {group * Cluster + rank_, head % heads_, head / heads_, 0, 0, -1};
  }

  int row_groups_, heads_, all_heads_, half_, clusters_, cluster_, rank_;
  int pair_rounds_, head_, low_;
};

}  // namespace kernels::sm90
