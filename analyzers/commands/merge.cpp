#include "analyzers/commands/merge.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <utility>

#include "analyzers/analysis/rank_alignment.hpp"
#include "analyzers/commands/document_parts.hpp"
#include "analyzers/commands/input_files.hpp"
#include "analyzers/render/display.hpp"
#include "latency/error.hpp"
#include "latency/timing_file.hpp"

namespace latency::commands {
namespace {

using analysis::alignment_method;
using analysis::rank_alignment;
using render::line;
using render::section;
using render::table;

constexpr const char* merge_examples = R"(
Examples:
  latency merge rank0.json rank1.json -o run.json
  latency merge rank*.json -o run.json --barrier wait_for_all
  latency breakdown run.json                          and then, as of any run

Clocks are aligned by what nobody leaves before all have entered: NCCL all-reduces, all-gathers,
reduce-scatters and all-to-alls of the same order, and spans whose name holds "barrier". Without
any, by the wall clocks of the session starts. With 8 and more of them the drift is fitted, too.
The files must be ranks of one run, and every collective used must be one of all ranks.

Exit status: 0, or 2 for bad input, for clocks that contradict each other, and when they can be
aligned no better than the duration of the median span (--force merges all the same).)";

std::int64_t duration_ns(const char* option, const std::string& text) {
  constexpr std::pair<std::string_view, double> units[] = {
      {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  const std::string_view unit(parsed.ptr, static_cast<std::size_t>(end - parsed.ptr));
  for (const auto& [name, factor] : units)
    if (parsed.ec == std::errc{} && unit == name && number >= 0 && number * factor <= 1e15)
      return static_cast<std::int64_t>(number * factor);
  throw error(fmt::format("{} '{}'", option, text), "",
              "expected a time with its unit, such as 1ms");
}

std::string in_words(std::int64_t ns) {
  return render::sentence({"{}", {{"time", unit::duration_ns, ns}}, tone::plain});
}

cell drift_ppm(const rank_alignment& of) {
  return cell_if(of.drift.has_value(), 1e6 * of.drift.value_or(0));
}

render::document merge_document(const std::vector<recording>& ranks,
                                const std::vector<rank_alignment>& alignment,
                                std::int64_t typical_ns, const std::string& merged) {
  section result{"alignment", "Clocks of the ranks against the first", {}};
  const std::int64_t uncertainty_ns = analysis::uncertainty_between_ns(alignment);
  const bool good = uncertainty_ns <= typical_ns;
  result.items.emplace_back(
      line{good ? "two ranks are off by {} at most; half of the spans are longer than {}"
                : "MERGED BY FORCE: two ranks may be off by {}, and half of the spans are shorter "
                  "than {}",
           {{"uncertainty_between_ranks", unit::duration_ns, uncertainty_ns},
            {"median_span", unit::duration_ns, typical_ns}},
           good ? tone::good : tone::bad});
  bool by_wall_clock = false;
  table offsets{"ranks",
                "",
                {{"file", "file", unit::text},
                 {"method", "aligned by", unit::text},
                 {"points", "points", unit::integer},
                 {"offset", "offset", unit::duration_ns},
                 {"drift_ppm", "drift, ppm", unit::number},
                 {"uncertainty", "+-", unit::duration_ns},
                 {"wall_clock_difference", "wall clock says", unit::duration_ns}},
                {}};
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const rank_alignment& one = alignment[i];
    by_wall_clock = by_wall_clock || one.method == alignment_method::wall_clock;
    const bool first = one.method == alignment_method::reference;
    offsets.rows.push_back({ranks[i].source, to_string(one.method),
                            first ? cell() : cell(one.points), one.offset_ns, drift_ppm(one),
                            first ? cell() : cell(one.uncertainty_ns),
                            first ? cell() : cell(one.wall_clock_difference_ns)});
  }
  result.items.emplace_back(std::move(offsets));
  result.items.emplace_back(
      note_line("offset: added to the rank's times, with what it has drifted since its start; wall "
                "clock says: what would have to be added to the offset for the wall clocks to "
                "agree"));
  if (std::any_of(alignment.begin(), alignment.end(), [](const rank_alignment& one) {
        return one.method == alignment_method::synchronization && !one.drift;
      }))
    result.items.emplace_back(line{
        fmt::format("with fewer than {} points the drift is not known and taken as none: +- holds "
                    "if it is",
                    analysis::drift_fewest_points),
        {},
        tone::warning});
  if (by_wall_clock)
    result.items.emplace_back(
        line{"nothing in the files bounds the difference of wall clocks: +- is what you said "
             "(--wall-clock-uncertainty)",
             {},
             tone::warning});
  return {"merge", "Ranks merged", merged, {std::move(result)}};
}

}  // namespace

CLI::App& add_merge(CLI::App& app, merge_options& options) {
  CLI::App& command =
      *app.add_subcommand("merge", "the ranks of one run on one clock, in one file");
  command
      .add_option("RANK_FILE", options.files, "a file of each rank: timing file, journal or trace")
      ->required()
      ->type_name("")
      ->expected(2, 1 << 20);
  command.add_option("-o,--output", options.merged, "the timing file to write")
      ->required()
      ->type_name(a_file);
  command
      .add_option("--barrier", options.barriers,
                  "align by the spans of this name only; may be repeated")
      ->expected(1)
      ->take_all();
  command
      .add_option("--wall-clock-uncertainty", options.wall_clock_uncertainty,
                  "of wall clocks against each other, where nothing else aligns the ranks")
      ->capture_default_str();
  command.add_option("--format", options.format, "of the report: table, markdown, json or csv")
      ->check(CLI::IsMember({"table", "markdown", "json", "csv"}))
      ->capture_default_str();
  command.add_flag("--force", options.force, "merge however uncertain the clocks are");
  command.footer(merge_examples);
  return command;
}

int run_merge(const merge_options& options) {
  analysis::alignment_rules rules;
  rules.barriers = options.barriers;
  rules.wall_clock_uncertainty_ns =
      duration_ns("--wall-clock-uncertainty", options.wall_clock_uncertainty);
  std::vector<recording> ranks = open_recordings(options.files);
  naming(options.files.back(), [&] {
    const std::vector<rank_alignment> alignment = analysis::align_ranks(ranks, rules);
    const std::int64_t typical_ns = analysis::typical_duration_ns(ranks);
    const std::int64_t uncertainty_ns = analysis::uncertainty_between_ns(alignment);
    if (uncertainty_ns > typical_ns && !options.force)
      throw error(ranks.back().source, "",
                  fmt::format("the clocks of the ranks can be aligned to {} only, but half of the "
                              "spans are shorter than {} (--force merges all the same)",
                              in_words(uncertainty_ns), in_words(typical_ns)));
    const render::document report = merge_document(ranks, alignment, typical_ns, options.merged);
    write_timing_file(analysis::merge_ranks(std::move(ranks), alignment), options.merged);
    write_report({report}, {options.format, ""});
  });
  return 0;
}

}  // namespace latency::commands
