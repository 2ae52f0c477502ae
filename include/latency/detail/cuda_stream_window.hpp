#pragma once
// The hot path of cuda.hpp: one window on one stream, from an event to the next; of a stream that
// captures, from node to node.

#include "cuda_event_source.hpp"

namespace latency::detail {

class stream_window {
 public:
  void begin(cudaStream_t on) noexcept {
    stream_ = on;
    const cuda_event_source* const source =
        cuda_event_source::current().load(std::memory_order_acquire);
    window_ = {};
    captured_ = {};
    if (source == nullptr) return;
    events_ = source->events_for(on);
    if (events_ == nullptr) return;
    window_ = events_->begin(on);
    serial_ = source->serial();
    if (!window_.captures || !source->in_graphs()) return;
    graphs_ = source->graphs_of(events_);
    captured_ = graphs_->begin(on);
  }
  void end(const char* name, span_id span) noexcept {
    if (captured_.in != nullptr) {
      if (lives()) graphs_->end(captured_, stream_, name, span);
    } else if (measures()) {
      events_->end(window_, stream_, name, span);
    }
    window_ = {};
    captured_ = {};
  }
  void next(const char* name, span_id span) noexcept {
    if (captured_.in != nullptr && lives()) {
      captured_ = graphs_->next(captured_, stream_, name, span);
      if (captured_.in == nullptr) begin(stream_);  // the capture has ended
    } else if (measures()) {
      window_ = events_->next(window_, stream_, name, span);
    } else {
      begin(stream_);
    }
  }
  // It will not end.
  void give_back() noexcept {
    if (measures()) events_->give_back(window_);
    window_ = {};
    captured_ = {};
  }

 private:
  [[nodiscard]] bool measures() const noexcept { return window_.first != no_event && lives(); }
  // Not after the source has gone; another one may be in its place.
  [[nodiscard]] bool lives() const noexcept {
    const cuda_event_source* const now =
        cuda_event_source::current().load(std::memory_order_acquire);
    return now != nullptr && now->serial() == serial_;
  }

  std::uint64_t serial_ = 0;
  device_events<cuda_driver>* events_ = nullptr;
  cudaStream_t stream_ = nullptr;
  begun_window window_;
  graph_windows<cuda_driver>* graphs_ = nullptr;
  graph_windows<cuda_driver>::begun captured_;  // in place of the window, in a capture
};

}  // namespace latency::detail
