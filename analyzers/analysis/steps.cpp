#include "analyzers/analysis/steps.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

namespace latency::analysis {
namespace {

std::optional<double> number_attribute(const recording& run, attribute_range range, string_id key) {
  for (std::uint64_t i = range.first; i < range.first + range.count; ++i) {
    const recorded_attribute& a = run.attributes[i];
    if (a.key != key) continue;
    if (a.type == recorded_attribute::kind::integer) return static_cast<double>(a.integer);
    if (a.type == recorded_attribute::kind::real) return a.real;
  }
  return std::nullopt;
}

std::optional<std::int64_t> integer_attribute(const recording& run, attribute_range range,
                                              string_id key) {
  const auto number = number_attribute(run, range, key);
  return number ? std::optional(static_cast<std::int64_t>(*number)) : std::nullopt;
}

// By span: one of those around it is a step.
std::vector<bool> inside_steps(const recording& run, const span_tree& tree, string_id step_key) {
  std::vector<bool> inside(run.spans.size(), false);
  std::uint32_t step_end = 0;  // in preorder, of the outermost step
  for (std::uint32_t at = 0; at < tree.preorder().size(); ++at) {
    const std::uint32_t s = tree.preorder()[at];
    inside[s] = at < step_end;
    if (!inside[s] && integer_attribute(run, run.spans[s].attributes, step_key))
      step_end = at + tree[s].subtree_size;
  }
  return inside;
}

}  // namespace

step_report steps(const recording& run, const span_tree& tree) {
  step_report report;
  const string_id step_key = run.strings.find("step");
  const string_id block_key = run.strings.find("block");
  const string_id timestep_key = run.strings.find("timestep");
  const std::vector<bool> inside = inside_steps(run, tree, step_key);
  for (std::size_t i = 0; i < run.spans.size(); ++i) {
    const span& s = run.spans[i];
    const span_node& node = tree.nodes()[i];
    if (node.warm_up) continue;
    const auto step = integer_attribute(run, s.attributes, step_key);
    if (!step) continue;
    report.steps.push_back({s.name, *step, integer_attribute(run, s.attributes, block_key),
                            number_attribute(run, s.attributes, timestep_key), node.start_ns,
                            node.inclusive_ns(), inside[i]});
  }
  std::stable_sort(report.steps.begin(), report.steps.end(),
                   [](const auto& a, const auto& b) { return a.start_ns < b.start_ns; });

  std::map<std::tuple<std::int64_t, std::string, std::optional<double>>, std::vector<std::int64_t>>
      durations;
  for (const step_timing& s : report.steps)
    durations[{s.step, run.strings[s.name], s.timestep}].push_back(s.duration_ns);
  for (const auto& [key, values] : durations)
    report.groups.push_back({run.strings.find(std::get<1>(key)), std::get<0>(key), std::get<2>(key),
                             summarize(values)});
  return report;
}

}  // namespace latency::analysis
