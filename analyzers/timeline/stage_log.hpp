#pragma once
// Reads the log that a pipeline of stages prints: how long each stage of each round took, the table
// of averages at its end, and the lines that code under study printed from inside a stage:
//
//   INFO 11-20 08:40:40 [base.py:339] [LTX2DenoisingStage] Starting execution
//   >>>> VSA time: 0.009293003007769585 ms
//   INFO 11-20 08:40:40 [base.py:364] [LTX2DenoisingStage] Execution completed in 200.37 ms
//
// Colours of terminals, logger prefixes of any shape, progress bars that overwrite themselves with
// carriage returns, and lines that are none of these are passed over.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace latency::timeline {

enum class log_unit : std::uint8_t { nanoseconds, microseconds, milliseconds, seconds };

[[nodiscard]] const char* symbol_of(log_unit unit) noexcept;  // "ns", "us", "ms", "s"
[[nodiscard]] std::optional<log_unit> log_unit_of(std::string_view symbol) noexcept;

// One ">>>> NAME time: VALUE UNIT" line.
struct log_sample {
  std::size_t series = 0;        // index into stage_log::series
  double value = 0;              // as written
  std::int64_t duration_ns = 0;  // in the unit that its series is read in
  std::int64_t line = 0;         // 1-based
};

// The samples of one name and label. Labels are not believed: see unit_basis.
struct sample_series {
  enum class unit_basis : std::uint8_t {
    labelled,  // the label agrees with the stages around the samples, or there is nothing to hold
               // it against
    detected,  // by the label the samples would be next to nothing of their stages, or longer than
               // them; by exactly one other unit they are a plausible part
    doubtful,  // by none, but by one they may be of several ranks; the label is used
    given      // by the caller
  };
  std::string name;  // "VSA"
  log_unit labelled = log_unit::milliseconds;
  log_unit used = log_unit::milliseconds;
  unit_basis basis = unit_basis::labelled;
  std::int64_t count = 0;
  // Sum of the samples over the time of the stages that they stand in: by the label, and as used.
  // Nothing where no completed stage encloses any.
  std::optional<double> labelled_share, used_share;
  // Where that is in doubt: by which unit they add up to more than their stages, and none lasts
  // longer than its own, as when several ranks write one log.
  std::optional<log_unit> of_several_ranks;
};

// One execution of a stage.
struct stage_run {
  std::string stage;  // "LTX2DenoisingStage"
  std::optional<std::int64_t>
      duration_ns;              // nothing: it began, and the log never says how it ended
  std::int64_t start_line = 0;  // 1-based; 0: only its end is in the log
  std::int64_t end_line = 0;
  std::vector<log_sample> samples;  // printed while it was the innermost stage open
};

// One pass through the stages: it begins where the first stage of the log begins again.
struct stage_round {
  std::vector<stage_run> stages;  // in the order of their first line
};

// What the pipeline itself computed. One value for each stage; a row that is absent is empty.
struct average_table {
  std::int64_t line = 0;  // of its "Stage names"
  std::vector<std::string> stages;
  std::vector<std::int64_t> all_rounds_ns;
  std::vector<std::int64_t> after_warm_up_ns;
  std::optional<std::int64_t> total_all_rounds_ns;
  std::optional<std::int64_t> total_after_warm_up_ns;
};

// Something in the log that a careful reader would stumble over.
struct log_remark {
  std::int64_t line = 0;  // 1-based
  std::string text;       // "DecodingStage completed, but its start is not in the log"
};

struct stage_log {
  std::string source;  // path it was read from
  std::vector<stage_round> rounds;
  std::vector<sample_series> series;      // in the order of their first sample
  std::vector<log_sample> stray_samples;  // outside of every stage
  std::optional<average_table> averages;  // the last one, where a log has several
  std::vector<log_remark> remarks;        // at most stage_log_remark_limit ...
  std::int64_t remarks_left_out = 0;      // ... and how many more there were
};

inline constexpr std::size_t stage_log_remark_limit = 100;

// `sample_unit` overrides the unit of every ">>>>" line. Throws latency::error, one line naming the
// file, when the text holds neither a stage line nor a sample. Damaged lines are remarked on and
// left out. Any thread. Memory: a few dozen bytes a line that counts.
[[nodiscard]] stage_log parse_stage_log(std::string_view text, const std::string& name,
                                        std::optional<log_unit> sample_unit = {});

// The same from a path ("-" is standard input). A file that is no log is named as what it looks
// like.
[[nodiscard]] stage_log read_stage_log(const std::string& path,
                                       std::optional<log_unit> sample_unit = {});

// One sentence on the unit of a series, for reports: "VSA: 60 samples labelled ms are read as s:
// as ms they would be 0.08 % of their stages, as s they are 80.5 %".
[[nodiscard]] std::string unit_note(const sample_series& series);

// Whether a text looks like such a log.
[[nodiscard]] bool is_stage_log(std::string_view text) noexcept;

}  // namespace latency::timeline
