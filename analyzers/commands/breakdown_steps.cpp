#include "analyzers/analysis/steps.hpp"
#include "analyzers/commands/breakdown_report.hpp"
#include "analyzers/commands/document_parts.hpp"

namespace latency::commands {

using render::section;
using render::table;

section steps_section(const breakdown_report& report) {
  section result{"steps", "Denoising steps", {}};
  const analysis::step_report found = analysis::steps(report.run, report.tree);
  if (found.steps.empty()) {
    result.items.emplace_back(absent_line("no span has the attribute step"));
    return result;
  }
  const auto& strings = report.run.strings;
  table groups{"step_durations",
               "Over all blocks",
               {{"step", "step", unit::integer},
                {"component", "component", unit::text},
                {"timestep", "timestep", unit::number}},
               {},
               3};
  append(groups.columns, summary_columns("n", false));
  for (const analysis::step_group& g : found.groups) {
    groups.rows.push_back({g.step, strings[g.name], optional_cell(g.timestep)});
    append(groups.rows.back(), summary_cells(g.duration_ns, false));
  }
  table each{"steps",
             "Each step",
             {{"block", "block", unit::integer},
              {"step", "step", unit::integer},
              {"component", "component", unit::text},
              {"timestep", "timestep", unit::number},
              {"start", "start", unit::duration_ns},
              {"time", "time", unit::duration_ns, true}},
             {},
             3};
  for (const analysis::step_timing& s : found.steps)
    each.rows.push_back({optional_cell(s.block), s.step, strings[s.name], optional_cell(s.timestep),
                         s.start_ns, s.duration_ns});
  result.items.emplace_back(std::move(groups));
  result.items.emplace_back(std::move(each));
  return result;
}

}  // namespace latency::commands
