#pragma once
// The hot path of cuda.hpp: one window on one stream, from an event to the next.

#include "cuda_event_source.hpp"

namespace latency::detail {

// While a stream captures, an event would become part of the graph.
[[nodiscard]] inline bool captures(cudaStream_t stream) noexcept {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  return !cuda_driver::succeeded(cudaStreamIsCapturing(stream, &status)) ||
         status != cudaStreamCaptureStatusNone;
}

// The pool for events on `on`, a stream of the current device; nullptr, and counted, while it
// captures.
[[nodiscard]] inline device_events<cuda_driver>* events_for(const cuda_event_source& source,
                                                            cudaStream_t on) noexcept {
  int device = 0;
  if (!cuda_driver::succeeded(cudaGetDevice(&device))) return nullptr;
  device_events<cuda_driver>* const events = source.of(device);
  if (events == nullptr || !captures(on)) return events;
  events->drop();
  return nullptr;
}

[[nodiscard]] inline std::uint32_t number_of(cudaStream_t stream) noexcept {
  unsigned long long id = 0;
  return cuda_driver::succeeded(cudaStreamGetId(stream, &id)) ? static_cast<std::uint32_t>(id) : 0;
}

// A capture that begins inside a window takes its last event into the graph. That event is never
// used again (device_events.hpp), and the window counts as dropped.
class stream_window {
 public:
  void begin(cudaStream_t on) noexcept {
    source_ = cuda_event_source::current().load(std::memory_order_acquire);
    if (source_ == nullptr) return;
    events_ = events_for(*source_, on);
    if (events_ == nullptr) return;
    window_ = events_->begin(on);
    stream_ = on;
    number_ = number_of(on);
  }
  void end(const char* name, span_id span) noexcept {
    if (!measures()) return;
    events_->end(window_, stream_, name, span, number_);
    window_ = {};
  }
  void next(const char* name, span_id span) noexcept {
    if (measures()) window_ = events_->next(window_, stream_, name, span, number_);
  }

 private:
  // Not after the source has gone.
  [[nodiscard]] bool measures() const noexcept {
    return window_.first != no_event &&
           cuda_event_source::current().load(std::memory_order_acquire) == source_;
  }

  cuda_event_source* source_ = nullptr;
  device_events<cuda_driver>* events_ = nullptr;
  cudaStream_t stream_ = nullptr;
  std::uint32_t number_ = 0;
  begun_window window_;
};

}  // namespace latency::detail
