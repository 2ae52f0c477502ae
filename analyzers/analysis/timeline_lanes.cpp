#include "analyzers/analysis/timeline_lanes.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "latency/detail/nearly_ordered.hpp"
#include "latency/detail/replayed_intervals.hpp"
#include "latency/saturating.hpp"

namespace latency::analysis {
namespace {

// Nothing is inside it. Absurd times, which are not drawn, overflow nothing.
template <class row>
lane_interval whole(const row& of, string_id name) {
  const std::int64_t start_ns = clamp_time(of.start_ns), end_ns = clamp_time(of.end_ns);
  return {start_ns, end_ns, end_ns - start_ns, name};
}
template <class row>
lane_interval whole(const row& of) {
  return whole(of, of.name);
}

template <class row>
bool has_usable_times(const row& of) {
  return is_time(of.start_ns) && is_time(of.end_ns) && of.start_ns <= of.end_ns;
}

class layout_builder {
 public:
  layout_builder(const recording& run, const span_tree& tree) : run_(run), tree_(tree) {}

  timeline_layout build() {
    host_threads();
    device_streams(run_.device_ops, track_kind::device_stream, "");
    replays();
    device_streams(run_.event_windows, track_kind::event_windows, ", event windows");
    async_spans();
    keep_fullest_tracks();
    return std::move(result_);
  }

 private:
  void host_threads() {
    std::map<std::uint32_t, laid_out_track> tracks;
    for (const thread_account& t : tree_.threads()) {
      if (t.spans == 0) continue;
      laid_out_track& track = tracks[t.thread];
      if (t.thread < run_.threads.size()) track.title = run_.threads[t.thread].name;
      if (track.title.empty()) track.title = "thread " + std::to_string(t.thread);
    }
    depths_.assign(tree_.nodes().size(), 0);
    for (const std::uint32_t span : tree_.preorder()) {
      laid_out_track& track = tracks[run_.spans[span].thread];
      const std::size_t depth = depth_of(span);
      if (depth >= most_lanes) {
        ++result_.not_shown;
        continue;
      }
      if (track.lanes.size() <= depth) track.lanes.resize(depth + 1);
      track.lanes[depth].push_back(span);
      ++track.intervals;
    }
    for (auto& [thread, track] : tracks) {
      for (auto& lane : track.lanes) in_order_of_start(track_kind::host_thread, lane);
      result_.tracks.push_back(std::move(track));
    }
  }

  // On its thread, 0 for the outermost.
  std::size_t depth_of(std::uint32_t span) {
    std::vector<std::uint32_t> inner;
    while (depths_[span] == 0 && tree_[span].host_parent != no_span) {
      inner.push_back(span);
      span = tree_[span].host_parent;
    }
    if (depths_[span] == 0) depths_[span] = 1;
    std::uint32_t depth = depths_[span];
    for (; !inner.empty(); inner.pop_back()) depths_[inner.back()] = ++depth;
    return depth - 1;
  }

  template <class row>
  void device_streams(const std::vector<row>& rows, track_kind kind, const std::string& suffix) {
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::uint32_t>> streams;
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
      if (has_usable_times(rows[i]))
        streams[{rows[i].device, rows[i].stream}].push_back(i);
      else
        ++result_.not_shown;
    }
    for (auto& [stream, members] : streams)
      side_by_side(title_of(stream) + suffix, kind, std::move(members));
  }
  [[nodiscard]] static std::string title_of(std::pair<std::uint32_t, std::uint32_t> stream) {
    return "device " + std::to_string(stream.first) + ", stream " + std::to_string(stream.second);
  }

  // Lanes by depth, like those of a host thread; more than one where spans of a depth overlap.
  void replays() {
    const detail::captured_spans captured(run_);
    std::map<std::pair<std::uint32_t, std::uint32_t>,
             std::map<std::int32_t, std::vector<std::uint32_t>>>
        streams;
    for (const detail::replayed_interval& r : detail::replayed_intervals(run_, captured)) {
      if (!has_usable_times(r)) {
        ++result_.not_shown;
        continue;
      }
      const string_id name = r.element < 0 ? name_of_instances(run_) : captured.name_of(r.element);
      streams[{r.device, r.stream}][r.depth].push_back(
          static_cast<std::uint32_t>(result_.replays.size()));
      result_.replays.push_back(whole(r, name));
    }
    for (auto& [stream, by_depth] : streams) {
      laid_out_track track{title_of(stream) + ", replays", track_kind::graph_replays, 0, {}};
      for (auto& [depth, rows] : by_depth) add_side_by_side(track, std::move(rows));
      if (track.intervals > 0) result_.tracks.push_back(std::move(track));
    }
  }

  void async_spans() {
    std::vector<std::uint32_t> rows;
    for (std::uint32_t i = 0; i < run_.async_spans.size(); ++i) {
      if (has_usable_times(run_.async_spans[i]))
        rows.push_back(i);
      else
        ++result_.not_shown;
    }
    side_by_side("async spans", track_kind::async_spans, std::move(rows));
  }

  // A track of intervals that may overlap.
  void side_by_side(std::string title, track_kind kind, std::vector<std::uint32_t> rows) {
    laid_out_track track{std::move(title), kind, 0, {}};
    add_side_by_side(track, std::move(rows));
    if (track.intervals > 0) result_.tracks.push_back(std::move(track));
  }
  // In lanes behind those that the track has: each goes to the first one that is free.
  void add_side_by_side(laid_out_track& track, std::vector<std::uint32_t> rows) {
    in_order_of_start(track.kind, rows);
    const std::size_t lanes_before = track.lanes.size();
    std::vector<std::int64_t> ends;
    for (const std::uint32_t row : rows) {
      const lane_interval i = interval_of(run_, tree_, result_, track.kind, row);
      const auto free = std::find_if(ends.begin(), ends.end(),
                                     [&](std::int64_t end_ns) { return end_ns <= i.start_ns; });
      const auto free_lane = static_cast<std::size_t>(free - ends.begin());
      const std::size_t lane = lanes_before + free_lane;
      if (lane == most_lanes) {
        ++result_.not_shown;
        continue;
      }
      if (free == ends.end()) {
        ends.push_back(i.end_ns);
        track.lanes.emplace_back();
      }
      ends[free_lane] = i.end_ns;
      track.lanes[lane].push_back(row);
      ++track.intervals;
    }
  }

  void in_order_of_start(track_kind kind, std::vector<std::uint32_t>& rows) const {
    const auto earlier = [&](std::uint32_t a, std::uint32_t b) {
      const lane_interval x = interval_of(run_, tree_, result_, kind, a);
      const lane_interval y = interval_of(run_, tree_, result_, kind, b);
      if (x.start_ns != y.start_ns) return x.start_ns < y.start_ns;
      return x.end_ns != y.end_ns ? x.end_ns < y.end_ns : a < b;
    };
    detail::sort_nearly_ordered(rows.begin(), rows.end(), earlier);
  }

  void keep_fullest_tracks() {
    std::vector<laid_out_track>& tracks = result_.tracks;
    if (tracks.size() <= most_tracks) return;
    std::vector<std::int64_t> sizes;
    for (const laid_out_track& t : tracks) sizes.push_back(t.intervals);
    std::nth_element(sizes.begin(), sizes.begin() + most_tracks - 1, sizes.end(), std::greater<>());
    const std::int64_t least = sizes[most_tracks - 1];
    std::int64_t room_for_least = most_tracks;
    for (const laid_out_track& t : tracks) room_for_least -= t.intervals > least ? 1 : 0;
    std::vector<laid_out_track> kept;
    for (laid_out_track& t : tracks) {
      if (t.intervals > least || (t.intervals == least && room_for_least-- > 0))
        kept.push_back(std::move(t));
      else
        result_.not_shown += t.intervals;
    }
    tracks = std::move(kept);
  }

  const recording& run_;
  const span_tree& tree_;
  timeline_layout result_;
  std::vector<std::uint32_t> depths_;  // of spans, from 1; 0: not known yet
};

}  // namespace

lane_interval interval_of(const recording& run, const span_tree& tree,
                          const timeline_layout& layout, track_kind kind, std::uint32_t row) {
  switch (kind) {
    case track_kind::device_stream:
      return whole(run.device_ops[row]);
    case track_kind::graph_replays:
      return layout.replays[row];
    case track_kind::event_windows:
      return whole(run.event_windows[row]);
    case track_kind::async_spans:
      return whole(run.async_spans[row]);
    case track_kind::host_thread:
      break;
  }
  const span_node& node = tree[row];
  return {node.start_ns, node.end_ns, node.exclusive_ns, run.spans[row].name};
}

timeline_layout lay_out(const recording& run, const span_tree& tree) {
  return layout_builder(run, tree).build();
}

}  // namespace latency::analysis
