#include <fmt/format.h>

#include "analyzers/analysis/event_windows.hpp"
#include "analyzers/commands/breakdown_report.hpp"
#include "analyzers/commands/document_parts.hpp"

namespace latency::commands {

using render::section;
using render::table;

namespace {

table event_window_table(const breakdown_report& report, const analysis::event_report& found,
                         std::size_t shown, bool detailed) {
  table result{"event_windows",
               "Windows between two events of a stream; those of different streams overlap",
               {{"component", "window", unit::text}},
               {}};
  append(result.columns, summary_columns("n", detailed));
  result.columns.push_back({"resolution", "resolution", unit::duration_ns});
  for (std::size_t i = 0; i < shown; ++i) {
    const analysis::window_component& window = found.windows[i];
    result.rows.push_back({report.run.strings[window.name]});
    append(result.rows.back(), summary_cells(window.duration_ns, detailed));
    result.rows.back().emplace_back(window.resolution_ns);
  }
  return result;
}

table mark_table(const breakdown_report& report, const analysis::event_report& found,
                 std::size_t shown, bool detailed) {
  table result{"marks",
               "Completion marks, and the time from one completion to the next",
               {{"mark", "mark", unit::text},
                {"marks", "marks", unit::integer, true},
                {"first", "first at", unit::duration_ns, true}},
               {}};
  append(result.columns, summary_columns("gaps", detailed));
  for (std::size_t i = 0; i < shown; ++i) {
    const analysis::mark_series& series = found.marks[i];
    result.rows.push_back({report.run.strings[series.name], series.count, series.first_ns});
    append(result.rows.back(), summary_cells(series.gap_ns, detailed));
  }
  return result;
}

}  // namespace

section events_section(const breakdown_report& report, bool detailed) {
  section result{"events", "Event windows and marks", {}};
  auto& items = result.items;
  const analysis::event_report found = analysis::events(report.run, report.tree);
  if (report.run.event_windows.empty() && report.run.marks.empty()) {
    items.emplace_back(absent_line("none were recorded (latency/cuda.hpp records them)"));
    return result;
  }
  const auto add = [&](std::size_t rows, const std::string& noun, const auto& table_of) {
    if (rows == 0) return;
    const std::size_t shown = rows_shown(rows, detailed);
    items.emplace_back(table_of(report, found, shown, detailed));
    if (shown < rows) items.emplace_back(more_line(rows - shown, noun));
  };
  if (found.warm_up_windows + found.warm_up_marks > 0)
    items.emplace_back(note_line(counted(found.warm_up_windows, "window") + " and " +
                                 counted(found.warm_up_marks, "mark") +
                                 " of warm-up spans are left out."));
  add(found.windows.size(), "name", event_window_table);
  add(found.marks.size(), "name", mark_table);
  return result;
}

}  // namespace latency::commands
