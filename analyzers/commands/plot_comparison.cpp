#include "analyzers/commands/plot_comparison.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <string>

#include "analyzers/charts/charts.hpp"

namespace latency::commands {
namespace {

using render::line;
using render::unit;

constexpr std::size_t most_compared = 5;  // runs, that somebody reads sentences about

// File names, where those tell the runs apart.
std::vector<std::string> names_of(const plot_inputs& inputs) {
  std::vector<std::string> names;
  for (const plotted_run& of : inputs.runs)
    names.push_back(std::filesystem::path(of.run.source).filename().string());
  if (std::set<std::string>(names.begin(), names.end()).size() == names.size()) return names;
  names.clear();
  for (const plotted_run& of : inputs.runs) names.push_back(of.name);
  return names;
}

// The median; nothing without steady blocks.
std::optional<double> steady_block_ns(const plotted_run& of) {
  for (const analysis::scenario_row& row : of.report.generated.scenarios)
    if (row.kind == analysis::scenario::full && row.block_ns.n > 0) return row.block_ns.p50;
  return std::nullopt;
}

line against(const plotted_run& first, const std::string& first_name, const plotted_run& other,
             const std::string& other_name) {
  auto before_ns = steady_block_ns(first), after_ns = steady_block_ns(other);
  const bool blocks = before_ns && after_ns;
  if (!blocks) {
    before_ns = static_cast<double>(first.run.wall_ns);
    after_ns = static_cast<double>(other.run.wall_ns);
  }
  line result{"",
              {{"name", unit::text, charts::shortened(other_name)},
               {"after", unit::duration_ns, *after_ns}}};
  result.text = blocks ? "A steady block of {} takes {} in the median" : "{} took {}";
  if (*before_ns > 0) {
    const double change = *after_ns / *before_ns - 1;
    result.text += change == 0  ? ", the same as {} ({})"
                   : change < 0 ? ", {} less than {} ({})"
                                : ", {} more than {} ({})";
    if (change != 0) result.figures.push_back({"change", unit::ratio, std::fabs(change)});
    result.figures.push_back({"first", unit::text, charts::shortened(first_name)});
    result.figures.push_back({"before", unit::duration_ns, *before_ns});
  }
  result.text += '.';
  return result;
}

}  // namespace

std::vector<line> comparison_summary(const plot_inputs& inputs) {
  const std::vector<std::string> names = names_of(inputs);
  std::vector<line> result;
  for (std::size_t i = 1; i < std::min(names.size(), most_compared); ++i)
    result.push_back(against(inputs.runs[0], names[0], inputs.runs[i], names[i]));
  return result;
}

std::optional<charts::chart> comparison_chart(const plot_inputs& inputs) {
  const std::vector<std::string> names = names_of(inputs);
  std::vector<charts::compared_file> files;
  for (std::size_t i = 0; i < names.size(); ++i)
    files.push_back({names[i], &inputs.runs[i].run, &inputs.runs[i].report.components});
  return charts::files_compared(files);
}

}  // namespace latency::commands
