// What the journal costs the thread that records: the same spans in memory only (a ring), and with
// the collector taking them out of the buffer and writing them to the journal meanwhile. At two
// paces: as fast as one thread can, and at 4 million spans a second, which is busy still. Samples
// are taken in turn, and each is long enough for the collector to come by several times.
//
//   journal_overhead [--rounds N] [--spans N] [-o
//   benchmarks/results/<machine>/journal_overhead.json]

#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
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

struct pace {
  const char* name;
  std::int64_t burst_period_ns;  // from the start of one burst to that of the next; 0 = at once
};
constexpr pace paces[] = {{"at full speed", 0}, {"at 4 million spans/s", 25000}};
constexpr std::uint64_t burst_spans = 100;

std::int64_t now_ns() {
  return latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
}

// Only the bursts are timed, not the pauses between them.
sample record(const std::string& file, const pace& at, std::uint64_t spans) {
  latency::session_options options;
  options.capacity_spans = spans;  // at full speed one thread records more than another can write
  options.mode = file.empty() ? latency::session_mode::ring : latency::session_mode::keep;
  latency::session run{file, options};
  { LATENCY_SCOPE("attach"); }
  const double others_before_ns = cpu_ns(RUSAGE_SELF) - cpu_ns(RUSAGE_THREAD);
  std::int64_t recording_ns = 0, next_ns = now_ns();
  for (std::uint64_t recorded = 0; recorded < spans;) {
    const std::uint64_t piece =
        std::min(spans - recorded, at.burst_period_ns == 0 ? spans : burst_spans);
    recorded += piece;
    std::int64_t start_ns = now_ns();
    while (start_ns < next_ns) start_ns = now_ns();
    next_ns = start_ns + at.burst_period_ns;
    for (std::uint64_t i = 0; i < piece; ++i) {
      LATENCY_SCOPE("span");
      asm volatile("" ::: "memory");
    }
    recording_ns += now_ns() - start_ns;
  }
  const double others_ns = cpu_ns(RUSAGE_SELF) - cpu_ns(RUSAGE_THREAD) - others_before_ns;
  const latency::recording recorded = run.stop();
  if (recorded.hygiene.dropped_spans != 0)
    throw latency::error(fmt::format("{} spans were dropped: the machine was too busy for this",
                                     recorded.hygiene.dropped_spans));
  const auto count = static_cast<double>(spans);
  return {static_cast<double>(recording_ns) / count, others_ns / count};
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

  const std::string file = "journal_overhead.tmp.json";
  std::vector<benchmarks::row> rows;
  for (const pace& at : paces) {
    std::vector<double> in_memory, in_journal, difference, collector;
    for (int round = -1; round < rounds; ++round) {
      const sample memory = record("", at, spans), journal = record(file, at, spans);
      std::filesystem::remove(file + ".journal");
      if (round < 0) continue;  // does not count
      in_memory.push_back(memory.span_ns);
      in_journal.push_back(journal.span_ns);
      difference.push_back(journal.span_ns - memory.span_ns);
      collector.push_back(journal.collector_ns);
    }
    const auto add = [&](const char* what, const std::vector<double>& samples) {
      rows.push_back(
          benchmarks::summarize(fmt::format("{}, {}", what, at.name), "ns/span", samples));
    };
    add("span recorded in memory only", in_memory);
    add("span recorded while the journal is written", in_journal);
    rows.back().reference_name = rows[rows.size() - 2].name;
    rows.back().reference_value = rows[rows.size() - 2].value;
    add("difference of the two", difference);
    add("collector, its own CPU time", collector);
  }
  benchmarks::report(rows, machine,
                     fmt::format("journal_overhead --rounds {} --spans {}", rounds, spans), output);
} catch (const latency::error& e) {
  std::fprintf(stderr, "journal_overhead: %s\n", e.what());
  return 2;
}
