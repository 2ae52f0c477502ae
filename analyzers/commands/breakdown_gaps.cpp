#include <cmath>

#include "analyzers/analysis/stream_gaps.hpp"
#include "analyzers/commands/breakdown_report.hpp"
#include "analyzers/commands/document_parts.hpp"

namespace latency::commands {

using render::line;
using render::section;
using render::table;

namespace {

constexpr std::size_t most_largest = 100;

const char* meaning_of(analysis::gap_cause cause) {
  switch (cause) {
    case analysis::gap_cause::host:
      return "the launch came late";
    case analysis::gap_cause::graph_internal:
      return "between ops of one graph replay";
    case analysis::gap_cause::dependency:
      return "for an event of another stream";
    case analysis::gap_cause::hardware:
      return "as short as between kernels back to back";
    case analysis::gap_cause::other:
      break;
  }
  return "not known";
}

line back_to_back_line(const analysis::gap_report& found) {
  if (std::isnan(found.back_to_back_ns))
    return note_line(
        counted(found.back_to_back_n, "kernel") +
        " queued behind another: too few to know what the hardware takes, so no gap is put down "
        "to it.");
  return plain_line(
      "kernels back to back are {} apart (lower quartile, n = {}); up to twice that "
      "is put down to the hardware",
      {{"back_to_back", unit::duration_ns, found.back_to_back_ns},
       {"back_to_back_n", unit::integer, found.back_to_back_n}});
}

table cause_table(const analysis::gap_report& found) {
  table result{"gap_causes",
               "",
               {{"waited_for", "waited for", unit::text},
                {"gaps", "gaps", unit::integer},
                {"time", "time", unit::duration_ns, true},
                {"gap_share", "of gap time", unit::ratio, true},
                {"meaning", "that is", unit::text}},
               {}};
  for (std::size_t c = 0; c < analysis::gap_causes; ++c) {
    const auto cause = static_cast<analysis::gap_cause>(c);
    const analysis::gap_time& time = found.causes[c];
    result.rows.push_back({analysis::to_string(cause), time.gaps, time.ns,
                           cell_if(found.gap_ns > 0, static_cast<double>(time.ns) /
                                                         static_cast<double>(found.gap_ns)),
                           meaning_of(cause)});
  }
  return result;
}

table stream_table(const analysis::gap_report& found, std::size_t shown) {
  table result{"streams",
               "By stream: window = busy + gaps = busy + the five causes",
               {{"device", "device", unit::integer},
                {"stream", "stream", unit::integer},
                {"ops", "ops", unit::integer},
                {"window", "window", unit::duration_ns},
                {"busy", "busy", unit::duration_ns, true},
                {"gap_count", "n", unit::integer},
                {"gap", "gap time", unit::duration_ns, true}},
               {},
               2};
  for (std::size_t c = 0; c < analysis::gap_causes; ++c) {
    const auto cause = static_cast<analysis::gap_cause>(c);
    const std::string name = analysis::to_string(cause);
    const bool graph = cause == analysis::gap_cause::graph_internal;
    result.columns.push_back({as_key(name), graph ? "in graph" : name, unit::duration_ns});
  }
  for (std::size_t i = 0; i < shown; ++i) {
    const analysis::stream_gaps& s = found.streams[i];
    result.rows.push_back({std::int64_t{s.device}, std::int64_t{s.stream}, s.ops, s.window_ns,
                           s.busy_ns, s.gaps, s.gap_ns});
    for (const analysis::gap_time& time : s.causes) result.rows.back().emplace_back(time.ns);
  }
  return result;
}

table largest_table(const breakdown_report& report, const analysis::gap_report& found,
                    std::size_t shown) {
  table result{"largest_gaps",
               "The largest",
               {{"start", "at", unit::duration_ns},
                {"length", "gap", unit::duration_ns},
                {"waited_for", "mostly", unit::text},
                {"stream", "stream", unit::integer},
                {"before", "after this op", unit::text},
                {"after", "before this op", unit::text}},
               {}};
  const bool several = report.proven.devices > 1;
  if (several) result.columns.push_back({"device", "device", unit::integer});
  for (std::size_t i = 0; i < shown; ++i) {
    const analysis::stream_gap& gap = found.largest[i];
    const device_op& before = report.run.device_ops[gap.before];
    const device_op& after = report.run.device_ops[gap.after];
    result.rows.push_back({gap.start_ns, gap.length_ns, analysis::to_string(gap.main_cause()),
                           std::int64_t{after.stream}, report.op_names.at(before.name),
                           report.op_names.at(after.name)});
    if (several) result.rows.back().emplace_back(std::int64_t{after.device});
  }
  return result;
}

}  // namespace

section gaps_section(const breakdown_report& report, bool detailed) {
  section result{"gaps", "Gaps on streams", {}};
  auto& items = result.items;
  if (report.run.device_ops.empty()) {
    items.emplace_back(absent_line("when each op ran was not recorded"));
    return result;
  }
  const analysis::gap_report found = analysis::gaps(report.run, report.devices, most_largest);
  items.emplace_back(back_to_back_line(found));
  items.emplace_back(cause_table(found));
  const std::size_t streams = rows_shown(found.streams.size(), detailed);
  items.emplace_back(stream_table(found, streams));
  if (streams < found.streams.size())
    items.emplace_back(more_line(found.streams.size() - streams, "stream"));
  const std::size_t largest = rows_shown(found.largest.size(), detailed);
  if (largest > 0) items.emplace_back(largest_table(report, found, largest));
  return result;
}

}  // namespace latency::commands
