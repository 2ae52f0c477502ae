#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "analyzers/commands/breakdown_report.hpp"
#include "analyzers/commands/document_parts.hpp"
#include "latency/device_words.hpp"

namespace latency::commands {

using render::figure;
using render::line;
using render::section;

namespace {

line ops_line(const proof& proven) {
  const bool fine =
      proven.ops_complete() && proven.dropped() == 0 && proven.op_problems.records == 0;
  return {fmt::format("ops: {{}} recorded {} {{}} {} + {{}} in {{}} graph {}; {{}} {} dropped, "
                      "{{}} impossible",
                      proven.ops_complete() ? "=" : "IS NOT",
                      proven.launches == 1 ? "launch" : "launches",
                      proven.replays == 1 ? "replay" : "replays",
                      proven.dropped() == 1 ? "record" : "records"),
          {{"ops_recorded", unit::integer, proven.ops_recorded},
           {"launches", unit::integer, proven.launches},
           {"replay_ops", unit::integer, proven.replay_ops},
           {"replays", unit::integer, proven.replays},
           {"dropped", unit::integer, proven.dropped()},
           {"impossible_ops", unit::integer, proven.op_problems.records}},
          fine ? tone::good : tone::bad};
}

std::array<std::int64_t, 4> unattributed_of(const device_accounting& devices) {
  std::array<std::int64_t, 4> total{};
  for (const device_account& d : devices.devices())
    for (std::size_t reason = 0; reason < total.size(); ++reason)
      total[reason] = saturating_add(total[reason], d.unattributed_ns[reason]);
  return total;
}

line time_line(const proof& proven, const std::array<std::int64_t, 4>& unattributed_ns) {
  std::string reasons;
  std::vector<figure> shown;
  std::vector<figure> others;  // of no time: in files only
  for (std::size_t r = 0; r < unattributed_ns.size(); ++r) {
    const auto reason = static_cast<unattributed_reason>(r);
    const std::string word =
        reason == unattributed_reason::none ? "no_reason" : std::string(to_text(reason));
    const figure one{"unattributed_" + word, unit::exact_ns, unattributed_ns[r]};
    if (unattributed_ns[r] == 0) {
      others.push_back(one);
      continue;
    }
    std::string words = word;
    std::replace(words.begin(), words.end(), '_', ' ');
    reasons += fmt::format("{}{} {{}}", reasons.empty() ? " (" : ", ", words);
    shown.push_back(one);
  }
  line result{
      fmt::format("time: shares {{}} + copies exposed {{}} + unattributed {{}}{} + idle {{}} = "
                  "window {{}} over {{}} {}{}; busy {{}}, recomputed {{}}",
                  reasons.empty() ? "" : reasons + ")", proven.devices == 1 ? "device" : "devices",
                  proven.devices_exact ? ", exactly" : ": DOES NOT ADD UP"),
      {{"share", unit::exact_ns, proven.share_ns},
       {"copy_exposed", unit::exact_ns, proven.copy_exposed_ns},
       {"unattributed", unit::exact_ns, proven.unattributed_ns}},
      proven.devices_exact ? tone::good : tone::bad};
  append(result.figures, std::move(shown));
  append(result.figures, {{"idle", unit::exact_ns, proven.idle_ns},
                          {"device_window", unit::exact_ns, proven.device_window_ns},
                          {"devices", unit::integer, proven.devices},
                          {"busy", unit::exact_ns, proven.busy_ns},
                          {"busy_recomputed", unit::exact_ns, proven.busy_recomputed_ns}});
  append(result.figures, std::move(others));
  return result;
}

// Of a recording that holds totals in place of ops.
line totals_line(const breakdown_report& report) {
  std::int64_t ops = 0;
  std::int64_t sum_ns = 0;
  for (const device_total& total : report.run.device_totals) {
    ops = saturating_add(ops, total.count);
    sum_ns = saturating_add(sum_ns, total.sum_ns);
  }
  const std::int64_t dropped = report.proven.dropped();
  return {
      "totals: {} ops took {} (sum of durations), {} records dropped; when each ran was not "
      "kept, so shares, idle time and gaps are not known",
      {{"total_ops", unit::integer, ops},
       {"total_sum", unit::duration_ns, sum_ns},
       {"dropped", unit::integer, dropped}},
      dropped == 0 ? tone::plain : tone::bad};
}

}  // namespace

bool has_device(const breakdown_report& report) {
  const recording& run = report.run;
  return !run.device_ops.empty() || !run.device_totals.empty() || !run.event_windows.empty() ||
         !run.marks.empty() || !run.api_calls.empty() || !run.api_totals.empty();
}

section device_section(const breakdown_report& report) {
  section result{"device", "Device: every nanosecond is counted once", {}};
  if (!report.run.device_ops.empty()) {
    result.items.emplace_back(ops_line(report.proven));
    result.items.emplace_back(time_line(report.proven, unattributed_of(report.devices)));
  }
  if (!report.run.device_totals.empty()) result.items.emplace_back(totals_line(report));
  if (result.items.empty())
    result.items.emplace_back(
        absent_line("time on the device: no kernels, copies or memsets were recorded"));
  return result;
}

}  // namespace latency::commands
