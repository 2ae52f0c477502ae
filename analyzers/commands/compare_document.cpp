#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analyzers/analysis/workload.hpp"
#include "analyzers/commands/compare_report.hpp"
#include "analyzers/commands/distortion_lines.hpp"
#include "analyzers/commands/document_parts.hpp"

namespace latency::commands {
namespace {

using analysis::change;
using analysis::comparison;
using analysis::excess;
using analysis::measured_run;
using analysis::series_kind;
using render::line;
using render::section;
using render::table;

// "2 %", "0.5 %".
std::string percent(double ratio) {
  return fmt::format("{:.3g} %", 100 * ratio);
}

std::int64_t count_of(const compare_report& report, excess over) {
  return std::count_if(report.rows.begin(), report.rows.end(), [over](const compared_row& row) {
    return row.result.over_threshold == over;
  });
}

// The most that a row needs; none when one would need more than can be said.
std::optional<std::int64_t> runs_to_decide(const compare_report& report) {
  std::int64_t most = 0;
  for (const compared_row& row : report.rows) {
    if (row.result.over_threshold != excess::perhaps) continue;
    if (!row.result.more_runs) return std::nullopt;
    most = std::max(most, *row.result.more_runs);
  }
  return most;
}

line verdict_line(const compare_report& report) {
  const std::string threshold = percent(report.settings.rules.threshold);
  const std::int64_t over = count_of(report, excess::yes);
  const std::int64_t perhaps = count_of(report, excess::perhaps);
  const render::figure over_figure{"rows_slower", unit::integer, over};
  const render::figure perhaps_figure{"rows_perhaps_slower", unit::integer, perhaps};
  const render::figure rows{"rows", unit::integer, count_cell(report.rows.size())};
  if (over > 0)
    return {fmt::format("SLOWER: {{}} of {{}} rows by more than {}, and {{}} perhaps", threshold),
            {over_figure, rows, perhaps_figure},
            tone::bad};
  if (!report.cannot_tell())
    return {fmt::format("NOT SLOWER: none of {{}} rows by more than {}", threshold),
            {rows},
            tone::good};
  if (perhaps == 0) return {"CANNOT TELL: none of {} rows has an interval", {rows}, tone::warning};
  const auto more = runs_to_decide(report);
  return {fmt::format("CANNOT TELL: {{}} of {{}} rows may be slower by more than {}; {}", threshold,
                      more ? "about " + counted(*more, "more run") + " on each side would decide"
                           : "1000 runs would not decide all of them"),
          {perhaps_figure, rows},
          tone::warning};
}

section verdict_section(const compare_report& report, const std::vector<measured_run>& base,
                        const std::vector<measured_run>& candidate) {
  section result{"verdict", "Verdict", {}};
  result.items.emplace_back(verdict_line(report));
  const std::int64_t unjudged = std::count_if(
      report.rows.begin(), report.rows.end(),
      [](const compared_row& row) { return row.result.ratio > 0 && !row.result.low; });
  if (unjudged > 0)
    result.items.emplace_back(
        line{fmt::format("{{}} rows have fewer than {} values in a run and no interval: 3 runs on "
                         "each side would judge them",
                         analysis::comparison_minimum_n),
             {{"rows_without_interval", unit::integer, unjudged}},
             tone::warning});
  for (const auto* side : {&base, &candidate})
    for (const measured_run& run : *side)
      if (!run.clean)
        result.items.emplace_back(line{"NOT CLEAN: " + run.source +
                                           " has dropped or impossible records (latency breakdown "
                                           "says which)",
                                       {},
                                       tone::bad});
  for (const auto* side : {&base, &candidate})
    for (const measured_run& run : *side)
      for (line& warning : distortion_warnings(run.distortions, run.source))
        result.items.emplace_back(std::move(warning));
  return result;
}

std::string list_of(const std::vector<std::string>& names) {
  constexpr std::size_t most = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > most) text += fmt::format(" and {} more", names.size() - most);
  return text;
}

section sides_section(const compare_report& report, const std::vector<measured_run>& base,
                      const std::vector<measured_run>& candidate) {
  section result{"runs", "Runs", {}};
  table files{
      "files", "", {{"side", "side", unit::text}, {"file", "file", unit::text, false, true}}, {}};
  for (const measured_run& run : base) files.rows.push_back({"base", run.source});
  for (const measured_run& run : candidate) files.rows.push_back({"candidate", run.source});
  result.items.emplace_back(std::move(files));
  table differing{"different_properties",
                  "What the first runs of the sides say of themselves and differs",
                  {{"property", "property", unit::text},
                   {"base", "base", unit::text},
                   {"candidate", "candidate", unit::text}},
                  {}};
  for (const auto& one :
       analysis::property_differences(base[0].properties, candidate[0].properties))
    differing.rows.push_back({one.name, one.first, one.second});
  if (!differing.rows.empty()) result.items.emplace_back(std::move(differing));
  if (!report.only_in_base.empty())
    result.items.emplace_back(
        line{"only in the base: " + list_of(report.only_in_base), {}, tone::warning});
  if (!report.only_in_candidate.empty())
    result.items.emplace_back(
        line{"only in the candidate: " + list_of(report.only_in_candidate), {}, tone::warning});
  return result;
}

table comparison_table(const compare_report& report, const std::string& key,
                       const std::vector<series_kind>& kinds, const char* title,
                       const char* name_title) {
  table result{
      key,
      title,
      {{"component", name_title, unit::text},
       {"base_mean", "base", unit::duration_ns},
       {"candidate_mean", "candidate", unit::duration_ns},
       {"candidate_over_base", "ratio", unit::ratio},
       {"interval_low", "from", unit::ratio},
       {"interval_high", "to", unit::ratio},
       {"verdict", "verdict", unit::text},
       {"over_threshold", "slower than " + percent(report.settings.rules.threshold), unit::text},
       {"more_runs", "more runs", unit::integer},
       {"n", "n", unit::integer}},
      {}};
  for (const compared_row& row : report.rows) {
    if (std::find(kinds.begin(), kinds.end(), row.kind) == kinds.end()) continue;
    const comparison& c = row.result;
    const bool judged = c.low || c.over_threshold != excess::no;
    result.rows.push_back({row.name, c.base_mean, c.candidate_mean, cell_if(c.ratio > 0, c.ratio),
                           optional_cell(c.low), optional_cell(c.high), to_string(c.verdict),
                           judged ? cell(to_string(c.over_threshold)) : cell(),
                           optional_cell(c.more_runs), std::min(c.base_n, c.candidate_n)});
  }
  return result;
}

void add_comparison(section& to, table made) {
  if (!made.rows.empty()) to.items.emplace_back(std::move(made));
}

table exclusive_table(const compare_report& report) {
  constexpr std::size_t most = 10;
  table result{"exclusive_change",
               "Where the difference is: exclusive time of a run, mean over the runs of a side",
               {{"component", "component", unit::text},
                {"base", "base", unit::duration_ns},
                {"candidate", "candidate", unit::duration_ns},
                {"change", "change", unit::duration_ns}},
               {}};
  exclusive_row others{"(others)", 0, 0};
  exclusive_row total{"= wall of the threads", 0, 0};
  const auto add = [&](const exclusive_row& row) {
    result.rows.push_back(
        {row.name, row.base_ns, row.candidate_ns, row.candidate_ns - row.base_ns});
  };
  for (std::size_t i = 0; i < report.exclusive.size(); ++i) {
    const exclusive_row& row = report.exclusive[i];
    total.base_ns += row.base_ns;
    total.candidate_ns += row.candidate_ns;
    if (row.base_ns == 0 && row.candidate_ns == 0) continue;
    if (i < most || i + 1 == report.exclusive.size()) {
      if (i + 1 == report.exclusive.size() && i > most) add(others);
      add(row);
    } else {
      others.base_ns += row.base_ns;
      others.candidate_ns += row.candidate_ns;
    }
  }
  add(total);
  return result;
}

section method_section(const compare_report& report) {
  section result{"method", "How sure", {}};
  const analysis::comparison_rules& rules = report.settings.rules;
  const bool measured = std::any_of(report.rows.begin(), report.rows.end(),
                                    [](const auto& row) { return row.result.spread_measured; });
  const bool assumed = std::any_of(report.rows.begin(), report.rows.end(), [](const auto& row) {
    return row.result.low && !row.result.spread_measured;
  });
  if (report.intervals > 0)
    result.items.emplace_back(plain_line(
        "{} intervals at {} each: all of them hold the true ratio in {} of such reports",
        {{"intervals", unit::integer, report.intervals},
         {"interval_level", unit::ratio, 1 - rules.error_rate / static_cast<double>(rules.rows)},
         {"report_level", unit::ratio, 1 - rules.error_rate}}));
  if (measured)
    result.items.emplace_back(
        note_line("the spread between runs is measured: Student's t over the means of the runs"));
  if (assumed)
    result.items.emplace_back(
        line{"too few runs to measure how much runs differ: their means are taken to scatter by {} "
             "(--run-to-run); 3 runs on each side measure it",
             {{"run_to_run", unit::ratio, rules.run_to_run}},
             tone::warning});
  if (report.small > 0)
    result.items.emplace_back(
        plain_line("{} components below {} of the wall on both sides are not compared",
                   {{"components_left_out", unit::integer, report.small},
                    {"min_share", unit::ratio, report.settings.min_share}}));
  return result;
}

}  // namespace

render::document compare_document(const compare_report& report,
                                  const std::vector<measured_run>& base,
                                  const std::vector<measured_run>& candidate) {
  const auto side = [](const std::vector<measured_run>& runs) {
    return runs.size() == 1 ? runs[0].source
                            : counted(static_cast<std::int64_t>(runs.size()), "run");
  };
  section components{"components", "Components: ratio = candidate / base, above 1 is slower", {}};
  add_comparison(components,
                 comparison_table(report, "durations", {series_kind::duration},
                                  "Mean duration of one span, its children included", "component"));
  if (report.settings.components.empty()) components.items.emplace_back(exclusive_table(report));
  section frames{
      "generation", "Steady state: mean over blocks with a full window and no switch", {}};
  add_comparison(frames, comparison_table(report, "generation",
                                          {series_kind::block, series_kind::latent_frame,
                                           series_kind::pixel_frame},
                                          "", "time of one"));
  section device{"device", "Device time: mean share of the operations launched in one span", {}};
  add_comparison(device, comparison_table(report, "device_shares", {series_kind::device_share}, "",
                                          "component"));
  render::document result{
      "compare", "Latency comparison", side(base) + " -> " + side(candidate), {}};
  result.sections.push_back(verdict_section(report, base, candidate));
  result.sections.push_back(sides_section(report, base, candidate));
  for (section* part : {&frames, &components, &device})
    if (!part->items.empty()) result.sections.push_back(std::move(*part));
  result.sections.push_back(method_section(report));
  return result;
}

}  // namespace latency::commands
