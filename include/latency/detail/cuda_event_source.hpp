#pragma once
// The event pools of a process's devices, and what a session asks of them. One at a time per
// process.

#include <cuda_runtime.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cuda_driver.hpp"
#include "device_events.hpp"
#include "device_source.hpp"
#include "graph_windows.hpp"
#include "recorder.hpp"

#pragma GCC visibility push(default)  // shared libraries that hide their symbols share this

namespace latency::detail {

class cuda_event_source : public device_source {
 public:
  // Makes the pools; throws latency::error when CUDA refuses.
  cuda_event_source(std::shared_ptr<recorder> to, const std::vector<int>& devices,
                    std::uint32_t events, bool in_graphs, std::chrono::nanoseconds finish_within)
      : in_graphs_(in_graphs),
        recorder_(std::move(to)),
        ns_per_tick_(recorder_->measure_ns_per_tick()),
        finish_within_(finish_within) {
    const beside_captures any;
    driver_.load();
    int current_device = 0;
    check(cudaGetDevice(&current_device), "cudaGetDevice");
    try {
      for (const int number : devices)
        if (of(number) == nullptr) make(number, events);
    } catch (...) {
      (void)cuda_driver::succeeded(cudaSetDevice(current_device));
      destroy();
      throw;
    }
    check(cudaSetDevice(current_device), "cudaSetDevice");
  }
  cuda_event_source(const cuda_event_source&) = delete;
  cuda_event_source& operator=(const cuda_event_source&) = delete;
  ~cuda_event_source() override { destroy(); }

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
  [[nodiscard]] bool bind(cudaGraphExec_t exec, cudaGraph_t of) const noexcept {
    for (const device& d : devices_)
      if (d.graphs->bind(exec, of)) return true;
    return false;
  }
  void unbind(cudaGraphExec_t exec) const noexcept {
    for (const device& d : devices_) d.graphs->unbind(exec);
  }
  [[nodiscard]] cudaError_t launch(cudaGraphExec_t exec, cudaStream_t on, span_id span) noexcept {
    const device_events<cuda_driver>* const events = events_for(on);
    if (events == nullptr) return cudaGraphLaunch(exec, on);
    cudaError_t code = cudaSuccess;
    graphs_of(events)->launch(exec, on, span, next_replay(), [&] {
      code = cudaGraphLaunch(exec, on);
      return code == cudaSuccess;
    });
    return code;
  }

  void poll() noexcept override {
    const beside_captures any;
    collect(in_passing);
  }

  void finish() noexcept override {
    const beside_captures any;
    const auto limit = std::chrono::steady_clock::now() + finish_within_;
    while (collect(in_passing) > 0 && std::chrono::steady_clock::now() < limit)
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    for (const device& d : devices_) d.events->abandon();
    next_anchor_ns_ = 0;
    at_end_ = true;
    collect(at_an_end);
  }

  // The one that records now.
  static std::atomic<cuda_event_source*>& current() noexcept {
    static std::atomic<cuda_event_source*> one{nullptr};
    return one;
  }

 private:
  static constexpr std::int64_t anchor_every_ns = 500'000'000;
  static constexpr std::int64_t tight_anchor_ns = 5'000;  // an H100 that is awake takes 3 us
  struct anchor_effort {
    int tries;
    std::int64_t patience_ns;
  };
  static constexpr anchor_effort in_passing{4, 100'000};
  static constexpr anchor_effort at_an_end{20, 50'000'000};  // of the first and the last anchor
  // "A resolution of approximately one half microsecond": CUDA Runtime API, cudaEventElapsedTime.
  static constexpr std::int64_t event_resolution_ns = 500;

  struct device {
    int number = 0;
    CUcontext context = nullptr;  // the device's primary one, in which the runtime works
    std::uint32_t clock = 0;
    std::unique_ptr<device_events<cuda_driver>> events;
    std::unique_ptr<graph_windows<cuda_driver>> graphs;
  };

  static void check(cudaError_t code, const char* call) {
    if (cuda_driver::succeeded(code)) return;
    throw error(std::string(call) + ": " + cudaGetErrorString(code));
  }
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

  void make(int number, std::uint32_t events) {
    check(cudaSetDevice(number), "cudaSetDevice");
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, number), "cudaGetDeviceProperties");
    cuda_driver driver = driver_;
    check(cudaStreamCreateWithFlags(&driver.anchors, cudaStreamNonBlocking), "cudaStreamCreate");
    anchor_streams_.push_back(driver.anchors);
    devices_.push_back({number, driver.context_of(driver.anchors), 0,
                        std::make_unique<device_events<cuda_driver>>(
                            driver, static_cast<std::uint32_t>(number), events),
                        nullptr});
    device& made = devices_.back();
    made.graphs = std::make_unique<graph_windows<cuda_driver>>(driver, *made.events);
    for (std::uint32_t i = 0; i < events; ++i)
      check(cudaEventCreate(&made.events->event_at(i)), "cudaEventCreate");
    for (int i = 0; i < made.events->anchor_events; ++i)
      check(cudaEventCreate(&made.events->anchor_event(i)), "cudaEventCreate");

    event_anchor first;
    if (!anchor(*made.events, at_an_end, first))
      throw error("cuda events: device " + std::to_string(number) + " does not answer");
    recorder_->write_device([&](device_writer& out) {
      device_clock clock;
      clock.device = static_cast<std::uint32_t>(number);
      clock.name = properties.name;
      clock.tier = device_tier::events;
      clock.resolution_ns = event_resolution_ns;
      made.clock = out.new_clock(clock);
      out.anchor(made.clock, first.device_ns, first.ticks, first.uncertainty_ns);
    });
  }

  [[nodiscard]] bool anchor(device_events<cuda_driver>& of, const anchor_effort& effort,
                            event_anchor& found) const noexcept {
    return of.take_tightest_anchor(
        effort.tries, tight_anchor_ns, effort.patience_ns, ns_per_tick_,
        [this] { return recorder_->now_ticks(); }, found);
  }

  // Returns how many events are not complete.
  std::size_t collect(const anchor_effort& effort) noexcept {
    const std::int64_t now_ns = read_clock_ns(CLOCK_MONOTONIC);
    const bool anchors_due = now_ns >= next_anchor_ns_;
    if (anchors_due) next_anchor_ns_ = now_ns + anchor_every_ns;
    std::size_t pending = 0;
    for (const device& d : devices_) {
      event_anchor found;
      const bool anchored = anchors_due && anchor(*d.events, effort, found);
      if (anchors_due && !anchored) next_anchor_ns_ = now_ns;  // at the next poll, then
      collected_.clear();
      pending += d.events->collect(collected_);
      if (at_end_) d.graphs->last_replays(collected_);
      write(d, anchored ? &found : nullptr);
    }
    return pending;
  }

  // What was collected. A row that finds no memory counts as dropped.
  void write(const device& from, const event_anchor* anchored) noexcept {
    const std::uint64_t dropped = from.events->take_dropped();
    std::size_t left = collected_.windows.size() + collected_.marks.size();
    if (anchored == nullptr && dropped == 0 && left == 0) return;
    try {
      recorder_->write_device([&](device_writer& out) {
        recorder_->count(total::dropped_device_ops, dropped);
        if (anchored != nullptr)
          out.anchor(from.clock, anchored->device_ns, anchored->ticks, anchored->uncertainty_ns);
        for (auto& [window, name] : collected_.windows) {
          window.name = out.name(name);
          out.window(from.clock, window);
          --left;
        }
        for (auto& [mark, name] : collected_.marks) {
          mark.name = out.name(name);
          out.mark(from.clock, mark);
          --left;
        }
      });
    } catch (const std::exception&) {
      from.events->count_dropped(left);
    }
  }

  void destroy() noexcept {
    const beside_captures any;
    for (const device& d : devices_) {
      for (std::uint32_t i = 0; i < d.events->events(); ++i) destroy(d.events->event_at(i));
      for (int i = 0; i < d.events->anchor_events; ++i) destroy(d.events->anchor_event(i));
    }
    for (const cudaStream_t stream : anchor_streams_)
      (void)cuda_driver::succeeded(cudaStreamDestroy(stream));
  }
  static void destroy(cudaEvent_t one) noexcept {
    if (one != nullptr) (void)cuda_driver::succeeded(cudaEventDestroy(one));
  }

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
