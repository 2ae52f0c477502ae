#pragma once
// Several recordings (the ranks of one run) as one.

#include <vector>

#include "latency/recording.hpp"

namespace latency::analysis {

// Concatenates every table. Threads, span ids, async ids, correlations, replays, devices, strings
// and attribute ranges are renumbered so that rows of different recordings never meet; block and
// pixel-frame numbers of later recordings (also in `block` and `pixel_frame` attributes) continue
// after those of the earlier ones, so that each clip stays its own.
// Times stay relative to the start of their own session: clocks of ranks are not compared.
// wall_ns is the longest, so a shorter rank gains untracked time and the identities hold; hygiene
// counts add up; `run` keeps the entries that are equal everywhere and says `pooled_recordings`.
// An empty list gives an empty recording. Throws latency::error when the numbers do not fit (2^24
// threads, 2^31 blocks or pixel frames). O(rows).
[[nodiscard]] recording pool(const std::vector<recording>& recordings);

}  // namespace latency::analysis
