#pragma once
// The hot path of cuda.hpp: one window on one stream, from an event to the next.

#include "cuda_event_source.hpp"

namespace latency::detail {

class stream_window {
 public:
  void begin(cudaStream_t on) noexcept {
    stream_ = on;
    const cuda_event_source* const source =
        cuda_event_source::current().load(std::memory_order_acquire);
    window_ = {};
    if (source == nullptr) return;
    events_ = source->events_for(on);
    if (events_ == nullptr) return;
    window_ = events_->begin(on);
    serial_ = source->serial();
  }
  void end(const char* name, span_id span) noexcept {
    if (measures()) events_->end(window_, stream_, name, span);
    window_ = {};
  }
  void next(const char* name, span_id span) noexcept {
    if (measures()) {
      window_ = events_->next(window_, stream_, name, span);
    } else {
      begin(stream_);
    }
  }
  // It will not end.
  void give_back() noexcept {
    if (measures()) events_->give_back(window_);
    window_ = {};
  }

 private:
  // Not after the source has gone; another one may be in its place.
  [[nodiscard]] bool measures() const noexcept {
    if (window_.first == no_event) return false;
    const cuda_event_source* const now =
        cuda_event_source::current().load(std::memory_order_acquire);
    return now != nullptr && now->serial() == serial_;
  }

  std::uint64_t serial_ = 0;
  device_events<cuda_driver>* events_ = nullptr;
  cudaStream_t stream_ = nullptr;
  begun_window window_;
};

}  // namespace latency::detail
