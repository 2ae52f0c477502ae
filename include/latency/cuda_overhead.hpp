#pragma once
// Tiers of measure_overhead() (overhead.hpp) that measure with events, and the device's time of a
// loop, taken in the same way in every tier: with one pair of events of its own.
//
//   latency::overhead_options options;
//   options.tiers = {latency::spans_tier(), latency::cuda::events_tier()};
//   const auto found = latency::measure_overhead(
//       [](latency::overhead_trial& trial) {
//         model m;
//         latency::cuda::time(trial, "decode", m.stream, [&] { m.decode(); });
//       },
//       options);

#include "cuda.hpp"
#include "overhead.hpp"

namespace latency {
namespace detail {

inline void check_in_trial(cudaError_t code, const char* call) {
  if (code == cudaSuccess) return;
  std::string what = std::string(call) + ": " + cudaGetErrorString(code);
  if (code == cudaErrorInitializationError)
    what += " (CUDA must not have been used before measure_overhead)";
  throw error(what);
}

// Two events around what is put on a stream.
class device_stopwatch {
 public:
  explicit device_stopwatch(cudaStream_t stream) : stream_(stream) {
    check_in_trial(cudaEventCreate(&begin_), "cudaEventCreate");
    check_in_trial(cudaEventCreate(&end_), "cudaEventCreate");
  }
  device_stopwatch(const device_stopwatch&) = delete;
  device_stopwatch& operator=(const device_stopwatch&) = delete;
  ~device_stopwatch() {
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
  }

  // Starts with an idle stream, so that work of the pass before does not count.
  void begin() { check_in_trial(cudaEventRecord(begin_, stream_), "cudaEventRecord"); }
  double end_ns() {
    check_in_trial(cudaEventRecord(end_, stream_), "cudaEventRecord");
    check_in_trial(cudaEventSynchronize(end_), "what the loop put on the stream");
    float ms = 0;
    check_in_trial(cudaEventElapsedTime(&ms, begin_, end_), "cudaEventElapsedTime");
    return static_cast<double>(ms) * 1e6;
  }

 private:
  cudaStream_t stream_;
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

inline overhead_tier windows_tier(const char* name, const cuda::event_options& events,
                                  const session_options& recording) {
  return {name, [events, recording](const std::function<void()>& work) {
            overhead_session session{recording};
            cuda::events gpu{session.run(), events};
            if (!gpu.started()) throw error(gpu.why_not());
            work();
            session.finish();
          }};
}

}  // namespace detail

namespace cuda {

// overhead_trial::time, with the device's time between the completion of what `stream` did before
// a pass and that of what it does in it. A pass ends when the stream is idle; the host's time ends
// when body() returns.
template <class Body>
void time(overhead_trial& trial, const std::string& loop, cudaStream_t stream, const Body& body) {
  detail::device_stopwatch device(stream);
  trial.time(loop, body, device);
}

// Windows and marks, but none inside graphs.
[[nodiscard]] inline overhead_tier events_tier(event_options events = {},
                                               const session_options& recording = {}) {
  events.in_graphs = false;
  return detail::windows_tier(overhead_tier_names::events, events, recording);
}
// Those inside graphs, too.
[[nodiscard]] inline overhead_tier graph_events_tier(event_options events = {},
                                                     const session_options& recording = {}) {
  events.in_graphs = true;
  return detail::windows_tier(overhead_tier_names::graph_events, events, recording);
}

}  // namespace cuda
}  // namespace latency
