#include "analyzers/commands/breakdown_report.hpp"
#include "analyzers/commands/document_parts.hpp"

namespace latency::commands {

using render::section;
using render::table;

section copies_section(const breakdown_report& report) {
  section result{"copies", "Copies", {}};
  if (report.copies.empty()) {
    result.items.emplace_back(absent_line("no copies were recorded"));
    return result;
  }
  if (!report.run.device_ops.empty())
    result.items.emplace_back(
        note_line("exposed: only copies ran, the device waited; hidden: beside kernels."));
  table rows{"copies",
             "",
             {{"direction", "direction", unit::text},
              {"count", "count", unit::integer},
              {"copied", "copied", unit::bytes, true},
              {"rate", "rate", unit::bytes_per_second, true},
              {"sum", "sum of times", unit::duration_ns, true},
              {"exposed", "exposed", unit::duration_ns, true},
              {"hidden", "hidden", unit::duration_ns}},
             {}};
  for (const analysis::copy_row& row : report.copies)
    rows.rows.push_back({direction_name(row.direction), row.count, row.bytes,
                         optional_cell(row.bytes_per_second()), row.sum_ns,
                         optional_cell(row.exposed_ns), optional_cell(row.hidden_ns)});
  result.items.emplace_back(std::move(rows));
  return result;
}

}  // namespace latency::commands
