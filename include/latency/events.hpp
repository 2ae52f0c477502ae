#pragma once
// What happens at a moment: instants, counter samples, and rows of the recording's tables. Same
// cost and thread rules as a span; without a session a load and a branch.

#include <cstring>
#include <initializer_list>

#include "detail/recording_thread.hpp"
#include "detail/row_codec.hpp"

namespace latency {
namespace detail {

[[nodiscard]] inline span_id innermost_span(const thread_state& t) noexcept {
  return t.open[t.depth.load(std::memory_order_relaxed)].id.load(std::memory_order_relaxed);
}

// Reserves a record, or counts it as dropped.
[[nodiscard]] inline std::uint64_t* reserve_record(thread_state& t) noexcept {
  std::uint64_t* const at = t.reserve();
  if (at == nullptr) t.dropped_records.fetch_add(1, std::memory_order_relaxed);
  return at;
}

// Writes attributes after a record's fixed words; returns their number.
inline std::uint32_t write_attributes(std::uint64_t* at,
                                      std::initializer_list<attribute> attributes) noexcept {
  std::uint32_t count = 0;
  for (const attribute& a : attributes) {
    if (count == max_attributes) break;
    at[2 * count] = pack_key(to_word(a.key), a.type);
    if (a.type == attribute::kind::text) {
      at[2 * count + 1] = to_word(a.text);
    } else {
      std::memcpy(at + 2 * count + 1, &a.integer, sizeof(std::uint64_t));
    }
    ++count;
  }
  return count;
}

template <class Row>
void write_row(const Row& row, timestamp when) noexcept {
  thread_state* const t = recording_thread();
  if (t == nullptr) return;
  std::uint64_t* const at = reserve_record(*t);
  if (at == nullptr) return;
  const row_kind kind = encode(row, at + 2);
  const std::uint32_t words = row_words(kind);
  at[0] = pack_head(static_cast<std::uint64_t>(kind), record_kind::row, 0, words);
  at[1] = when.ticks;
  t->publish(at + 2 + words);
}

}  // namespace detail

// This moment, to be passed to record() later. {0} while nothing records.
[[nodiscard]] inline timestamp stamp() noexcept {
  const detail::thread_state* const t = detail::recording_thread();
  return {t == nullptr ? 0 : read_ticks(t->clock)};
}

// A named moment on this thread: name, keys and texts are static or interned.
inline void instant(const char* name, std::initializer_list<attribute> attributes = {}) noexcept {
  detail::thread_state* const t = detail::recording_thread();
  if (t == nullptr) return;
  std::uint64_t* const at = detail::reserve_record(*t);
  if (at == nullptr) return;
  at[1] = read_ticks(t->clock);
  at[2] = detail::innermost_span(*t);
  const std::uint32_t count = detail::write_attributes(at + 3, attributes);
  at[0] = detail::pack_head(detail::to_word(name), detail::record_kind::instant, 0, count);
  t->publish(at + 3 + 2 * count);
}
inline void instant(const char* name, const attribute& one) noexcept {
  instant(name, {one});
}

// A sample of a quantity over time.
inline void counter(const char* name, double sample) noexcept {
  detail::thread_state* const t = detail::recording_thread();
  if (t == nullptr) return;
  std::uint64_t* const at = detail::reserve_record(*t);
  if (at == nullptr) return;
  at[0] = detail::pack_head(detail::to_word(name), detail::record_kind::counter, 0, 0);
  at[1] = read_ticks(t->clock);
  std::memcpy(at + 2, &sample, sizeof sample);
  t->publish(at + 3);
}

// Rows. The times in a row's struct are set from `when`, not taken from it.
inline void record(const block& row) noexcept {
  detail::write_row(row, stamp());
}
inline void record(const prompt_switch& row, timestamp request) noexcept {
  detail::write_row(row, request);
}
inline void record(const pixel_frame& row, timestamp complete) noexcept {
  detail::write_row(row, complete);
}
inline void record(const pixel_frame& row) noexcept {
  record(row, stamp());
}
// `name` is static or interned and replaces the row's.
inline void record(const memory_snapshot& row, const char* name) noexcept {
  detail::thread_state* const t = detail::recording_thread();
  if (t == nullptr) return;
  std::uint64_t* const at = detail::reserve_record(*t);
  if (at == nullptr) return;
  const std::uint32_t words = detail::row_words(detail::row_kind::memory);
  at[0] = detail::pack_head(static_cast<std::uint64_t>(detail::row_kind::memory),
                            detail::record_kind::row, 0, words);
  at[1] = read_ticks(t->clock);
  at[2] = detail::to_word(name);
  at[3] = static_cast<std::uint64_t>(row.rss_bytes);
  at[4] = static_cast<std::uint64_t>(row.peak_rss_bytes);
  at[5] = static_cast<std::uint64_t>(row.device_used_bytes);
  at[6] = static_cast<std::uint64_t>(row.device_peak_bytes);
  at[7] = static_cast<std::uint64_t>(row.device_pool_used_bytes);
  at[8] = static_cast<std::uint64_t>(row.device_pool_peak_bytes);
  t->publish(at + 2 + words);
}

}  // namespace latency
