#include <fmt/format.h>

#include <algorithm>

#include "analyzers/commands/breakdown_report.hpp"
#include "analyzers/commands/document_parts.hpp"

namespace latency::commands {

using render::section;
using render::table;

namespace {

// Where the time went: one row for each name, adding up to all of it.
table exclusive_table(const breakdown_report& report) {
  const analysis::component_table& parts = report.components;
  const std::string whole = parts.thread_count == 1 ? "share of wall" : "share of thread wall";
  table result{"components",
               "",
               {{"component", "component", unit::text},
                {"exclusive", "exclusive", unit::duration_ns, true},
                {"exclusive_share", whole, unit::ratio, true},
                {"inclusive", "inclusive", unit::duration_ns},
                {"count", "count", unit::integer}},
               {}};
  for (const analysis::component& c : parts.rows)
    result.rows.push_back(
        {report.run.strings[c.name], c.exclusive_ns, c.exclusive_share, c.inclusive_ns, c.count});
  if (parts.warm_up_count > 0)
    result.rows.push_back({"(warm-up)", parts.warm_up_exclusive_ns, parts.warm_up_share, cell(),
                           parts.warm_up_count});
  result.rows.push_back({"(untracked)", parts.untracked_ns, parts.untracked_share, cell(), cell()});
  result.rows.push_back({parts.thread_count == 1 ? std::string("= wall")
                                                 : fmt::format("= wall x {}", parts.thread_count),
                         parts.thread_wall_ns, 1.0, cell(), cell()});
  return result;
}

table duration_table(const breakdown_report& report, bool detailed) {
  table result{"component_durations",
               "Duration of one span, its children included",
               {{"component", "component", unit::text}},
               {}};
  append(result.columns, summary_columns("n", detailed));
  for (const analysis::component& c : report.components.rows) {
    result.rows.push_back({report.run.strings[c.name]});
    append(result.rows.back(), summary_cells(c.duration_ns, detailed));
  }
  return result;
}

table async_table(const breakdown_report& report, bool detailed) {
  table result{"async_spans",
               "Async spans: they overlap anything, so they have no share",
               {{"component", "async span", unit::text}},
               {}};
  append(result.columns, summary_columns("n", detailed));
  for (const analysis::async_component& c : report.components.async_rows) {
    result.rows.push_back({report.run.strings[c.name]});
    append(result.rows.back(), summary_cells(c.duration_ns, detailed));
  }
  return result;
}

}  // namespace

section components_section(const breakdown_report& report, bool detailed) {
  section result{"components", "Time per component", {}};
  if (report.components.rows.empty()) {
    result.items.emplace_back(absent_line("no spans were recorded"));
    return result;
  }
  result.items.emplace_back(note_line(
      "exclusive = without the children; these add up. inclusive = with them; do not add."));
  result.items.emplace_back(exclusive_table(report));
  result.items.emplace_back(duration_table(report, detailed));
  if (!report.components.async_rows.empty())
    result.items.emplace_back(async_table(report, detailed));
  return result;
}

// Of a path that is written out. The paths of spans that nest very deep, which our own recordings
// do not, would together be as large as their number squared.
constexpr std::size_t most_path_bytes = 2048;

section hierarchy_section(const breakdown_report& report) {
  section result{"hierarchy", "Hierarchy", {}};
  const auto& nodes = report.hierarchy.nodes;
  if (nodes.empty()) {
    result.items.emplace_back(absent_line("no spans were recorded"));
    return result;
  }
  table tree{"hierarchy",
             "",
             {{"path", "span", unit::path},
              {"inclusive", "inclusive", unit::duration_ns, true},
              {"inclusive_share", "share", unit::ratio},
              {"exclusive", "exclusive", unit::duration_ns, true},
              {"exclusive_share", "share", unit::ratio},
              {"count", "count", unit::integer}},
             {}};
  const bool handed_over =
      std::any_of(nodes.begin(), nodes.end(), [](const auto& node) { return node.handed_over; });
  if (handed_over) tree.columns.push_back({"on", "on", unit::text});
  std::vector<std::string> paths;
  for (const analysis::hierarchy_node& node : nodes) {
    std::string name = report.run.strings[node.name];
    std::replace(name.begin(), name.end(), ';', ',');  // ';' joins the names of a path
    paths.push_back(node.parent ? paths[*node.parent] + ";" + name : name);
    if (paths.back().size() > most_path_bytes)
      paths.back() = "(level " + std::to_string(node.depth + 1) + ");" + name.substr(0, 100);
    tree.rows.push_back({paths.back(), node.inclusive_ns, node.inclusive_share, node.exclusive_ns,
                         node.exclusive_share, node.count});
    if (handed_over)
      tree.rows.back().emplace_back(node.handed_over ? cell("other thread") : cell());
  }
  result.items.emplace_back(std::move(tree));
  if (handed_over)
    result.items.emplace_back(
        note_line("'other thread': handed over, so its time is not part of its parent's."));
  return result;
}

}  // namespace latency::commands
