// What it costs the launching thread to measure with events: scopes, stages and marks of cuda.hpp
// against the bare event records that each of them makes. The alternatives take turns, in batches
// of empty kernels and again without any kernel: what measuring costs shows best beside nothing.
// Between batches events complete and are read, as in a program that goes on.
//
//   event_cost [--rounds N] [-o benchmarks/results/<machine>/event_cost.json]
#include <cuda_runtime.h>

#include <CLI/CLI.hpp>
#include <latency/cuda.hpp>
#include <latency/latency.hpp>
#include <string>
#include <vector>

#include "benchmarks/cuda_ok.hpp"
#include "benchmarks/result_file.hpp"

namespace {

__global__ void empty() {}

constexpr int batch = 500;  // windows between two synchronizations

// Host ns per window of a batch, in which `around(launch)` measures each launch.
template <class Around>
double time_batch(cudaStream_t stream, const Around& around) {
  CUDA_OK(cudaStreamSynchronize(stream));
  const std::int64_t start_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
  around();
  return static_cast<double>(latency::read_clock_ns(CLOCK_MONOTONIC_RAW) - start_ns) / batch;
}

// Events as a program uses them that does without this library.
class bare_events {
 public:
  bare_events() : events_(2 * batch) {
    CUDA_OK(cudaEventCreate(&begin_));
    for (cudaEvent_t& event : events_) CUDA_OK(cudaEventCreate(&event));
  }
  [[nodiscard]] cudaEvent_t at(int i) const { return events_[static_cast<std::size_t>(i)]; }
  // The times of the first `count`, once they are complete.
  void read(cudaStream_t stream, int count) const {
    CUDA_OK(cudaEventRecord(begin_, stream));
    CUDA_OK(cudaEventSynchronize(begin_));
    for (int i = 0; i < count; ++i) {
      float ms = 0;
      CUDA_OK(cudaEventQuery(at(i)));
      CUDA_OK(cudaEventElapsedTime(&ms, at(i), begin_));
    }
  }

 private:
  cudaEvent_t begin_ = nullptr;
  std::vector<cudaEvent_t> events_;
};

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures what windows and marks cost the thread that launches."};
  int rounds = 400;
  std::string output, machine;
  app.add_option("--rounds", rounds, "batches of each figure")->check(CLI::Range(2, 100000));
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("-o", output, "result file to write");
  CLI11_PARSE(app, argc, argv);

  cudaStream_t stream = nullptr;
  CUDA_OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  const bare_events bare;
  latency::detail::cuda_driver driver;
  driver.load();
  latency::session_options ring;
  ring.mode = latency::session_mode::ring;
  latency::session run{"", ring};
  latency::cuda::events gpu{run};
  if (!gpu.started()) throw latency::error(gpu.why_not());

  const auto timed = [&](auto body, int events_to_read = 0) {
    return [&, body, events_to_read] {
      const double ns = time_batch(stream, body);
      CUDA_OK(cudaStreamSynchronize(stream));
      run.poll();
      bare.read(stream, events_to_read);
      return ns;
    };
  };
  // The ways to measure what `launch` launches.
  std::vector<benchmarks::alternative> alternatives;
  const auto add_ways = [&](const std::string& what, auto launch) {
    const std::string single = "with one bare event record" + what,
                      pair = "with two bare event records" + what;
    const auto add = [&](const std::string& name, const std::string& reference, auto sample) {
      alternatives.push_back({name + what, sample, reference});
    };
    add("with a span around it", "", timed([=] {
          for (int i = 0; i < batch; ++i) {
            LATENCY_SCOPE("layer");
            launch();
          }
        }));
    add("with what the driver is asked for a window", "", timed([=] {
          for (int i = 0; i < batch; ++i) {
            launch();
            if (driver.context_of(stream) == nullptr || driver.captures(stream) ||
                driver.number_of(stream) == 0)
              throw latency::error("the driver does not know the stream");
          }
        }));
    add("with one bare event record", "",
        timed(
            [=, &bare] {
              for (int i = 0; i < batch; ++i) {
                launch();
                CUDA_OK(cudaEventRecord(bare.at(i), stream));
              }
            },
            batch));
    add("with one event record of the driver's", single,
        timed(
            [=, &bare] {
              for (int i = 0; i < batch; ++i) {
                launch();
                if (!driver.record(bare.at(i), stream)) throw latency::error("no event record");
              }
            },
            batch));
    add("as a stage of cuda::stages", single, timed([=] {
          latency::cuda::stages stage{stream};
          for (int i = 0; i < batch; ++i) {
            stage.next("layer");
            launch();
          }
        }));
    add("with a mark behind it", single, timed([=] {
          for (int i = 0; i < batch; ++i) {
            launch();
            latency::mark(stream, "token", i);
          }
        }));
    add("with two bare event records", "",
        timed(
            [=, &bare] {
              for (int i = 0; i < batch; ++i) {
                CUDA_OK(cudaEventRecord(bare.at(2 * i), stream));
                launch();
                CUDA_OK(cudaEventRecord(bare.at(2 * i + 1), stream));
              }
            },
            2 * batch));
    add("in a cuda::scope", pair, timed([=] {
          for (int i = 0; i < batch; ++i) {
            latency::cuda::scope scope{stream, "layer"};
            launch();
          }
        }));
  };
  const auto launch_empty = [stream] { empty<<<1, 32, 0, stream>>>(); };
  alternatives.push_back({"an empty kernel alone", timed([=] {
                            for (int i = 0; i < batch; ++i) launch_empty();
                          }),
                          ""});
  add_ways("", launch_empty);
  add_ways(", no kernel", [] {});
  const std::vector<benchmarks::row> rows = benchmarks::compare(alternatives, "ns", rounds);
  const latency::recording r = run.stop();
  if (r.hygiene.dropped_device_ops != 0)
    throw latency::error(std::to_string(r.hygiene.dropped_device_ops) + " windows were dropped");
  if (machine.empty()) machine = benchmarks::this_machine() + ", " + benchmarks::gpu_name();
  benchmarks::report(rows, machine, "event_cost --rounds " + std::to_string(rounds), output);
} catch (const latency::error& e) {
  std::fprintf(stderr, "event_cost: %s\n", e.what());
  return 2;
}
