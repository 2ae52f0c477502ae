#pragma once
// One event of a PyTorch profiler trace: what the accounting needs of it.

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "latency/device_rows.hpp"

namespace latency::timeline {

// By category. PyTorch 1.8 and 1.9 wrote some of them in other words.
enum class trace_event_kind : std::uint8_t {
  unknown,     // the category is none of the profiler's
  other,       // operators, Python functions, copies of annotations on device tracks, ...
  annotation,  // record_function, profiler steps, NVTX ranges
  call,        // of the CUDA runtime or driver
  kernel,
  copy,
  set,
  synchronization,  // what a call waited for
  metadata          // names of processes and threads
};

// Texts are valid until the next window is parsed.
struct trace_event {
  trace_event_kind kind = trace_event_kind::unknown;
  bool complete = false;  // an interval: phase X
  std::string_view name;
  std::string_view process, thread;      // numbers or texts, as written
  std::optional<std::int64_t> start_ns;  // of the trace's clock; nothing: missing or no number
  std::optional<std::int64_t> duration_ns = 0;

  // Of `args`.
  std::uint64_t correlation = 0;
  std::uint64_t graph_node = 0;
  std::optional<std::int64_t> device, stream;
  std::int64_t bytes = 0;
  launch_shape shape;
  std::uint64_t waits_for = 0;  // correlation of the event_record
  std::string_view label;       // of metadata
};

// Throws simdjson::simdjson_error for what is not JSON. Missing and odd values are left as above.
[[nodiscard]] trace_event parse_trace_event(simdjson::ondemand::object object);

}  // namespace latency::timeline
