#pragma once
// The event pools of a process's devices, and what a session asks of them. One at a time per
// process.

#include <cuda_runtime.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "cuda_driver.hpp"
#include "device_events.hpp"
#include "device_source.hpp"
#include "graph_windows.hpp"

#pragma GCC visibility push(default)  // shared libraries that hide their symbols share this

namespace latency::detail {

class recorder;

class cuda_event_source : public device_source {
 public:
  // Makes the pools; throws latency::error when CUDA refuses.
  cuda_event_source(std::shared_ptr<recorder> to, const std::vector<int>& devices,
                    std::uint32_t events, bool in_graphs, std::chrono::nanoseconds finish_within);
  cuda_event_source(const cuda_event_source&) = delete;
  cuda_event_source& operator=(const cuda_event_source&) = delete;
  ~cuda_event_source() override;

  // Tells this one from those before it.
  [[nodiscard]] std::uint64_t serial() const noexcept { return serial_; }

  // The hot path: the pool for events on `on`, nullptr where none is.
  [[nodiscard]] device_events<cuda_driver>* events_for(cudaStream_t on) const noexcept {
    const CUcontext context = driver_.context_of(on);
    for (const device& d : devices_)
      if (d.context == context) return d.events.get();
    // The stream of a device that is not measured, or of a context that the program has made.
    int current_device = 0;
    if (cuda_driver::succeeded(cudaGetDevice(&current_device)))
      if (device_events<cuda_driver>* const events = of(current_device)) events->drop();
    return nullptr;
  }

  // Whether windows in captures become nodes.
  [[nodiscard]] bool in_graphs() const noexcept { return in_graphs_; }
  // Of the graphs that streams of the same device capture.
  [[nodiscard]] graph_windows<cuda_driver>* graphs_of(
      const device_events<cuda_driver>* events) const noexcept {
    for (const device& d : devices_)
      if (d.events.get() == events) return d.graphs.get();
    return nullptr;
  }
  // Launches of `exec`, an instance of `of`, have times of their own until unbind().
  [[nodiscard]] bool bind(cudaGraphExec_t exec, cudaGraph_t of) const noexcept;
  void unbind(cudaGraphExec_t exec) const noexcept;
  [[nodiscard]] cudaError_t launch(cudaGraphExec_t exec, cudaStream_t on, span_id span) noexcept;

  void poll() noexcept override;
  void finish() noexcept override;

  // The one that records now.
  static std::atomic<cuda_event_source*>& current() noexcept {
    static std::atomic<cuda_event_source*> one{nullptr};
    return one;
  }

 private:
  struct anchor_effort {
    int tries;
    std::int64_t patience_ns;
  };
  static constexpr anchor_effort in_passing{4, 100'000};
  static constexpr anchor_effort at_an_end{20, 50'000'000};  // of the first and the last anchor

  struct device {
    int number = 0;
    CUcontext context = nullptr;  // the device's primary one, in which the runtime works
    std::uint32_t clock = 0;
    std::unique_ptr<device_events<cuda_driver>> events;
    std::unique_ptr<graph_windows<cuda_driver>> graphs;
  };

  [[nodiscard]] static std::uint64_t next_serial() noexcept {
    static std::atomic<std::uint64_t> last{0};
    return ++last;
  }

  // Above the replay instances that CUPTI tells, which have the numbers of calls.
  [[nodiscard]] std::uint64_t next_replay() noexcept {
    return (std::uint64_t{1} << 48) + replays_.fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] device_events<cuda_driver>* of(int number) const noexcept {
    for (const device& d : devices_)
      if (d.number == number) return d.events.get();
    return nullptr;
  }

  void make(int number, std::uint32_t events);
  [[nodiscard]] bool anchor(device_events<cuda_driver>& of, const anchor_effort& effort,
                            event_anchor& found) const noexcept;
  // Returns how many events are not complete.
  std::size_t collect(const anchor_effort& effort) noexcept;
  // What was collected. A row that finds no memory counts as dropped.
  void write(const device& from, const event_anchor* anchored) noexcept;
  void destroy() noexcept;

  const std::uint64_t serial_ = next_serial();
  const bool in_graphs_;
  std::shared_ptr<recorder> recorder_;
  const double ns_per_tick_;
  const std::chrono::nanoseconds finish_within_;
  cuda_driver driver_;
  std::vector<device> devices_;
  std::vector<cudaStream_t> anchor_streams_;
  std::int64_t next_anchor_ns_ = 0;
  bool at_end_ = false;
  std::atomic<std::uint64_t> replays_{0};
  collected_events collected_;
};

}  // namespace latency::detail

#pragma GCC visibility pop
