#include "analyzers/analysis/hygiene.hpp"

#include <algorithm>

namespace latency::analysis {
namespace {

void add_lost(std::vector<hygiene_count>& counts, const recording& run) {
  const hygiene_counts& h = run.hygiene;
  const auto group = hygiene_group::lost;
  counts.push_back({"dropped spans", h.dropped_spans, group});
  counts.push_back({"dropped records", h.dropped_records, group});
  counts.push_back({"dropped device ops", h.dropped_device_ops, group});
  counts.push_back({"launches without a device op", h.unmatched_launches, group});
  counts.push_back({"copies between devices that were not traced", h.untraced_copies, group});
  counts.push_back({"spans nested too deep", h.too_deep_spans, group});
  counts.push_back({"damaged journal blocks", h.damaged_blocks, group});
  // Their durations are cut off at the end of the session, so figures over them are too small too.
  // A flight recorder's file is a window of a run that went on: there it is on purpose.
  const bool window = run.run.count("flight_window_start_ns") != 0;
  counts.push_back(
      {"spans open at the end", h.open_spans, window ? hygiene_group::left_out : group});
}

void add_totals(std::vector<hygiene_count>& counts, const latency::proof& proven) {
  if (proven.total_ops == 0) return;  // rows are looked at one by one
  counts.push_back({"device ops without usable times, in no total",
                    proven.hygiene.invalid_device_ops, hygiene_group::lost});
  counts.push_back({"device ops without a launch record", proven.hygiene.unmatched_device_ops,
                    hygiene_group::impossible});
  counts.push_back(
      {"totals of device ops or calls", proven.unsound_totals, hygiene_group::impossible});
}

void add_impossible(std::vector<hygiene_count>& counts, const latency::proof& proven) {
  for (std::size_t i = 0; i < span_problem_names.size(); ++i)
    counts.push_back({std::string("span: ") + span_problem_names[i], proven.span_problems.of[i],
                      hygiene_group::impossible});
  if (proven.ops_recorded == 0) return;
  for (std::size_t i = 0; i < device_op_problem_names.size(); ++i)
    counts.push_back({std::string("device op: ") + device_op_problem_names[i],
                      proven.op_problems.of[i], hygiene_group::impossible});
}

void add_unbalanced(std::vector<hygiene_count>& counts, const latency::proof& proven) {
  const auto group = hygiene_group::unbalanced;
  counts.push_back({"host time not exact", proven.host_exact ? 0 : 1, group});
  counts.push_back({"device time not exact", proven.devices_exact ? 0 : 1, group});
  const std::int64_t launched = proven.launches + proven.replay_ops;
  counts.push_back(
      {"device ops without a launch, or launches without an op",
       std::max(launched, proven.ops_recorded) - std::min(launched, proven.ops_recorded), group});
}

}  // namespace

hygiene_report hygiene(const recording& run, const span_tree& tree, const latency::proof& proven) {
  hygiene_report report;
  for (const span_node& node : tree.nodes()) report.warm_up_spans += node.warm_up ? 1 : 0;
  report.impossible_records =
      proven.span_problems.records + proven.op_problems.records + proven.unsound_totals;
  report.incomplete = run.hygiene.incomplete;

  add_lost(report.counts, run);
  add_totals(report.counts, proven);
  add_impossible(report.counts, proven);
  add_unbalanced(report.counts, proven);
  const auto group = hygiene_group::left_out;
  report.counts.push_back({"warm-up spans", report.warm_up_spans, group});
  report.counts.push_back({"warm-up regions", run.hygiene.warm_up_regions, group});
  report.counts.push_back({"skipped regions", run.hygiene.skipped_regions, group});
  report.counts.push_back({"overwritten spans", run.hygiene.overwritten_spans, group});

  report.clean = !report.incomplete;
  for (const hygiene_count& c : report.counts) {
    if (c.group == hygiene_group::lost) report.lost += c.count;
    if (c.group != hygiene_group::left_out && c.count != 0) report.clean = false;
  }
  return report;
}

}  // namespace latency::analysis
