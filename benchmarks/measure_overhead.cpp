// What measuring costs the loops that it measures: host and device time under each tier over the
// same with nothing measuring, every sample in a fresh process, in random order. Without a device,
// the host's alone. docs/overhead.md says how to measure a loop of your own like this.
//
//   measure_overhead [--rounds N] [--seed N] [-o
//   benchmarks/results/<machine>/measure_overhead.json]
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <latency/latency.hpp>
#include <latency/overhead.hpp>
#include <random>

#include "benchmarks/overhead_cases.hpp"
#include "benchmarks/result_file.hpp"

namespace {

using latency::measured_time;

// Some work that no compiler shortens: a third of a microsecond to one, by processor.
void host_step(std::uint64_t& state) {
  for (int i = 0; i < 250; ++i) state = state * 6364136223846793005u + 1442695040888963407u;
}

void time_host_steps(latency::overhead_trial& trial) {
  std::uint64_t state = 1;
  trial.time("1000 host steps of a microsecond", [&] {
    for (int i = 0; i < 1000; ++i) {
      LATENCY_SCOPE("step", {"i", i});
      host_step(state);
    }
  });
  if (state == 0) throw latency::error("the steps were not taken");
}

std::string row_name(const std::string& loop, measured_time of, const std::string& tier) {
  return loop + ", " + to_text(of) + ", " + tier;
}

void refer(benchmarks::row& row, const benchmarks::row& to,
           const latency::confidence_interval& ratio) {
  row.reference_name = to.name;
  row.reference_value = to.value;
  if (std::min(row.n, to.n) >= latency::overhead_least_samples)
    row.ratio_interval = {ratio.low, ratio.high};
}

// A time of a loop in every tier, beside that in the first, which is off.
void add_times(std::vector<benchmarks::row>& rows, const latency::overhead_result& found,
               const std::string& loop, measured_time of) {
  std::vector<double> off_us;
  benchmarks::row off;
  for (const std::string& tier : found.tiers) {
    std::vector<double> us = found.times_ns(loop, tier, of);
    if (us.empty()) return;
    for (double& value : us) value /= 1000;
    rows.push_back(benchmarks::summarize(row_name(loop, of, tier), "us", us));
    if (off_us.empty()) {
      off_us = us;
      off = rows.back();
    } else {
      refer(rows.back(), off, latency::bootstrap_ratio(off_us, us, latency::location::median));
    }
  }
}

// By what the second loop is faster on the device than the first, process by process.
void add_gains(std::vector<benchmarks::row>& rows, const latency::overhead_result& found,
               const benchmarks::overhead_case& of) {
  if (of.slow_loop.empty()) return;
  std::vector<double> off_gains;
  benchmarks::row off;
  for (const std::string& tier : found.tiers) {
    const std::vector<double> slow = found.times_ns(of.slow_loop, tier, measured_time::device);
    const std::vector<double> fast = found.times_ns(of.fast_loop, tier, measured_time::device);
    std::vector<double> gains;
    for (std::size_t i = 0; i < slow.size() && i < fast.size(); ++i)
      gains.push_back(slow[i] / fast[i]);
    rows.push_back(benchmarks::summarize("gain of " + of.name + ", " + tier, "x", gains));
    if (off_gains.empty()) {
      off_gains = gains;
      off = rows.back();
    } else {
      refer(rows.back(), off,
            latency::bootstrap_ratio(off_gains, gains, latency::location::median));
    }
  }
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures what measuring costs: ratios to the same with nothing measuring."};
  latency::overhead_options options;
  options.seed %= 1'000'000;
  std::string output, machine, only;
  app.add_option("--rounds", options.rounds, "processes for each tier")
      ->check(CLI::Range(1, 10'000));
  app.add_option("--passes", options.passes, "passes of a loop in a process")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--seed", options.seed, "of the order of tiers");
  app.add_option("--only", only, "the case of this name alone");
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("-o", output, "result file to write");
  CLI11_PARSE(app, argc, argv);

  const std::string device = benchmarks::device_in_words();
  std::vector<benchmarks::overhead_case> cases{
      {"host steps", time_host_steps, {latency::spans_tier()}, "", ""}};
  if (device.empty()) {
    fmt::print("no CUDA device: the host's alone\n");
  } else {
    for (benchmarks::overhead_case& one : benchmarks::device_cases())
      cases.push_back(std::move(one));
  }
  std::string command = fmt::format("measure_overhead --rounds {} --passes {} --seed {}",
                                    options.rounds, options.passes, options.seed);
  if (!only.empty()) command += " --only '" + only + "'";
  std::vector<benchmarks::row> rows;
  for (const benchmarks::overhead_case& one : cases) {
    if (!only.empty() && one.name != only) continue;
    options.tiers = one.tiers;
    const std::int64_t start_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
    const latency::overhead_result found = latency::measure_overhead(one.work, options);
    const double s =
        static_cast<double>(latency::read_clock_ns(CLOCK_MONOTONIC_RAW) - start_ns) / 1e9;
    fmt::print("{}: {} processes in {:.1f} s, order of tiers from seed {}\n", one.name,
               found.samples.size() + 1, s, found.seed);
    for (const std::string& loop : found.loops)
      for (const measured_time of : {measured_time::host, measured_time::device})
        add_times(rows, found, loop, of);
    add_gains(rows, found, one);
  }
  if (rows.empty()) throw latency::error("no case is called '" + only + "'");
  if (machine.empty()) machine = benchmarks::this_machine() + (device.empty() ? "" : ", " + device);
  benchmarks::report(rows, machine, command, output);
} catch (const latency::error& e) {
  std::fprintf(stderr, "measure_overhead: %s\n", e.what());
  return 2;
}
