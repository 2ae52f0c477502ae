#include <algorithm>
#include <utility>

#include "analyzers/analysis/span_names.hpp"
#include "analyzers/commands/document_parts.hpp"
#include "analyzers/commands/switch_report.hpp"

namespace latency::commands {

using render::line;
using render::section;
using render::table;

namespace {

bool any_switches(const switch_files& files) {
  for (const switch_file& file : files)
    if (!file.analysed.switched.switches.empty()) return true;
  return false;
}

bool is_part_of_a_switch(analysis::span_role role) {
  return role == analysis::span_role::switch_total || role == analysis::span_role::cache_reset ||
         role == analysis::span_role::recache_setup || role == analysis::span_role::recache;
}

// What a trace without rows for its switches still has: spans that are named like parts of one.
table named_spans_table(const switch_files& files) {
  table result{"switch_spans", "Spans named like parts of a switch", {}, {}};
  if (files.size() > 1) result.columns.push_back({"file", "file", unit::text});
  result.columns.push_back({"component", "span", unit::text});
  result.key_columns = result.columns.size();
  append(result.columns, summary_columns("n", false));
  for (const switch_file& file : files) {
    const analysis::span_roles roles(file.run.strings);
    for (const analysis::component& c : file.analysed.components.rows) {
      if (!is_part_of_a_switch(roles[c.name])) continue;
      auto& row = result.rows.emplace_back();
      if (files.size() > 1) row.emplace_back(file.letter);
      row.emplace_back(file.run.strings[c.name]);
      append(row, summary_cells(c.duration_ns, false));
    }
  }
  return result;
}

void add_absence(section& to, const switch_files& files) {
  const bool recorded = std::any_of(files.begin(), files.end(), [](const switch_file& file) {
    return !file.run.switches.empty();
  });
  if (recorded) {
    to.items.emplace_back(absent_line("every recorded switch is warm-up or lost its block"));
    return;
  }
  table spans = named_spans_table(files);
  to.items.emplace_back(absent_line(
      spans.rows.empty() ? "no prompt switches were recorded"
                         : "no prompt switches were recorded as such (latency::record), only spans "
                           "that are named like their parts"));
  if (!spans.rows.empty()) to.items.emplace_back(std::move(spans));
}

section overview_section(const switch_files& files) {
  section result{"switches", "Prompt switches", {}};
  if (!any_switches(files)) {
    add_absence(result, files);
    return result;
  }
  const std::vector<analysis::switch_timing> switches = all_switches(files);
  const analysis::switch_summary over_all = analysis::summarize_switches(switches);
  const auto n = static_cast<std::int64_t>(switches.size());
  result.items.emplace_back(plain_line(
      std::string(n == 1 ? "{} switch" : "{} switches") +
          ", on average {} in the switch itself, delta {}, absolute {}",
      {{"switches", unit::integer, n},
       {"switch_total_mean", unit::duration_ns,
        cell_if(over_all.switch_total_ns.n > 0, over_all.switch_total_ns.mean)},
       {"delta_mean", unit::duration_ns, cell_if(over_all.delta_ns.n > 0, over_all.delta_ns.mean)},
       {"absolute_mean", unit::duration_ns,
        cell_if(over_all.absolute_ns.n > 0, over_all.absolute_ns.mean)}}));
  std::int64_t warm_up = 0;
  std::int64_t without_block = 0;
  for (const switch_file& file : files) {
    warm_up += file.analysed.switched.warm_up_switches;
    without_block += file.analysed.switched.switches_without_block;
  }
  if (warm_up + without_block > 0) result.items.emplace_back(left_out_line(warm_up, without_block));
  result.items.emplace_back(each_switch_table(sources_of(files)));
  return result;
}

}  // namespace

switch_file::switch_file(std::string called, recording recorded)
    : letter(std::move(called)),
      run(std::move(recorded)),
      analysed(run),
      transfers(analysis::transfers_of(run, analysed.tree, analysed.switched)),
      segments(analysis::compare_segments(run, analysed.generated)) {}

std::vector<switch_source> sources_of(const switch_files& files) {
  std::vector<switch_source> sources;
  for (const switch_file& file : files)
    sources.push_back({file.letter, file.run, file.analysed.switched});
  return sources;
}

std::vector<analysis::switch_timing> all_switches(const switch_files& files) {
  std::vector<analysis::switch_timing> all;
  for (const switch_file& file : files) append(all, file.analysed.switched.switches);
  return all;
}

section switch_hygiene_section(const switch_files& files) {
  section result = hygiene_section(files.front().analysed);
  result.items.clear();
  for (const switch_file& file : files)
    for (auto& item : hygiene_section(file.analysed).items)
      result.items.emplace_back(of_file(file.letter, std::get<line>(std::move(item))));
  return result;
}

section delta_section(const switch_files& files, bool detailed) {
  section result{"delta", "Delta", {}};
  const analysis::switch_summary over_all = analysis::summarize_switches(all_switches(files));
  if (over_all.delta_ns.n == 0) {
    result.items.emplace_back(
        absent_line("a delta needs the block before the switch, and a run where blocks and "
                    "decoding take turns"));
    return result;
  }
  result.items.emplace_back(delta_note(true));
  result.items.emplace_back(
      note_line("rest of the block = the block without the switch, minus the block before"));
  result.items.emplace_back(part_table("delta_summary", "", delta_rows(over_all), detailed));
  result.items.emplace_back(each_delta_table(sources_of(files)));
  return result;
}

section absolute_section(const switch_files& files, bool detailed) {
  section result{"absolute", "Absolute", {}};
  const analysis::switch_summary over_all = analysis::summarize_switches(all_switches(files));
  if (over_all.absolute_ns.n == 0) {
    result.items.emplace_back(absent_line(
        "it needs the first pixel frame of the new prompt (latency::record(pixel_frame))"));
    return result;
  }
  result.items.emplace_back(absolute_note());
  result.items.emplace_back(part_table("absolute_summary", "", absolute_rows(over_all), detailed));
  result.items.emplace_back(each_absolute_table(sources_of(files)));
  return result;
}

render::document switch_document(const switch_files& files, bool detailed) {
  render::document result{"switch", "Prompt switches", files.front().run.source, {}};
  if (files.size() > 1) {
    result.source = counted(static_cast<std::int64_t>(files.size()), "file");
    std::vector<std::string> sources;
    for (const switch_file& file : files) sources.push_back(file.run.source);
    result.sections.push_back(render::files_section(sources));
  }
  result.sections.push_back(switch_hygiene_section(files));
  result.sections.push_back(overview_section(files));
  if (!any_switches(files)) return result;
  append(result.sections,
         std::vector<section>{delta_section(files, detailed), absolute_section(files, detailed),
                              steady_section(files, detailed), recache_section(files),
                              phase_section(files), switch_transfers_section(files, detailed),
                              segments_section(files)});
  return result;
}

}  // namespace latency::commands
