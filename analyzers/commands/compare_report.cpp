#include "analyzers/commands/compare_report.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "latency/error.hpp"

namespace latency::commands {
namespace {

using analysis::measured_run;
using analysis::run_series;
using analysis::run_values;
using analysis::series_kind;
using series_key = std::pair<series_kind, std::string>;

struct side_series {
  std::vector<run_values> values;  // one entry per run
  double share = 0;                // the largest of a run
};

std::map<series_key, side_series> by_key(const std::vector<measured_run>& runs) {
  std::map<series_key, side_series> result;
  for (const measured_run& run : runs)
    for (const run_series& one : run.series) {
      side_series& to = result[{one.kind, one.name}];
      to.values.push_back(one.values_ns);
      to.share = std::max(to.share, one.share);
    }
  return result;
}

// In the order of the runs: by kind, then as the first run that has it lists it.
std::vector<series_key> keys_in_order(const std::vector<measured_run>& base,
                                      const std::vector<measured_run>& candidate) {
  std::vector<series_key> keys;
  std::set<series_key> seen;
  for (const auto* side : {&base, &candidate})
    for (const measured_run& run : *side)
      for (const run_series& one : run.series)
        if (seen.insert({one.kind, one.name}).second) keys.emplace_back(one.kind, one.name);
  std::stable_sort(keys.begin(), keys.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  return keys;
}

// Mean over the runs of a side.
std::map<std::string, double> exclusive_of(const std::vector<measured_run>& runs,
                                           double& untracked_ns) {
  std::map<std::string, double> result;
  const double count = static_cast<double>(runs.size());
  for (const measured_run& run : runs) {
    untracked_ns += run.untracked_ns / count;
    for (const run_series& one : run.series)
      if (one.kind == series_kind::duration) result[one.name] += one.exclusive_ns / count;
  }
  return result;
}

std::vector<exclusive_row> exclusive_rows(const std::vector<measured_run>& base,
                                          const std::vector<measured_run>& candidate) {
  exclusive_row untracked{"(untracked)", 0, 0};
  const auto before = exclusive_of(base, untracked.base_ns);
  const auto after = exclusive_of(candidate, untracked.candidate_ns);
  std::map<std::string, exclusive_row> merged;
  for (const auto& [name, ns] : before) merged[name] = {name, ns, 0};
  for (const auto& [name, ns] : after) {
    merged[name].name = name;
    merged[name].candidate_ns = ns;
  }
  std::vector<exclusive_row> rows;
  for (auto& [name, row] : merged) rows.push_back(row);
  std::stable_sort(rows.begin(), rows.end(), [](const exclusive_row& a, const exclusive_row& b) {
    const double change_a = std::fabs(a.candidate_ns - a.base_ns);
    const double change_b = std::fabs(b.candidate_ns - b.base_ns);
    return change_a != change_b ? change_a > change_b : a.base_ns > b.base_ns;
  });
  rows.push_back(untracked);
  return rows;
}

}  // namespace

compare_report::compare_report(const std::vector<measured_run>& base,
                               const std::vector<measured_run>& candidate,
                               const compare_settings& wanted)
    : settings(wanted), exclusive(exclusive_rows(base, candidate)) {
  const auto before = by_key(base);
  const auto after = by_key(candidate);
  std::set<std::string> missing(wanted.components.begin(), wanted.components.end());
  for (const series_key& key : keys_in_order(base, candidate)) {
    const bool chosen = std::find(wanted.components.begin(), wanted.components.end(), key.second) !=
                        wanted.components.end();
    if (chosen) missing.erase(key.second);
    if (!wanted.components.empty() && !chosen) continue;
    const auto b = before.find(key);
    const auto c = after.find(key);
    if (b == before.end() || c == after.end()) {
      if (key.first == series_kind::duration)
        (b == before.end() ? only_in_candidate : only_in_base).push_back(key.second);
      continue;
    }
    if (!chosen && std::max(b->second.share, c->second.share) < wanted.min_share) {
      if (key.first == series_kind::duration) ++small;
      continue;
    }
    rows.push_back({key.first, key.second, {}});
  }
  if (!missing.empty())
    throw error(candidate[0].source, "", "no span is called '" + *missing.begin() + "'");
  if (rows.empty())
    throw error(candidate[0].source, "", "has no component in common with " + base[0].source);

  // How many intervals there are does not depend on their level, so the first pass counts them.
  analysis::comparison_rules rules = wanted.rules;
  const auto compare_all = [&] {
    for (compared_row& row : rows)
      row.result = analysis::compare(before.at({row.kind, row.name}).values,
                                     after.at({row.kind, row.name}).values, rules);
  };
  compare_all();
  for (const compared_row& row : rows) intervals += row.result.low ? 1 : 0;
  rules.rows = std::max<std::int64_t>(1, intervals);
  settings.rules.rows = rules.rows;
  if (rules.rows != wanted.rules.rows) compare_all();
}

bool compare_report::slower() const {
  return std::any_of(rows.begin(), rows.end(), [](const compared_row& row) {
    return row.result.over_threshold == analysis::excess::yes;
  });
}

bool compare_report::cannot_tell() const {
  const bool perhaps = std::any_of(rows.begin(), rows.end(), [](const compared_row& row) {
    return row.result.over_threshold == analysis::excess::perhaps;
  });
  return !slower() && (perhaps || intervals == 0);
}

}  // namespace latency::commands
