#pragma once
// Two sides of runs, compared row by row, and the document that is drawn from it.

#include <cstdint>
#include <string>
#include <vector>

#include "analyzers/analysis/comparison.hpp"
#include "analyzers/analysis/run_series.hpp"
#include "analyzers/render/document.hpp"

namespace latency::commands {

struct compare_settings {
  analysis::comparison_rules rules;     // but for `rows`
  double min_share = 0.01;              // of the wall, or of the devices' busy time, on either side
  std::vector<std::string> components;  // empty: all
};

struct compared_row {
  analysis::series_kind kind = analysis::series_kind::duration;
  std::string name;
  analysis::comparison result;
};

// What a component costs in one run, without its children: these add up to the wall.
struct exclusive_row {
  std::string name;
  double base_ns = 0;  // mean over the runs of the side
  double candidate_ns = 0;
};

struct compare_report {
  // Throws latency::error when a wanted component is on neither side, or nothing is to compare.
  compare_report(const std::vector<analysis::measured_run>& base,
                 const std::vector<analysis::measured_run>& candidate,
                 const compare_settings& settings);

  compare_settings settings;
  std::vector<compared_row> rows;        // by kind, then as in the base
  std::vector<exclusive_row> exclusive;  // largest change first; the last one is untracked time
  std::int64_t intervals = 0;            // rows with an interval: the level of each allows for them
  std::int64_t small = 0;                // components below min_share: not compared
  std::vector<std::string> only_in_base;
  std::vector<std::string> only_in_candidate;

  [[nodiscard]] bool slower() const;       // a row is slower than the threshold
  [[nodiscard]] bool cannot_tell() const;  // none is, but one may be, or no row has an interval
};

// `base` and `candidate` as given to the report.
[[nodiscard]] render::document compare_document(
    const compare_report& report, const std::vector<analysis::measured_run>& base,
    const std::vector<analysis::measured_run>& candidate);

}  // namespace latency::commands
