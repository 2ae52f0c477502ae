#pragma once
// Where the time of one pixel frame and of one denoising step goes, in the steady state.
//
// A budget is a mean over full blocks (scenario::full; over the filling ones when none is full):
// the exclusive times of all spans of one name in the block and in the VAE spans that decode it, on
// their threads, over the pixel frames of those blocks, or over their denoising steps. So
//   sum of parts = sum of inclusive times of the outermost spans / count.
// Where decoding runs beside denoising this is thread time, more than passes on the clock. A decode
// of the whole clip belongs to no block and is in no budget.

#include <cstdint>
#include <vector>

#include "analyzers/analysis/generation.hpp"
#include "latency/recording.hpp"
#include "latency/span_tree.hpp"

namespace latency::analysis {

struct budget_part {
  string_id name = 0;
  double mean_ns = 0;  // exclusive, for one
};

struct time_budget {
  std::int64_t count = 0;          // pixel frames, or steps, that the mean is over
  std::int64_t blocks = 0;         // that they belong to
  double total_ns = 0;             // sum of the parts
  std::vector<budget_part> parts;  // largest first; ties by name text
};

struct time_budgets {
  scenario of = scenario::full;
  time_budget pixel_frame;
  // Of the outermost spans with an integer attribute `step` in those blocks; without blocks, of
  // all.
  time_budget denoising_step;
};

// Empty budgets have a count of 0. Warm-up is left out. Pure; O(n log n).
[[nodiscard]] time_budgets budgets(const recording& run, const span_tree& tree,
                                   const generation_report& generated);

}  // namespace latency::analysis
