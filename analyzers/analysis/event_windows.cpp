#include "analyzers/analysis/event_windows.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <string_view>
#include <tuple>

#include "latency/interval_set.hpp"
#include "latency/saturating.hpp"

namespace latency::analysis {
namespace {

interval times_of(const event_window& window) {
  const std::int64_t start_ns = clamp_time(window.start_ns);
  return {start_ns, std::max(start_ns, clamp_time(window.end_ns))};
}

bool in_warm_up(const span_tree& tree, span_id id) {
  const std::uint32_t span = id == 0 ? no_span : tree.find(id);
  return span != no_span && tree[span].warm_up;
}

void add_windows(const recording& run, const span_tree& tree, event_report& report) {
  std::map<string_id, std::vector<std::int64_t>> durations_ns;
  std::map<string_id, std::int64_t> resolution_ns;
  for (const event_window& window : run.event_windows) {
    if (in_warm_up(tree, window.span)) {
      ++report.warm_up_windows;
      continue;
    }
    durations_ns[window.name].push_back(times_of(window).length_ns());
    std::int64_t& coarsest_ns = resolution_ns[window.name];
    coarsest_ns = std::max(coarsest_ns, window.resolution_ns);
  }
  for (const auto& [name, values] : durations_ns)
    report.windows.push_back({name, summarize(values), resolution_ns[name]});
  std::sort(report.windows.begin(), report.windows.end(),
            [&](const window_component& a, const window_component& b) {
              return std::make_tuple(b.duration_ns.sum, std::string_view(run.strings[a.name])) <
                     std::make_tuple(a.duration_ns.sum, std::string_view(run.strings[b.name]));
            });
}

void add_marks(const recording& run, const span_tree& tree, event_report& report) {
  std::map<string_id, std::vector<std::int64_t>> times_ns;
  for (const completion_mark& mark : run.marks) {
    if (in_warm_up(tree, mark.span))
      ++report.warm_up_marks;
    else
      times_ns[mark.name].push_back(clamp_time(mark.time_ns));
  }
  for (auto& [name, times] : times_ns) {
    std::sort(times.begin(), times.end());
    std::vector<std::int64_t> gaps_ns;
    for (std::size_t i = 1; i < times.size(); ++i) gaps_ns.push_back(times[i] - times[i - 1]);
    report.marks.push_back(
        {name, static_cast<std::int64_t>(times.size()), times.front(), summarize(gaps_ns)});
  }
  std::sort(report.marks.begin(), report.marks.end(),
            [&](const mark_series& a, const mark_series& b) {
              return std::make_tuple(a.first_ns, std::string_view(run.strings[a.name])) <
                     std::make_tuple(b.first_ns, std::string_view(run.strings[b.name]));
            });
}

// Of the outermost spans with event windows: for each, on a device and stream, what windows and ops
// cover from the first start to the last end. Not windows of graph replays: those stand below the
// span that launched, and hold some of its ops.
class checker {
 public:
  checker(const recording& run, const span_tree& tree)
      : run_(run), outermost_(run.spans.size(), no_span) {
    std::vector<bool> has_window(run.spans.size(), false);
    for (const event_window& window : run.event_windows) {
      const std::uint32_t span = span_of(window, tree);
      if (span != no_span) has_window[span] = true;
    }
    for (const std::uint32_t span : tree.preorder()) {
      const std::uint32_t parent = tree[span].parent;
      if (parent != no_span) outermost_[span] = outermost_[parent];
      if (outermost_[span] == no_span && has_window[span]) outermost_[span] = span;
    }
    for (const event_window& window : run.event_windows) {
      const std::uint32_t span = span_of(window, tree);
      if (span == no_span || outermost_[span] != span) continue;
      pair& p = pairs_[{span, window.device, window.stream}];
      widen(p.window, times_of(window));
      p.resolution_ns = std::max(p.resolution_ns, clamp_time(window.resolution_ns));
    }
  }

  void add_ops(const device_accounting& devices) {
    for (std::size_t i = 0; i < run_.device_ops.size(); ++i) {
      const device_op_account& account = devices.ops()[i];
      if (!account.placed() || account.span == no_span) continue;
      const device_op& op = run_.device_ops[i];
      const auto p = pairs_.find({outermost_[account.span], op.device, op.stream});
      if (p != pairs_.end()) widen(p->second.ops, {op.start_ns, op.end_ns});
    }
  }

  event_check result() const {
    event_check check;
    for (const auto& [key, p] : pairs_) {
      if (p.ops.start_ns > p.ops.end_ns) continue;
      const std::int64_t sticks_out_ns = std::max<std::int64_t>(
          {0, p.window.start_ns - p.ops.start_ns, p.ops.end_ns - p.window.end_ns});
      const std::int64_t uncertainty_ns =
          saturating_add(clock_uncertainty_ns(std::get<1>(key)), p.resolution_ns);
      ++check.windows;
      check.held += sticks_out_ns <= uncertainty_ns ? 1 : 0;
      check.farthest_ns = std::max(check.farthest_ns, sticks_out_ns);
      check.uncertainty_ns = std::max(check.uncertainty_ns, uncertainty_ns);
      if (check.windows > 1 && p.window.length_ns() <= check.longest_ns) continue;
      check.longest_ns = p.window.length_ns();
      check.longest_ops_ns = p.ops.length_ns();
    }
    return check;
  }

 private:
  struct pair {
    interval window{std::numeric_limits<std::int64_t>::max(),
                    std::numeric_limits<std::int64_t>::min()};
    interval ops = window;
    std::int64_t resolution_ns = 0;
  };

  static std::uint32_t span_of(const event_window& window, const span_tree& tree) {
    return window.span == 0 || window.replay != 0 || window.last_replay != 0
               ? no_span
               : tree.find(window.span);
  }
  static void widen(interval& all, const interval& one) {
    all.start_ns = std::min(all.start_ns, one.start_ns);
    all.end_ns = std::max(all.end_ns, one.end_ns);
  }

  // Both tiers map the device's clock to the session's.
  std::int64_t clock_uncertainty_ns(std::uint32_t device) const {
    std::int64_t sum_ns = 0;
    for (const device_clock& clock : run_.device_clocks)
      if (clock.device == device)
        sum_ns = saturating_add(sum_ns, std::max<std::int64_t>(0, clock.uncertainty_ns));
    return sum_ns;
  }

  const recording& run_;
  std::vector<std::uint32_t> outermost_;  // span with a window around each span, or itself
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, pair> pairs_;
};

}  // namespace

event_report events(const recording& run, const span_tree& tree) {
  event_report report;
  add_windows(run, tree, report);
  add_marks(run, tree, report);
  return report;
}

event_check check_events(const recording& run, const span_tree& tree,
                         const device_accounting& devices) {
  if (run.event_windows.empty() || run.device_ops.empty()) return {};
  checker check(run, tree);
  check.add_ops(devices);
  return check.result();
}

}  // namespace latency::analysis
