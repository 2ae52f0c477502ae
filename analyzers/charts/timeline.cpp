#include <algorithm>
#include <map>
#include <utility>

#include "analyzers/charts/charts.hpp"
#include "analyzers/charts/palette.hpp"

namespace latency::charts {

using render::unit;

namespace {

constexpr std::size_t most_lanes = 48;  // that a picture shows, titles of tracks among them
constexpr std::int64_t cells = 400;     // of a lane: items that are shorter are drawn as one
constexpr std::size_t most_lanes_of_track = 12;
constexpr std::size_t most_names = 11;  // in the legend, those with most time

// One item for the short ones of each cell, under the name with most time.
std::vector<analysis::timeline_item> merged(const std::vector<analysis::timeline_item>& lane,
                                            std::int64_t start_ns, std::int64_t cell_ns) {
  std::vector<analysis::timeline_item> result;
  std::int64_t open_cell = -1;  // of the last of `result`, when it is short
  for (const analysis::timeline_item& item : lane) {
    const bool is_short = item.end_ns - item.start_ns < cell_ns;
    const std::int64_t cell = is_short ? (item.start_ns - start_ns) / cell_ns : -1;
    if (!is_short || cell != open_cell) {
      result.push_back(item);
    } else {
      analysis::timeline_item& open = result.back();
      open.end_ns = std::max(open.end_ns, item.end_ns);
      open.count += item.count;
      open.time_ns += item.time_ns;
      if (item.most_ns > open.most_ns) {
        open.most_ns = item.most_ns;
        open.name = item.name;
      }
    }
    open_cell = cell;
  }
  return result;
}

class timeline_builder {
 public:
  timeline_builder(const recording& run, const analysis::timeline_pyramid& from)
      : run_(run), from_(from), level_(from.levels.front()) {}

  chart build(const analysis::generation_report& generated) {
    result_.key = "timeline";
    result_.title = "Timeline";
    result_.counted = "intervals";
    result_.n = from_.intervals;
    result_.source = run_.source;
    result_.table = {"timeline",
                     result_.title,
                     {{"track", "track"},
                      {"lane", "lane", unit::integer},
                      {"start", "start", unit::exact_ns},
                      {"end", "end", unit::exact_ns},
                      {"name", "name"},
                      {"count", "intervals", unit::integer},
                      {"time", "their time", unit::exact_ns}},
                     {},
                     3};
    titles_ = {"", title_colour, shape::boxes};
    for (const analysis::timeline_track& track : from_.tracks) add(track);
    add_blocks(generated);
    result_.shown =
        "what ran when, by thread, stream and depth; where intervals are too short to be "
        "told apart, the name with most of their time";
    if (lanes_left_out_ > 0)
      result_.shown += "; " + std::to_string(lanes_left_out_) + " further lanes are not drawn";
    result_.x = {.title = "time since the session started",
                 .type = unit::duration_ns,
                 .min = static_cast<double>(from_.start_ns),
                 .max = static_cast<double>(from_.end_ns)};
    result_.y = {.title = "",
                 .type = unit::number,
                 .from_top = true,
                 .hidden = true,
                 .min = 0.0,
                 .max = static_cast<double>(lane_)};
    result_.data.push_back(std::move(titles_));
    add_series();
    result_.height = 165 + 20 * legend_rows(result_) + 17 * static_cast<int>(lane_);
    return std::move(result_);
  }

 private:
  void add(const analysis::timeline_track& track) {
    if (lane_ + 1 >= most_lanes) {
      lanes_left_out_ += track.lanes;
      return;
    }
    const auto top = static_cast<double>(lane_++);
    titles_.boxes.push_back({static_cast<double>(from_.start_ns), static_cast<double>(from_.end_ns),
                             top + 0.1, top + 1, shortened(track.title), ""});
    for (std::size_t l = 0; l < track.lanes; ++l) {
      if (l == most_lanes_of_track) {
        lanes_left_out_ += track.lanes - l;
        return;
      }
      const auto items = merged(level_.lanes[track.first_lane + l], from_.start_ns, cell_ns_);
      if (!has_room(items)) {
        lanes_left_out_ += track.lanes - l;
        return;
      }
      const auto y = static_cast<double>(lane_++);
      for (const analysis::timeline_item& item : items) {
        const std::string& name = from_.names[item.name];
        drawn_name& of = names_[item.name];
        of.time_ns += static_cast<double>(item.time_ns);
        of.boxes.push_back({static_cast<double>(item.start_ns), static_cast<double>(item.end_ns), y,
                            y + 1, shortened(name), colour_of(name)});
        ++boxes_;
        result_.table.rows.push_back({track.title, static_cast<std::int64_t>(l), item.start_ns,
                                      item.end_ns, name, item.count, item.time_ns});
      }
    }
  }

  [[nodiscard]] bool has_room(const std::vector<analysis::timeline_item>& items) const {
    return lane_ < most_lanes && boxes_ + items.size() <= most_boxes;
  }

  // One for each of the names with most time, so that the legend says what the colours are.
  void add_series() {
    std::vector<std::pair<double, std::uint32_t>> by_time;
    for (const auto& [name, of] : names_) by_time.emplace_back(-of.time_ns, name);
    std::sort(by_time.begin(), by_time.end());
    series others{"other names", quiet_colour, shape::boxes};
    for (std::size_t i = 0; i < by_time.size(); ++i) {
      const std::uint32_t name = by_time[i].second;
      std::vector<box>& boxes = names_[name].boxes;
      if (i < most_names)
        result_.data.push_back({shortened(from_.names[name], 40),
                                colour_of(from_.names[name]),
                                shape::boxes,
                                "",
                                {},
                                std::move(boxes)});
      else
        others.boxes.insert(others.boxes.end(), boxes.begin(), boxes.end());
    }
    if (!others.boxes.empty()) result_.data.push_back(std::move(others));
  }

  void add_blocks(const analysis::generation_report& generated) {
    if (generated.blocks.size() > 2 * most_rows) return;  // denser than can be told apart
    for (const analysis::block_timing& b : generated.blocks) {
      const auto start = static_cast<double>(b.start_ns);
      const bool switched = b.kind == analysis::scenario::switched;
      result_.bands.push_back({start, start + static_cast<double>(b.block_ns), "", switched});
      if (switched) result_.marks.push_back({start, "switch", switch_colour, mark::across::at_x});
    }
  }

  struct drawn_name {
    double time_ns = 0;
    std::vector<box> boxes;
  };

  const recording& run_;
  const analysis::timeline_pyramid& from_;
  const analysis::timeline_level& level_;
  const std::int64_t cell_ns_ = std::max<std::int64_t>((from_.end_ns - from_.start_ns) / cells, 1);
  chart result_;
  series titles_;
  std::map<std::uint32_t, drawn_name> names_;  // by index into from_.names
  std::size_t boxes_ = 0;
  std::size_t lane_ = 0;
  std::size_t lanes_left_out_ = 0;
};

}  // namespace

std::optional<chart> timeline(const recording& run, const analysis::timeline_pyramid& from,
                              const analysis::generation_report& generated) {
  if (from.levels.empty() || from.intervals == 0) return std::nullopt;
  return timeline_builder(run, from).build(generated);
}

}  // namespace latency::charts
