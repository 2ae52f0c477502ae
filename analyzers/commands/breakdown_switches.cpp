#include "analyzers/commands/breakdown_report.hpp"
#include "analyzers/commands/document_parts.hpp"
#include "analyzers/commands/switch_tables.hpp"

namespace latency::commands {

render::section switches_section(const breakdown_report& report, bool detailed) {
  const analysis::switch_report& switched = report.switched;
  render::section result{"switches", "Prompt switches", {}};
  auto& items = result.items;
  if (switched.switches.empty()) {
    items.emplace_back(absent_line(report.run.switches.empty()
                                       ? "no prompt switches were recorded"
                                       : "every recorded switch is warm-up or lost its block"));
    return result;
  }
  items.emplace_back(delta_note(switched.serial));
  items.emplace_back(absolute_note());
  if (switched.warm_up_switches + switched.switches_without_block > 0)
    items.emplace_back(left_out_line(switched.warm_up_switches, switched.switches_without_block));
  items.emplace_back(after_line(switched.after));
  std::vector<named_summary> rows{{"delta", switched.over_all.delta_ns}};
  append(rows, absolute_rows(switched.over_all));
  items.emplace_back(part_table("switch_summary", "Over all switches", rows, detailed));
  const std::vector<switch_source> source{{"", report.run, switched}};
  items.emplace_back(each_switch_table(source));
  if (switched.over_all.absolute_ns.n > 0) items.emplace_back(each_absolute_table(source));
  return result;
}

}  // namespace latency::commands
