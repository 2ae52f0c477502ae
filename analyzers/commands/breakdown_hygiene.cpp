#include <fmt/format.h>

#include "analyzers/analysis/distortions.hpp"
#include "analyzers/commands/breakdown_report.hpp"
#include "analyzers/commands/distortion_lines.hpp"
#include "analyzers/commands/document_parts.hpp"

namespace latency::commands {

using render::figure;
using render::line;
using render::section;

namespace {

line host_line(const proof& proven) {
  return {fmt::format("host: exclusive {{}} + untracked {{}} = wall {{}} over {{}} {}{}",
                      proven.threads == 1 ? "thread" : "threads",
                      proven.host_exact ? ", exactly" : ": DOES NOT ADD UP"),
          {{"exclusive", unit::exact_ns, proven.exclusive_ns},
           {"untracked", unit::exact_ns, proven.untracked_ns},
           {"thread_wall", unit::exact_ns, proven.thread_wall_ns},
           {"threads", unit::integer, proven.threads}},
          proven.host_exact ? tone::good : tone::bad};
}

std::string text_of(const run_value& v) {
  if (const auto* integer = std::get_if<std::int64_t>(&v)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&v)) return fmt::format("{}", *real);
  return std::get<std::string>(v);
}

// Whether what is shown would be the same without the measuring, one line for each time that is
// not; nothing where nobody measured that.
void add_distortions(section& to, const recording& run) {
  const std::vector<distortion> told = analysis::distortions_of(run);
  bool tolerable = !told.empty();
  for (const distortion& d : told) {
    if (judge(d) == distortion_verdict::tolerable) continue;
    tolerable = false;
    to.items.emplace_back(distortion_line(d));
  }
  if (tolerable)
    to.items.emplace_back(line{"measuring ({}) changes no time by more than 2 %",
                               {{"tier", unit::text, told.front().tier}},
                               tone::good});
}

}  // namespace

section hygiene_section(const breakdown_report& report) {
  const analysis::hygiene_report& health = report.health;
  std::string problems;
  std::string left_out;
  std::vector<figure> figures;
  for (const analysis::hygiene_count& c : health.counts) {
    figures.push_back({as_key(c.what), unit::integer, c.count});
    if (c.count == 0) continue;
    std::string& list = c.group == analysis::hygiene_group::left_out ? left_out : problems;
    list += fmt::format("{}{} x {}", list.empty() ? "" : ", ", c.count, c.what);
  }
  if (health.incomplete) {
    const std::string& cut_at = report.run.hygiene.cut_at;
    const std::string why = cut_at.empty() ? "the run did not end (read from its journal)"
                                           : "the file ends too early, at " + cut_at;
    problems = why + (problems.empty() ? "" : ", " + problems);
  }
  section result{"hygiene", "Hygiene", {}};
  if (health.clean)
    result.items.emplace_back(
        line{"clean: nothing was dropped, torn or impossible", figures, tone::good});
  else
    result.items.emplace_back(line{"NOT CLEAN: " + problems, figures, tone::bad});
  if (!left_out.empty()) result.items.emplace_back(note_line("left out on purpose: " + left_out));
  add_distortions(result, report.run);
  return result;
}

section run_section(const breakdown_report& report) {
  const recording& run = report.run;
  section result{"run", "Run", {}};
  line whole = plain_line("{} recorded, ", {{"wall", unit::duration_ns, run.wall_ns}});
  if (!run.clock.kind.empty()) {  // traces of others do not say
    whole.text += "clock {} (+- {} over the run), ";
    append(whole.figures, {{"clock", unit::text, run.clock.kind},
                           {"clock_uncertainty", unit::duration_ns, run.clock.uncertainty_ns}});
  }
  whole.text += counted(static_cast<std::int64_t>(run.spans.size()), "span") + " on " +
                counted(report.components.thread_count, "thread");
  append(whole.figures, {{"spans", unit::integer, count_cell(run.spans.size())},
                         {"threads", unit::integer, report.components.thread_count}});
  result.items.emplace_back(std::move(whole));
  render::table facts{
      "run_properties",
      "",
      {{"property", "property", unit::text}, {"value", "value", unit::text, true, true}},
      {}};
  for (const auto& [key, content] : run.run) facts.rows.push_back({key, text_of(content)});
  if (!facts.rows.empty()) result.items.emplace_back(std::move(facts));
  return result;
}

section proof_section(const breakdown_report& report) {
  section result{"proof", "Proof: every nanosecond is counted once", {}};
  result.items.emplace_back(host_line(report.proven));
  if (has_device(report))
    result.items.emplace_back(note_line("devices: below, under Device"));
  else
    result.items.emplace_back(absent_line("devices: no device operations were recorded"));
  return result;
}

}  // namespace latency::commands
