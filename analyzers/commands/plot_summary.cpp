#include "analyzers/commands/plot_summary.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "analyzers/charts/chart.hpp"
#include "analyzers/commands/document_parts.hpp"

namespace latency::commands {
namespace {

using analysis::scenario;
using render::figure;
using render::line;

// A sentence grows by clauses.
void say(line& to, const std::string& clause, std::vector<figure> figures = {}) {
  to.text += clause;
  append(to.figures, std::move(figures));
}

// "{} span", "{} spans".
std::string how_many(std::int64_t count, const char* noun) {
  return std::string("{} ") + noun + (count == 1 ? "" : "s");
}

figure named(const std::string& name) {
  return {"name", unit::text, charts::shortened(name)};
}

void say_on_time(line& to, const analysis::generation_report& generated) {
  const auto row = std::find_if(
      generated.deadlines.begin(), generated.deadlines.end(),
      [](const analysis::deadline_row& d) { return d.period_ns == summary_period_ns; });
  if (row == generated.deadlines.end()) return say(to, ".");
  say(to, "; played at 25 per second, {} of {} are on time",
      {{"on_time", unit::ratio, row->hit_rate}, {"pixel_frames", unit::integer, row->expected}});
  if (row->late > 0)
    say(to, ", {} late, the worst by {}",
        {{"late", unit::integer, row->late},
         {"worst_lateness", unit::duration_ns, row->worst_lateness_ns}});
  if (row->missing > 0) say(to, ", {} missing", {{"missing", unit::integer, row->missing}});
  say(to, ".");
  to.colour = row->late + row->missing > 0 ? tone::bad : tone::good;
}

line pace_of_blocks(const analysis::generation_report& generated) {
  line result;
  const auto full =
      std::find_if(generated.scenarios.begin(), generated.scenarios.end(),
                   [](const analysis::scenario_row& s) { return s.kind == scenario::full; });
  if (full != generated.scenarios.end()) {
    say(result, "A steady block takes {} in the median of {}",
        {{"block", unit::duration_ns, full->block_ns.p50},
         {"blocks", unit::integer, full->block_ns.n}});
    if (full->block_ns.n > 0 && full->latent_frames % full->block_ns.n == 0)
      say(result, " for {} latent frames",
          {{"latent_frames", unit::integer, full->latent_frames / full->block_ns.n}});
  } else {
    std::vector<std::int64_t> times;
    for (const analysis::block_timing& b : generated.blocks) times.push_back(b.block_ns);
    say(result, "No block is steady yet; one takes {} in the median of {}",
        {{"block", unit::duration_ns, summarize(times).p50},
         {"blocks", unit::integer, count_cell(times.size())}});
  }
  const bool decoded = generated.rate.pixel_fps_with_vae.has_value();
  say(result,
      std::string(", and pixel frames come at {} ") + (decoded ? "with" : "without") + " decoding",
      {{"pixel_frames", unit::rate,
        decoded ? *generated.rate.pixel_fps_with_vae : generated.rate.pixel_fps_without_vae}});
  say_on_time(result, generated);
  return result;
}

line size_of(const breakdown_report& report) {
  line result;
  say(result, "The recording is {} long", {{"wall", unit::duration_ns, report.run.wall_ns}});
  const auto count = [&](const char* before, std::int64_t number, const char* noun) {
    say(result, before + how_many(number, noun), {{as_key(noun) + "s", unit::integer, number}});
  };
  count(" and has ", static_cast<std::int64_t>(report.run.spans.size()), "span");
  count(" of ", static_cast<std::int64_t>(report.components.rows.size()), "component");
  count(" on ", report.components.thread_count, "thread");
  if (!report.run.device_ops.empty())
    count(", and ", static_cast<std::int64_t>(report.run.device_ops.size()), "device operation");
  say(result, ".");
  return result;
}

line pace(const breakdown_report& report) {
  const analysis::generation_report& generated = report.generated;
  if (!generated.blocks.empty()) return pace_of_blocks(generated);
  if (generated.deadlines.empty()) return size_of(report);
  line result;
  say(result, "Pixel frames come every {} in the median",
      {{"gap", unit::duration_ns, generated.pixel_frame_gaps_ns.p50}});
  say_on_time(result, generated);
  return result;
}

void say_largest_part(line& to, const analysis::switch_summary& cost) {
  const auto largest =
      std::max_element(cost.parts_ns.begin(), cost.parts_ns.end(),
                       [](const summary& a, const summary& b) { return a.mean < b.mean; });
  const auto part =
      static_cast<analysis::switch_part>(std::distance(cost.parts_ns.begin(), largest));
  say(to, std::string(", the largest part being ") + to_string(part) + " ({})",
      {{"largest_part", unit::duration_ns, largest->mean}});
}

line switches(const breakdown_report& report) {
  const analysis::switch_summary& cost = report.switched.over_all;
  line result;
  say(result, "After a prompt switch ({} recorded) ",
      {{"switches", unit::integer, count_cell(report.switched.switches.size())}});
  if (cost.absolute_ns.n > 0) {
    say(result, "the first new pixel frame takes {} on average, at worst {}",
        {{"absolute", unit::duration_ns, cost.absolute_ns.mean},
         {"absolute_worst", unit::duration_ns, cost.absolute_ns.max}});
    say_largest_part(result, cost);
  }
  if (cost.delta_ns.n > 0)
    say(result,
        std::string(cost.absolute_ns.n > 0 ? "; " : "") +
            "its block takes {} longer than the one before",
        {{"delta", unit::duration_ns, cost.delta_ns.mean}});
  if (cost.absolute_ns.n + cost.delta_ns.n == 0) say(result, "nothing is known of its cost");
  const auto& late = report.generated.late_at_25_fps;
  const auto late_in_switches = std::count_if(
      late.begin(), late.end(),
      [](const analysis::late_pixel_frame& f) { return f.kind == scenario::switched; });
  if (late_in_switches > 0) {
    say(result, "; {} of the late pixel frames are in such blocks",
        {{"late_in_switches", unit::integer, count_cell(late_in_switches)}});
    result.colour = tone::warning;
  }
  say(result, ".");
  return result;
}

// Of one device or several: device-seconds.
std::optional<line> device_use(const breakdown_report& report) {
  const analysis::device_component_table& parts = report.device_parts;
  if (parts.window_ns <= 0) return std::nullopt;
  line result;
  const auto window_ns = static_cast<double>(parts.window_ns);
  say(result, "The device is idle for {} of its {}",
      {{"idle", unit::ratio, static_cast<double>(parts.idle_ns) / window_ns},
       {"window", unit::duration_ns, parts.window_ns}});
  if (!report.kernels.rows.empty() && report.kernels.rows[0].share_ns) {
    const analysis::kernel_row& first = report.kernels.rows[0];
    const auto shown = report.op_names.find(first.name);
    say(result, "; the kernel with most of it is {}, {}",
        {named(shown == report.op_names.end() ? report.run.strings[first.name] : shown->second),
         {"kernel_share", unit::ratio, static_cast<double>(*first.share_ns) / window_ns}});
  }
  say(result, ".");
  return result;
}

using part_of_time = std::pair<std::string, double>;  // name and share

void say_parts(line& to, const std::vector<part_of_time>& parts) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    say(to, i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ");
    say(to, "{} ({})", {named(parts[i].first), {"share", unit::ratio, parts[i].second}});
  }
}

line where(const breakdown_report& report) {
  constexpr std::size_t most_parts = 3;
  const recording& run = report.run;
  const bool device = report.device_parts.window_ns > 0 && !report.device_parts.rows.empty();
  std::vector<part_of_time> parts;
  if (device) {
    for (const analysis::device_component& c : report.device_parts.rows)
      if (parts.size() < most_parts && c.own.time_ns() > 0)
        parts.emplace_back(run.strings[c.name],
                           static_cast<double>(c.own.time_ns()) /
                               static_cast<double>(report.device_parts.window_ns));
  } else {
    for (const analysis::component& c : report.components.rows)
      if (parts.size() < most_parts && c.exclusive_ns > 0)
        parts.emplace_back(run.strings[c.name], c.exclusive_share);
  }
  line result;
  if (parts.empty()) {
    say(result, "No span took any time.");
    return result;
  }
  say(result, device ? "Most of the device's time goes to " : "Most of the time goes to ");
  say_parts(result, parts);
  say(result, ", each without the spans inside it");
  if (!device)
    say(result, "; {} of the time lies outside every span",
        {{"untracked", unit::ratio, report.components.untracked_share}});
  say(result, ".");
  return result;
}

}  // namespace

std::vector<line> plot_summary(const breakdown_report& report) {
  std::vector<line> result{pace(report)};
  if (!report.switched.switches.empty())
    result.push_back(switches(report));
  else if (report.generated.blocks.empty())
    if (std::optional<line> use = device_use(report)) result.push_back(std::move(*use));
  result.push_back(where(report));
  if (!report.health.clean)
    result.push_back(
        {"The recording is not clean, so its figures may be wrong: see Hygiene.", {}, tone::bad});
  return result;
}

}  // namespace latency::commands
