#pragma once
// Ways of tracing kernels compared with bare tracing by CUPTI. Processes differ by more than ways
// do, and one may go from one mood to another at any time, whoever traces. So each process takes
// all of them, in random order, again and again, and ratios are taken within a round; figures are
// medians over processes. Before anything of the library's is switched on, a process measures
// untraced and under bare tracing: what the library might leave behind would show as a difference
// to bare tracing in between.

#include <algorithm>
#include <array>
#include <latency/statistics.hpp>
#include <random>
#include <string>
#include <vector>

#include "benchmarks/in_a_child.hpp"
#include "benchmarks/result_file.hpp"

namespace benchmarks {

enum class way { none, bare_before, bare, external, keep, aggregate };
inline constexpr std::array<const char*, 6> way_names = {"no profiler",
                                                         "bare CUPTI, before the library's tracing",
                                                         "bare CUPTI kernel activity",
                                                         "bare CUPTI and external correlation",
                                                         "collector, every op kept",
                                                         "collector, totals"};

// Of one figure, over the rounds of a process.
struct way_figure {
  double median = 0;     // 0: the way was not taken
  double over_bare = 0;  // median of ratios within a round
  double largest = 0;
};
// By way, then by figure.
template <std::size_t figures>
using way_figures = std::array<std::array<way_figure, figures>, way_names.size()>;

// In this process, which does nothing else: calls measure(way), which returns its figures as
// std::array<double, figures>, `rounds` times for each. `mixed` are in random order, bare among
// them.
template <std::size_t figures, class Measure>
[[nodiscard]] way_figures<figures> take_ways(std::vector<way> mixed, int rounds,
                                             const Measure& measure) {
  std::array<std::array<std::vector<double>, figures>, way_names.size()> taken;
  const auto take = [&](way of) {
    const std::array<double, figures> found = measure(of);
    for (std::size_t f = 0; f < figures; ++f)
      taken[static_cast<std::size_t>(of)][f].push_back(found[f]);
  };
  for (const way first : {way::none, way::bare_before})
    for (int round = 0; round < rounds; ++round) take(first);
  std::mt19937 random(std::random_device{}());
  for (int round = 0; round < rounds; ++round) {
    std::shuffle(mixed.begin(), mixed.end(), random);
    for (const way of : mixed) take(of);
  }
  way_figures<figures> result;
  for (std::size_t at = 0; at < taken.size(); ++at)
    for (std::size_t f = 0; f < figures; ++f) {
      const std::vector<double>& values = taken[at][f];
      const std::vector<double>& bare = taken[static_cast<std::size_t>(way::bare)][f];
      if (values.empty()) continue;
      std::vector<double> ratios;
      for (std::size_t round = 0; round < values.size(); ++round)
        ratios.push_back(values[round] / bare[round]);
      result[at][f] = {latency::percentile(values, 50), latency::percentile(ratios, 50),
                       *std::max_element(values.begin(), values.end())};
    }
  return result;
}

// What `work` returns, way_figures, in as many fresh processes, after one that does not count:
// files and the driver's caches are warm then. This process must have no threads yet.
template <class Work>
[[nodiscard]] auto in_processes(int processes, const Work& work) {
  std::vector<decltype(work())> taken;
  for (int process = -1; process < processes; ++process) {
    const auto one = in_a_process(work);
    if (process >= 0) taken.push_back(one);
  }
  return taken;
}

// A row for each way that was taken: "`name`, WAY", over processes; of ratios with an interval.
template <std::size_t figures>
[[nodiscard]] std::vector<row> way_rows(const std::vector<way_figures<figures>>& processes,
                                        const std::string& name, const std::string& unit,
                                        std::size_t figure, double way_figure::*of) {
  constexpr auto bare = static_cast<std::size_t>(way::bare);
  std::vector<row> rows;
  for (std::size_t at = 0; at < way_names.size(); ++at) {
    std::vector<double> samples;
    for (const way_figures<figures>& one : processes)
      if (one[at][figure].median > 0) samples.push_back(one[at][figure].*of);
    if (samples.empty()) continue;
    row& made = rows.emplace_back(summarize(name + ", " + way_names[at], unit, samples));
    if (of != &way_figure::over_bare || at == bare) continue;
    const auto interval = latency::bootstrap_interval(samples, latency::location::median);
    made.reference_name = name + ", " + way_names[bare];
    made.reference_value = 1;
    made.ratio_interval = {interval.low, interval.high};
  }
  return rows;
}

}  // namespace benchmarks
