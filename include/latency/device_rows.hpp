#pragma once
// Rows that a back end delivers: what ran on a device, and the calls that made it run. Part of
// recording.hpp, whose conventions hold: times in nanoseconds since the session started, ids of
// spans with 0 for "none", names as indices into the recording's strings.

#include <cstdint>
#include <string>

#include "span_id.hpp"
#include "string_table.hpp"

namespace latency {

enum class device_op_kind : std::uint8_t { kernel, memset, memcpy };
enum class copy_direction : std::uint8_t {
  none,
  host_to_device,
  device_to_host,
  device_to_device,
  peer
};

// Why a device op belongs to no span.
enum class unattributed_reason : std::uint8_t {
  none,                // it has a span
  no_open_span,        // launched outside every span
  no_launch_record,    // the API call that launched it is unknown
  graph_before_start,  // its graph was captured before recording began
  conditional_body     // in the body of a conditional node: which launch ran it is not told
};

// Why the spans that were open where a node of a graph was captured are not known.
enum class capture_reason : std::uint8_t {
  none,                  // they are
  graph_before_start,    // it was captured before recording began
  unknown_node,          // the driver did not announce it
  child_graph,           // in the body of a child graph; known is where that was added
  conditional,           // in the body of a conditional node, likewise
  child_or_conditional,  // in one or the other: its graph has both
  not_kept               // more nodes than are kept
};

// A node of a graph that was replayed: where it was captured.
struct graph_node {
  std::uint64_t node = 0;  // matches device_op::graph_node
  span_id span = 0;        // innermost open where it was captured, 0 = none, or unknown
  // Spans that were open there, without those that were open where the capture began: index into
  // recording::span_paths, -1 = none, or unknown.
  std::int32_t path = -1;
  capture_reason reason = capture_reason::none;
};

struct device_op {
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  span_id span = 0;
  std::uint64_t correlation = 0;  // matches api_call::correlation
  std::uint64_t graph_node = 0;   // 0 = not part of a graph replay
  std::uint64_t replay = 0;       // id of the replay instance, 0 = none
  std::int64_t bytes = 0;         // copies and memsets
  string_id name = 0;
  std::uint32_t device = 0;
  std::uint32_t stream = 0;
  device_op_kind kind = device_op_kind::kernel;
  copy_direction direction = copy_direction::none;
  unattributed_reason reason = unattributed_reason::none;
  std::int32_t shape = -1;  // of a kernel: index into recording::launch_shapes, -1 = unknown
};

// How a kernel was launched. Kernels share the rows: there is one for each distinct shape.
struct launch_shape {
  std::uint32_t grid_x = 0, grid_y = 0, grid_z = 0;     // blocks
  std::uint32_t block_x = 0, block_y = 0, block_z = 0;  // threads
  std::uint32_t registers_per_thread = 0;
  std::uint32_t static_shared_bytes = 0;  // of each block
  std::uint32_t dynamic_shared_bytes = 0;
};

enum class api_call_kind : std::uint8_t {
  launch,        // of device ops: kernel, copy, memset, graph
  synchronize,   // waited for a device, a stream or an event
  allocate,      // gave or took memory, of a device or pinned
  event_record,  // put an event on a stream
  stream_wait,   // made a stream wait for an event
  other
};

struct api_call {
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  span_id span = 0;
  std::uint64_t correlation = 0;
  string_id name = 0;
  std::uint32_t thread = 0;
  api_call_kind kind = api_call_kind::launch;
  std::int32_t device = -1;     // -1 = unknown, or none
  std::int64_t stream = -1;     // -1 = unknown, or none
  std::uint64_t waits_for = 0;  // stream_wait: correlation of the event_record, 0 = unknown
};

// A device interval between two events that a span recorded on a stream (the events tier).
struct event_window {
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  span_id span = 0;
  std::uint64_t replay = 0;  // id of the replay instance, 0 = none
  string_id name = 0;
  std::uint32_t device = 0;
  std::uint32_t stream = 0;
  std::int64_t resolution_ns = 0;  // step of the clock that measured it
  // 1: of a graph that was launched without cuda::launch, the last replay only; `span` is where it
  // was captured.
  std::int32_t last_replay = 0;
};

// The moment at which everything put on a stream before a mark was complete.
struct completion_mark {
  std::int64_t time_ns = 0;
  std::int64_t index = 0;  // which pixel frame, token, ...
  span_id span = 0;        // open where the mark was made
  string_id name = 0;
  std::uint32_t device = 0;
  std::uint32_t stream = 0;
};

// What a recording knows of its devices, from little to much.
enum class device_tier : std::uint8_t {
  host,    // nothing
  events,  // intervals between events
  kernels  // every kernel, memset and copy
};

// How the clock of a device was mapped to the session's: a line between every two neighbours of
// the anchors (device and host time taken together; detail/clock_mapping.hpp).
struct device_clock {
  std::uint32_t device = 0;
  std::string name;                         // of the device
  device_tier tier = device_tier::kernels;  // of the back end that read this clock
  std::int64_t resolution_ns = 0;
  std::int64_t anchors = 0;
  double drift_ppm = 0;             // rate against the session's clock, first to last anchor
  std::int64_t residual_ns = 0;     // the most by which two lines that meet at an anchor differ
  std::int64_t uncertainty_ns = 0;  // of the widest anchor, plus the residual
};

// Totals in constant memory, in place of rows, for runs too long to keep every device op.
// A path is the names of the open spans: those of `parent`, then `name`.
struct span_path {
  std::int32_t parent = -1;  // index into recording::span_paths, smaller than its own; -1 = none
  string_id name = 0;
};

// Device ops of one name under one path on one device.
struct device_total {
  std::int32_t path = -1;  // index into recording::span_paths, -1 = no span was open
  string_id name = 0;
  std::uint32_t device = 0;
  device_op_kind kind = device_op_kind::kernel;
  copy_direction direction = copy_direction::none;
  unattributed_reason reason = unattributed_reason::none;
  std::int64_t count = 0;
  std::int64_t sum_ns = 0;  // of durations, as the next two
  std::int64_t min_ns = 0;
  std::int64_t max_ns = 0;
  std::int64_t bytes = 0;  // copies and memsets
};

// Durations of a device_total that fall into one bucket of latency::histogram.
struct duration_bucket {
  std::uint32_t total = 0;    // index into recording::device_totals
  std::int64_t least_ns = 0;  // smallest duration of the bucket
  std::int64_t count = 0;
};

// Calls of one name under one path.
struct api_total {
  std::int32_t path = -1;
  string_id name = 0;
  api_call_kind kind = api_call_kind::launch;
  std::int64_t count = 0;
  std::int64_t sum_ns = 0;  // of host durations, as the next two
  std::int64_t min_ns = 0;
  std::int64_t max_ns = 0;
};

}  // namespace latency
