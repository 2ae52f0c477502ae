#include "analyzers/analysis/graphs.hpp"

#include <algorithm>
#include <unordered_map>

#include "latency/detail/captured_spans.hpp"
#include "latency/detail/replay_graphs.hpp"
#include "latency/saturating.hpp"

namespace latency::analysis {

std::vector<graph_row> graphs(const recording& run, const device_accounting& devices) {
  const latency::detail::replay_graphs grouped(run);
  std::vector<graph_row> rows(grouped.nodes_of_graph().size());
  if (rows.empty()) return rows;
  std::unordered_map<std::uint64_t, std::size_t> graph_of;  // replay
  for (const auto& [replay, graph] : grouped.instances()) {
    graph_of.emplace(replay, graph);
    ++rows[graph].replays;
  }
  std::vector<std::int64_t> first_ns(rows.size(), time_limit_ns);
  std::unordered_map<std::uint64_t, std::size_t> graph_of_call;  // correlation
  const latency::detail::captured_spans captured(run);
  for (std::size_t i = 0; i < run.device_ops.size(); ++i) {
    const device_op& op = run.device_ops[i];
    const auto found = graph_of.find(op.replay);
    if (op.replay == 0 || found == graph_of.end()) continue;
    graph_row& row = rows[found->second];
    graph_of_call.emplace(op.correlation, found->second);
    if (!devices.ops()[i].placed()) continue;
    ++row.ops;
    ++row.ops_by_reason[static_cast<std::size_t>(captured.of(op.graph_node).reason)];
    row.time_ns = saturating_add(row.time_ns, devices.ops()[i].share_ns);
    if (op.start_ns >= first_ns[found->second]) continue;
    first_ns[found->second] = op.start_ns;
    row.first_span = devices.ops()[i].span;
  }
  std::vector<std::vector<double>> launches(rows.size());
  for (const api_call& call : run.api_calls) {
    const auto found = graph_of_call.find(call.correlation);
    if (call.kind != api_call_kind::launch || found == graph_of_call.end()) continue;
    const std::int64_t start_ns = clamp_time(call.start_ns);
    launches[found->second].push_back(
        static_cast<double>(std::max(start_ns, clamp_time(call.end_ns)) - start_ns));
  }
  std::vector<std::size_t> order(rows.size());
  for (std::size_t graph = 0; graph < rows.size(); ++graph) {
    rows[graph].nodes = grouped.nodes_of_graph()[graph];
    rows[graph].launch_ns = summarize(launches[graph]);
    order[graph] = graph;
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return first_ns[a] < first_ns[b]; });
  std::vector<graph_row> result;
  for (const std::size_t graph : order) result.push_back(rows[graph]);
  return result;
}

}  // namespace latency::analysis
