// How fast the kernels are, on random data, over rotated buffers that together exceed L2 twice: the
// median of single calls between events; the mean of a captured graph of 20 launches as a short
// burst after a pause; and the same sustained, with the SM clock and the power of that while.
//
//   bench_kernels [--filter 4680] [--seconds 2] [--json FILE]
#include <cuda_runtime.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <latency/error.hpp>
#include <latency/statistics.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "benchmarks/attention_launches.hpp"
#include "benchmarks/cuda_ok.hpp"
#include "benchmarks/device_monitor.hpp"
#include "benchmarks/launch_graph.hpp"
#include "benchmarks/result_file.hpp"

namespace {

using benchmarks::attention_format;
using benchmarks::attention_shape;

constexpr double reference_tflops = 790;  // large bf16 matrix products on this chip

constexpr attention_shape shapes[] = {
    {"attention 4680 x 4680, 12 heads of 128", 1, 12, 4680, 4680, 128, false},
    {"attention 4680 x 14040, 12 heads of 128", 1, 12, 4680, 14040, 128, false},
    {"attention 4680 x 18720, 12 heads of 128", 1, 12, 4680, 18720, 128, false},
    {"attention 18720 x 18720, 12 heads of 128", 1, 12, 18720, 18720, 128, false},
    {"attention 4680 x 512, 12 heads of 128", 1, 12, 4680, 512, 128, false},
    {"attention 4680 x 121, 12 heads of 128", 1, 12, 4680, 121, 128, false},
    {"attention 2 x 8192 x 8192, 16 heads of 128", 2, 16, 8192, 8192, 128, false},
    {"attention 2 x 8192 x 8192, 16 heads of 128, causal", 2, 16, 8192, 8192, 128, true},
    {"attention 2 x 16384 x 16384, 16 heads of 128", 2, 16, 16384, 16384, 128, false},
    {"attention 2 x 16384 x 16384, 16 heads of 128, causal", 2, 16, 16384, 16384, 128, true},
    {"attention 2 x 8192 x 8192, 16 heads of 64", 2, 16, 8192, 8192, 64, false},
    {"attention 2 x 8192 x 8192, 16 heads of 64, causal", 2, 16, 8192, 8192, 64, true},
    {"attention fp8 4680 x 4680, 12 heads of 128", 1, 12, 4680, 4680, 128, false,
     attention_format::e4m3},
    {"attention fp8 4680 x 18720, 12 heads of 128", 1, 12, 4680, 18720, 128, false,
     attention_format::e4m3},
    {"attention fp8 18720 x 18720, 12 heads of 128", 1, 12, 18720, 18720, 128, false,
     attention_format::e4m3},
};

double flops(const attention_shape& s) {
  const double pairs = static_cast<double>(s.tokens_q) * s.tokens_kv * (s.causal ? 0.5 : 1);
  return 4 * pairs * s.head_dim * s.heads * s.batch;
}

// One shape with its buffers, captured.
class attention_graph {
 public:
  explicit attention_graph(const attention_shape& s) : launches_(s) {
    CUDA_OK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    graph_.emplace(stream_, [this](int i) { launches_(static_cast<std::size_t>(i), stream_); });
  }
  ~attention_graph() {
    graph_.reset();
    cudaStreamDestroy(stream_);
  }
  attention_graph(const attention_graph&) = delete;
  attention_graph& operator=(const attention_graph&) = delete;

  // Microseconds of one launch in one replay.
  double replay_us() { return graph_->replay_us(); }
  // Of one call between two events, its launch included; the median of 100.
  double single_call_us() {
    std::vector<double> samples_us;
    for (std::size_t i = 0; i < 100; ++i)
      samples_us.push_back(timer_.measure_us(stream_, [&] { launches_(i, stream_); }));
    return latency::percentile(samples_us, 50);
  }
  [[nodiscard]] const std::string& path() const { return launches_.path(); }

 private:
  benchmarks::attention_launches launches_;
  cudaStream_t stream_ = nullptr;
  std::optional<benchmarks::launch_graph> graph_;
  benchmarks::device_timer timer_;  // of single calls
};

// Replays for at least `seconds`.
std::vector<double> replay_for(attention_graph& graph, double seconds) {
  std::vector<double> samples_us;
  const auto start = std::chrono::steady_clock::now();
  do samples_us.push_back(graph.replay_us());
  while (std::chrono::steady_clock::now() - start < std::chrono::duration<double>(seconds));
  return samples_us;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures the kernels on this machine's GPU."};
  std::string filter, output, machine;
  double seconds = 2;
  app.add_option("--filter", filter, "only shapes whose name contains this");
  app.add_option("--seconds", seconds, "of the sustained figure")->check(CLI::Range(0.1, 600.0));
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("-o,--json", output, "result file to write");
  CLI11_PARSE(app, argc, argv);

  char bus_id[32] = "";
  CUDA_OK(cudaDeviceGetPCIBusId(bus_id, sizeof bus_id, 0));
  std::vector<benchmarks::row> rows;
  fmt::print("{:<54} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>6} {:>6} {:>5}  code\n", "", "call us",
             "TFLOP/s", "burst us", "TFLOP/s", "sust. us", "TFLOP/s", "of 790", "MHz", "W");
  for (const attention_shape& s : shapes) {
    const std::string name = s.name;
    if (name.find(filter) == std::string::npos) continue;
    attention_graph graph(s);
    const double call_us = graph.single_call_us();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const double burst_us = graph.replay_us();
    benchmarks::device_monitor monitor(bus_id);
    std::vector<double> samples_us = replay_for(graph, seconds);
    const auto state = monitor.stop();
    std::vector<double> tflops;
    for (const double us : samples_us) tflops.push_back(flops(s) / us / 1e6);
    const double call = flops(s) / call_us / 1e6;
    const double burst = flops(s) / burst_us / 1e6;
    benchmarks::row sustained = benchmarks::summarize(name + ", sustained", "TFLOP/s", tflops);
    sustained.reference_name = "790 TFLOP/s";
    sustained.reference_value = reference_tflops;
    rows.push_back(benchmarks::summarize(name + ", single call", "TFLOP/s", {call}));
    rows.push_back(benchmarks::summarize(name + ", burst", "TFLOP/s", {burst}));
    rows.push_back(sustained);
    fmt::print("{:<54} {:>8.1f} {:>8.1f} {:>8.1f} {:>8.1f} {:>8.1f} {:>8.1f} {:>5.1f}%", name,
               call_us, call, burst_us, burst, latency::percentile(samples_us, 50), sustained.value,
               100 * sustained.value / reference_tflops);
    if (state) {
      rows.push_back(benchmarks::summarize(name + ", SM clock", "MHz", {state->sm_clock_mhz}));
      rows.push_back(benchmarks::summarize(name + ", power", "W", {state->power_w}));
      fmt::print(" {:>6.0f} {:>5.0f}", state->sm_clock_mhz, state->power_w);
    }
    fmt::print("  {}\n", graph.path());
    std::fflush(stdout);
  }
  if (rows.empty()) throw latency::error("no such shape's name contains '" + filter + "'");
  if (output.empty()) return 0;
  if (machine.empty()) machine = benchmarks::this_machine() + ", " + benchmarks::gpu_name();
  benchmarks::report(rows, machine, fmt::format("bench_kernels --seconds {}", seconds), output);
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_kernels: %s\n", e.what());
  return 2;
}
