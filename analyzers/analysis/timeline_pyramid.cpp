#include "analyzers/analysis/timeline_pyramid.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "analyzers/analysis/timeline_lanes.hpp"
#include "latency/detail/replayed_intervals.hpp"

namespace latency::analysis {
namespace {

// Names of a timeline: those with most time. Device ops and spans of one string may be called
// differently.
class name_index {
 public:
  name_index(const recording& run, const std::unordered_map<string_id, std::string>& op_names)
      : run_(run), op_names_(op_names), times_{}, positions_{} {
    for (auto& times : times_) times.resize(run.strings.size() + 1);  // and that of replays
  }

  void count(track_kind kind, const lane_interval& i) {
    double& time = times_[is_device(kind)][i.name];
    time += 1 + static_cast<double>(i.end_ns - i.start_ns);
  }

  // Once everything is counted.
  std::vector<std::string> choose() {
    std::vector<std::pair<double, std::pair<bool, string_id>>> used;
    for (const bool device : {false, true}) {
      for (string_id name = 0; name < times_[device].size(); ++name)
        if (times_[device][name] > 0) used.push_back({-times_[device][name], {device, name}});
      positions_[device].assign(times_[device].size(), most_names - 1);
    }
    std::sort(used.begin(), used.end());
    std::vector<std::string> names;
    for (const auto& [time, name] : used) {
      if (names.size() + 1 == most_names && used.size() > most_names) {
        names.emplace_back(other_names);
        break;
      }
      positions_[name.first][name.second] = static_cast<std::uint32_t>(names.size());
      names.push_back(text_of(name.first, name.second));
    }
    return names;
  }

  [[nodiscard]] std::uint32_t of(track_kind kind, const lane_interval& i) const {
    return positions_[is_device(kind)][i.name];
  }

 private:
  static bool is_device(track_kind kind) { return kind == track_kind::device_stream; }
  [[nodiscard]] std::string text_of(bool device, string_id name) const {
    if (name == name_of_instances(run_)) return detail::replayed_interval::name_of_instance;
    const auto short_name = op_names_.find(name);
    return device && short_name != op_names_.end() ? short_name->second : run_.strings[name];
  }

  const recording& run_;
  const std::unordered_map<string_id, std::string>& op_names_;
  std::vector<double> times_[2];
  std::vector<std::uint32_t> positions_[2];
};

// Turns the intervals of one lane, in order, into items of one level.
class merger {
 public:
  merger(std::int64_t origin_ns, std::int64_t resolution_ns, std::vector<std::int64_t>& times)
      : origin_ns_(origin_ns), resolution_ns_(resolution_ns), times_(times) {}

  void add(const lane_interval& i, std::uint32_t name) {
    const std::int64_t length_ns = i.end_ns - i.start_ns;
    const timeline_item alone{i.start_ns, i.end_ns, 1, length_ns, i.exclusive_ns, length_ns, name};
    if (length_ns >= resolution_ns_) {
      flush();
      items.push_back(alone);
      return;
    }
    const std::int64_t cell = (i.start_ns - origin_ns_) / resolution_ns_;
    if (open_.count > 0 && cell != cell_) flush();
    cell_ = cell;
    if (open_.count == 0) {
      open_ = alone;
    } else {
      open_.end_ns = i.end_ns;
      ++open_.count;
      open_.time_ns += length_ns;
      open_.exclusive_ns += i.exclusive_ns;
    }
    if (times_[name] == unused) {
      names_.push_back(name);
      times_[name] = 0;
    }
    times_[name] += length_ns;
  }

  void flush() {
    if (open_.count == 0) return;
    open_.most_ns = -1;
    for (const std::uint32_t name : names_) {
      const std::int64_t time_ns = std::exchange(times_[name], unused);
      if (time_ns <= open_.most_ns) continue;
      open_.most_ns = time_ns;
      open_.name = name;
    }
    names_.clear();
    items.push_back(open_);
    open_.count = 0;
  }

  static constexpr std::int64_t unused = -1;

  std::vector<timeline_item> items;

 private:
  std::int64_t origin_ns_;
  std::int64_t resolution_ns_;
  std::vector<std::int64_t>& times_;  // of each name in the open cell, else unused
  std::vector<std::uint32_t> names_;  // of the open cell
  timeline_item open_{0, 0, 0, 0, 0, 0, 0};
  std::int64_t cell_ = 0;
};

class pyramid_builder {
 public:
  pyramid_builder(const recording& run, const span_tree& tree,
                  const std::unordered_map<string_id, std::string>& op_names)
      : run_(run), tree_(tree), names_(run, op_names) {}

  timeline_pyramid build(std::size_t budget) {
    layout_ = lay_out(run_, tree_);
    result_.not_shown = layout_.not_shown;
    result_.end_ns = std::max(tree_.wall_ns(), std::int64_t{0});
    std::size_t lanes = 0;
    for (const laid_out_track& track : layout_.tracks) {
      result_.tracks.push_back(
          {track.title, track.kind, lanes, track.lanes.size(), track.intervals});
      result_.intervals += track.intervals;
      lanes += track.lanes.size();
      for (const auto& lane : track.lanes)
        for (const std::uint32_t row : lane) {
          const lane_interval i = interval_of(run_, tree_, layout_, track.kind, row);
          result_.start_ns = std::min(result_.start_ns, i.start_ns);
          result_.end_ns = std::max(result_.end_ns, i.end_ns);
          names_.count(track.kind, i);
        }
    }
    result_.names = names_.choose();
    times_.assign(result_.names.size(), merger::unused);
    if (!layout_.tracks.empty()) add_levels(budget);
    return std::move(result_);
  }

 private:
  void add_levels(std::size_t budget) {
    const auto all = static_cast<std::size_t>(result_.intervals);
    const bool exact_fits = all <= budget / 2;
    std::size_t left = exact_fits ? budget - all : budget;
    // A level with more than half of all intervals saves little beside the exact one.
    const std::size_t useful = exact_fits ? all / 2 : all;
    std::int64_t resolution_ns =
        std::max<std::int64_t>((result_.end_ns - result_.start_ns) / coarsest_cells, 1);
    for (; resolution_ns > 0; resolution_ns /= refinement) {
      const std::size_t most = result_.levels.empty() && !exact_fits ? all : std::min(left, useful);
      std::optional<timeline_level> level = level_of(resolution_ns, most);
      if (!level) break;
      for (const auto& lane : level->lanes) left -= std::min(left, lane.size());
      result_.levels.push_back(std::move(*level));
    }
    if (exact_fits) result_.levels.push_back(*level_of(0, all));
  }

  // Nothing when it would have more than `most` items.
  std::optional<timeline_level> level_of(std::int64_t resolution_ns, std::size_t most) {
    timeline_level level{resolution_ns, {}};
    for (const laid_out_track& track : layout_.tracks)
      for (const auto& lane : track.lanes) {
        merger merged(result_.start_ns, resolution_ns, times_);
        for (const std::uint32_t row : lane) {
          const lane_interval i = interval_of(run_, tree_, layout_, track.kind, row);
          merged.add(i, names_.of(track.kind, i));
          if (merged.items.size() > most) break;
        }
        merged.flush();
        if (merged.items.size() > most) return std::nullopt;
        most -= merged.items.size();
        level.lanes.push_back(std::move(merged.items));
      }
    return level;
  }

  const recording& run_;
  const span_tree& tree_;
  name_index names_;
  timeline_layout layout_;
  std::vector<std::int64_t> times_;  // for merger
  timeline_pyramid result_;
};

}  // namespace

const char* to_string(track_kind kind) {
  switch (kind) {
    case track_kind::device_stream:
      return "device stream";
    case track_kind::graph_replays:
      return "graph replays";
    case track_kind::event_windows:
      return "event windows";
    case track_kind::async_spans:
      return "async spans";
    case track_kind::host_thread:
      break;
  }
  return "host thread";
}

timeline_pyramid make_timeline(const recording& run, const span_tree& tree,
                               const std::unordered_map<string_id, std::string>& op_names,
                               std::size_t budget) {
  return pyramid_builder(run, tree, op_names).build(budget);
}

}  // namespace latency::analysis
