#pragma once
// How long the work between two points of a CUDA stream takes, measured with events: for programs
// that want device times without a profiler. Needs the CUDA runtime and nothing else.
//
//   latency::session run{"timing.json"};
//   latency::cuda::events gpu{run};                              // makes the events
//   {
//     latency::cuda::scope s{stream, "attention", {"layer", i}}; // a span, and a window on the
//     stream attention<<<...>>>(...);
//   }
//   latency::mark(stream, "token", i);                           // when all before it was complete
//
// A window runs from the completion of what the stream did before it to that of what it did inside:
// it holds the gaps between kernels too, and on a stream that is behind, nothing of the launches.
// Which kernels ran, and beside what, only cupti.hpp tells. docs/gpu.md compares the two.
//
// Streams belong to the current device, as for a kernel launch. In a stream that captures a graph
// the ends of a window become nodes that record events. launch() gives every replay events, and so
// times, of its own; after a plain cudaGraphLaunch the file has the last replay only, and says so.
// Marks in a capture, and windows that only begin or end in one, are left out and counted as
// dropped; the spans stay. Where another thread begins the capture in the very moment that a window
// begins or ends on that stream, the window is dropped likewise, but the graph has gained a node
// that records an event of ours.

#include <cuda_profiler_api.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "detail/cuda_event_source.hpp"
#include "detail/cuda_stream_window.hpp"
#include "memory.hpp"  // whose snapshots know the device's memory while events measure
#include "region.hpp"
#include "session.hpp"

namespace latency {
namespace cuda {

struct event_options {
  std::vector<int> devices;  // none: the current one
  // Of each device. A window takes two until it is complete and polled, a mark one; when none is
  // left the window or mark is left out and counted.
  std::uint32_t events = 8192;
  // Whether windows in a capture become nodes of the graph. Where not, the spans stay, and nothing
  // counts as dropped.
  bool in_graphs = true;
  // The longest that the end of the session waits for streams that still run.
  std::chrono::milliseconds finish_within{1000};
};

// Measures from its making to its end, or to the session's. One at a time. Make and end it where no
// scope, stage or mark is in progress. Times are read by the session's own thread, or by
// session.poll(), which never waits.
class events {
 public:
  explicit events(session& run, const event_options& wanted = {});
  events(const events&) = delete;
  events& operator=(const events&) = delete;
  ~events();

  [[nodiscard]] bool started() const noexcept { return source_ != nullptr; }
  // One line when it did not start, else empty.
  [[nodiscard]] const std::string& why_not() const noexcept { return why_not_; }

 private:
  std::shared_ptr<detail::recorder> recorder_;
  std::shared_ptr<detail::cuda_event_source> source_;
  std::string why_not_;
};

// A span, and the window of what `stream` does for it.
template <class Span>
class basic_scope {
 public:
  basic_scope(cudaStream_t stream, const char* name, const attribute& a0 = no_attribute,
              const attribute& a1 = no_attribute, const attribute& a2 = no_attribute,
              const attribute& a3 = no_attribute, const attribute& a4 = no_attribute,
              const attribute& a5 = no_attribute, const attribute& a6 = no_attribute,
              const attribute& a7 = no_attribute) noexcept
      : name_(name), span_(name, a0, a1, a2, a3, a4, a5, a6, a7) {
    if (span_.id() != 0) window_.begin(stream);
  }
  basic_scope(const basic_scope&) = delete;
  basic_scope& operator=(const basic_scope&) = delete;
  ~basic_scope() {
    if (span_.id() != 0) window_.end(name_, span_.id());
  }
  static void* operator new(std::size_t) = delete;  // a scope lives in a block of code

  void add(const attribute& a) noexcept { span_.add(a); }
  [[nodiscard]] span_id id() const noexcept { return span_.id(); }

 private:
  const char* name_;
  Span span_;
  detail::stream_window window_;
};

template <>
class basic_scope<recording_off::scope> : public recording_off::scope {
 public:
  constexpr basic_scope(cudaStream_t, const char* name, const attribute& = no_attribute,
                        const attribute& = no_attribute, const attribute& = no_attribute,
                        const attribute& = no_attribute, const attribute& = no_attribute,
                        const attribute& = no_attribute, const attribute& = no_attribute,
                        const attribute& = no_attribute) noexcept
      : recording_off::scope(name) {}
};

using scope = basic_scope<latency::scope>;

// Stages of work on one stream, one behind the other. Each is a span and a window; the event that
// ends one begins the next.
//
//   latency::cuda::stages s{stream};
//   s.next("attention"); ...
//   s.next("ffn");       ...
template <class Span>
class basic_stages {
 public:
  explicit basic_stages(cudaStream_t stream) noexcept : stream_(stream) {}
  basic_stages(const basic_stages&) = delete;
  basic_stages& operator=(const basic_stages&) = delete;
  ~basic_stages() { finish(); }
  static void* operator new(std::size_t) = delete;

  // Ends the stage in progress, if there is one, and begins another.
  void next(const char* name, const attribute& a0 = no_attribute,
            const attribute& a1 = no_attribute, const attribute& a2 = no_attribute,
            const attribute& a3 = no_attribute) noexcept {
    const bool first = !span_.has_value() || span_->id() == 0;
    if (!first) window_.next(name_, span_->id());
    span_.reset();
    span_.emplace(name, a0, a1, a2, a3);
    name_ = name;
    if (span_->id() == 0) {
      window_.give_back();
    } else if (first) {
      window_.begin(stream_);
    }
  }
  // Ends the stage in progress.
  void finish() noexcept {
    if (span_.has_value() && span_->id() != 0) window_.end(name_, span_->id());
    span_.reset();
  }

 private:
  cudaStream_t stream_;
  const char* name_ = nullptr;
  std::optional<Span> span_;
  detail::stream_window window_;
};

using stages = basic_stages<latency::scope>;

// While it lives, launch() gives each replay of `exec` events of its own. Make it when `exec` has
// been instantiated from `graph`, a graph that was captured while latency::cuda::events measured;
// end it when neither is launched any more, and `graph` only after it: its nodes are what events
// are put into. Without windows in the graph, or without cuda::events, it does nothing. From any
// thread.
class graph_timing {
 public:
  graph_timing(cudaGraphExec_t exec, cudaGraph_t graph) noexcept : exec_(exec) {
    const detail::cuda_event_source* const source =
        detail::cuda_event_source::current().load(std::memory_order_acquire);
    if (source != nullptr && source->bind(exec, graph)) serial_ = source->serial();
  }
  graph_timing(const graph_timing&) = delete;
  graph_timing& operator=(const graph_timing&) = delete;
  ~graph_timing() {
    const detail::cuda_event_source* const source =
        detail::cuda_event_source::current().load(std::memory_order_acquire);
    if (serial_ != 0 && source != nullptr && source->serial() == serial_) source->unbind(exec_);
  }

 private:
  cudaGraphExec_t exec_;
  std::uint64_t serial_ = 0;  // of the source that knows it
};

// cudaGraphLaunch. Under a graph_timing, the windows that were captured get times of this replay,
// and there is one around the whole, "graph replay". Costs a call of the driver for each node, two
// event records, and a lock.
template <class Span = latency::scope>
cudaError_t launch(cudaGraphExec_t exec, cudaStream_t stream) noexcept {
  if constexpr (!std::is_same_v<Span, recording_off::scope>) {
    const detail::thread_state* const thread = detail::recording_thread();
    detail::cuda_event_source* const source =
        detail::cuda_event_source::current().load(std::memory_order_acquire);
    if (thread != nullptr && source != nullptr)
      return source->launch(exec, stream, detail::innermost_span(*thread));
  }
  return cudaGraphLaunch(exec, stream);
}

// A region (region.hpp) that profilers record too, when they are told to wait for it, but for the
// occurrences that LATENCY_REGIONS leaves out:
//   nsys profile --capture-range=cudaProfilerApi --capture-range-end=stop ./program
template <class Region>
class basic_profile_region {
 public:
  explicit basic_profile_region(const char* name) : region_(name) {
    if (!region_.skipped()) (void)detail::cuda_driver::succeeded(cudaProfilerStart());
  }
  basic_profile_region(const basic_profile_region&) = delete;
  basic_profile_region& operator=(const basic_profile_region&) = delete;
  ~basic_profile_region() {
    if (!region_.skipped()) (void)detail::cuda_driver::succeeded(cudaProfilerStop());
  }

 private:
  Region region_;
};

using profile_region = basic_profile_region<region>;

}  // namespace cuda

// The moment at which all that was put on `stream` so far is complete becomes a row of the
// recording's marks. `name` is static or interned.
template <class Span = latency::scope>
void mark(cudaStream_t stream, const char* name, std::int64_t index) noexcept {
  if constexpr (!std::is_same_v<Span, recording_off::scope>) {
    const detail::thread_state* const thread = detail::recording_thread();
    if (thread == nullptr) return;
    const detail::cuda_event_source* const source =
        detail::cuda_event_source::current().load(std::memory_order_acquire);
    if (source == nullptr) return;
    if (auto* const events = source->events_for(stream))
      events->mark(stream, name, index, detail::innermost_span(*thread));
  }
}

}  // namespace latency

#ifndef LATENCY_COMPILED
#include "detail/compiled/cuda.hpp"
#endif
