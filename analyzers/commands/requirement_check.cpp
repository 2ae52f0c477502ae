#include "analyzers/commands/requirement_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string_view>

#include "analyzers/render/display.hpp"
#include "latency/error.hpp"
#include "latency/statistics.hpp"

namespace latency::commands {
namespace {

using analysis::metric;

// Levenshtein distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

// Compares the starts of names only: a file may hold any number of names of any length.
std::string nearest(const recording& run, const analysis::component_table& components,
                    const std::string& name) {
  constexpr std::size_t compared_bytes = 64;
  std::string best;
  std::size_t best_distance = 0;
  for (const analysis::component& c : components.rows) {
    const std::string& candidate = run.strings[c.name];
    const std::size_t d = distance(std::string_view(name).substr(0, compared_bytes),
                                   std::string_view(candidate).substr(0, compared_bytes));
    if (best.empty() || d < best_distance) {
      best = candidate;
      best_distance = d;
    }
  }
  return best.empty() ? "" : "; the nearest is '" + best + "'";
}

render::unit unit_of(metric of) {
  if (of == metric::count) return render::unit::integer;
  return of == metric::share ? render::unit::ratio : render::unit::duration_ns;
}

}  // namespace

requirement_verdict check_requirements(const recording& run,
                                       const analysis::component_table& components,
                                       const std::string& source,
                                       const std::vector<requirement>& wanted) {
  requirement_verdict result{{"requirements", "Requirements", {}}, {}};
  for (const requirement& r : wanted) {
    const analysis::metric_result found = analysis::evaluate(run, components, r.metric, r.name);
    if (found.state == analysis::metric_state::no_such_span)
      throw error(source, "--require '" + r.text + "'",
                  "no span is called '" + r.name + "'" + nearest(run, components, r.name));
    const bool good = holds(r, found.value);
    const std::string text =
        fmt::format("{{}} {}: it is {{}} (n = {{}}{})", good ? "holds" : "DOES NOT HOLD",
                    found.state == analysis::metric_state::maximum
                        ? fmt::format("; below {} their maximum stands for P99", p99_least_n)
                        : "");
    // A count is whole; its figure must not look like a measurement.
    const render::cell value = r.metric == metric::count
                                   ? render::cell(static_cast<std::int64_t>(found.value))
                                   : render::cell(found.value);
    const std::string key = fmt::format("requirement_{}", &r - wanted.data() + 1);
    render::line line{text,
                      {{key + "_text", render::unit::text, r.text},
                       {key, unit_of(r.metric), value},
                       {key + "_n", render::unit::integer, found.n},
                       {key + "_holds", render::unit::integer, std::int64_t{good}}},
                      good ? render::tone::good : render::tone::bad};
    if (!good) result.failures.push_back(source + ": " + render::sentence(line));
    result.shown.items.emplace_back(std::move(line));
  }
  return result;
}

}  // namespace latency::commands
