#pragma once
// The event pools of a process's devices, filled through the CUDA runtime, and what a session asks
// of them. One at a time per process.

#include <cuda_runtime.h>

#include <array>
#include <atomic>
#include <chrono>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "device_events.hpp"
#include "device_source.hpp"
#include "recorder.hpp"

#pragma GCC visibility push(default)  // shared libraries that hide their symbols share this

namespace latency::detail {

struct cuda_driver {
  using event = cudaEvent_t;
  using stream = cudaStream_t;
  cudaStream_t anchors = nullptr;

  // A failure here must not be what the program's next cudaGetLastError() finds.
  [[nodiscard]] static bool succeeded(cudaError_t code) noexcept {
    if (code != cudaSuccess) (void)cudaGetLastError();
    return code == cudaSuccess;
  }
  [[nodiscard]] bool record(cudaEvent_t one, cudaStream_t on) const noexcept {
    return succeeded(cudaEventRecord(one, on));
  }
  [[nodiscard]] bool record_anchor(cudaEvent_t one) const noexcept { return record(one, anchors); }
  [[nodiscard]] event_progress query(cudaEvent_t one) const noexcept {
    const cudaError_t code = cudaEventQuery(one);
    if (succeeded(code)) return event_progress::complete;
    if (code == cudaErrorCapturedEvent) return event_progress::captured;
    return code == cudaErrorNotReady ? event_progress::pending : event_progress::failed;
  }
  [[nodiscard]] float elapsed_ms(cudaEvent_t from, cudaEvent_t to) const noexcept {
    float ms = 0;
    return succeeded(cudaEventElapsedTime(&ms, from, to)) ? ms
                                                          : std::numeric_limits<float>::quiet_NaN();
  }
};

// Calls below it neither break nor fail because of a capture in progress on another thread.
class beside_captures {
 public:
  beside_captures() noexcept { (void)cudaThreadExchangeStreamCaptureMode(&mode_); }
  ~beside_captures() { (void)cudaThreadExchangeStreamCaptureMode(&mode_); }
  beside_captures(const beside_captures&) = delete;
  beside_captures& operator=(const beside_captures&) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

class cuda_event_source : public device_source {
 public:
  static constexpr int max_devices = 64;

  // Makes the pools; throws latency::error when CUDA refuses.
  cuda_event_source(std::shared_ptr<recorder> to, const std::vector<int>& devices,
                    std::uint32_t events, std::chrono::nanoseconds finish_within)
      : recorder_(std::move(to)),
        ns_per_tick_(recorder_->measure_ns_per_tick()),
        finish_within_(finish_within) {
    int current_device = 0;
    check(cudaGetDevice(&current_device), "cudaGetDevice");
    try {
      for (const int number : devices) make(number, events);
    } catch (...) {
      (void)cudaSetDevice(current_device);
      destroy();
      throw;
    }
    check(cudaSetDevice(current_device), "cudaSetDevice");
  }
  cuda_event_source(const cuda_event_source&) = delete;
  cuda_event_source& operator=(const cuda_event_source&) = delete;
  ~cuda_event_source() override { destroy(); }

  [[nodiscard]] device_events<cuda_driver>* of(int number) const noexcept {
    return number >= 0 && number < max_devices ? devices_[static_cast<std::size_t>(number)].get()
                                               : nullptr;
  }

  void poll() noexcept override {
    const beside_captures any;
    collect(anchor_patience_ns);
  }

  void finish() noexcept override {
    const beside_captures any;
    const auto limit = std::chrono::steady_clock::now() + finish_within_;
    while (collect(anchor_patience_ns) > 0 && std::chrono::steady_clock::now() < limit)
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    for (const auto& device : devices_)
      if (device != nullptr) device->abandon();
    next_anchor_ns_ = 0;
    collect(last_anchor_patience_ns);
  }

  // The one that records now.
  static std::atomic<cuda_event_source*>& current() noexcept {
    static std::atomic<cuda_event_source*> one{nullptr};
    return one;
  }

 private:
  static constexpr std::int64_t anchor_every_ns = 500'000'000;
  static constexpr std::int64_t anchor_patience_ns = 100'000;
  static constexpr std::int64_t last_anchor_patience_ns = 10'000'000;
  static constexpr int first_anchor_tries = 5;
  // "A resolution of approximately one half microsecond": CUDA Runtime API, cudaEventElapsedTime.
  static constexpr std::int64_t event_resolution_ns = 500;

  static void check(cudaError_t code, const char* call) {
    if (cuda_driver::succeeded(code)) return;
    throw error(std::string(call) + ": " + cudaGetErrorString(code));
  }

  void make(int number, std::uint32_t events) {
    if (number < 0 || number >= max_devices)
      throw error("cuda events: device " + std::to_string(number) + ": must be from 0 to 63");
    check(cudaSetDevice(number), "cudaSetDevice");
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, number), "cudaGetDeviceProperties");
    cuda_driver driver;
    check(cudaStreamCreateWithFlags(&driver.anchors, cudaStreamNonBlocking), "cudaStreamCreate");
    auto& device = devices_[static_cast<std::size_t>(number)];
    device = std::make_unique<device_events<cuda_driver>>(
        driver, static_cast<std::uint32_t>(number), events);
    anchor_streams_.push_back(driver.anchors);
    for (std::uint32_t i = 0; i < events; ++i)
      check(cudaEventCreate(&device->event_at(i)), "cudaEventCreate");
    for (int i = 0; i < device->anchor_events; ++i)
      check(cudaEventCreate(&device->anchor_event(i)), "cudaEventCreate");

    // The narrowest of some: the first ones find the device asleep.
    event_anchor best, found;
    for (int i = 0; i < first_anchor_tries; ++i)
      if (anchor(*device, last_anchor_patience_ns, found) &&
          (best.ticks == 0 || found.uncertainty_ns <= best.uncertainty_ns))
        best = found;
    if (best.ticks == 0)
      throw error("cuda events: device " + std::to_string(number) + " does not answer");
    recorder_->write_device([&](device_writer& out) {
      device_clock clock;
      clock.device = static_cast<std::uint32_t>(number);
      clock.name = properties.name;
      clock.tier = device_tier::events;
      clock.resolution_ns = event_resolution_ns;
      clocks_[static_cast<std::size_t>(number)] = out.new_clock(clock);
      out.anchor(clocks_[static_cast<std::size_t>(number)], best.device_ns, best.ticks,
                 best.uncertainty_ns);
    });
  }

  [[nodiscard]] bool anchor(device_events<cuda_driver>& device, std::int64_t patience_ns,
                            event_anchor& found) const noexcept {
    return device.take_anchor(
        patience_ns, ns_per_tick_, [this] { return recorder_->now_ticks(); }, found);
  }

  // Returns how many events are not complete.
  std::size_t collect(std::int64_t patience_ns) noexcept try {
    const std::int64_t now_ns = read_clock_ns(CLOCK_MONOTONIC);
    const bool anchors_due = now_ns >= next_anchor_ns_;
    if (anchors_due) next_anchor_ns_ = now_ns + anchor_every_ns;
    std::size_t pending = 0;
    for (std::size_t i = 0; i < devices_.size(); ++i) {
      if (devices_[i] == nullptr) continue;
      device_events<cuda_driver>& device = *devices_[i];
      event_anchor found;
      const bool anchored = anchors_due && anchor(device, patience_ns, found);
      if (anchors_due && !anchored) next_anchor_ns_ = now_ns;  // at the next poll, then
      collected_.windows.clear();
      collected_.marks.clear();
      pending += device.collect(collected_);
      const std::uint64_t dropped = device.take_dropped();
      if (!anchored && dropped == 0 && collected_.windows.empty() && collected_.marks.empty())
        continue;
      recorder_->write_device([&](device_writer& out) {
        if (anchored) out.anchor(clocks_[i], found.device_ns, found.ticks, found.uncertainty_ns);
        for (auto& [window, name] : collected_.windows) {
          window.name = out.name(name);
          out.window(clocks_[i], window);
        }
        for (auto& [mark, name] : collected_.marks) {
          mark.name = out.name(name);
          out.mark(clocks_[i], mark);
        }
        recorder_->count(total::dropped_device_ops, dropped);
      });
    }
    return pending;
  } catch (const std::exception&) {  // out of memory
    return 0;
  }

  void destroy() noexcept {
    for (const auto& device : devices_) {
      if (device == nullptr) continue;
      for (std::uint32_t i = 0; i < device->events(); ++i)
        if (device->event_at(i) != nullptr) (void)cudaEventDestroy(device->event_at(i));
      for (int i = 0; i < device->anchor_events; ++i)
        if (device->anchor_event(i) != nullptr) (void)cudaEventDestroy(device->anchor_event(i));
    }
    for (const cudaStream_t stream : anchor_streams_) (void)cudaStreamDestroy(stream);
    (void)cudaGetLastError();
  }

  std::shared_ptr<recorder> recorder_;
  const double ns_per_tick_;
  const std::chrono::nanoseconds finish_within_;
  std::array<std::unique_ptr<device_events<cuda_driver>>, max_devices> devices_;
  std::array<std::uint32_t, max_devices> clocks_{};
  std::vector<cudaStream_t> anchor_streams_;
  std::int64_t next_anchor_ns_ = 0;
  collected_events collected_;
};

}  // namespace latency::detail

#pragma GCC visibility pop
