// What it costs the launching thread that kernels are traced and given to their spans, against bare
// kernel tracing by CUPTI and against no profiler. Each figure is taken in a process of its own
// (tracing that was on once leaves launches slower), in random order, round after round. A process
// first measures launches untraced: what tracing adds is the difference within a process, which the
// machine's mood changes far less than the times themselves. The launching thread has a core of its
// own, so that the scheduler does not decide.
//
//   cupti_cost [--rounds N] [-o benchmarks/results/<machine>/cupti_cost.json]
#include <cuda_runtime.h>
#include <sched.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <array>
#include <fstream>
#include <latency/cupti.hpp>
#include <latency/latency.hpp>
#include <latency/memory.hpp>
#include <map>
#include <random>
#include <thread>

#include "benchmarks/cuda_ok.hpp"
#include "benchmarks/result_file.hpp"

namespace {

__global__ void empty() {}

// Launches between two synchronizations: few enough that the thread never waits for room in the
// device's queue, as it would where tracing makes kernels slower than their launches.
constexpr int batch = 200;
constexpr int warm_up_batches = 25;
constexpr int single_batches = 500;  // whose launches are timed one by one
constexpr int layer = 10;            // launches in a span

// CUPTI's kernel tracing as a program would use it that wants no more than the records: buffers
// made ahead, read on CUPTI's own thread. With `external`, also an external correlation id around
// each launch, the other way to learn which span a kernel belongs to. With `syncs`, also records of
// synchronizations and events, which the collector has when it keeps every op.
class bare_tracing {
 public:
  bare_tracing(bool external, bool syncs) {
    std::string why;
    if (!library().load(why)) throw latency::error(why);
    auto& cupti = library();
    std::uint8_t yes = 1;
    std::size_t size = sizeof yes;
    check(cupti.cuptiActivitySetAttribute(CUPTI_ACTIVITY_ATTR_ZEROED_OUT_ACTIVITY_BUFFER, &size,
                                          &yes));
    check(cupti.cuptiSubscribe(
        &subscriber_, [](void*, CUpti_CallbackDomain, CUpti_CallbackId, const void*) {}, nullptr));
    check(cupti.cuptiActivityRegisterCallbacks(
        [](std::uint8_t** buffer, std::size_t* bytes, std::size_t* most) {
          *buffer = buffers().take();
          *bytes = buffers().bytes();
          *most = 0;
        },
        [](CUcontext, std::uint32_t, std::uint8_t* buffer, std::size_t, std::size_t bytes) {
          CUpti_Activity* record = nullptr;
          while (bytes > 0 &&
                 library().cuptiActivityGetNextRecord(buffer, bytes, &record) == CUPTI_SUCCESS)
            records().fetch_add(record->kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL ? 1 : 0);
          buffers().recycle({buffer, bytes});
        }));
    check(cupti.cuptiActivityEnable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL));
    if (syncs) {
      check(cupti.cuptiActivityEnable(CUPTI_ACTIVITY_KIND_SYNCHRONIZATION));
      check(cupti.cuptiActivityEnable(CUPTI_ACTIVITY_KIND_CUDA_EVENT));
    }
    if (external) {
      check(cupti.cuptiActivityEnable(CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION));
      void* const handle = dlopen(cupti.path.c_str(), RTLD_NOW);
      const auto enable = reinterpret_cast<decltype(&cuptiActivityEnableRuntimeApi)>(
          dlsym(handle, "cuptiActivityEnableRuntimeApi"));
      push =
          reinterpret_cast<decltype(push)>(dlsym(handle, "cuptiActivityPushExternalCorrelationId"));
      pop = reinterpret_cast<decltype(pop)>(dlsym(handle, "cuptiActivityPopExternalCorrelationId"));
      check(enable(CUPTI_RUNTIME_TRACE_CBID_cudaLaunchKernel_v7000, 1));
    }
  }
  ~bare_tracing() { library().cuptiUnsubscribe(subscriber_); }

  std::uint64_t finish() {
    check(library().cuptiActivityFlushAll(0));
    return records().load();
  }

  decltype(&cuptiActivityPushExternalCorrelationId) push = nullptr;
  decltype(&cuptiActivityPopExternalCorrelationId) pop = nullptr;

 private:
  static latency::detail::cupti_library& library() {
    static latency::detail::cupti_library loaded;
    return loaded;
  }
  static latency::detail::activity_buffers& buffers() {
    static latency::detail::activity_buffers made(std::size_t{2} << 20, 16);
    return made;
  }
  static std::atomic<std::uint64_t>& records() {
    static std::atomic<std::uint64_t> count{0};
    return count;
  }
  static void check(CUptiResult result) {
    if (result != CUPTI_SUCCESS) throw latency::error("CUPTI: " + library().text_of(result));
  }
  CUpti_SubscriberHandle subscriber_ = nullptr;
};

enum class tier { none, bare, external, syncs, keep, aggregate };
constexpr std::array<const char*, 6> tier_names = {"none",  "bare", "external",
                                                   "syncs", "keep", "aggregate"};

struct sample {
  double untraced_ns = 0;        // of a launch, before tracing began
  double ns_per_launch = 0;      // median over batches
  double longest_launch_us = 0;  // of 100000 single ones
  double rss_early_bytes = 0, rss_late_bytes = 0;
};

constexpr int launching_processor = 2;

// The processors that share a core with the launching one, itself included.
cpu_set_t launching_core() {
  cpu_set_t core;
  CPU_ZERO(&core);
  CPU_SET(launching_processor, &core);
  std::ifstream list("/sys/devices/system/cpu/cpu" + std::to_string(launching_processor) +
                     "/topology/thread_siblings_list");
  for (int processor = 0; list >> processor; list.ignore()) CPU_SET(processor, &core);
  return core;
}

// What this process may use besides.
cpu_set_t other_cores() {
  cpu_set_t allowed, others;
  const cpu_set_t core = launching_core();
  sched_getaffinity(0, sizeof allowed, &allowed);
  CPU_XOR(&others, &allowed, &core);
  CPU_AND(&others, &others, &allowed);
  return others;
}

// This thread, and those that it starts from now on.
void run_on(const cpu_set_t& processors) {
  sched_setaffinity(0, sizeof processors, &processors);
}

template <class Launch>
void launch_batch(const Launch& launch) {
  for (int i = 0; i < batch / layer; ++i) {
    LATENCY_SCOPE("layer");
    for (int k = 0; k < layer; ++k) launch();
  }
}

// Host time of a launch: the median over batches. Calls `after` behind each.
template <class Launch, class After>
double launch_ns(std::int64_t batches, cudaStream_t stream, const Launch& launch,
                 const After& after) {
  std::vector<double> ns;
  for (std::int64_t b = 0; b < batches; ++b) {
    const std::int64_t start_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
    launch_batch(launch);
    ns.push_back(static_cast<double>(latency::read_clock_ns(CLOCK_MONOTONIC_RAW) - start_ns) /
                 batch);
    CUDA_OK(cudaStreamSynchronize(stream));
    after(b);
  }
  return latency::percentile(ns, 50);
}

// In this process, which does nothing else.
sample measure(tier of, std::int64_t launches) {
  const cpu_set_t elsewhere = other_cores();
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(launching_processor, &here);
  run_on(elsewhere);  // threads of the driver's stay there
  CUDA_OK(cudaFree(nullptr));
  cudaStream_t stream = nullptr;
  CUDA_OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  std::unique_ptr<bare_tracing> bare;
  const auto launch = [&] {
    if (of != tier::external || bare == nullptr) return empty<<<1, 32, 0, stream>>>();
    std::uint64_t popped = 0;
    bare->push(CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0, 1);
    empty<<<1, 32, 0, stream>>>();
    bare->pop(CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0, &popped);
  };
  const auto nothing = [](std::int64_t) {};
  const std::int64_t batches = launches / batch,
                     untraced_batches = std::min<std::int64_t>(batches, single_batches);
  sample result;
  run_on(here);
  launch_ns(warm_up_batches, stream, launch, nothing);
  result.untraced_ns = launch_ns(untraced_batches, stream, launch, nothing);

  run_on(elsewhere);  // threads that tracing starts stay there
  const std::string file = "cupti_cost." + std::to_string(getpid()) + ".json";
  std::unique_ptr<latency::session> run;
  std::unique_ptr<latency::cupti::collector> collector;
  if (of == tier::bare || of == tier::external || of == tier::syncs)
    bare = std::make_unique<bare_tracing>(of == tier::external, of == tier::syncs);
  if (of == tier::keep || of == tier::aggregate) {
    latency::session_options fixed;
    if (of == tier::aggregate) fixed.mode = latency::session_mode::ring;
    run = std::make_unique<latency::session>(file, fixed);
    latency::cupti::options options;
    if (of == tier::aggregate) options.mode = latency::cupti::collector_mode::aggregate;
    collector = std::make_unique<latency::cupti::collector>(*run, options);
    if (!collector->started()) throw latency::error(collector->why_not());
  }
  run_on(here);
  LATENCY_SCOPE("measure");
  launch_ns(warm_up_batches, stream, launch, nothing);
  result.ns_per_launch = launch_ns(batches, stream, launch, [&](std::int64_t b) {
    if (b == batches / 10)
      result.rss_early_bytes = static_cast<double>(latency::memory::read_usage().rss_bytes);
  });
  result.rss_late_bytes = static_cast<double>(latency::memory::read_usage().rss_bytes);
  for (int b = 0; b < single_batches; ++b) {
    for (int i = 0; i < batch; ++i) {
      const std::int64_t start_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
      launch();
      const std::int64_t took_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW) - start_ns;
      result.longest_launch_us =
          std::max(result.longest_launch_us, static_cast<double>(took_ns) / 1000);
    }
    CUDA_OK(cudaStreamSynchronize(stream));
  }
  const std::uint64_t launched =
      static_cast<std::uint64_t>(batches + warm_up_batches + single_batches) * batch;
  if (bare != nullptr && bare->finish() != launched)
    throw latency::error("bare tracing lost records");
  collector.reset();
  if (run != nullptr) {
    const latency::recording r = run->stop();
    std::uint64_t kernels = r.device_ops.size();
    for (const latency::device_total& t : r.device_totals)
      kernels += static_cast<std::uint64_t>(t.count);
    if (kernels != launched || r.hygiene.unmatched_device_ops != 0)
      throw latency::error("recorded " + std::to_string(kernels) + " of " +
                           std::to_string(launched) + " kernels");
  }
  return result;
}

// The same in a fresh process.
sample measure_apart(tier of, std::int64_t launches) {
  const std::string command = "/proc/" + std::to_string(getpid()) + "/exe --tier " +
                              tier_names[static_cast<std::size_t>(of)] + " --launches " +
                              std::to_string(launches);
  std::FILE* const child = popen(command.c_str(), "r");
  if (child == nullptr) throw latency::error("cannot start " + command);
  sample result;
  const int read =
      std::fscanf(child, "%lf %lf %lf %lf %lf", &result.untraced_ns, &result.ns_per_launch,
                  &result.longest_launch_us, &result.rss_early_bytes, &result.rss_late_bytes);
  const int status = pclose(child);
  if (read != 5 || status != 0) throw latency::error(command + " failed");
  return result;
}

std::string gpu_name() {
  cudaDeviceProp properties{};
  CUDA_OK(cudaGetDeviceProperties(&properties, 0));
  int driver = 0;
  CUDA_OK(cudaDriverGetVersion(&driver));
  return std::string(properties.name) + ", CUDA driver " + std::to_string(driver / 1000) + "." +
         std::to_string(driver % 1000 / 10);
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures what tracing kernels costs the thread that launches them."};
  int rounds = 15;
  std::int64_t launches = 100'000, long_run = 10'000'000;
  std::string output, only, machine;
  app.add_option("--rounds", rounds, "processes for each figure")->check(CLI::Range(2, 1000));
  app.add_option("--launches", launches, "kernels of one process")
      ->check(CLI::Range(10'000, 1'000'000'000));
  app.add_option("--long-run", long_run, "kernels of the run whose memory is watched");
  app.add_option("--tier", only, "take one sample in this process, and print it")
      ->check(CLI::IsMember(std::vector<std::string>(tier_names.begin(), tier_names.end())));
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("-o", output, "result file to write");
  CLI11_PARSE(app, argc, argv);

  if (!only.empty()) {
    for (std::size_t t = 0; t < tier_names.size(); ++t)
      if (only == tier_names[t]) {
        const sample s = measure(static_cast<tier>(t), launches);
        std::printf("%.3f %.3f %.3f %.0f %.0f\n", s.untraced_ns, s.ns_per_launch,
                    s.longest_launch_us, s.rss_early_bytes, s.rss_late_bytes);
      }
    return 0;
  }

  std::vector<double> untraced_ns;
  std::map<tier, std::vector<double>> added_ns, longest_us;
  std::vector<tier> order{tier::none,  tier::bare, tier::external,
                          tier::syncs, tier::keep, tier::aggregate};
  std::mt19937 random(std::random_device{}());
  for (int round = -1; round < rounds; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    for (const tier t : order) {
      const sample s = measure_apart(t, launches);
      if (round < 0) continue;  // files and the driver's caches are warm afterwards
      untraced_ns.push_back(s.untraced_ns);
      added_ns[t].push_back(s.ns_per_launch - s.untraced_ns);
      longest_us[t].push_back(s.longest_launch_us);
    }
  }
  const std::map<tier, std::string> words = {
      {tier::none, "no profiler"},
      {tier::bare, "bare CUPTI kernel activity"},
      {tier::external, "bare CUPTI and external correlation"},
      {tier::syncs, "bare CUPTI, synchronizations and events, too"},
      {tier::keep, "collector, every op kept"},
      {tier::aggregate, "collector, totals"}};
  std::vector<benchmarks::row> rows;
  const double untraced = latency::percentile(untraced_ns, 50);
  for (const auto& [t, name] : words) {
    std::vector<double> ns = added_ns[t];
    for (double& value : ns) value += untraced;
    rows.push_back(benchmarks::summarize("launch, " + name, "ns/launch", ns));
  }
  for (benchmarks::row& row : rows)
    if (row.name != rows[1].name) {
      row.reference_name = rows[1].name;
      row.reference_value = rows[1].value;
    }
  for (const auto& [t, name] : words)
    rows.push_back(
        benchmarks::summarize("longest of 100000 launches, " + name, "us", longest_us[t]));
  const sample watched = measure_apart(tier::aggregate, long_run);
  benchmarks::row early = benchmarks::summarize("memory, collector with totals, a tenth of the run",
                                                "MB", {watched.rss_early_bytes / 1e6});
  benchmarks::row late = benchmarks::summarize(
      "memory, collector with totals, " + std::to_string(long_run) + " kernels", "MB",
      {watched.rss_late_bytes / 1e6});
  late.reference_name = early.name;
  late.reference_value = early.value;
  rows.push_back(early);
  rows.push_back(late);
  if (machine.empty()) machine = benchmarks::this_machine() + ", " + gpu_name();
  benchmarks::report(rows, machine, "cupti_cost --rounds " + std::to_string(rounds), output);
} catch (const latency::error& e) {
  std::fprintf(stderr, "cupti_cost: %s\n", e.what());
  return 2;
}
