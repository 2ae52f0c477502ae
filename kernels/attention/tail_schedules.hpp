#pragma once
// Candidates for the end of a launch (tail_schedules_sm90.cuh), to be measured against the usual
// schedule before attention() takes them by itself.

#include "kernels/attention/attention.hpp"

namespace kernels {

enum class attention_tail { half_tiles, by_length };

// Whether the Hopper path can take this problem so, on the current device, with head_dim 128.
// half_tiles: not causal, and at most half of the multiprocessors busy in the last round.
// by_length: causal, an even number of tiles a head, and more tiles than multiprocessors.
[[nodiscard]] bool takes_tail(const attention_params& params, attention_tail tail);

// As attention(); throws std::invalid_argument where takes_tail() says no.
void attention_with_tail(const attention_params& params, attention_tail tail, cudaStream_t stream);

}  // namespace kernels
