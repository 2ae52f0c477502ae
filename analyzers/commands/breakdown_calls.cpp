#include <fmt/format.h>

#include "analyzers/analysis/graphs.hpp"
#include "analyzers/analysis/host_calls.hpp"
#include "analyzers/commands/breakdown_report.hpp"
#include "analyzers/commands/document_parts.hpp"

namespace latency::commands {

using render::section;
using render::table;

namespace {

bool any(const analysis::call_counts& calls) {
  return calls.launches.count != 0 || calls.synchronizations.count != 0 ||
         calls.allocations.count != 0;
}

std::vector<cell> cells_of(const std::string& name, const analysis::call_counts& calls) {
  return {name,
          calls.launches.count,
          calls.launches.time_ns,
          calls.synchronizations.count,
          calls.synchronizations.time_ns,
          calls.allocations.count,
          calls.allocations.time_ns};
}

table call_table(const breakdown_report& report, const analysis::call_table& found,
                 std::size_t shown) {
  table result{"host_calls",
               "Host time inside the calls, by the innermost span they were made in",
               {{"component", "component", unit::text},
                {"launches", "launches", unit::integer, true},
                {"launch_time", "launching", unit::duration_ns, true},
                {"synchronizations", "waits", unit::integer},
                {"synchronization_time", "waiting", unit::duration_ns, true},
                {"allocations", "memory calls", unit::integer},
                {"allocation_time", "allocating", unit::duration_ns}},
               {}};
  for (std::size_t i = 0; i < shown; ++i)
    result.rows.push_back(cells_of(report.run.strings[found.rows[i].name], found.rows[i].calls));
  analysis::call_counts others;
  for (std::size_t i = shown; i < found.rows.size(); ++i) others.add(found.rows[i].calls);
  if (shown < found.rows.size())
    result.rows.push_back(cells_of(fmt::format("({} others)", found.rows.size() - shown), others));
  if (any(found.warm_up)) result.rows.push_back(cells_of("(warm-up)", found.warm_up));
  if (any(found.no_span)) result.rows.push_back(cells_of("(no span)", found.no_span));
  result.rows.push_back(cells_of("= all", found.all));
  return result;
}

cell per(std::int64_t value, std::int64_t latent_frames) {
  return cell_if(latent_frames > 0,
                 static_cast<double>(value) / static_cast<double>(latent_frames));
}

table latent_frame_table(const std::vector<analysis::latent_frame_launches>& rows) {
  table result{"launches_per_latent_frame",
               "Per latent frame, in block spans (decoding stands beside them)",
               {{"scenario", "scenario", unit::text},
                {"blocks", "blocks", unit::integer},
                {"latent_frames", "latent frames", unit::integer},
                {"launches", "launches", unit::number, true},
                {"launch_time", "launching", unit::duration_ns, true},
                {"device_ops", "device ops", unit::number}},
               {}};
  for (const analysis::latent_frame_launches& row : rows)
    result.rows.push_back({analysis::to_string(row.kind), row.blocks, row.latent_frames,
                           per(row.launches.count, row.latent_frames),
                           per(row.launches.time_ns, row.latent_frames),
                           per(row.device_ops, row.latent_frames)});
  return result;
}

// What replays run, and what launching them costs the host.
table graph_table(const breakdown_report& report, const std::vector<analysis::graph_row>& rows,
                  std::size_t shown) {
  table result{"graphs",
               "Graphs that were replayed: the launch is host time, the time that of the device",
               {{"graph", "graph", unit::integer},
                {"launched_in", "launched first in", unit::text},
                {"replays", "replays", unit::integer, true},
                {"nodes", "nodes", unit::integer},
                {"ops", "ops", unit::integer},
                {"ops_with_spans", "spans known", unit::integer},
                {"time", "time", unit::duration_ns, true},
                {"launches", "launches", unit::integer},
                {"launch_median", "launch, median", unit::duration_ns, true},
                {"launch_time", "launching", unit::duration_ns}},
               {},
               1};
  const bool known = !report.run.graph_nodes.empty();
  for (std::size_t i = 0; i < shown; ++i) {
    const analysis::graph_row& row = rows[i];
    const bool timed = row.launch_ns.n > 0;
    result.rows.push_back(
        {static_cast<std::int64_t>(i + 1),
         row.first_span == no_span ? "(no span)"
                                   : report.run.name_of(report.run.spans[row.first_span]),
         row.replays, row.nodes, row.ops, known ? cell(row.ops_by_reason[0]) : cell(), row.time_ns,
         row.launch_ns.n, cell_if(timed, row.launch_ns.p50), cell_if(timed, row.launch_ns.sum)});
  }
  return result;
}

}  // namespace

section calls_section(const breakdown_report& report, bool detailed) {
  section result{"calls", "Launching and waiting", {}};
  auto& items = result.items;
  const analysis::call_table found = analysis::host_calls(report.run, report.tree);
  if (!any(found.all)) {
    items.emplace_back(absent_line("no calls that launch, wait or allocate were recorded"));
    return result;
  }
  items.emplace_back(
      plain_line("{} launches took {} of host time; waiting for the device took {} ({} calls), "
                 "allocating {} ({} calls)",
                 {{"launches", unit::integer, found.all.launches.count},
                  {"launch_time", unit::duration_ns, found.all.launches.time_ns},
                  {"synchronization_time", unit::duration_ns, found.all.synchronizations.time_ns},
                  {"synchronizations", unit::integer, found.all.synchronizations.count},
                  {"allocation_time", unit::duration_ns, found.all.allocations.time_ns},
                  {"allocations", unit::integer, found.all.allocations.count}}));
  const std::size_t shown = rows_shown(found.rows.size(), detailed);
  items.emplace_back(call_table(report, found, shown));
  if (shown < found.rows.size())
    items.emplace_back(more_line(found.rows.size() - shown, "component"));
  const auto rows = analysis::launches_per_latent_frame(report.run, report.tree, report.generated);
  if (!rows.empty()) items.emplace_back(latent_frame_table(rows));
  const auto graphs = analysis::graphs(report.run, report.devices);
  if (!graphs.empty()) {
    const std::size_t graphs_shown = rows_shown(graphs.size(), detailed);
    items.emplace_back(graph_table(report, graphs, graphs_shown));
    if (graphs_shown < graphs.size())
      items.emplace_back(more_line(graphs.size() - graphs_shown, "graph"));
    if (report.run.hygiene.changed_graph_nodes > 0)
      items.emplace_back(note_line(counted(report.run.hygiene.changed_graph_nodes, "node") +
                                   " changed since the capture, with whose spans they stay."));
  }
  return result;
}

}  // namespace latency::commands
