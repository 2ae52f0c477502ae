#include "analyzers/commands/switch_tables.hpp"

#include <fmt/format.h>

#include "analyzers/commands/document_parts.hpp"

namespace latency::commands {

using render::line;
using render::table;

namespace {

template <class part>
std::string name_of(std::size_t p) {
  return analysis::to_string(static_cast<part>(p));
}

// A table with one row for each switch: without rows yet, the columns that say which one it is.
table table_of_switches(const std::string& key, const std::string& title,
                        const std::vector<switch_source>& sources) {
  table result{key, title, {{"switch", "switch", unit::integer}}, {}};
  if (sources.size() > 1) {
    result.columns.insert(result.columns.begin(), {"file", "file", unit::text});
    result.key_columns = 2;
  }
  return result;
}

std::vector<cell> name_of(const switch_source& source, std::size_t number) {
  if (source.letter.empty()) return {count_cell(number + 1)};
  return {source.letter, count_cell(number + 1)};
}

}  // namespace

std::vector<named_summary> delta_rows(const analysis::switch_summary& of) {
  std::vector<named_summary> rows{{"delta", of.delta_ns}};
  for (std::size_t p = 0; p < analysis::delta_part_count; ++p)
    rows.push_back({"  " + name_of<analysis::delta_part>(p), of.delta_parts_ns[p]});
  return rows;
}

std::vector<named_summary> absolute_rows(const analysis::switch_summary& of) {
  std::vector<named_summary> rows{{"absolute", of.absolute_ns}};
  for (std::size_t p = 0; p < analysis::switch_part_count; ++p)
    rows.push_back({"  " + name_of<analysis::switch_part>(p), of.parts_ns[p]});
  return rows;
}

table part_table(const std::string& key, const std::string& title,
                 const std::vector<named_summary>& rows, bool detailed) {
  table result{key, title, {{"part", "part", unit::text}}, {}};
  append(result.columns, summary_columns("n", detailed));
  for (const named_summary& row : rows) {
    result.rows.push_back({row.name});
    append(result.rows.back(), summary_cells(row.of, detailed));
  }
  return result;
}

table each_switch_table(const std::vector<switch_source>& sources) {
  table result = table_of_switches("switches", "Each switch", sources);
  append(result.columns,
         std::vector<column>{{"clip", "clip", unit::integer},
                             {"segment", "segment", unit::integer},
                             {"block", "block", unit::integer},
                             {"requested_latent_frame", "requested latent frame", unit::integer},
                             {"latent_frame", "latent frame", unit::integer},
                             {"recached_latent_frames", "recached latent frames", unit::integer},
                             {"switch_total", "switch total", unit::duration_ns, true},
                             {"delta", "delta", unit::duration_ns, true},
                             {"absolute", "absolute", unit::duration_ns, true}});
  for (const switch_source& source : sources) {
    for (std::size_t number = 0; number < source.switched.switches.size(); ++number) {
      const analysis::switch_timing& s = source.switched.switches[number];
      const prompt_switch& row = source.run.switches[s.row];
      result.rows.push_back(name_of(source, number));
      append(result.rows.back(),
             std::vector<cell>{count_cell(s.clip), count_cell(row.segment), count_cell(row.block),
                               count_cell(row.requested_latent_frame), count_cell(row.latent_frame),
                               count_cell(row.recached_latent_frames), s.switch_total_ns,
                               optional_cell(s.delta_ns), optional_cell(s.absolute_ns)});
    }
  }
  return result;
}

table each_delta_table(const std::vector<switch_source>& sources) {
  table result = table_of_switches(
      "switch_delta_parts", "Where the delta of each switch went; the parts add up to it", sources);
  for (std::size_t p = 0; p < analysis::delta_part_count; ++p) {
    const std::string name = name_of<analysis::delta_part>(p);
    result.columns.push_back({as_key(name), name, unit::duration_ns});
  }
  for (const switch_source& source : sources) {
    for (std::size_t number = 0; number < source.switched.switches.size(); ++number) {
      const analysis::switch_timing& s = source.switched.switches[number];
      if (!s.delta_ns) continue;
      result.rows.push_back(name_of(source, number));
      for (const std::int64_t part : s.delta_parts_ns) result.rows.back().emplace_back(part);
    }
  }
  return result;
}

table each_absolute_table(const std::vector<switch_source>& sources) {
  table result = table_of_switches(
      "switch_parts", "Where the absolute time of each switch went; the parts add up to it",
      sources);
  for (std::size_t p = 0; p < analysis::switch_part_count; ++p) {
    const std::string name = name_of<analysis::switch_part>(p);
    result.columns.push_back({as_key(name), name, unit::duration_ns});
  }
  for (const switch_source& source : sources) {
    for (std::size_t number = 0; number < source.switched.switches.size(); ++number) {
      const analysis::switch_timing& s = source.switched.switches[number];
      if (!s.absolute_ns) continue;
      result.rows.push_back(name_of(source, number));
      for (const std::int64_t part : s.parts_ns) result.rows.back().emplace_back(part);
    }
  }
  return result;
}

line delta_note(bool serial) {
  return note_line("delta = time of the switch's block minus that of the block before" +
                   std::string(serial ? "" : " (serial runs only: none here)"));
}

line absolute_note() {
  return note_line(
      "absolute = from the request to the first pixel frame of the new prompt in host memory");
}

line left_out_line(std::int64_t warm_up_switches, std::int64_t switches_without_block) {
  return plain_line("left out: {} in warm-up, {} whose block was lost",
                    {{"warm_up_switches", unit::integer, warm_up_switches},
                     {"switches_without_block", unit::integer, switches_without_block}});
}

line after_line(const analysis::median_comparison& after) {
  const bool interval = after.interval_low_ns && after.interval_high_ns;
  const bool both = after.n > 0 && after.base_n > 0;
  return {
      fmt::format("full blocks after a switch against the other full ones: {}: median {{}} (n = "
                  "{{}}) against {{}} (n = {{}}), difference {{}}{}",
                  analysis::to_string(after.verdict),
                  interval ? ", 95 % interval {} to {}"
                           : fmt::format("; too few blocks for an interval (at least {})",
                                         analysis::median_minimum_n)),
      {{"after_median", unit::duration_ns, cell_if(after.n > 0, after.median_ns)},
       {"after_n", unit::integer, after.n},
       {"steady_median", unit::duration_ns, cell_if(after.base_n > 0, after.base_median_ns)},
       {"steady_n", unit::integer, after.base_n},
       {"difference", unit::duration_ns, cell_if(both, after.difference_ns)},
       {"interval_low", unit::duration_ns, optional_cell(after.interval_low_ns)},
       {"interval_high", unit::duration_ns, optional_cell(after.interval_high_ns)}},
      after.verdict == analysis::comparison_verdict::slower ? tone::warning : tone::plain};
}

}  // namespace latency::commands
