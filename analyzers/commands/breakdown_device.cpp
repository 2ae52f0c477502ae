#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "analyzers/analysis/event_windows.hpp"
#include "analyzers/commands/breakdown_report.hpp"
#include "analyzers/commands/document_parts.hpp"
#include "latency/device_words.hpp"

namespace latency::commands {

using render::figure;
using render::line;
using render::section;
using render::table;

namespace {

line ops_line(const proof& proven) {
  const bool fine =
      proven.ops_complete() && proven.dropped() == 0 && proven.op_problems.records == 0;
  std::vector<figure> figures{{"ops_recorded", unit::integer, proven.ops_recorded},
                              {"launches", unit::integer, proven.launches},
                              {"replay_ops", unit::integer, proven.replay_ops},
                              {"replays", unit::integer, proven.replays},
                              {"dropped", unit::integer, proven.dropped()},
                              {"impossible_ops", unit::integer, proven.op_problems.records}};
  const std::string rest = fmt::format(" + {{}} in {{}} graph {}; {{}} {} dropped, {{}} impossible",
                                       proven.replays == 1 ? "replay" : "replays",
                                       proven.dropped() == 1 ? "record" : "records");
  if (proven.launch_calls == 0)
    return {"ops: {} recorded without the calls that launched them: {} by themselves" + rest,
            std::move(figures), fine ? tone::plain : tone::bad};
  return {fmt::format("ops: {{}} recorded {} {{}} {}", proven.ops_complete() ? "=" : "IS NOT",
                      proven.launches == 1 ? "launch" : "launches") +
              rest,
          std::move(figures), fine ? tone::good : tone::bad};
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

// The device as events saw it beside the device as kernels tell it.
line check_line(const analysis::event_check& check) {
  const bool fine = check.held == check.windows;
  return {
      fmt::format("events: the ops of {{}} of {{}} spans lie within {} event windows; farthest "
                  "outside {{}}, clocks uncertain by {{}}; the longest window {{}}, its ops {{}}",
                  check.windows == 1 ? "its" : "their"),
      {{"event_checks_held", unit::integer, check.held},
       {"event_checks", unit::integer, check.windows},
       {"event_check_farthest", unit::duration_ns, check.farthest_ns},
       {"event_check_uncertainty", unit::duration_ns, check.uncertainty_ns},
       {"longest_event_window", unit::duration_ns, check.longest_ns},
       {"longest_event_window_ops", unit::duration_ns, check.longest_ops_ns}},
      fine ? tone::good : tone::bad};
}

// Of a recording that holds totals in place of ops.
line totals_line(const breakdown_report& report) {
  std::int64_t sum_ns = 0;
  for (const device_total& total : report.run.device_totals)
    sum_ns = saturating_add(sum_ns, total.sum_ns);
  const proof& proven = report.proven;
  const bool fine =
      proven.dropped() == 0 && proven.hygiene.unmatched_launches == 0 && proven.totals_complete();
  return {
      "totals: {} ops of {} launch calls took {} (sum of durations), {} records dropped, {} "
      "launches without an op, {} totals impossible; when each ran was not kept, so shares, idle "
      "time and gaps are not known",
      {{"total_ops", unit::integer, proven.total_ops},
       {"total_launch_calls", unit::integer, proven.total_launch_calls},
       {"total_sum", unit::duration_ns, sum_ns},
       {"dropped", unit::integer, proven.dropped()},
       {"unmatched_launches", unit::integer, proven.hygiene.unmatched_launches},
       {"unsound_totals", unit::integer, proven.unsound_totals}},
      fine ? tone::good : tone::bad};
}

std::string words_of(capture_reason reason) {
  std::string words(to_text(reason));
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

double part_of(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// Whose ops had the device: one row for each name, adding up to all of its time.
table component_table(const breakdown_report& report, std::size_t shown) {
  const analysis::device_component_table& parts = report.device_parts;
  const bool several = report.proven.devices != 1;
  table result{"device_components",
               report.run.graph_nodes.empty()
                   ? "Time of the device, by the span that launched"
                   : "Time of the device, by the span that launched, or captured into a graph",
               {{"component", "component", unit::text},
                {"time", "time", unit::duration_ns, true},
                {"time_share", "of window", unit::ratio, true},
                {"share", "kernels' share", unit::duration_ns},
                {"copy_exposed", "copies exposed", unit::duration_ns},
                {"ops", "ops", unit::integer},
                {"with_children", "with children", unit::duration_ns}},
               {}};
  const auto add_row = [&](const std::string& name, const analysis::device_part& part,
                           cell with_children) {
    result.rows.push_back({name, part.time_ns(), part_of(part.time_ns(), parts.window_ns),
                           part.share_ns, part.copy_exposed_ns, part.ops,
                           std::move(with_children)});
  };
  const auto add_time = [&](const std::string& name, std::int64_t ns) {
    result.rows.push_back({name, ns, part_of(ns, parts.window_ns), cell(), cell(), cell(), cell()});
  };
  analysis::device_part others;
  for (std::size_t i = 0; i < parts.rows.size(); ++i) {
    const analysis::device_component& row = parts.rows[i];
    if (i < shown) {
      add_row(report.run.strings[row.name], row.own,
              saturating_add(row.subtree.share_ns, row.subtree.copy_exposed_ns));
      continue;
    }
    others.ops += row.own.ops;
    others.share_ns = saturating_add(others.share_ns, row.own.share_ns);
    others.copy_exposed_ns = saturating_add(others.copy_exposed_ns, row.own.copy_exposed_ns);
  }
  if (shown < parts.rows.size())
    add_row(fmt::format("({} others)", parts.rows.size() - shown), others, cell());
  if (parts.warm_up.ops > 0) add_row("(warm-up)", parts.warm_up, cell());
  if (parts.no_span.ops > 0) add_row("(no span)", parts.no_span, cell());
  for (std::size_t reason = 0; reason < parts.not_captured.size(); ++reason)
    if (parts.not_captured[reason].ops > 0)
      add_row("(graph: " + words_of(static_cast<capture_reason>(reason)) + ")",
              parts.not_captured[reason], cell());
  add_time("(idle)", parts.idle_ns);
  add_time(several ? fmt::format("= window x {}", report.proven.devices) : "= window",
           parts.window_ns);
  return result;
}

table window_table(const breakdown_report& report, std::size_t shown) {
  table result{"device_windows",
               "Each span with its children, added over the spans of a name: these do not add up "
               "(time does)",
               {{"component", "component", unit::text},
                {"spans", "spans", unit::integer},
                {"sum", "sum", unit::duration_ns},
                {"busy", "busy", unit::duration_ns, true},
                {"window", "window", unit::duration_ns, true},
                {"busy_with_others", "idle, others run", unit::duration_ns},
                {"device_idle", "idle, none runs", unit::duration_ns, true},
                {"queue_delay_mean", "queue delay", unit::duration_ns},
                {"queue_delay_max", "longest delay", unit::duration_ns}},
               {}};
  for (std::size_t i = 0; i < shown; ++i) {
    const analysis::device_component& row = report.device_parts.rows[i];
    const op_set& set = row.subtree;
    const bool delays = set.queue_delays > 0;
    result.rows.push_back(
        {report.run.strings[row.name], row.spans, set.sum_ns, set.busy_ns, set.window_ns,
         set.busy_with_others_ns, set.device_idle_ns(),
         cell_if(delays, static_cast<double>(set.queue_delay_sum_ns) /
                             static_cast<double>(std::max<std::int64_t>(set.queue_delays, 1))),
         delays ? cell(set.queue_delay_max_ns) : cell()});
  }
  return result;
}

table total_table(const breakdown_report& report, bool detailed, std::size_t& hidden) {
  table result{"device_totals",
               "Durations of ops, by the span that launched; those that overlap count twice",
               {{"component", "component", unit::text},
                {"ops", "ops", unit::integer, true},
                {"sum", "sum", unit::duration_ns, true}},
               {}};
  const auto rows = analysis::device_total_components(report.run);
  const std::size_t shown = rows_shown(rows.size(), detailed);
  hidden = rows.size() - shown;
  for (std::size_t i = 0; i < shown; ++i)
    result.rows.push_back({rows[i].has_span ? report.run.strings[rows[i].name] : "(no span)",
                           rows[i].ops, rows[i].sum_ns});
  return result;
}

}  // namespace

bool has_device(const breakdown_report& report) {
  const recording& run = report.run;
  return !run.device_ops.empty() || !run.device_totals.empty() || !run.event_windows.empty() ||
         !run.marks.empty() || !run.api_calls.empty() || !run.api_totals.empty();
}

section device_section(const breakdown_report& report, bool detailed) {
  section result{"device", "Device: every nanosecond is counted once", {}};
  auto& items = result.items;
  const auto add_more = [&](std::size_t hidden) {
    if (hidden > 0) items.emplace_back(more_line(hidden, "component"));
  };
  if (!report.run.device_ops.empty()) {
    items.emplace_back(ops_line(report.proven));
    items.emplace_back(time_line(report.proven, unattributed_of(report.devices)));
    const auto check = analysis::check_events(report.run, report.tree, report.devices);
    if (check.windows > 0) items.emplace_back(check_line(check));
    const std::size_t rows = report.device_parts.rows.size();
    const std::size_t shown = rows_shown(rows, detailed);
    items.emplace_back(component_table(report, shown));
    if (shown > 0) items.emplace_back(window_table(report, shown));
    add_more(rows - shown);
  }
  if (!report.run.device_totals.empty()) {
    items.emplace_back(totals_line(report));
    std::size_t hidden = 0;
    items.emplace_back(total_table(report, detailed, hidden));
    add_more(hidden);
  }
  if (items.empty())
    items.emplace_back(
        absent_line("time on the device: no kernels, copies or memsets were recorded"));
  return result;
}

}  // namespace latency::commands
