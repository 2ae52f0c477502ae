// What one span costs on the thread that records it, against two bare readings of the clock that it
// cannot do without. A sample is a burst of spans; the collector empties the buffers between
// bursts.
//
//   span_cost [--rounds N] [-o benchmarks/results/<machine>/span_cost.json]

#include <CLI/CLI.hpp>
#include <atomic>
#include <latency/latency.hpp>
#include <thread>

#include "benchmarks/result_file.hpp"

namespace {

constexpr int burst = 20000;

// Keeps the compiler from moving or merging work across it.
inline void barrier() {
  asm volatile("" ::: "memory");
}

template <class F>
double ns_each(F&& work) {
  const std::int64_t start_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
  for (int i = 0; i < burst; ++i) work(i);
  return static_cast<double>(latency::read_clock_ns(CLOCK_MONOTONIC_RAW) - start_ns) / burst;
}

void let_the_collector_work() {
  std::this_thread::sleep_for(std::chrono::milliseconds(25));
}

double two_clock_reads(latency::clock_kind clock) {
  return ns_each([clock](int) {
    std::uint64_t first = latency::read_ticks(clock);
    asm volatile("" : "+r"(first)::"memory");
    std::uint64_t second = latency::read_ticks(clock);
    asm volatile("" : "+r"(second)::"memory");
  });
}

double recorded_span() {
  const double ns = ns_each([](int) {
    LATENCY_SCOPE("span");
    barrier();
  });
  let_the_collector_work();
  return ns;
}

double recorded_span_with_attributes() {
  const double ns = ns_each([](int i) {
    LATENCY_SCOPE("span", {"block", i}, {"step", 1}, {"timestep", 937.5}, {"kind", "final"});
    barrier();
  });
  let_the_collector_work();
  return ns;
}

// All threads at once; the mean cost of a span on its thread.
double threads_at_once(int count, double (*work)()) {
  std::atomic<int> ready{0};
  std::vector<double> ns(static_cast<std::size_t>(count));
  std::vector<std::thread> threads;
  for (int t = 0; t < count; ++t)
    threads.emplace_back([&, t] {
      { LATENCY_SCOPE("attach"); }
      ready.fetch_add(1);
      while (ready.load() < count) std::this_thread::yield();
      ns[static_cast<std::size_t>(t)] = work();
    });
  double sum = 0;
  for (int t = 0; t < count; ++t) {
    threads[static_cast<std::size_t>(t)].join();
    sum += ns[static_cast<std::size_t>(t)];
  }
  return sum / count;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures what a span costs."};
  int rounds = 40;
  std::string output, machine = benchmarks::this_machine();
  app.add_option("--rounds", rounds, "samples of each figure")->check(CLI::Range(2, 10000));
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("-o", output, "result file to write");
  CLI11_PARSE(app, argc, argv);

  const latency::clock_kind clock = latency::detect_clock();
  const std::string file = "span_cost.tmp.json";
  std::unique_ptr<latency::session> run;
  const auto off = [] {
    return ns_each([](int) {
      LATENCY_SCOPE("span");
      barrier();
    });
  };
  auto rows =
      benchmarks::compare({{"empty loop", [] { return ns_each([](int) { barrier(); }); }, ""},
                           {"scope without a session", off, ""}},
                          "ns/span", rounds);
  run = std::make_unique<latency::session>(file);
  latency::name_thread("main");
  const auto with = benchmarks::compare(
      {{"two bare clock reads", [clock] { return two_clock_reads(clock); }, ""},
       {"span recorded into the journal", recorded_span, "two bare clock reads"},
       {"span with 4 attributes", recorded_span_with_attributes, "two bare clock reads"}},
      "ns/span", rounds);
  rows.insert(rows.end(), with.begin(), with.end());
  // More threads than cores share them: the bare reads are measured under the same load.
  const auto threads = benchmarks::compare({{"two bare clock reads, 4 threads",
                                             [clock] {
                                               return threads_at_once(4, clock == latency::clock_kind::tsc
          ? +[] { return two_clock_reads(latency::clock_kind::tsc); }
          : +[] { return two_clock_reads(latency::clock_kind::monotonic_raw); });
                                             },
                                             ""},
                                            {"span recorded into the journal, 4 threads",
                                             [] { return threads_at_once(4, recorded_span); },
                                             "two bare clock reads, 4 threads"}},
                                           "ns/span", rounds);
  rows.insert(rows.end(), threads.begin(), threads.end());
  const latency::recording recorded = run->stop();
  if (recorded.hygiene.dropped_spans != 0)
    throw latency::error(std::to_string(recorded.hygiene.dropped_spans) +
                         " spans were dropped: the machine was too busy for this measurement");
  std::string command = "span_cost --rounds " + std::to_string(rounds);
  benchmarks::report(rows, machine, command, output);
} catch (const latency::error& e) {
  std::fprintf(stderr, "span_cost: %s\n", e.what());
  return 2;
}
