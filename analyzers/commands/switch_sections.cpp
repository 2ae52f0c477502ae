// What stands beside the cost of a switch, and what it depends on.

#include <fmt/format.h>

#include <algorithm>

#include "analyzers/commands/document_parts.hpp"
#include "analyzers/commands/switch_report.hpp"

namespace latency::commands {

using render::line;
using render::section;
using render::table;

namespace {

// A table with a column for the file when there are several, and then `columns`, of which the first
// says which row it is.
table table_by_file(const std::string& key, const std::string& title, const switch_files& files,
                    std::vector<column> columns) {
  table result{key, title, {}, {}};
  if (files.size() > 1) result.columns.push_back({"file", "file", unit::text});
  result.key_columns = result.columns.size() + 1;
  append(result.columns, std::move(columns));
  return result;
}

void add_row(table& to, const switch_file& file, std::vector<cell> cells) {
  auto& row = to.rows.emplace_back();
  if (!file.letter.empty()) row.emplace_back(file.letter);
  append(row, std::move(cells));
}

summary block_time(const analysis::generation_report& generated, analysis::scenario kind) {
  for (const analysis::scenario_row& row : generated.scenarios)
    if (row.kind == kind) return row.block_ns;
  return {};
}

line ratio_line(const switch_file& file) {
  const summary steady = block_time(file.analysed.generated, analysis::scenario::full);
  const summary& delta = file.analysed.switched.over_all.delta_ns;
  return of_file(file.letter,
                 plain_line("a switch adds {} to its block, {} of a steady block (means)",
                            {{"delta_mean", unit::duration_ns, delta.mean},
                             {"delta_of_steady", unit::ratio, delta.mean / steady.mean}}));
}

table steady_table(const switch_files& files, bool detailed) {
  table result = table_by_file("steady", "", files, {{"per", "per", unit::text}});
  append(result.columns, summary_columns("n", detailed));
  for (const switch_file& file : files) {
    const analysis::generation_report& generated = file.analysed.generated;
    const auto add = [&](const char* per, const summary& of) {
      if (of.n == 0) return;
      std::vector<cell> cells{per};
      append(cells, summary_cells(of, detailed));
      add_row(result, file, std::move(cells));
    };
    add("block, steady", block_time(generated, analysis::scenario::full));
    add("block with a switch", block_time(generated, analysis::scenario::switched));
    add("latent frame, steady", generated.steady_per_latent_frame_ns);
    add("pixel frame, steady", generated.steady_per_pixel_frame_ns);
  }
  return result;
}

line recache_line(const analysis::recache_cost& cost, std::int32_t block_latent_frames) {
  const std::string unsure = "cannot tell what a smaller window would save: ";
  std::int64_t n = 0;
  for (const analysis::recache_row& row : cost.rows) n += row.switches;
  const render::figure measured{"n", unit::integer, n};
  switch (cost.verdict) {
    case analysis::recache_verdict::too_few:
      return plain_line(unsure + fmt::format("{{}} switches have a prompt_switch_total span, and "
                                             "at least {} are needed",
                                             analysis::linear_fit_minimum_n),
                        {measured});
    case analysis::recache_verdict::one_size:
      return plain_line(
          unsure +
              "all {} switches recached {} latent frames; add a file with another window, or "
              "one that switches while the cache fills",
          {measured,
           {"recached_latent_frames", unit::integer,
            count_cell(cost.rows.front().recached_latent_frames)}});
    case analysis::recache_verdict::saves:
    case analysis::recache_verdict::cannot_tell:
      break;
  }
  const std::vector<render::figure> slope{
      {"per_latent_frame", unit::duration_ns, cost.fit->slope},
      {"per_latent_frame_low", unit::duration_ns, cost.fit->slope_low},
      {"per_latent_frame_high", unit::duration_ns, cost.fit->slope_high},
      measured};
  if (cost.verdict == analysis::recache_verdict::cannot_tell)
    return plain_line(unsure +
                          "{} per latent frame that is recached, 95 % interval {} to {} (n = "
                          "{}), which holds zero",
                      slope);
  const auto block = static_cast<double>(block_latent_frames);
  line result = plain_line(
      "each latent frame less to recache saves {} of a switch (95 % interval {} to {}, n = {}); a "
      "window smaller by one block of {} saves {} ({} to {})",
      slope);
  append(result.figures,
         std::vector<render::figure>{
             {"block_latent_frames", unit::integer, count_cell(block_latent_frames)},
             {"per_block", unit::duration_ns, block * cost.fit->slope},
             {"per_block_low", unit::duration_ns, block * cost.fit->slope_low},
             {"per_block_high", unit::duration_ns, block * cost.fit->slope_high}});
  return result;
}

cell rate_of(const analysis::switch_transfer& t) {
  return cell_if(t.sum_ns > 0, static_cast<double>(t.bytes) * 1e9 /
                                   static_cast<double>(std::max(t.sum_ns, std::int64_t{1})));
}

table transfer_table(const switch_files& files, bool by_switch) {
  std::vector<column> columns;
  if (by_switch) columns.push_back({"switch", "switch", unit::integer});
  append(columns, std::vector<column>{{"direction", "direction", unit::text},
                                      {"copies", "copies", unit::integer},
                                      {"copied", "copied", unit::bytes},
                                      {"time", "sum of times", unit::duration_ns},
                                      {"rate", "rate", unit::bytes_per_second}});
  table result = by_switch ? table_by_file("transfers_by_switch", "By switch", files, columns)
                           : table_by_file("transfers", "", files, columns);
  if (by_switch) ++result.key_columns;
  for (const switch_file& file : files) {
    const auto rows = by_switch ? file.transfers : analysis::over_all(file.transfers);
    for (const analysis::switch_transfer& t : rows) {
      std::vector<cell> cells;
      if (by_switch) cells.push_back(count_cell(t.number + 1));
      append(cells, std::vector<cell>{direction_name(t.direction), t.copies, t.bytes, t.sum_ns,
                                      rate_of(t)});
      add_row(result, file, std::move(cells));
    }
  }
  return result;
}

}  // namespace

section steady_section(const switch_files& files, bool detailed) {
  section result{"steady", "Steady state beside it", {}};
  result.items.emplace_back(note_line("steady = of blocks with a full window and no switch"));
  for (const switch_file& file : files) {
    const summary steady = block_time(file.analysed.generated, analysis::scenario::full);
    if (steady.n > 0 && file.analysed.switched.over_all.delta_ns.n > 0)
      result.items.emplace_back(ratio_line(file));
    result.items.emplace_back(of_file(file.letter, after_line(file.analysed.switched.after)));
  }
  result.items.emplace_back(steady_table(files, detailed));
  return result;
}

section recache_section(const switch_files& files) {
  section result{"recache", "Cost against recached latent frames", {}};
  const std::vector<analysis::switch_timing> switches = all_switches(files);
  const analysis::recache_cost cost = analysis::cost_of_recaching(switches);
  result.items.emplace_back(recache_line(cost, switches.front().block_latent_frames));
  if (cost.rows.empty()) return result;
  table rows{"recache",
             cost.fit ? "Fitted: the straight line, prompt_switch_total over latent frames" : "",
             {{"recached_latent_frames", "recached latent frames", unit::integer},
              {"switches", "switches", unit::integer},
              {"switch_total_mean", "mean switch total", unit::duration_ns}},
             {}};
  if (cost.fit) rows.columns.push_back({"fitted", "fitted", unit::duration_ns});
  for (const analysis::recache_row& row : cost.rows) {
    rows.rows.push_back(
        {count_cell(row.recached_latent_frames), row.switches, row.switch_total_mean_ns});
    if (cost.fit)
      rows.rows.back().emplace_back(cost.fit->intercept +
                                    cost.fit->slope * row.recached_latent_frames);
  }
  result.items.emplace_back(std::move(rows));
  return result;
}

section phase_section(const switch_files& files) {
  section result{"phases", "By cache phase", {}};
  result.items.emplace_back(
      note_line("full: the KV cache held a whole window when the switch took effect"));
  table rows{"phases",
             "",
             {{"phase", "cache", unit::text},
              {"switches", "switches", unit::integer},
              {"recached_latent_frames_mean", "mean recached latent frames", unit::number},
              {"switch_total_mean", "mean switch total", unit::duration_ns},
              {"delta_mean", "mean delta", unit::duration_ns},
              {"absolute_mean", "mean absolute", unit::duration_ns}},
             {}};
  for (const analysis::phase_row& row : analysis::by_cache_phase(all_switches(files)))
    rows.rows.push_back({analysis::to_string(row.kind), row.switches,
                         row.recached_latent_frames_mean,
                         cell_if(row.cost.switch_total_ns.n > 0, row.cost.switch_total_ns.mean),
                         cell_if(row.cost.delta_ns.n > 0, row.cost.delta_ns.mean),
                         cell_if(row.cost.absolute_ns.n > 0, row.cost.absolute_ns.mean)});
  result.items.emplace_back(std::move(rows));
  return result;
}

section switch_transfers_section(const switch_files& files, bool detailed) {
  section result{"transfers", "Copies within the switches", {}};
  const bool device_ops = std::any_of(files.begin(), files.end(), [](const switch_file& file) {
    return !file.run.device_ops.empty();
  });
  table sums = transfer_table(files, false);
  if (sums.rows.empty()) {
    result.items.emplace_back(absent_line(device_ops ? "none was launched inside a switch"
                                                     : "no device operations were recorded"));
    return result;
  }
  result.items.emplace_back(note_line(
      "launched inside prompt_switch_total; times of copies on several streams may overlap"));
  result.items.emplace_back(std::move(sums));
  if (detailed) result.items.emplace_back(transfer_table(files, true));
  return result;
}

section segments_section(const switch_files& files) {
  section result{"segments", "Segments", {}};
  result.items.emplace_back(note_line(fmt::format(
      "steady blocks against those of the first segment, by difference of medians with its 95 % "
      "interval; fewer than {} on a side: cannot tell",
      analysis::median_minimum_n)));
  table rows = table_by_file("segments", "", files,
                             {{"segment", "segment", unit::integer},
                              {"blocks", "blocks", unit::integer},
                              {"steady_n", "steady blocks", unit::integer},
                              {"steady_p50", "steady P50", unit::duration_ns},
                              {"difference", "difference", unit::duration_ns},
                              {"interval_low", "interval low", unit::duration_ns},
                              {"interval_high", "interval high", unit::duration_ns},
                              {"verdict", "against the first", unit::text}});
  for (const switch_file& file : files) {
    for (const analysis::segment_speed& s : file.segments) {
      const analysis::median_comparison& time = s.block_time;
      const bool first = &s == file.segments.data();
      const bool compared = !first && time.n > 0 && time.base_n > 0;
      add_row(rows, file,
              {count_cell(s.segment), s.blocks, time.n, cell_if(time.n > 0, time.median_ns),
               cell_if(compared, time.difference_ns),
               first ? cell() : optional_cell(time.interval_low_ns),
               first ? cell() : optional_cell(time.interval_high_ns),
               first ? cell() : cell(analysis::to_string(time.verdict))});
    }
  }
  result.items.emplace_back(std::move(rows));
  return result;
}

}  // namespace latency::commands
