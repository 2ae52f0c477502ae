#pragma once
// One side of a speedup: what a log of stages and traces of the same program say about a stage, the
// attention calls inside it, and one kernel.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyzers/analysis/name_pattern.hpp"
#include "analyzers/timeline/stage_log.hpp"
#include "latency/recording.hpp"
#include "latency/statistics.hpp"

namespace latency::analysis {

struct stage_times {
  std::string stage;
  std::vector<std::optional<std::int64_t>> runs_ns;  // none: the run has no completed such stage
  double all_rounds_mean_ns = 0;                     // 0 without completed runs
  double after_warm_up_mean_ns = 0;                  // without the first run; likewise
};

// The first stage whose name holds "denois" in any case, else the one that took longest; empty when
// no stage completed.
[[nodiscard]] std::string main_stage(const timeline::stage_log& log);
[[nodiscard]] stage_times times_of_stage(const timeline::stage_log& log, const std::string& stage);

// Limits on samples that count, in nanoseconds.
struct sample_limits {
  std::optional<std::int64_t> min_ns;
  std::optional<std::int64_t> max_ns;
};

// The samples printed from inside a stage.
struct attention_times {
  std::string series;
  std::int64_t below_min = 0;  // dropped
  std::int64_t above_max = 0;  // dropped
  summary all_rounds_ns;
  summary after_warm_up_ns;          // without those of the first run
  std::vector<std::int64_t> in_run;  // samples of each run, the dropped ones too
};
[[nodiscard]] attention_times times_of_attention(const timeline::stage_log& log,
                                                 const std::string& series,
                                                 const sample_limits& limits);

struct op_times {
  std::string name;
  std::int64_t count = 0;
  std::int64_t sum_ns = 0;
  std::int64_t min_ns = 0;
  std::int64_t max_ns = 0;
  [[nodiscard]] double mean_ns() const {
    return count == 0 ? 0 : static_cast<double>(sum_ns) / static_cast<double>(count);
  }
};

// The kernel with the largest sum of durations over all ranks; empty without kernels.
[[nodiscard]] std::string busiest_kernel(const std::vector<recording>& ranks);
// Kernels whose name is exactly that.
[[nodiscard]] op_times times_of_kernel(const std::vector<recording>& ranks,
                                       const std::string& name);

struct section_times {
  op_times passes;
  std::int64_t unfinished = 0;       // begun again, or left open at the end, before `to` came
  std::int64_t kernel_launches = 0;  // of the kernel, in the passes
};
// From the end of a device op whose name matches `from` to the end of the next one, on any stream
// of the same device, that matches `to`. Device ops in order of their start; O(n log n).
[[nodiscard]] section_times times_of_section(const std::vector<recording>& ranks,
                                             const name_pattern& from, const name_pattern& to,
                                             const std::string& kernel);

// Spans of that name: how long they were open on the host, and from the first start to the last end
// of what was launched under them.
struct annotation_times {
  op_times host;
  op_times device;
  std::int64_t kernel_launches = 0;  // of the kernel, under them
};
// The name of spans under which the kernel was launched most often; empty without any.
[[nodiscard]] std::string annotation_of(const std::vector<recording>& ranks,
                                        const std::string& kernel);
[[nodiscard]] annotation_times times_of_annotation(const std::vector<recording>& ranks,
                                                   const std::string& name,
                                                   const std::string& kernel);

// How often one attention call launches the kernel, and how that is known.
struct launches_per_call {
  enum class source : std::uint8_t {
    given,
    counted,   // in the section, which is one attention call
    compared,  // the sides launch it differently often under the same annotation, and so in as many
               // calls; the one that launches less often does so once, unless it is known better
    assumed    // once
  };
  double number = 1;
  source known = source::assumed;
};
// What is known of one side.
struct launch_counts {
  std::optional<double> given;
  std::optional<section_times> section;
  annotation_times annotation;
};
struct both_launches {
  launches_per_call baseline, candidate;
};
[[nodiscard]] both_launches launches_of(const launch_counts& baseline,
                                        const launch_counts& candidate);

}  // namespace latency::analysis
