#pragma once
// Rows of device back ends as words of a journal block, and back. A row of a kind always takes the
// same number of words. Times are raw: those of the clock that the block names, or ticks.

#include <algorithm>
#include <cstdint>

#include "../device_rows.hpp"
#include "row_codec.hpp"

namespace latency::detail {

[[nodiscard]] inline std::uint64_t pack_words(std::uint32_t low, std::uint32_t high) noexcept {
  return low | static_cast<std::uint64_t>(high) << 32;
}
[[nodiscard]] inline std::uint32_t low_word(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word);
}
[[nodiscard]] inline std::uint32_t high_word(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word >> 32);
}

// Three small enumerations in one word; a value beyond the last becomes the last.
[[nodiscard]] inline std::uint64_t pack_kinds(device_op_kind kind, copy_direction direction,
                                              unattributed_reason reason) noexcept {
  return static_cast<std::uint64_t>(kind) | static_cast<std::uint64_t>(direction) << 8 |
         static_cast<std::uint64_t>(reason) << 16;
}
template <class Enumeration>
[[nodiscard]] Enumeration enumeration_at(std::uint64_t word, int shift, Enumeration last) noexcept {
  const auto value = static_cast<std::uint8_t>(word >> shift);
  return static_cast<Enumeration>(std::min(value, static_cast<std::uint8_t>(last)));
}

inline constexpr std::uint32_t clock_anchor_words = 3;
inline constexpr std::uint32_t launch_shape_words = 5;
inline constexpr std::uint32_t device_op_words = 10;
inline constexpr std::uint32_t api_call_words = 8;
inline constexpr std::uint32_t event_window_words = 7;
inline constexpr std::uint32_t mark_words = 5;
inline constexpr std::uint32_t span_path_words = 1;
inline constexpr std::uint32_t device_total_words = 8;
inline constexpr std::uint32_t duration_bucket_words = 3;
inline constexpr std::uint32_t api_total_words = 6;
inline constexpr std::uint32_t graph_node_words = 3;

inline void encode(const launch_shape& row, std::uint64_t* words) noexcept {
  words[0] = pack_words(row.grid_x, row.grid_y);
  words[1] = pack_words(row.grid_z, row.block_x);
  words[2] = pack_words(row.block_y, row.block_z);
  words[3] = pack_words(row.registers_per_thread, row.static_shared_bytes);
  words[4] = row.dynamic_shared_bytes;
}
[[nodiscard]] inline launch_shape decode_launch_shape(const std::uint64_t* words) noexcept {
  launch_shape row;
  row.grid_x = low_word(words[0]), row.grid_y = high_word(words[0]);
  row.grid_z = low_word(words[1]), row.block_x = high_word(words[1]);
  row.block_y = low_word(words[2]), row.block_z = high_word(words[2]);
  row.registers_per_thread = low_word(words[3]), row.static_shared_bytes = high_word(words[3]);
  row.dynamic_shared_bytes = low_word(words[4]);
  return row;
}

inline void encode(const device_op& row, std::uint64_t* words) noexcept {
  words[0] = static_cast<std::uint64_t>(row.start_ns);
  words[1] = static_cast<std::uint64_t>(row.end_ns);
  words[2] = row.span;
  words[3] = row.correlation;
  words[4] = row.graph_node;
  words[5] = row.replay;
  words[6] = static_cast<std::uint64_t>(row.bytes);
  words[7] = pack_words(row.name, row.device);
  words[8] = pack_words(row.stream, static_cast<std::uint32_t>(row.shape));
  words[9] = pack_kinds(row.kind, row.direction, row.reason);
}
[[nodiscard]] inline device_op decode_device_op(const std::uint64_t* words) noexcept {
  device_op row;
  row.start_ns = static_cast<std::int64_t>(words[0]);
  row.end_ns = static_cast<std::int64_t>(words[1]);
  row.span = words[2];
  row.correlation = words[3];
  row.graph_node = words[4];
  row.replay = words[5];
  row.bytes = static_cast<std::int64_t>(words[6]);
  row.name = low_word(words[7]), row.device = high_word(words[7]);
  row.stream = low_word(words[8]), row.shape = high_half(words[8]);
  row.kind = enumeration_at(words[9], 0, device_op_kind::memcpy);
  row.direction = enumeration_at(words[9], 8, copy_direction::peer);
  row.reason = enumeration_at(words[9], 16, unattributed_reason::conditional_body);
  return row;
}

inline void encode(const api_call& row, std::uint64_t* words) noexcept {
  words[0] = static_cast<std::uint64_t>(row.start_ns);
  words[1] = static_cast<std::uint64_t>(row.end_ns);
  words[2] = row.span;
  words[3] = row.correlation;
  words[4] = row.waits_for;
  words[5] = pack_words(row.name, row.thread);
  words[6] =
      pack_words(static_cast<std::uint32_t>(row.device), static_cast<std::uint32_t>(row.kind));
  words[7] = static_cast<std::uint64_t>(row.stream);
}
[[nodiscard]] inline api_call decode_api_call(const std::uint64_t* words) noexcept {
  api_call row;
  row.start_ns = static_cast<std::int64_t>(words[0]);
  row.end_ns = static_cast<std::int64_t>(words[1]);
  row.span = words[2];
  row.correlation = words[3];
  row.waits_for = words[4];
  row.name = low_word(words[5]), row.thread = high_word(words[5]);
  row.device = std::max(low_half(words[6]), -1);
  row.kind = enumeration_at(words[6], 32, api_call_kind::other);
  row.stream = std::clamp<std::int64_t>(static_cast<std::int64_t>(words[7]), -1, UINT32_MAX);
  return row;
}

inline void encode(const event_window& row, std::uint64_t* words) noexcept {
  words[0] = static_cast<std::uint64_t>(row.start_ns);
  words[1] = static_cast<std::uint64_t>(row.end_ns);
  words[2] = row.span;
  words[3] = row.replay;
  words[4] = pack_words(row.name, row.device);
  words[5] = pack_words(row.stream, static_cast<std::uint32_t>(row.last_replay));
  words[6] = static_cast<std::uint64_t>(row.resolution_ns);
}
[[nodiscard]] inline event_window decode_event_window(const std::uint64_t* words) noexcept {
  event_window row;
  row.start_ns = static_cast<std::int64_t>(words[0]);
  row.end_ns = static_cast<std::int64_t>(words[1]);
  row.span = words[2];
  row.replay = words[3];
  row.name = low_word(words[4]), row.device = high_word(words[4]);
  row.stream = low_word(words[5]);
  row.last_replay = high_word(words[5]) != 0 ? 1 : 0;
  row.resolution_ns = static_cast<std::int64_t>(words[6]);
  return row;
}

inline void encode(const completion_mark& row, std::uint64_t* words) noexcept {
  words[0] = static_cast<std::uint64_t>(row.time_ns);
  words[1] = static_cast<std::uint64_t>(row.index);
  words[2] = row.span;
  words[3] = pack_words(row.name, row.device);
  words[4] = row.stream;
}
[[nodiscard]] inline completion_mark decode_mark(const std::uint64_t* words) noexcept {
  completion_mark row;
  row.time_ns = static_cast<std::int64_t>(words[0]);
  row.index = static_cast<std::int64_t>(words[1]);
  row.span = words[2];
  row.name = low_word(words[3]), row.device = high_word(words[3]);
  row.stream = low_word(words[4]);
  return row;
}

inline void encode(const span_path& row, std::uint64_t* words) noexcept {
  words[0] = pack_words(row.name, static_cast<std::uint32_t>(row.parent));
}
[[nodiscard]] inline span_path decode_span_path(const std::uint64_t* words) noexcept {
  span_path row;
  row.name = low_word(words[0]), row.parent = high_half(words[0]);
  return row;
}

inline void encode(const device_total& row, std::uint64_t* words) noexcept {
  words[0] = pack_words(row.name, static_cast<std::uint32_t>(row.path));
  words[1] = row.device;
  words[2] = pack_kinds(row.kind, row.direction, row.reason);
  words[3] = static_cast<std::uint64_t>(row.count);
  words[4] = static_cast<std::uint64_t>(row.sum_ns);
  words[5] = static_cast<std::uint64_t>(row.min_ns);
  words[6] = static_cast<std::uint64_t>(row.max_ns);
  words[7] = static_cast<std::uint64_t>(row.bytes);
}
[[nodiscard]] inline device_total decode_device_total(const std::uint64_t* words) noexcept {
  device_total row;
  row.name = low_word(words[0]), row.path = high_half(words[0]);
  row.device = low_word(words[1]);
  row.kind = enumeration_at(words[2], 0, device_op_kind::memcpy);
  row.direction = enumeration_at(words[2], 8, copy_direction::peer);
  row.reason = enumeration_at(words[2], 16, unattributed_reason::conditional_body);
  row.count = std::max<std::int64_t>(0, static_cast<std::int64_t>(words[3]));
  row.sum_ns = static_cast<std::int64_t>(words[4]);
  row.min_ns = static_cast<std::int64_t>(words[5]);
  row.max_ns = static_cast<std::int64_t>(words[6]);
  row.bytes = static_cast<std::int64_t>(words[7]);
  return row;
}

inline void encode(const graph_node& row, std::uint64_t* words) noexcept {
  words[0] = row.node;
  words[1] = row.span;
  words[2] =
      pack_words(static_cast<std::uint32_t>(row.path), static_cast<std::uint32_t>(row.reason));
}
[[nodiscard]] inline graph_node decode_graph_node(const std::uint64_t* words) noexcept {
  graph_node row;
  row.node = words[0];
  row.span = words[1];
  row.path = low_half(words[2]);
  row.reason = enumeration_at(words[2], 32, capture_reason::not_kept);
  return row;
}

inline void encode(const duration_bucket& row, std::uint64_t* words) noexcept {
  words[0] = row.total;
  words[1] = static_cast<std::uint64_t>(row.least_ns);
  words[2] = static_cast<std::uint64_t>(row.count);
}
[[nodiscard]] inline duration_bucket decode_duration_bucket(const std::uint64_t* words) noexcept {
  duration_bucket row;
  row.total = low_word(words[0]);
  row.least_ns = static_cast<std::int64_t>(words[1]);
  row.count = std::max<std::int64_t>(0, static_cast<std::int64_t>(words[2]));
  return row;
}

inline void encode(const api_total& row, std::uint64_t* words) noexcept {
  words[0] = pack_words(row.name, static_cast<std::uint32_t>(row.path));
  words[1] = static_cast<std::uint64_t>(row.kind);
  words[2] = static_cast<std::uint64_t>(row.count);
  words[3] = static_cast<std::uint64_t>(row.sum_ns);
  words[4] = static_cast<std::uint64_t>(row.min_ns);
  words[5] = static_cast<std::uint64_t>(row.max_ns);
}
[[nodiscard]] inline api_total decode_api_total(const std::uint64_t* words) noexcept {
  api_total row;
  row.name = low_word(words[0]), row.path = high_half(words[0]);
  row.kind = enumeration_at(words[1], 0, api_call_kind::other);
  row.count = std::max<std::int64_t>(0, static_cast<std::int64_t>(words[2]));
  row.sum_ns = static_cast<std::int64_t>(words[3]);
  row.min_ns = static_cast<std::int64_t>(words[4]);
  row.max_ns = static_cast<std::int64_t>(words[5]);
  return row;
}

}  // namespace latency::detail
