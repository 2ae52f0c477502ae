#include <fmt/format.h>

#include "analyzers/commands/breakdown_report.hpp"
#include "analyzers/commands/document_parts.hpp"

namespace latency::commands {

using render::section;
using render::table;

namespace {

// "8x16x5"; trailing dimensions of 1 are left out.
std::string extent(std::uint32_t x, std::uint32_t y, std::uint32_t z) {
  if (z > 1) return fmt::format("{}x{}x{}", x, y, z);
  return y > 1 ? fmt::format("{}x{}", x, y) : std::to_string(x);
}

cell share_of_window(const analysis::kernel_table& kernels, std::optional<std::int64_t> share_ns) {
  if (!share_ns || kernels.window_ns <= 0) return {};
  return static_cast<double>(*share_ns) / static_cast<double>(kernels.window_ns);
}

table kernel_table(const breakdown_report& report, std::size_t shown) {
  const analysis::kernel_table& kernels = report.kernels;
  table result{"kernels",
               "",
               {{"kernel", "kernel", unit::text},
                {"count", "count", unit::integer, true},
                {"share", "share", unit::duration_ns, true},
                {"share_of_window", "of window", unit::ratio},
                {"sum", "sum", unit::duration_ns},
                {"mean", "mean", unit::duration_ns, true},
                {"p95", "P95", unit::duration_ns}},
               {}};
  analysis::kernel_row rest;
  std::int64_t rest_share_ns = 0;
  for (std::size_t i = 0; i < kernels.rows.size(); ++i) {
    const analysis::kernel_row& row = kernels.rows[i];
    if (i >= shown) {
      rest.count = saturating_add(rest.count, row.count);
      rest.sum_ns = saturating_add(rest.sum_ns, row.sum_ns);
      rest_share_ns = saturating_add(rest_share_ns, row.share_ns.value_or(0));
      continue;
    }
    result.rows.push_back({report.op_names.at(row.name), row.count, optional_cell(row.share_ns),
                           share_of_window(kernels, row.share_ns), row.sum_ns, row.mean_ns(),
                           optional_cell(row.p95_ns)});
  }
  const auto add_sum = [&](const std::string& what, std::int64_t count, std::int64_t share_ns,
                           std::int64_t sum_ns) {
    const bool known = kernels.window_ns > 0;
    result.rows.push_back(
        {what, count, known ? cell(share_ns) : cell(), share_of_window(kernels, share_ns), sum_ns});
    result.rows.back().resize(result.columns.size());
  };
  if (kernels.rows.size() > shown)
    add_sum(fmt::format("({} others)", kernels.rows.size() - shown), rest.count, rest_share_ns,
            rest.sum_ns);
  add_sum("= all", kernels.count, kernels.share_ns, kernels.sum_ns);
  return result;
}

table shape_table(const breakdown_report& report, std::size_t shown) {
  table result{"kernel_shapes",
               "As they were launched: the commonest shape, and how many there are",
               {{"kernel", "kernel", unit::text},
                {"grid", "grid", unit::text},
                {"block", "block", unit::text},
                {"registers", "registers", unit::integer},
                {"shared_memory", "shared memory", unit::bytes},
                {"shapes", "shapes", unit::integer}},
               {}};
  for (std::size_t i = 0; i < shown; ++i) {
    const analysis::kernel_row& row = report.kernels.rows[i];
    if (!row.shape) continue;
    const launch_shape& s = *row.shape;
    result.rows.push_back(
        {report.op_names.at(row.name), extent(s.grid_x, s.grid_y, s.grid_z),
         extent(s.block_x, s.block_y, s.block_z), count_cell(s.registers_per_thread),
         std::int64_t{s.static_shared_bytes} + s.dynamic_shared_bytes, row.shapes});
  }
  return result;
}

// The names as they were recorded.
table name_table(const breakdown_report& report) {
  table result{"kernel_names",
               "Names in full",
               {{"kernel", "kernel", unit::text}, {"name", "name", unit::text, false, true}},
               {}};
  for (const analysis::kernel_row& row : report.kernels.rows) {
    const std::string& name = report.run.strings[row.name];
    const std::string& shown = report.op_names.at(row.name);
    if (shown != name) result.rows.push_back({shown, name});
  }
  return result;
}

}  // namespace

section kernels_section(const breakdown_report& report, bool detailed) {
  section result{"kernels", "Kernels and memsets", {}};
  const auto& rows = report.kernels.rows;
  if (rows.empty()) {
    result.items.emplace_back(absent_line("no kernels were recorded"));
    return result;
  }
  if (!report.run.device_ops.empty())
    result.items.emplace_back(
        note_line("share: while k of them run, each gets 1/k; shares add up, sums count what "
                  "overlaps twice."));
  if (!report.run.device_totals.empty())
    result.items.emplace_back(note_line(
        "P95 of totals is the lower end of its histogram bucket, at most 1 % too small."));
  const std::size_t shown = rows_shown(rows.size(), detailed);
  result.items.emplace_back(kernel_table(report, shown));
  table shapes = shape_table(report, shown);
  if (!shapes.rows.empty()) result.items.emplace_back(std::move(shapes));
  if (shown < rows.size()) result.items.emplace_back(more_line(rows.size() - shown, "kernel"));
  if (detailed) {
    table names = name_table(report);
    if (!names.rows.empty()) result.items.emplace_back(std::move(names));
  }
  return result;
}

}  // namespace latency::commands
