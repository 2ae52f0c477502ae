#pragma once
// The words that files use for the enumerations of device_rows.hpp.

#include <string_view>

#include "device_rows.hpp"

namespace latency {

[[nodiscard]] inline std::string_view to_text(device_op_kind kind) noexcept {
  switch (kind) {
    case device_op_kind::memset:
      return "memset";
    case device_op_kind::memcpy:
      return "memcpy";
    case device_op_kind::kernel:
      break;
  }
  return "kernel";
}
[[nodiscard]] inline std::string_view to_text(copy_direction direction) noexcept {
  switch (direction) {
    case copy_direction::host_to_device:
      return "host_to_device";
    case copy_direction::device_to_host:
      return "device_to_host";
    case copy_direction::device_to_device:
      return "device_to_device";
    case copy_direction::peer:
      return "peer";
    case copy_direction::none:
      break;
  }
  return "none";
}
[[nodiscard]] inline std::string_view to_text(unattributed_reason reason) noexcept {
  switch (reason) {
    case unattributed_reason::no_open_span:
      return "no_open_span";
    case unattributed_reason::no_launch_record:
      return "no_launch_record";
    case unattributed_reason::graph_before_start:
      return "graph_before_start";
    case unattributed_reason::conditional_body:
      return "conditional_body";
    case unattributed_reason::none:
      break;
  }
  return "none";
}
[[nodiscard]] inline std::string_view to_text(capture_reason reason) noexcept {
  switch (reason) {
    case capture_reason::graph_before_start:
      return "graph_before_start";
    case capture_reason::unknown_node:
      return "unknown_node";
    case capture_reason::child_graph:
      return "child_graph";
    case capture_reason::conditional:
      return "conditional";
    case capture_reason::child_or_conditional:
      return "child_or_conditional";
    case capture_reason::not_kept:
      return "not_kept";
    case capture_reason::none:
      break;
  }
  return "none";
}
[[nodiscard]] inline std::string_view to_text(api_call_kind kind) noexcept {
  switch (kind) {
    case api_call_kind::synchronize:
      return "synchronize";
    case api_call_kind::allocate:
      return "allocate";
    case api_call_kind::event_record:
      return "event_record";
    case api_call_kind::stream_wait:
      return "stream_wait";
    case api_call_kind::other:
      return "other";
    case api_call_kind::launch:
      break;
  }
  return "launch";
}
[[nodiscard]] inline std::string_view to_text(device_tier tier) noexcept {
  switch (tier) {
    case device_tier::events:
      return "events";
    case device_tier::kernels:
      return "kernels";
    case device_tier::host:
      break;
  }
  return "host";
}

}  // namespace latency
