// The figures of `latency speedup`: what was measured on both sides, and how it compares.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "analyzers/commands/document_parts.hpp"
#include "analyzers/commands/speedup_report.hpp"

namespace latency::commands {

using render::line;
using render::section;
using render::table;

namespace {

// One figure of both sides by row, what the candidate saves of it, and the speedup.
class comparison_table {
 public:
  comparison_table(const std::string& key, const std::string& title, const std::string& first)
      : made_{key,
              title,
              {{"what", first, unit::text},
               {"baseline", "baseline", unit::duration_ns},
               {"candidate", "candidate", unit::duration_ns},
               {"saved", "saved", unit::duration_ns},
               {"speedup", "speedup, times", unit::number}},
              {}} {}

  void add(const std::string& what, double baseline_ns, double candidate_ns) {
    made_.rows.push_back(
        {what, baseline_ns, candidate_ns, baseline_ns - candidate_ns,
         cell_if(baseline_ns > 0 && candidate_ns > 0, baseline_ns / candidate_ns)});
  }
  // Where a side may not know it: 0.
  void add_known(const std::string& what, double baseline_ns, double candidate_ns) {
    if (baseline_ns > 0 && candidate_ns > 0) return add(what, baseline_ns, candidate_ns);
    made_.rows.push_back({what, cell_if(baseline_ns > 0, baseline_ns),
                          cell_if(candidate_ns > 0, candidate_ns), cell(), cell()});
  }

  [[nodiscard]] table take() { return std::move(made_); }

 private:
  table made_;
};

std::string launches_text(const analysis::launches_per_call& of) {
  switch (of.known) {
    case analysis::launches_per_call::source::given:
      return "given";
    case analysis::launches_per_call::source::counted:
      return "counted in the section";
    case analysis::launches_per_call::source::compared:
      return "by how often both sides launch it under the annotation";
    case analysis::launches_per_call::source::assumed:
      break;
  }
  return "assumed";
}

line launches_line(const speedup_sides& sides) {
  return plain_line(
      fmt::format("launches of the kernel in one attention call: {{}} in the baseline ({}), {{}} "
                  "in the candidate ({})",
                  launches_text(sides[0].launches), launches_text(sides[1].launches)),
      {{"baseline_launches_per_call", unit::number, sides[0].launches.number},
       {"candidate_launches_per_call", unit::number, sides[1].launches.number}});
}

// Of one attention call, from the traces alone.
void add_gap_of_section(section& to, const speedup_sides& sides) {
  comparison_table rows("gap", "One pass of the section in two parts", "part");
  const auto kernel_ns = [](const speedup_side& side) {
    return static_cast<double>(side.section->kernel_launches) /
           static_cast<double>(side.section->passes.count) * side.kernel.mean_ns();
  };
  const double b = sides[0].section->passes.mean_ns();
  const double c = sides[1].section->passes.mean_ns();
  rows.add("the kernel", kernel_ns(sides[0]), kernel_ns(sides[1]));
  rows.add("the section around the kernel", b - kernel_ns(sides[0]), c - kernel_ns(sides[1]));
  rows.add("= the section", b, c);
  to.items.emplace_back(
      note_line("how much of the stage that is, '>>>> NAME time:' lines in the logs would say"));
  to.items.emplace_back(rows.take());
}

}  // namespace

section speedups_section(const speedup_sides& sides) {
  const auto& [baseline, candidate] = sides;
  section result{"speedups", "Speedups", {}};
  comparison_table rows("speedups", "", "mean of");
  rows.add("kernel, one call", baseline.kernel.mean_ns(), candidate.kernel.mean_ns());
  if (baseline.has_section() && candidate.has_section())
    rows.add("section, one pass", baseline.section->passes.mean_ns(),
             candidate.section->passes.mean_ns());
  if (baseline.has_attention() && candidate.has_attention())
    rows.add("attention end to end, one call", baseline.attention_ns().mean,
             candidate.attention_ns().mean);
  rows.add("stage " + baseline.stage.stage + ", one run", baseline.stage_mean_ns(),
           candidate.stage_mean_ns());
  result.items.emplace_back(
      note_line("kernel and section from the traces; attention and stage from the logs, without "
                "the first run"));
  result.items.emplace_back(rows.take());
  return result;
}

// One run of the stage in three parts that add up to it.
section gap_section(const speedup_sides& sides) {
  section result{"gap", "Where the gap comes from", {}};
  if (!sides[0].has_attention() || !sides[1].has_attention()) {
    if (sides[0].has_section() && sides[1].has_section())
      add_gap_of_section(result, sides);
    else
      result.items.emplace_back(
          absent_line("it needs attention end to end ('>>>> NAME time:' lines in both logs) or a "
                      "section (--baseline-section-from ...)"));
    return result;
  }
  struct parts {
    double kernel_ns, around_ns, rest_ns, stage_ns;
  };
  const auto parts_of = [](const speedup_side& side) {
    const double calls = side.calls_per_run();
    const double attention_ns = calls * side.attention_ns().mean;
    const double kernel_ns = calls * side.launches.number * side.kernel.mean_ns();
    const double stage_ns = side.stage_mean_ns();
    return parts{kernel_ns, attention_ns - kernel_ns, stage_ns - attention_ns, stage_ns};
  };
  const parts b = parts_of(sides[0]);
  const parts c = parts_of(sides[1]);
  comparison_table rows("gap", "One run of the stage in three parts", "part");
  rows.add("the kernel, in all calls", b.kernel_ns, c.kernel_ns);
  rows.add("attention around the kernel", b.around_ns, c.around_ns);
  rows.add("the stage outside attention", b.rest_ns, c.rest_ns);
  rows.add("= the stage", b.stage_ns, c.stage_ns);
  result.items.emplace_back(plain_line(
      "of {} that the kernel saves in a run, attention around it takes back {} and the stage "
      "outside attention {}; the stage keeps {}",
      {{"kernel_saved", unit::duration_ns, b.kernel_ns - c.kernel_ns},
       {"around_took", unit::duration_ns, c.around_ns - b.around_ns},
       {"rest_took", unit::duration_ns, c.rest_ns - b.rest_ns},
       {"stage_saved", unit::duration_ns, b.stage_ns - c.stage_ns}}));
  result.items.emplace_back(plain_line(
      b.rest_ns > 0
          ? "attention was {} of the baseline's stage: without any, the stage would be {} times as "
            "fast"
          : "attention was {} of the baseline's stage, more than there is of it",
      {{"attention_share", unit::ratio, sides[0].attention_share()},
       {"limit", unit::number, cell_if(b.rest_ns > 0, b.stage_ns / b.rest_ns)}}));
  result.items.emplace_back(launches_line(sides));
  result.items.emplace_back(rows.take());
  return result;
}

section runs_section(const speedup_sides& sides) {
  const analysis::stage_times& baseline = sides[0].stage;
  const analysis::stage_times& candidate = sides[1].stage;
  section result{"runs", "Runs of " + baseline.stage, {}};
  comparison_table rows("runs", "", "run");
  const std::size_t count = std::max(baseline.runs_ns.size(), candidate.runs_ns.size());
  const auto run_of = [](const analysis::stage_times& side, std::size_t i) {
    return i < side.runs_ns.size() ? static_cast<double>(side.runs_ns[i].value_or(0)) : 0;
  };
  for (std::size_t i = 0; i < count; ++i)
    rows.add_known(fmt::format("run_{:02}", i + 1), run_of(baseline, i), run_of(candidate, i));
  rows.add_known("avg_all_rounds", baseline.all_rounds_mean_ns, candidate.all_rounds_mean_ns);
  rows.add_known("avg_excl_warmup", baseline.after_warm_up_mean_ns,
                 candidate.after_warm_up_mean_ns);
  result.items.emplace_back(note_line("run_01 is the warm-up"));
  result.items.emplace_back(rows.take());
  return result;
}

section attention_section(const speedup_sides& sides) {
  section result{"attention", "Attention end to end", {}};
  table rows{"attention",
             "",
             {{"side", "side", unit::text},
              {"series", "name", unit::text},
              {"below_min", "dropped, too short", unit::integer},
              {"above_max", "dropped, too long", unit::integer},
              {"all_n", "all runs, n", unit::integer},
              {"all_mean", "all runs, mean", unit::duration_ns},
              {"n", "without the first, n", unit::integer},
              {"mean", "mean", unit::duration_ns},
              {"min", "min", unit::duration_ns},
              {"max", "max", unit::duration_ns}},
             {}};
  for (const speedup_side& side : sides) {
    const analysis::attention_times& a = side.attention;
    if (a.in_run.empty() || a.series.empty()) continue;
    const summary& later = a.after_warm_up_ns;
    rows.rows.push_back({side.name, a.series, a.below_min, a.above_max, a.all_rounds_ns.n,
                         cell_if(a.all_rounds_ns.n > 0, a.all_rounds_ns.mean), later.n,
                         cell_if(later.n > 0, later.mean), cell_if(later.n > 0, later.min),
                         cell_if(later.n > 0, later.max)});
  }
  if (rows.rows.empty())
    result.items.emplace_back(absent_line("the logs have no '>>>> NAME time:' lines"));
  else
    result.items.emplace_back(std::move(rows));
  return result;
}

section traces_section(const speedup_sides& sides) {
  section result{"traces", "From the traces", {}};
  table rows{"ops",
             "",
             {{"side", "side", unit::text},
              {"measured", "measured", unit::text},
              {"name", "name", unit::text},
              {"occurrences", "occurrences", unit::integer},
              {"min", "min", unit::duration_ns},
              {"max", "max", unit::duration_ns},
              {"average", "average", unit::duration_ns}},
             {},
             2};
  for (const speedup_side& side : sides) {
    const auto add = [&](const char* measured, const analysis::op_times& of) {
      if (of.count > 0)
        rows.rows.push_back(
            {side.name, measured, of.name, of.count, of.min_ns, of.max_ns, of.mean_ns()});
    };
    add("kernel", side.kernel);
    if (side.section) add("section", side.section->passes);
    add("annotation, host", side.annotation.host);
    add("annotation, device", side.annotation.device);
  }
  result.items.emplace_back(std::move(rows));
  return result;
}

}  // namespace latency::commands
