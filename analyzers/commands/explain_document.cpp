#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "analyzers/commands/distortion_lines.hpp"
#include "analyzers/commands/document_parts.hpp"
#include "analyzers/commands/explain.hpp"

namespace latency::commands {
namespace {

using analysis::explanation;
using analysis::explanation_report;
using analysis::span_change;
using analysis::span_cost;
using render::line;
using render::section;
using render::table;

constexpr std::size_t most_sentences = 4;
constexpr std::size_t most_rows = 10;

render::figure duration(std::string key, std::int64_t ns) {
  return {std::move(key), unit::duration_ns, ns};
}

// The last names of a path, which tell it from the others.
std::string short_path(const std::string& path) {
  const std::size_t last = path.rfind(';');
  if (last == std::string::npos) return path;
  const std::size_t before = last == 0 ? std::string::npos : path.rfind(';', last - 1);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  return path.substr(last + 1) + " in " + path.substr(begin, last - begin);
}

// For a sentence, in which "{}" is the place of a figure: names come from files.
std::string in_words(std::string name) {
  std::replace(name.begin(), name.end(), '{', '(');
  std::replace(name.begin(), name.end(), '}', ')');
  return name;
}

std::string name_of(const explanation_report& report, const analysis::timed_instance& of) {
  if (!report.of_blocks) return fmt::format("{} number {}", in_words(report.span_name), of.number);
  return fmt::format("block {} ({})", of.number, of.kind ? analysis::to_string(*of.kind) : "?");
}

line headline(const explanation_report& report, const explanation& one) {
  const std::string with = report.of_blocks ? " with its decoding" : "";
  const std::string peer = name_of(report, one.peer);
  if (one.excess_ns() <= 0)
    return {
        fmt::format("It took {{}}{}, no more than its median peer, {}: what came before it made "
                    "it late.",
                    with, peer),
        {duration("time", one.slow.time_ns)},
        tone::plain};
  return {fmt::format("It took {{}}{}, {{}} more than the {{}} of its median peer, {}{}.", with,
                      peer, one.peer_of_its_kind ? "" : " (there are too few of its own kind)"),
          {duration("time", one.slow.time_ns), duration("excess", one.excess_ns()),
           duration("peer_time", one.peer.time_ns)},
          tone::bad};
}

line late_line(const analysis::late_group& late) {
  if (late.count == 1)
    return {"{} pixel frame was late, number {}, by {}.",
            {{"late_pixel_frames", unit::integer, late.count},
             {"first_late", unit::integer, std::int64_t{late.first}},
             duration("worst_lateness", late.worst_ns)},
            tone::warning};
  return {"{} pixel frames were late, {} to {}, by up to {}.",
          {{"late_pixel_frames", unit::integer, late.count},
           {"first_late", unit::integer, std::int64_t{late.first}},
           {"last_late", unit::integer, std::int64_t{late.last}},
           duration("worst_lateness", late.worst_ns)},
          tone::warning};
}

// Where most of a span's growth was.
std::string place_of(const span_change& of) {
  const std::int64_t host = of.now.host_ns - of.peer.host_ns;
  const std::int64_t calls = of.now.calls_ns - of.peer.calls_ns;
  const std::int64_t waits = of.now.waits_ns - of.peer.waits_ns;
  if (waits >= host && waits >= calls) return "waiting for the device";
  return calls > host ? "in launches and other API calls" : "on the host";
}

line grown_line(const span_change& of, std::size_t number) {
  const std::string key = fmt::format("grown_{}", number);
  line result{fmt::format("{} grew by {{}}, ", in_words(short_path(of.path))),
              {duration(key + "_growth", of.exclusive_ns())},
              tone::plain};
  if (of.peer.count == 0) {
    result.text = fmt::format("{} came on top: {{}}, ", in_words(short_path(of.path)));
  } else if (of.now.count != of.peer.count) {
    result.text += "{} instead of {} times, ";
    result.figures.push_back({key + "_count", unit::integer, of.now.count});
    result.figures.push_back({key + "_peer_count", unit::integer, of.peer.count});
  }
  result.text += "mostly " + place_of(of);
  const std::int64_t device = of.now.device_ns - of.peer.device_ns;
  if (device > 0) {
    result.text += "; what it launched took {} more on the device";
    result.figures.push_back(duration(key + "_device_growth", device));
  }
  result.text += '.';
  return result;
}

// Device time that grew although the host did not notice: told apart from the above.
void add_device_lines(section& to, const explanation& one) {
  std::vector<const span_change*> grown;
  for (const span_change& c : one.changes)
    if (c.now.device_ns > c.peer.device_ns &&
        c.exclusive_ns() < (c.now.device_ns - c.peer.device_ns) / 2)
      grown.push_back(&c);
  std::stable_sort(grown.begin(), grown.end(), [](const auto* a, const auto* b) {
    return a->now.device_ns - a->peer.device_ns > b->now.device_ns - b->peer.device_ns;
  });
  if (grown.empty()) return;
  const span_change& worst = *grown.front();
  const std::int64_t growth = worst.now.device_ns - worst.peer.device_ns;
  if (one.excess_ns() <= 0 || growth < one.excess_ns() / 20) return;
  to.items.emplace_back(
      line{in_words(short_path(worst.path)) + " launched work that took {} more on the device.",
           {duration("device_growth", growth)},
           tone::plain});
}

table change_table(const explanation& one) {
  table result{"changes",
               "Exclusive time, now minus peer; the changes add up to the difference",
               {{"path", "span", unit::path},
                {"change", "change", unit::duration_ns},
                {"host", "on the host", unit::duration_ns},
                {"calls", "in API calls", unit::duration_ns},
                {"waits", "in waits", unit::duration_ns},
                {"device", "on the device", unit::duration_ns},
                {"count", "n", unit::integer},
                {"peer_count", "n of peer", unit::integer}},
               {}};
  std::vector<const span_change*> shown;
  for (const span_change& c : one.changes)
    if (c.exclusive_ns() != 0 || c.now.device_ns != c.peer.device_ns) shown.push_back(&c);
  std::stable_sort(shown.begin(), shown.end(), [](const auto* a, const auto* b) {
    return std::llabs(a->exclusive_ns()) > std::llabs(b->exclusive_ns());
  });
  span_change others;
  const auto add_row = [&](const std::string& path, const span_change& c) {
    result.rows.push_back({path, c.exclusive_ns(), c.now.host_ns - c.peer.host_ns,
                           c.now.calls_ns - c.peer.calls_ns, c.now.waits_ns - c.peer.waits_ns,
                           c.now.device_ns - c.peer.device_ns, c.now.count, c.peer.count});
  };
  const auto add_cost = [](span_cost& to, const span_cost& of) {
    to.count += of.count;
    to.host_ns += of.host_ns;
    to.calls_ns += of.calls_ns;
    to.waits_ns += of.waits_ns;
    to.device_ns += of.device_ns;
  };
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (i < most_rows) {
      std::string path = short_path(shown[i]->path);
      std::replace(path.begin(), path.end(), ';', ',');
      add_row(path, *shown[i]);
      continue;
    }
    add_cost(others.now, shown[i]->now);
    add_cost(others.peer, shown[i]->peer);
  }
  if (shown.size() > most_rows) add_row("(others)", others);
  return result;
}

section case_section(const explanation_report& report, const explanation& one, std::size_t number) {
  std::string title = name_of(report, one.slow);
  if (!title.empty() && title[0] >= 'a' && title[0] <= 'z' && report.of_blocks)
    title[0] = static_cast<char>(title[0] - 'a' + 'A');
  section result{fmt::format("case_{}", number), fmt::format("{}. {}", number, title), {}};
  result.items.emplace_back(headline(report, one));
  if (one.late) result.items.emplace_back(late_line(*one.late));
  if (one.excess_ns() > 0) {
    std::size_t sentences = 0;
    for (const span_change& c : one.changes) {
      if (sentences == most_sentences || c.exclusive_ns() < one.excess_ns() / 20) break;
      result.items.emplace_back(grown_line(c, ++sentences));
    }
    add_device_lines(result, one);
    result.items.emplace_back(change_table(one));
  }
  return result;
}

double per_second(std::int64_t period_ns) {
  return 1e9 / static_cast<double>(period_ns);
}

line blocks_line(const explanation_report& report, const render::figure& instances,
                 const render::figure& found) {
  const tone colour = report.found == 0 ? tone::good : tone::warning;
  if (report.playouts.empty())
    return {
        "{} blocks, {} of them slow; no pixel frames were recorded: whether any was late is "
        "not known",
        {instances, found},
        colour};
  return {"{} blocks, {} of them slow or with late pixel frames; {} pixel frames late at {}",
          {instances,
           found,
           {"late_pixel_frames", unit::integer, report.late_pixel_frames},
           {"judged_at", unit::rate, per_second(report.period_ns)}},
          colour};
}

table playout_table(const explanation_report& report) {
  table result{"playouts",
               "Pixel frames by the rate of the player",
               {{"played", "rate", unit::rate},
                {"period", "period", unit::duration_ns},
                {"pixel_frames", "pixel frames", unit::integer},
                {"missing", "missing", unit::integer},
                {"late", "late", unit::integer},
                {"worst_lateness", "worst", unit::duration_ns}},
               {}};
  for (const analysis::playout_row& row : report.playouts)
    result.rows.push_back({per_second(row.period_ns), row.period_ns, row.expected, row.missing,
                           row.late,
                           cell_if(row.late > 0, static_cast<double>(row.worst_lateness_ns))});
  return result;
}

section summary_section(const explanation_report& report, bool clean,
                        const std::vector<distortion>& distortions) {
  section result{"summary", "Summary", {}};
  if (!clean)
    result.items.emplace_back(
        line{"NOT CLEAN: records were dropped or are impossible (latency breakdown says which)",
             {},
             tone::bad});
  for (line& warning : distortion_warnings(distortions))
    result.items.emplace_back(std::move(warning));
  const render::figure instances{"instances", unit::integer, report.instances};
  const render::figure found{"found", unit::integer, report.found};
  if (report.instances == 0) {
    result.items.emplace_back(absent_line("no blocks, and no spans of which one is slow"));
    return result;
  }
  if (report.of_blocks) {
    result.items.emplace_back(blocks_line(report, instances, found));
    if (report.late_without_block > 0)
      result.items.emplace_back(
          plain_line("{} late pixel frames belong to no recorded block",
                     {{"late_without_block", unit::integer, report.late_without_block}}));
    if (!report.playouts.empty()) result.items.emplace_back(playout_table(report));
  } else {
    result.items.emplace_back(line{"{} spans called {}, {} of them slow",
                                   {instances, {"span", unit::text, report.span_name}, found},
                                   report.found == 0 ? tone::good : tone::warning});
  }
  const auto shown = static_cast<std::int64_t>(report.cases.size());
  if (shown < report.found)
    result.items.emplace_back(
        note_line(fmt::format("the worst {} are explained below (--most)", shown)));
  return result;
}

}  // namespace

render::document explain_document(const explanation_report& report, const std::string& source,
                                  bool clean, const std::vector<distortion>& distortions) {
  render::document result{"explain", "Latency explained", source, {}};
  result.sections.push_back(summary_section(report, clean, distortions));
  for (std::size_t i = 0; i < report.cases.size(); ++i)
    result.sections.push_back(case_section(report, report.cases[i], i + 1));
  return result;
}

}  // namespace latency::commands
