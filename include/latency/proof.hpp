#pragma once
// What the proof line of every report shows: that each nanosecond was counted once, and what could
// still be wrong although the sums agree (drops, records that cannot be, missing ops).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

#include "latency/detail/replay_graphs.hpp"
#include "latency/device_accounting.hpp"
#include "latency/recording.hpp"
#include "latency/span_tree.hpp"

namespace latency {

struct proof {
  // Host, over all threads (thread-seconds): exclusive + untracked = wall.
  std::int64_t threads = 0;
  std::int64_t thread_wall_ns = 0;
  std::int64_t exclusive_ns = 0;
  std::int64_t untracked_ns = 0;
  bool host_exact = false;  // for each thread by itself

  // Devices, over all (device-seconds): share + copy_exposed + unattributed + idle = window.
  std::int64_t devices = 0;
  std::int64_t device_window_ns = 0;
  std::int64_t share_ns = 0;
  std::int64_t copy_exposed_ns = 0;
  std::int64_t unattributed_ns = 0;
  std::int64_t idle_ns = 0;
  std::int64_t busy_ns = 0;
  std::int64_t busy_recomputed_ns = 0;  // by a second routine
  bool devices_exact = false;           // for each device by itself, busy times agreeing

  // Ops recorded = launches counted + graph nodes x replays.
  std::int64_t ops_recorded = 0;
  std::int64_t launches = 0;  // of ops outside graphs, as count_launches tells them apart
  std::int64_t replay_ops =
      0;  // sum over graphs of nodes x replays; of conditional nodes what their bodies ran
  std::int64_t replays = 0;
  std::int64_t launch_calls = 0;  // API calls recorded; 0: only the ops tell of launches

  // Where totals were recorded in place of rows (device_total, api_total).
  std::int64_t total_ops = 0;
  std::int64_t total_launch_calls = 0;
  std::int64_t unsound_totals = 0;  // a mean outside of least and most, buckets that lack ops, ...

  hygiene_counts hygiene;
  span_problem_counts span_problems;
  device_op_problem_counts op_problems;

  [[nodiscard]] bool ops_complete() const noexcept { return ops_recorded == launches + replay_ops; }
  [[nodiscard]] std::int64_t dropped() const noexcept {
    return hygiene.dropped_spans + hygiene.dropped_records + hygiene.dropped_device_ops;
  }
  // Rows are looked at one by one; where there are totals, they are as sound as what was counted.
  [[nodiscard]] bool totals_complete() const noexcept {
    return unsound_totals == 0 && (total_ops == 0 || (hygiene.invalid_device_ops == 0 &&
                                                      hygiene.unmatched_device_ops == 0));
  }
  // The sums agree. Drops and problems do not change that; a report shows them beside it.
  [[nodiscard]] bool exact() const noexcept { return host_exact && devices_exact; }
  // Nothing to explain: exact, complete, nothing dropped, no impossible record.
  [[nodiscard]] bool clean() const noexcept {
    return exact() && ops_complete() && totals_complete() && dropped() == 0 &&
           hygiene.unmatched_launches == 0 && hygiene.untraced_copies == 0 &&
           hygiene.damaged_blocks == 0 && !hygiene.incomplete && span_problems.records == 0 &&
           op_problems.records == 0;
  }
};

namespace detail {

// Such an op counts for itself: nobody knows the launch that ran it.
[[nodiscard]] inline bool in_conditional_body(const device_op& op) noexcept {
  return op.reason == unattributed_reason::conditional_body;
}

// Every replay should have run every node of its graph that any of them ran. An op whose node is
// not known (files of others may lack it) or depends on a condition counts for itself. Sets replays
// and replay_ops. O(n log n).
inline void count_replays(const recording& r, proof& result) {
  const replay_graphs graphs(r);
  std::vector<std::uint64_t> replays;
  for (const device_op& op : r.device_ops) {
    if (op.replay == 0) {
      result.replay_ops += in_conditional_body(op) ? 1 : 0;
      continue;
    }
    replays.push_back(op.replay);
    if (op.graph_node == 0 || graphs.conditional(op.graph_node)) ++result.replay_ops;
  }
  std::sort(replays.begin(), replays.end());
  result.replays = std::unique(replays.begin(), replays.end()) - replays.begin();
  for (const replay_graphs::instance& one : graphs.instances())
    result.replay_ops += graphs.certain_nodes_of_graph()[one.graph];
}

// Ops of one correlation are one launch, but for copies: a call may make several (a batch, a copy
// between devices that passes through the host), which differ in when and where they ran.
inline std::int64_t count_launches(const std::vector<device_op>& ops) {
  std::int64_t launches = 0;
  std::vector<std::uint64_t> correlations;
  std::vector<std::tuple<std::uint64_t, std::int64_t, std::uint32_t, std::uint32_t>> copies;
  for (const device_op& op : ops) {
    if (op.replay != 0 || in_conditional_body(op)) continue;
    if (op.correlation == 0)
      ++launches;
    else if (op.kind == device_op_kind::memcpy)
      copies.emplace_back(op.correlation, op.start_ns, op.device, op.stream);
    else
      correlations.push_back(op.correlation);
  }
  const auto distinct = [](auto& rows) {
    std::sort(rows.begin(), rows.end());
    return std::unique(rows.begin(), rows.end()) - rows.begin();
  };
  return launches + static_cast<std::int64_t>(distinct(correlations) + distinct(copies));
}

// Sets total_ops, total_launch_calls and unsound_totals. O(n).
inline void check_totals(const recording& r, proof& result) {
  std::vector<std::int64_t> in_buckets(r.device_totals.size(), 0);
  for (const duration_bucket& b : r.device_histograms)
    if (b.total < in_buckets.size())
      in_buckets[b.total] = saturating_add(in_buckets[b.total], b.count);
  const auto sound = [](const auto& total) {
    return total.count > 0 && total.min_ns >= 0 && total.sum_ns / total.count >= total.min_ns &&
           total.sum_ns / total.count <= total.max_ns;
  };
  for (std::size_t i = 0; i < r.device_totals.size(); ++i) {
    const device_total& total = r.device_totals[i];
    result.total_ops = saturating_add(result.total_ops, total.count);
    if (!sound(total) || in_buckets[i] != total.count) ++result.unsound_totals;
  }
  for (const api_total& total : r.api_totals) {
    if (total.kind == api_call_kind::launch)
      result.total_launch_calls = saturating_add(result.total_launch_calls, total.count);
    if (!sound(total)) ++result.unsound_totals;
  }
}

}  // namespace detail

// `tree` and `accounting` must have been built from `r`.
inline proof make_proof(const recording& r, const span_tree& tree,
                        const device_accounting& accounting) {
  proof result;
  result.host_exact = true;
  for (const thread_account& t : tree.threads()) {
    ++result.threads;
    result.thread_wall_ns = saturating_add(result.thread_wall_ns, t.wall_ns);
    result.exclusive_ns = saturating_add(result.exclusive_ns, t.exclusive_ns);
    result.untracked_ns = saturating_add(result.untracked_ns, t.untracked_ns);
    result.host_exact = result.host_exact && t.exact();
  }
  result.devices_exact = true;
  for (const device_account& d : accounting.devices()) {
    ++result.devices;
    const auto add = [](std::int64_t& total, std::int64_t ns) {
      total = saturating_add(total, ns);
    };
    add(result.device_window_ns, d.window.length_ns());
    add(result.share_ns, d.share_ns);
    add(result.copy_exposed_ns, d.copy_exposed_ns);
    add(result.unattributed_ns, d.unattributed_total_ns());
    add(result.idle_ns, d.idle_ns);
    add(result.busy_ns, d.busy_ns);
    add(result.busy_recomputed_ns, d.busy_recomputed_ns);
    result.devices_exact = result.devices_exact && d.exact();
  }
  result.ops_recorded = static_cast<std::int64_t>(r.device_ops.size());
  result.launches = detail::count_launches(r.device_ops);
  detail::count_replays(r, result);
  for (const api_call& call : r.api_calls)
    result.launch_calls += call.kind == api_call_kind::launch ? 1 : 0;
  detail::check_totals(r, result);
  result.hygiene = r.hygiene;
  result.span_problems = tree.problems();
  result.op_problems = accounting.problems();
  return result;
}

}  // namespace latency
