// What it costs the launching thread that kernels are traced and given to their spans, against bare
// kernel tracing by CUPTI and against no profiler. Processes differ by more than ways of tracing
// do, so each process takes all of them, in random order, again and again, and ratios are taken
// within a process; figures are medians over processes. Before anything of the library's is
// switched on, a process measures launches untraced and under bare tracing: what the library might
// leave behind would show as a difference to bare tracing in between. The launching thread has a
// core of its own.
//
//   cupti_cost [--processes N] [-o benchmarks/results/<machine>/cupti_cost.json]
#include <cuda_runtime.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <array>
#include <latency/cupti.hpp>
#include <latency/latency.hpp>
#include <latency/memory.hpp>
#include <memory>
#include <random>

#include "benchmarks/bare_tracing.hpp"
#include "benchmarks/cuda_ok.hpp"
#include "benchmarks/launching_core.hpp"
#include "benchmarks/result_file.hpp"

namespace {

__global__ void empty() {}

// Launches between two synchronizations: few enough that the thread never waits for room in the
// device's queue, as it would where tracing makes kernels slower than their launches.
constexpr int batch = 200;
constexpr int warm_up_batches = 5;
constexpr int batches = 25;  // of each way of tracing in each round
constexpr int rounds = 20;   // in a process
constexpr int layer = 10;    // launches in a span

enum class way { none, bare_before, bare, external, keep, aggregate };
constexpr std::size_t ways = 6;
constexpr std::array<const char*, ways> words = {"no profiler",
                                                 "bare CUPTI, before the library's tracing",
                                                 "bare CUPTI kernel activity",
                                                 "bare CUPTI and external correlation",
                                                 "collector, every op kept",
                                                 "collector, totals"};

// One way of tracing, on for as long as this lives.
class tracing {
 public:
  explicit tracing(way of) {
    if (of == way::bare_before || of == way::bare || of == way::external)
      bare_ = std::make_unique<benchmarks::bare_tracing>(of == way::external);
    if (of != way::keep && of != way::aggregate) return;
    latency::session_options fixed;
    if (of == way::aggregate) fixed.mode = latency::session_mode::ring;
    session_ = std::make_unique<latency::session>(
        "cupti_cost." + std::to_string(getpid()) + ".json", fixed);
    latency::cupti::options options;
    if (of == way::aggregate) options.mode = latency::cupti::collector_mode::aggregate;
    collector_ = std::make_unique<latency::cupti::collector>(*session_, options);
    if (!collector_->started()) throw latency::error(collector_->why_not());
  }

  void launch(cudaStream_t stream) const {
    if (bare_ == nullptr || bare_->push == nullptr) return empty<<<1, 32, 0, stream>>>();
    std::uint64_t popped = 0;
    bare_->push(CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0, 1);
    empty<<<1, 32, 0, stream>>>();
    bare_->pop(CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0, &popped);
  }

  // Every launch has its record, and under the library its span.
  void finish(std::uint64_t launched) {
    std::uint64_t found = launched, unmatched = 0;
    if (bare_ != nullptr) found = bare_->finish();
    if (session_ != nullptr) {
      collector_.reset();
      const latency::recording r = session_->stop();
      found = r.device_ops.size();
      for (const latency::device_total& t : r.device_totals)
        found += static_cast<std::uint64_t>(t.count);
      unmatched = r.hygiene.unmatched_device_ops;
    }
    if (found != launched || unmatched != 0)
      throw latency::error("recorded " + std::to_string(found) + " of " + std::to_string(launched) +
                           " kernels, " + std::to_string(unmatched) + " without a launch");
  }

 private:
  std::unique_ptr<benchmarks::bare_tracing> bare_;
  std::unique_ptr<latency::session> session_;
  std::unique_ptr<latency::cupti::collector> collector_;
};

struct sample {
  double ns_per_launch = 0;  // median over batches
  double longest_us = 0;     // of launches timed one by one
};

std::int64_t now_ns() {
  return latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
}

class launcher {
 public:
  launcher() {
    CPU_ZERO(&here_);
    CPU_SET(benchmarks::launching_processor, &here_);
    benchmarks::run_on(elsewhere_);  // threads of the driver's stay there
    CUDA_OK(cudaFree(nullptr));
    CUDA_OK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
  }

  sample measure(way of) {
    benchmarks::run_on(elsewhere_);  // threads that tracing starts stay there
    tracing on(of);
    benchmarks::run_on(here_);
    {
      LATENCY_SCOPE("measure");
      for (int b = 0; b < warm_up_batches; ++b) launch_batch(on);
      std::vector<double> ns;
      for (int b = 0; b < batches; ++b) ns.push_back(launch_batch(on) / batch);
      taken_.ns_per_launch = latency::percentile(ns, 50);
      taken_.longest_us = 0;
      for (int b = 0; b < batches; ++b) launch_singly(on);
    }
    on.finish(std::uint64_t{batch} * (warm_up_batches + 2 * batches));
    return taken_;
  }

  // Resident memory after a tenth of the launches and after all, under totals.
  std::array<double, 2> watch_memory(std::int64_t launches) {
    benchmarks::run_on(elsewhere_);
    tracing on(way::aggregate);
    benchmarks::run_on(here_);
    std::array<double, 2> bytes{};
    LATENCY_SCOPE("measure");
    for (std::int64_t b = 0; b < launches / batch; ++b) {
      launch_batch(on);
      if (b == launches / batch / 10)
        bytes[0] = static_cast<double>(latency::memory::read_usage().rss_bytes);
    }
    bytes[1] = static_cast<double>(latency::memory::read_usage().rss_bytes);
    on.finish(static_cast<std::uint64_t>(launches / batch * batch));
    return bytes;
  }

 private:
  // Host time of the launches.
  double launch_batch(const tracing& on) {
    const std::int64_t start_ns = now_ns();
    for (int i = 0; i < batch / layer; ++i) {
      LATENCY_SCOPE("layer");
      for (int k = 0; k < layer; ++k) on.launch(stream_);
    }
    const std::int64_t took_ns = now_ns() - start_ns;
    CUDA_OK(cudaStreamSynchronize(stream_));
    return static_cast<double>(took_ns);
  }
  void launch_singly(const tracing& on) {
    for (int i = 0; i < batch; ++i) {
      const std::int64_t start_ns = now_ns();
      on.launch(stream_);
      taken_.longest_us =
          std::max(taken_.longest_us, static_cast<double>(now_ns() - start_ns) / 1000);
    }
    CUDA_OK(cudaStreamSynchronize(stream_));
  }

  const cpu_set_t elsewhere_ = benchmarks::other_cores();
  cpu_set_t here_;
  cudaStream_t stream_ = nullptr;
  sample taken_;
};

// In this process, which does nothing else: for each way its median, its median ratio to bare
// tracing of the same round, and its longest launch. Printed as a line of numbers.
void measure_here() {
  launcher launches;
  std::array<std::vector<double>, ways> ns, ratios;
  std::array<double, ways> longest_us{};
  const auto take = [&](way of) {
    const sample s = launches.measure(of);
    const auto at = static_cast<std::size_t>(of);
    ns[at].push_back(s.ns_per_launch);
    longest_us[at] = std::max(longest_us[at], s.longest_us);
  };
  for (int round = 0; round < rounds; ++round) take(way::none);
  for (int round = 0; round < rounds; ++round) take(way::bare_before);
  std::vector<way> order{way::bare, way::external, way::keep, way::aggregate};
  std::mt19937 random(std::random_device{}());
  for (int round = 0; round < rounds; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    for (const way of : order) take(of);
    for (std::size_t at = 0; at < ways; ++at)
      ratios[at].push_back(ns[at][static_cast<std::size_t>(round)] /
                           ns[static_cast<std::size_t>(way::bare)].back());
  }
  for (std::size_t at = 0; at < ways; ++at)
    std::printf("%.3f %.5f %.3f\n", latency::percentile(ns[at], 50),
                latency::percentile(ratios[at], 50), longest_us[at]);
}

// The numbers that this program prints with `option`, in a fresh process.
std::vector<double> numbers_of(const std::string& option, std::size_t count) {
  const std::string command = "/proc/" + std::to_string(getpid()) + "/exe " + option;
  std::FILE* const child = popen(command.c_str(), "r");
  if (child == nullptr) throw latency::error("cannot start " + command);
  std::vector<double> numbers(count);
  bool read = true;
  for (double& number : numbers) read = read && std::fscanf(child, "%lf", &number) == 1;
  if (pclose(child) != 0 || !read) throw latency::error(command + " failed");
  return numbers;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures what tracing kernels costs the thread that launches them."};
  int processes = 12;
  std::int64_t long_run = 10'000'000;
  bool one = false, memory = false;
  std::string output, machine;
  app.add_option("--processes", processes, "for each figure")->check(CLI::Range(2, 1000));
  app.add_option("--long-run", long_run, "kernels of the run whose memory is watched")
      ->check(CLI::Range(std::int64_t{10'000}, std::int64_t{1'000'000'000}));
  app.add_flag("--one", one, "take one sample in this process, and print it");
  app.add_flag("--memory", memory, "watch the memory of one run in this process, and print it");
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("-o", output, "result file to write");
  CLI11_PARSE(app, argc, argv);

  if (one) return measure_here(), 0;
  if (memory) {
    const std::array<double, 2> bytes = launcher().watch_memory(long_run);
    std::printf("%.0f %.0f\n", bytes[0], bytes[1]);
    return 0;
  }

  std::array<std::vector<double>, ways> ns, ratios, longest_us;
  for (int process = -1; process < processes; ++process) {
    const std::vector<double> sample = numbers_of("--one", 3 * ways);
    if (process < 0) continue;  // files and the driver's caches are warm afterwards
    for (std::size_t at = 0; at < ways; ++at) {
      ns[at].push_back(sample[3 * at]);
      ratios[at].push_back(sample[3 * at + 1]);
      longest_us[at].push_back(sample[3 * at + 2]);
    }
  }
  std::vector<benchmarks::row> rows;
  const auto add = [&](const char* figure, const char* unit, const auto& samples) {
    for (std::size_t at = 0; at < ways; ++at)
      rows.push_back(
          benchmarks::summarize(std::string(figure) + ", " + words[at], unit, samples[at]));
  };
  add("launch", "ns/launch", ns);
  add("over bare CUPTI", "x", ratios);
  add("longest of 100000 launches", "us", longest_us);
  const std::vector<double> bytes =
      numbers_of("--memory --long-run " + std::to_string(long_run), 2);
  benchmarks::row early = benchmarks::summarize("memory, collector with totals, a tenth of the run",
                                                "MB", {bytes[0] / 1e6});
  benchmarks::row late = benchmarks::summarize(
      "memory, collector with totals, " + std::to_string(long_run) + " kernels", "MB",
      {bytes[1] / 1e6});
  late.reference_name = early.name;
  late.reference_value = early.value;
  rows.push_back(early);
  rows.push_back(late);
  if (machine.empty()) machine = benchmarks::this_machine() + ", " + benchmarks::gpu_name();
  benchmarks::report(rows, machine,
                     "cupti_cost --processes " + std::to_string(processes) + " --long-run " +
                         std::to_string(long_run),
                     output);
} catch (const latency::error& e) {
  std::fprintf(stderr, "cupti_cost: %s\n", e.what());
  return 2;
}
