// What the journal costs the thread that records: the same spans in memory only (a ring), and with
// the collector taking them out of the buffer and writing them to the journal meanwhile. Samples
// are taken in turn, and each is long enough for the collector to come by several times.
//
//   journal_overhead [--rounds N] [--spans N] [-o
//   benchmarks/results/<machine>/journal_overhead.json]

#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <latency/latency.hpp>

#include "benchmarks/result_file.hpp"

namespace {

double cpu_ns(__rusage_who who) {
  rusage used{};
  getrusage(who, &used);
  const auto ns = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_usec) * 1e3;
  };
  return ns(used.ru_utime) + ns(used.ru_stime);
}

struct sample {
  double span_ns = 0;       // on the thread that records
  double collector_ns = 0;  // CPU time of the other thread, per span
};

sample record(const std::string& file, std::uint64_t spans) {
  latency::session_options options;
  options.capacity_spans = 1 << 20;  // the collector takes what 10 ms bring, a fifth of it
  options.mode = file.empty() ? latency::session_mode::ring : latency::session_mode::keep;
  latency::session run{file, options};
  { LATENCY_SCOPE("attach"); }
  const double others_before_ns = cpu_ns(RUSAGE_SELF) - cpu_ns(RUSAGE_THREAD);
  const std::int64_t start_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
  for (std::uint64_t i = 0; i < spans; ++i) {
    LATENCY_SCOPE("span");
    asm volatile("" ::: "memory");
  }
  const std::int64_t end_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
  const double others_ns = cpu_ns(RUSAGE_SELF) - cpu_ns(RUSAGE_THREAD) - others_before_ns;
  const latency::recording recorded = run.stop();
  if (recorded.hygiene.dropped_spans != 0)
    throw latency::error(fmt::format("{} spans were dropped: the machine was too busy for this",
                                     recorded.hygiene.dropped_spans));
  const auto count = static_cast<double>(spans);
  return {static_cast<double>(end_ns - start_ns) / count, others_ns / count};
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures what writing the journal costs a span."};
  int rounds = 40;
  std::uint64_t spans = 2000000;
  std::string output, machine = benchmarks::this_machine();
  app.add_option("--rounds", rounds, "samples of each figure")->check(CLI::Range(2, 10000));
  app.add_option("--spans", spans, "in each sample")->capture_default_str();
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("-o", output, "result file to write");
  CLI11_PARSE(app, argc, argv);

  std::vector<double> in_memory, in_journal, difference, collector;
  for (int round = -1; round < rounds; ++round) {
    const sample memory = record("", spans), journal = record("journal_overhead.tmp.json", spans);
    if (round < 0) continue;  // does not count
    in_memory.push_back(memory.span_ns);
    in_journal.push_back(journal.span_ns);
    difference.push_back(journal.span_ns - memory.span_ns);
    collector.push_back(journal.collector_ns);
  }
  std::vector<benchmarks::row> rows = {
      benchmarks::summarize("span recorded in memory only", "ns/span", in_memory),
      benchmarks::summarize("span recorded while the journal is written", "ns/span", in_journal),
      benchmarks::summarize("difference of the two", "ns/span", difference),
      benchmarks::summarize("collector, its own CPU time", "ns/span", collector)};
  rows[1].reference_name = rows[0].name;
  rows[1].reference_value = rows[0].value;
  benchmarks::report(rows, machine,
                     fmt::format("journal_overhead --rounds {} --spans {}", rounds, spans), output);
} catch (const latency::error& e) {
  std::fprintf(stderr, "journal_overhead: %s\n", e.what());
  return 2;
}
