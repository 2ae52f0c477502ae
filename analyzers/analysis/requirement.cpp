#include "analyzers/analysis/requirement.hpp"

#include <algorithm>
#include <utility>

namespace latency::analysis {
namespace {

constexpr std::pair<std::string_view, metric> metric_names[] = {
    {"mean", metric::mean},   {"p50", metric::p50}, {"p95", metric::p95},
    {"p99", metric::p99},     {"max", metric::max}, {"min", metric::min},
    {"count", metric::count}, {"sum", metric::sum}, {"exclusive", metric::exclusive},
    {"share", metric::share}};

double value_of(const component& c, metric wanted) {
  switch (wanted) {
    case metric::mean:
      return c.duration_ns.mean;
    case metric::p50:
      return c.duration_ns.p50;
    case metric::p95:
      return c.duration_ns.p95;
    case metric::p99:
      return c.duration_ns.p99;
    case metric::max:
      return c.duration_ns.max;
    case metric::min:
      return c.duration_ns.min;
    case metric::count:
      return static_cast<double>(c.count);
    case metric::sum:
      return static_cast<double>(c.inclusive_ns);
    case metric::exclusive:
      return static_cast<double>(c.exclusive_ns);
    case metric::share:
      return c.exclusive_share;
  }
  return 0;
}

}  // namespace

std::optional<metric> metric_named(std::string_view text) {
  for (const auto& [name, wanted] : metric_names)
    if (name == text) return wanted;
  return std::nullopt;
}

metric_result evaluate(const recording& run, const component_table& table, metric wanted,
                       std::string_view span_name) {
  metric_result result;
  const string_id name = run.strings.find(span_name);
  const auto row = std::find_if(table.rows.begin(), table.rows.end(),
                                [name](const component& c) { return c.name == name; });
  if (row == table.rows.end()) {
    if (wanted == metric::count) result.state = metric_state::known;
    return result;
  }
  result.n = row->count;
  const bool too_few = wanted == metric::p99 && !row->duration_ns.p99_valid;
  result.value = value_of(*row, too_few ? metric::max : wanted);
  result.state = too_few ? metric_state::maximum : metric_state::known;
  return result;
}

}  // namespace latency::analysis
