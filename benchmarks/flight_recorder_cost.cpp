// What a flight recorder costs: a span with it, in ring mode and in keep mode, and, while a file is
// written, how long that takes and how long the thread that records is held up.
//
//   flight_recorder_cost [--rounds N] [-o benchmarks/results/<machine>/flight_recorder_cost.json]
//
// Held up: the longest pause between two spans of a thread that does nothing but open and close
// them at 10^5 a second, during a file and, for comparison, during a second without one.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <latency/latency.hpp>
#include <thread>

#include "benchmarks/result_file.hpp"

namespace {

constexpr int burst = 20000;
const std::string file = "flight_recorder_cost.tmp.json";

latency::session_options options_of(latency::session_mode mode, bool flies) {
  latency::session_options options;
  options.mode = mode;
  if (!flies) return options;
  options.flight_recorder.window = std::chrono::hours(1);
  options.flight_recorder.after = std::chrono::milliseconds(0);
  options.flight_recorder.at_most_every = std::chrono::milliseconds(0);
  options.flight_recorder.files = 1;
  return options;
}

void spans(int count) {
  for (int i = 0; i < count; ++i) {
    LATENCY_SCOPE("span");
    asm volatile("" ::: "memory");
  }
}

// A burst that the buffer holds, after one that warms it up and has been collected.
double ns_per_span(latency::session_mode mode, bool flies) {
  latency::session run{file, options_of(mode, flies)};
  spans(burst);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const std::int64_t start_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
  spans(burst);
  const std::int64_t took_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW) - start_ns;
  if (!run.stop().spans.empty()) return static_cast<double>(took_ns) / burst;
  throw latency::error("nothing was recorded");
}

// Records until `done()`, at most 10^5 spans a second; the longest pause between two of them.
template <class Done>
double longest_pause_us(const Done& done) {
  std::int64_t longest_ns = 0, last_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
  for (std::uint64_t i = 0; i % 64 != 0 || !done(); ++i) {
    const std::int64_t next_ns = last_ns + 10000;
    std::int64_t now_ns = last_ns;
    while (now_ns < next_ns) now_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
    { LATENCY_SCOPE("meanwhile"); }
    now_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
    longest_ns = std::max(longest_ns, now_ns - last_ns);
    last_ns = now_ns;
  }
  return static_cast<double>(longest_ns) / 1000;
}

struct dump_samples {
  std::vector<double> seconds, pause_us, quiet_pause_us;
};

dump_samples dump(int kept, int rounds) {
  dump_samples samples;
  for (int round = 0; round < rounds; ++round) {
    latency::session run{file, options_of(latency::session_mode::keep, true)};
    for (int recorded = 0; recorded < kept; recorded += burst) {
      spans(std::min(burst, kept - recorded));
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    const auto start = std::chrono::steady_clock::now();
    if (!run.dump("benchmark")) throw latency::error("no file was asked for");
    samples.pause_us.push_back(
        longest_pause_us([&] { return run.flight_recorder().written == 1; }));
    samples.seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    samples.quiet_pause_us.push_back(
        longest_pause_us([&] { return std::chrono::steady_clock::now() >= end; }));
    const latency::recording last = run.stop();
    if (last.hygiene.dropped_spans != 0)
      throw latency::error(fmt::format("{} spans were dropped: the machine was too busy",
                                       last.hygiene.dropped_spans));
    std::filesystem::remove(run.flight_recorder().last_file);
  }
  return samples;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures what a flight recorder costs."};
  int rounds = 10;
  std::string output, machine = benchmarks::this_machine();
  app.add_option("--rounds", rounds, "samples of each figure")->check(CLI::Range(2, 10000));
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("-o", output, "result file to write");
  CLI11_PARSE(app, argc, argv);

  using latency::session_mode;
  auto rows = benchmarks::compare(
      {{"span, ring mode", [] { return ns_per_span(session_mode::ring, false); }, ""},
       {"span, keep mode", [] { return ns_per_span(session_mode::keep, false); }, ""},
       {"span, flight recorder", [] { return ns_per_span(session_mode::keep, true); },
        "span, ring mode"}},
      "ns/span", rounds);
  for (const int kept : {100000, 1000000}) {
    const dump_samples samples = dump(kept, rounds);
    const std::string of = fmt::format("file of {:.0e} spans", static_cast<double>(kept));
    rows.push_back(benchmarks::summarize(of + ": call to file", "s", samples.seconds));
    rows.push_back(benchmarks::summarize(of + ": longest pause in a second without", "us",
                                         samples.quiet_pause_us));
    const double quiet_us = rows.back().value;
    rows.push_back(benchmarks::summarize(of + ": longest pause meanwhile", "us", samples.pause_us));
    rows.back().reference_name = of + ": longest pause in a second without";
    rows.back().reference_value = quiet_us;
  }
  benchmarks::report(rows, machine, fmt::format("flight_recorder_cost --rounds {}", rounds),
                     output);
} catch (const latency::error& e) {
  std::fprintf(stderr, "flight_recorder_cost: %s\n", e.what());
  return 2;
}
