#include "analyzers/timeline/stage_log_recording.hpp"

#include <algorithm>
#include <utility>

#include "analyzers/timeline/span_layout.hpp"

namespace latency::timeline {
namespace {

class recorded_log {
 public:
  explicit recorded_log(const stage_log& log) : log_(log) {}

  recording build() {
    std::vector<placed_span> roots;
    for (const stage_round& round : log_.rounds) {
      placed_span span;
      span.name = "round";
      span.attributes.emplace_back("round", static_cast<std::int64_t>(roots.size()));
      std::size_t next = 0;
      while (next < round.stages.size()) span.children.push_back(stage(round, next));
      span.duration_ns = length_of(span.children);
      roots.push_back(std::move(span));
    }
    for (const log_sample& sample : log_.stray_samples) roots.push_back(span_of(sample));
    lay_out(std::move(roots), result_);
    result_.source = log_.source;
    result_.clock.kind = "none";
    describe();
    return std::move(result_);
  }

 private:
  // The stage at `next`, with the stages in it; `next` then stands behind them.
  placed_span stage(const stage_round& round, std::size_t& next) {
    const stage_run& from = round.stages[next++];
    placed_span span;
    span.name = from.stage;
    std::vector<std::pair<std::int64_t, placed_span>> inner;  // by line
    for (const log_sample& sample : from.samples) inner.emplace_back(sample.line, span_of(sample));
    while (next < round.stages.size() && first_line(round.stages[next]) < from.end_line) {
      const std::int64_t line = first_line(round.stages[next]);
      inner.emplace_back(line, stage(round, next));
    }
    std::stable_sort(inner.begin(), inner.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [line, one] : inner) span.children.push_back(std::move(one));
    span.duration_ns = from.duration_ns.value_or(length_of(span.children));
    if (!from.duration_ns) ++result_.hygiene.open_spans;
    return span;
  }

  static std::int64_t first_line(const stage_run& stage) {
    return stage.start_line > 0 ? stage.start_line : stage.end_line;
  }

  [[nodiscard]] placed_span span_of(const log_sample& sample) const {
    placed_span span;
    span.name = log_.series[sample.series].name;
    span.duration_ns = sample.duration_ns;
    span.attributes.emplace_back("line", sample.line);
    return span;
  }

  void describe() {
    result_.run["file_format"] = std::string("log of pipeline stages");
    result_.run["rounds"] = static_cast<std::int64_t>(log_.rounds.size());
    result_.run["start_times"] = std::string("none in the file: laid end to end, in order");
    for (std::size_t i = 0; i < log_.series.size() && i < most_shown; ++i)
      result_.run["samples_" + std::to_string(i + 1)] = unit_note(log_.series[i]);
    const auto remarks = static_cast<std::int64_t>(log_.remarks.size()) + log_.remarks_left_out;
    if (remarks > 0)
      result_.run["remarks"] = std::to_string(remarks) + ", the first: line " +
                               std::to_string(log_.remarks.front().line) + ": " +
                               log_.remarks.front().text;
  }

  static constexpr std::size_t most_shown = 20;

  const stage_log& log_;
  recording result_;
};

}  // namespace

recording recording_of(const stage_log& log) {
  return recorded_log(log).build();
}

}  // namespace latency::timeline
