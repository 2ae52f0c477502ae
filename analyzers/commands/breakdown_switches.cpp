#include <fmt/format.h>

#include <algorithm>

#include "analyzers/commands/breakdown_report.hpp"
#include "analyzers/commands/document_parts.hpp"

namespace latency::commands {

using render::line;
using render::section;
using render::table;

namespace {

std::string part_name(std::size_t part) {
  return analysis::to_string(static_cast<analysis::switch_part>(part));
}

// Rows: both definitions, then every part of the absolute one.
table summary_table(const analysis::switch_report& switched, bool detailed) {
  table result{"switch_summary", "Over all switches", {{"part", "part", unit::text}}, {}};
  append(result.columns, summary_columns("n", detailed));
  const auto add = [&](const std::string& name, const summary& of) {
    result.rows.push_back({name});
    append(result.rows.back(), summary_cells(of, detailed));
  };
  add("delta", switched.delta_ns);
  add("absolute", switched.absolute_ns);
  for (std::size_t part = 0; part < analysis::switch_part_count; ++part)
    add("  " + part_name(part), switched.parts_ns[part]);
  return result;
}

// Switches are numbered from 1 in the order of the report.
cell number_of(const analysis::switch_timing& of, const breakdown_report& report) {
  return count_cell(&of - report.switched.switches.data() + 1);
}

table switch_table(const breakdown_report& report) {
  table result{"switches",
               "Each switch",
               {{"switch", "switch", unit::integer},
                {"clip", "clip", unit::integer},
                {"segment", "segment", unit::integer},
                {"block", "block", unit::integer},
                {"requested_latent_frame", "requested latent frame", unit::integer},
                {"latent_frame", "latent frame", unit::integer},
                {"recached_latent_frames", "recached latent frames", unit::integer},
                {"switch_total", "switch total", unit::duration_ns, true},
                {"delta", "delta", unit::duration_ns, true},
                {"absolute", "absolute", unit::duration_ns, true}},
               {}};
  for (const analysis::switch_timing& s : report.switched.switches) {
    const prompt_switch& row = report.run.switches[s.row];
    result.rows.push_back({number_of(s, report), count_cell(s.clip), count_cell(row.segment),
                           count_cell(row.block), count_cell(row.requested_latent_frame),
                           count_cell(row.latent_frame), count_cell(row.recached_latent_frames),
                           s.switch_total_ns, optional_cell(s.delta_ns),
                           optional_cell(s.absolute_ns)});
  }
  return result;
}

table parts_table(const breakdown_report& report) {
  table result{"switch_parts",
               "Where the absolute time of each switch went; the parts add up to it",
               {{"switch", "switch", unit::integer}},
               {}};
  for (std::size_t part = 0; part < analysis::switch_part_count; ++part)
    result.columns.push_back({as_key(part_name(part)), part_name(part), unit::duration_ns});
  for (const analysis::switch_timing& s : report.switched.switches) {
    if (!s.absolute_ns) continue;
    result.rows.push_back({number_of(s, report)});
    for (const std::int64_t part : s.parts_ns) result.rows.back().emplace_back(part);
  }
  return result;
}

line after_line(const analysis::after_switch_comparison& after) {
  const bool interval = after.interval_low_ns && after.interval_high_ns;
  const bool compared = std::min(after.after_blocks, after.steady_blocks) > 0;
  const cell after_median = cell_if(compared, after.after_median_ns);
  const cell steady_median = cell_if(compared, after.steady_median_ns);
  const cell difference = cell_if(compared, after.difference_ns);
  const bool slower = after.verdict == analysis::after_switch_verdict::slower;
  return {
      fmt::format("full blocks after a switch against the other full ones: {}: median {{}} (n = "
                  "{{}}) against {{}} (n = {{}}), difference {{}}{}",
                  analysis::to_string(after.verdict),
                  interval ? ", 95 % interval {} to {}"
                           : fmt::format("; too few blocks for an interval (at least {})",
                                         analysis::after_switch_minimum_blocks)),
      {{"after_median", unit::duration_ns, after_median},
       {"after_n", unit::integer, after.after_blocks},
       {"steady_median", unit::duration_ns, steady_median},
       {"steady_n", unit::integer, after.steady_blocks},
       {"difference", unit::duration_ns, difference},
       {"interval_low", unit::duration_ns, optional_cell(after.interval_low_ns)},
       {"interval_high", unit::duration_ns, optional_cell(after.interval_high_ns)}},
      slower ? tone::warning : tone::plain};
}

}  // namespace

section switches_section(const breakdown_report& report, bool detailed) {
  const analysis::switch_report& switched = report.switched;
  section result{"switches", "Prompt switches", {}};
  auto& items = result.items;
  if (switched.switches.empty()) {
    items.emplace_back(absent_line(report.run.switches.empty()
                                       ? "no prompt switches were recorded"
                                       : "every recorded switch is warm-up or lost its block"));
    return result;
  }
  items.emplace_back(
      note_line("delta = time of the switch's block minus that of the block before" +
                std::string(switched.serial ? "" : " (serial runs only: none here)")));
  items.emplace_back(note_line(
      "absolute = from the request to the first pixel frame of the new prompt in host memory"));
  if (switched.warm_up_switches + switched.switches_without_block > 0)
    items.emplace_back(
        plain_line("left out: {} in warm-up, {} whose block was lost",
                   {{"warm_up_switches", unit::integer, switched.warm_up_switches},
                    {"switches_without_block", unit::integer, switched.switches_without_block}}));
  items.emplace_back(after_line(switched.after));
  items.emplace_back(summary_table(switched, detailed));
  items.emplace_back(switch_table(report));
  if (switched.absolute_ns.n > 0) items.emplace_back(parts_table(report));
  return result;
}

}  // namespace latency::commands
