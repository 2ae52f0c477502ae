#include "analyzers/timeline/stage_log.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "analyzers/timeline/file_kind.hpp"
#include "analyzers/timeline/mapped_file.hpp"
#include "analyzers/timeline/stage_log_units.hpp"
#include "latency/error.hpp"

namespace latency::timeline {
namespace {

constexpr std::string_view stage_started = "] Starting execution";
constexpr std::string_view stage_completed = "] Execution completed in ";
constexpr std::string_view sample_mark = ">>>>";
constexpr std::string_view sample_time = " time:";

constexpr std::size_t longest_name = 200;  // of a stage or a series
constexpr std::size_t most_open_stages = 64;

constexpr std::string_view space = " \t";

std::string_view without_space_before(std::string_view text) noexcept {
  return text.substr(std::min(text.find_first_not_of(space), text.size()));
}

std::string_view trimmed(std::string_view text) noexcept {
  text = without_space_before(text);
  return text.substr(0, text.find_last_not_of(space) + 1);
}

// The name that stands behind the last `mark` before `end`; empty: there is none.
std::string_view name_before(std::string_view text, std::size_t end, std::string_view mark) {
  const std::string_view before =
      text.substr(0, end).substr(end - std::min(end, longest_name + mark.size()));
  const std::size_t at = before.rfind(mark);
  return at == before.npos ? std::string_view() : trimmed(before.substr(at + mark.size()));
}

// Without the sequences by which terminals are told of colours: ESC [ parameters letter.
std::string_view without_colours(std::string_view line, std::string& buffer) {
  if (line.find('\x1b') == line.npos) return line;
  buffer.clear();
  for (std::size_t at = 0; at < line.size();) {
    if (line[at] != '\x1b') {
      buffer += line[at++];
      continue;
    }
    ++at;
    if (at == line.size() || line[at] != '[') continue;
    ++at;
    while (at < line.size() && line[at] >= ' ' && line[at] <= '?') ++at;
    if (at < line.size() && line[at] >= '@' && line[at] <= '~') ++at;
  }
  return buffer;
}

std::optional<double> take_number(std::string_view& text) noexcept {
  text = without_space_before(text);
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  return value;
}

struct measured {
  double value = 0;
  log_unit unit = log_unit::milliseconds;
  std::int64_t duration_ns = 0;
};

// "200.37 ms" at the beginning of the text; anything may follow.
std::optional<measured> measured_at(std::string_view text) noexcept {
  const std::optional<double> value = take_number(text);
  if (!value) return std::nullopt;
  text = without_space_before(text);
  const std::size_t length = std::min(text.find_first_of(" \t\r,;>"), text.size());
  const std::optional<log_unit> unit = log_unit_of(text.substr(0, length));
  if (!unit) return std::nullopt;
  const std::optional<std::int64_t> duration_ns = duration_ns_of(*value, *unit);
  if (!duration_ns) return std::nullopt;
  return measured{*value, *unit, *duration_ns};
}

class log_parser {
 public:
  explicit log_parser(const std::string& name) { log_.source = name; }

  void line(std::string_view text) {
    ++line_;
    text = without_colours(text, uncoloured_);
    while (!text.empty()) {  // what a progress bar overwrote is a line of its own
      const std::size_t length = std::min(text.find('\r'), text.size());
      segment(text.substr(0, length));
      text.remove_prefix(std::min(length + 1, text.size()));
    }
  }

  stage_log finish(std::optional<log_unit> sample_unit) {
    give_up_open_stages(0);
    settle_units(log_, sample_unit);
    return std::move(log_);
  }

 private:
  void remark(std::int64_t line, std::string text) {
    if (log_.remarks.size() < stage_log_remark_limit)
      log_.remarks.push_back({line, std::move(text)});
    else
      ++log_.remarks_left_out;
  }

  void segment(std::string_view text) {
    if (text.find(']') != text.npos) stage_lines(text);
    if (text.find(sample_mark) != text.npos) samples(text);
    if (text.find("vg (") != text.npos || text.find("Stage names,") != text.npos) averages(text);
  }

  // A bar without an end of line may stand before a stage line, and several writers may share one.
  void stage_lines(std::string_view text) {
    for (std::size_t end = text.find(']'); end != text.npos; end = text.find(']', end + 1)) {
      const std::string_view after = text.substr(end);
      const bool starts = after.substr(0, stage_started.size()) == stage_started;
      const bool completes = after.substr(0, stage_completed.size()) == stage_completed;
      if (!starts && !completes) continue;
      const std::string_view stage = name_before(text, end, "[");
      if (stage.empty()) continue;
      if (starts)
        start(stage);
      else
        complete(stage, after.substr(stage_completed.size()));
    }
  }

  [[nodiscard]] std::vector<stage_run>& stages() { return log_.rounds.back().stages; }

  void start(std::string_view stage) {
    begin_round_at(stage);
    if (open_.size() == most_open_stages) give_up_open_stages(0);
    open_.push_back(stages().size());
    stages().push_back({std::string(stage), std::nullopt, line_, 0, {}});
  }

  void complete(std::string_view stage, std::string_view time) {
    const std::optional<measured> took = measured_at(time);
    if (!took) remark(line_, std::string(stage) + " completed in a time that cannot be read");
    const auto same = [&](std::size_t i) { return stages()[i].stage == stage; };
    const auto found = std::find_if(open_.rbegin(), open_.rend(), same);
    std::optional<std::int64_t> duration_ns;
    if (took) duration_ns = took->duration_ns;
    if (found == open_.rend()) {
      remark(line_, std::string(stage) + " completed, but its start is not in the log");
      begin_round_at(stage);
      stages().push_back({std::string(stage), duration_ns, 0, line_, {}});
      return;
    }
    const std::size_t place = static_cast<std::size_t>(open_.rend() - found) - 1;
    give_up_open_stages(place + 1);
    stages()[open_[place]].duration_ns = duration_ns;
    stages()[open_[place]].end_line = line_;
    open_.pop_back();
  }

  void begin_round_at(std::string_view stage) {
    if (!log_.rounds.empty() && stage != log_.rounds.front().stages.front().stage) return;
    give_up_open_stages(0);
    log_.rounds.emplace_back();
  }

  // Those open from `first` on will not complete any more.
  void give_up_open_stages(std::size_t first) {
    for (std::size_t i = first; i < open_.size(); ++i)
      remark(stages()[open_[i]].start_line,
             stages()[open_[i]].stage + " began and never completed");
    open_.resize(std::min(first, open_.size()));
  }

  void samples(std::string_view text) {
    for (std::size_t at = text.find(sample_time); at != text.npos;
         at = text.find(sample_time, at + 1)) {
      const std::string_view name = name_before(text, at, sample_mark);
      if (name.empty()) continue;
      const std::optional<measured> took = measured_at(text.substr(at + sample_time.size()));
      if (!took)
        remark(line_, "a sample of " + std::string(name) + " whose time cannot be read");
      else
        add_sample(name, *took);
    }
  }

  void add_sample(std::string_view name, const measured& took) {
    const auto [known, is_new] =
        series_.emplace(std::pair(std::string(name), took.unit), log_.series.size());
    if (is_new) {
      log_.series.emplace_back();
      log_.series.back().name = name;
      log_.series.back().labelled = took.unit;
    }
    ++log_.series[known->second].count;
    auto& to = open_.empty() ? log_.stray_samples : stages()[open_.back()].samples;
    to.push_back({known->second, took.value, took.duration_ns, line_});
  }

  void averages(std::string_view text) {
    if (const auto names = behind(text, "Stage names,")) {
      if (log_.averages) remark(line_, "another table of averages; the last one counts");
      log_.averages.emplace();
      log_.averages->line = line_;
      for (const std::string_view stage : cells(*names))
        log_.averages->stages.emplace_back(trimmed(stage));
    }
    if (!log_.averages) return;
    average_table& table = *log_.averages;
    if (const auto row = behind(text, "Avg (all rounds),")) table.all_rounds_ns = row_of(*row);
    if (const auto row = behind(text, "Avg (excl. warmup),")) table.after_warm_up_ns = row_of(*row);
    if (const auto total = behind(text, "Total avg (all),"))
      table.total_all_rounds_ns = total_of(*total);
    if (const auto total = behind(text, "Total avg (no warmup),"))
      table.total_after_warm_up_ns = total_of(*total);
  }

  static std::optional<std::string_view> behind(std::string_view text, std::string_view label) {
    const std::size_t at = text.find(label);
    if (at == text.npos) return std::nullopt;
    return text.substr(at + label.size());
  }

  static std::vector<std::string_view> cells(std::string_view row) {
    std::vector<std::string_view> result;
    for (std::size_t begin = 0; begin <= row.size();) {
      const std::size_t end = std::min(row.find(',', begin), row.size());
      result.push_back(row.substr(begin, end - begin));
      begin = end + 1;
    }
    return result;
  }

  // One value in milliseconds for each stage, or nothing at all.
  std::vector<std::int64_t> row_of(std::string_view row) {
    std::vector<std::int64_t> result;
    for (std::string_view written : cells(row)) {
      const std::optional<double> value = take_number(written);
      const auto duration_ns =
          value ? duration_ns_of(*value, log_unit::milliseconds) : std::nullopt;
      if (duration_ns && trimmed(written).empty()) result.push_back(*duration_ns);
    }
    if (result.size() == log_.averages->stages.size()) return result;
    remark(line_, "a row of averages that has not one time for each stage");
    return {};
  }

  std::optional<std::int64_t> total_of(std::string_view text) {
    const std::optional<measured> total = measured_at(text);
    if (total) return total->duration_ns;
    remark(line_, "a total that cannot be read");
    return std::nullopt;
  }

  stage_log log_;
  std::int64_t line_ = 0;
  std::string uncoloured_;
  std::vector<std::size_t> open_;  // stages of the last round, innermost last
  std::map<std::pair<std::string, log_unit>, std::size_t> series_;
};

}  // namespace

bool is_stage_log(std::string_view text) noexcept {
  for (const std::string_view mark : {stage_started, stage_completed})
    if (text.find(mark) != text.npos) return true;
  const std::size_t sample = text.find(sample_mark);
  if (sample == text.npos) return false;
  const std::size_t end = std::min(text.find('\n', sample), text.size());
  return text.substr(sample, end - sample).find(sample_time) != text.npos;
}

stage_log parse_stage_log(std::string_view text, const std::string& name,
                          std::optional<log_unit> sample_unit) {
  log_parser parser(name);
  while (!text.empty()) {
    const std::size_t length = std::min(text.find('\n'), text.size());
    parser.line(text.substr(0, length));
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  stage_log log = parser.finish(sample_unit);
  if (log.rounds.empty() && log.series.empty())
    throw error(name, "",
                "holds no stage line ('[STAGE] Execution completed in ... ms') and no "
                "sample ('>>>> NAME time: ... ms')");
  return log;
}

stage_log read_stage_log(const std::string& path, std::optional<log_unit> sample_unit) {
  const mapped_file file(path);
  const recognised_file found = recognise(file.bytes());
  if (found.kind != file_kind::stage_log)
    throw error(file.name(), "", found.is + ", not a log of pipeline stages");
  return parse_stage_log(file.bytes(), file.name(), sample_unit);
}

}  // namespace latency::timeline
