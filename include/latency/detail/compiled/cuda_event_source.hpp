#pragma once
// What the process's event pools do beside the hot path: see cuda_event_source.hpp.

#include <exception>
#include <string>
#include <thread>
#include <utility>

#include "../../error.hpp"
#include "../cuda_event_source.hpp"
#include "../recorder.hpp"
#include "inline.hpp"

namespace latency::detail {

constexpr std::int64_t anchor_every_ns = 500'000'000;
constexpr std::int64_t tight_anchor_ns = 5'000;  // an H100 that is awake takes 3 us
// "A resolution of approximately one half microsecond": CUDA Runtime API, cudaEventElapsedTime.
constexpr std::int64_t event_resolution_ns = 500;

inline void check_cuda(cudaError_t code, const char* call) {
  if (cuda_driver::succeeded(code)) return;
  throw error(std::string(call) + ": " + cudaGetErrorString(code));
}

inline void destroy_event(cudaEvent_t one) noexcept {
  if (one != nullptr) (void)cuda_driver::succeeded(cudaEventDestroy(one));
}

LATENCY_DETAIL_INLINE cuda_event_source::cuda_event_source(std::shared_ptr<recorder> to,
                                                           const std::vector<int>& devices,
                                                           std::uint32_t events, bool in_graphs,
                                                           std::chrono::nanoseconds finish_within)
    : in_graphs_(in_graphs),
      recorder_(std::move(to)),
      ns_per_tick_(recorder_->measure_ns_per_tick()),
      finish_within_(finish_within) {
  const beside_captures any;
  driver_.load();
  int current_device = 0;
  check_cuda(cudaGetDevice(&current_device), "cudaGetDevice");
  try {
    for (const int number : devices)
      if (of(number) == nullptr) make(number, events);
  } catch (...) {
    (void)cuda_driver::succeeded(cudaSetDevice(current_device));
    destroy();
    throw;
  }
  check_cuda(cudaSetDevice(current_device), "cudaSetDevice");
}

LATENCY_DETAIL_INLINE cuda_event_source::~cuda_event_source() {
  destroy();
}

LATENCY_DETAIL_INLINE void cuda_event_source::make(int number, std::uint32_t events) {
  check_cuda(cudaSetDevice(number), "cudaSetDevice");
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, number), "cudaGetDeviceProperties");
  cuda_driver driver = driver_;
  check_cuda(cudaStreamCreateWithFlags(&driver.anchors, cudaStreamNonBlocking), "cudaStreamCreate");
  anchor_streams_.push_back(driver.anchors);
  devices_.push_back({number, driver.context_of(driver.anchors), 0,
                      std::make_unique<device_events<cuda_driver>>(
                          driver, static_cast<std::uint32_t>(number), events),
                      nullptr});
  device& made = devices_.back();
  made.graphs = std::make_unique<graph_windows<cuda_driver>>(driver, *made.events);
  for (std::uint32_t i = 0; i < events; ++i)
    check_cuda(cudaEventCreate(&made.events->event_at(i)), "cudaEventCreate");
  for (int i = 0; i < made.events->anchor_events; ++i)
    check_cuda(cudaEventCreate(&made.events->anchor_event(i)), "cudaEventCreate");

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

LATENCY_DETAIL_INLINE bool cuda_event_source::bind(cudaGraphExec_t exec,
                                                   cudaGraph_t of) const noexcept {
  for (const device& d : devices_)
    if (d.graphs->bind(exec, of)) return true;
  return false;
}

LATENCY_DETAIL_INLINE void cuda_event_source::unbind(cudaGraphExec_t exec) const noexcept {
  for (const device& d : devices_) d.graphs->unbind(exec);
}

LATENCY_DETAIL_INLINE cudaError_t cuda_event_source::launch(cudaGraphExec_t exec, cudaStream_t on,
                                                            span_id span) noexcept {
  const device_events<cuda_driver>* const events = events_for(on);
  if (events == nullptr) return cudaGraphLaunch(exec, on);
  cudaError_t code = cudaSuccess;
  graphs_of(events)->launch(exec, on, span, next_replay(), [&] {
    code = cudaGraphLaunch(exec, on);
    return code == cudaSuccess;
  });
  return code;
}

LATENCY_DETAIL_INLINE bool cuda_event_source::anchor(device_events<cuda_driver>& of,
                                                     const anchor_effort& effort,
                                                     event_anchor& found) const noexcept {
  return of.take_tightest_anchor(
      effort.tries, tight_anchor_ns, effort.patience_ns, ns_per_tick_,
      [this] { return recorder_->now_ticks(); }, found);
}

LATENCY_DETAIL_INLINE void cuda_event_source::poll() noexcept {
  const beside_captures any;
  collect(in_passing);
}

LATENCY_DETAIL_INLINE void cuda_event_source::finish() noexcept {
  const beside_captures any;
  const auto limit = std::chrono::steady_clock::now() + finish_within_;
  while (collect(in_passing) > 0 && std::chrono::steady_clock::now() < limit)
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  for (const device& d : devices_) d.events->abandon();
  next_anchor_ns_ = 0;
  at_end_ = true;
  collect(at_an_end);
}

LATENCY_DETAIL_INLINE std::size_t cuda_event_source::collect(const anchor_effort& effort) noexcept {
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

LATENCY_DETAIL_INLINE void cuda_event_source::write(const device& from,
                                                    const event_anchor* anchored) noexcept {
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

LATENCY_DETAIL_INLINE void cuda_event_source::destroy() noexcept {
  const beside_captures any;
  for (const device& d : devices_) {
    for (std::uint32_t i = 0; i < d.events->events(); ++i) destroy_event(d.events->event_at(i));
    for (int i = 0; i < d.events->anchor_events; ++i) destroy_event(d.events->anchor_event(i));
  }
  for (const cudaStream_t stream : anchor_streams_)
    (void)cuda_driver::succeeded(cudaStreamDestroy(stream));
}

}  // namespace latency::detail
