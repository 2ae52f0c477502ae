#pragma once
// Rows of the tables (blocks, switches, pixel frames, memory) as words of a record, and back.
// The one time that a row has travels in the record's head as ticks, not here.

#include <cstdint>

#include "../recording.hpp"
#include "record_format.hpp"

namespace latency::detail {

[[nodiscard]] inline std::uint64_t pack_pair(std::int32_t low, std::int32_t high) noexcept {
  return static_cast<std::uint32_t>(low) |
         static_cast<std::uint64_t>(static_cast<std::uint32_t>(high)) << 32;
}
[[nodiscard]] inline std::int32_t low_half(std::uint64_t word) noexcept {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(word));
}
[[nodiscard]] inline std::int32_t high_half(std::uint64_t word) noexcept {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(word >> 32));
}

// Number of payload words of a row, 0 for an unknown kind. New members come last.
[[nodiscard]] inline std::uint32_t row_words(row_kind kind) noexcept {
  switch (kind) {
    case row_kind::block:
      return 5;
    case row_kind::prompt_switch:
      return 4;
    case row_kind::pixel_frame:
      return 1;
    case row_kind::memory:
      return 7;
  }
  return 0;
}

// Of the rows of earlier builds, whose last members are 0.
[[nodiscard]] inline std::uint32_t least_row_words(row_kind kind) noexcept {
  return kind == row_kind::memory ? 5 : row_words(kind);  // no memory pool
}

inline row_kind encode(const block& row, std::uint64_t* words) noexcept {
  words[0] = row.span;
  words[1] = pack_pair(row.index, row.segment);
  words[2] = pack_pair(row.first_latent_frame, row.latent_frames);
  words[3] = pack_pair(row.cached_latent_frames, row.window_latent_frames);
  words[4] = pack_pair(row.switched, 0);
  return row_kind::block;
}
[[nodiscard]] inline block decode_block(const std::uint64_t* words) noexcept {
  block row;
  row.span = words[0];
  row.index = low_half(words[1]), row.segment = high_half(words[1]);
  row.first_latent_frame = low_half(words[2]), row.latent_frames = high_half(words[2]);
  row.cached_latent_frames = low_half(words[3]), row.window_latent_frames = high_half(words[3]);
  row.switched = low_half(words[4]);
  return row;
}

inline row_kind encode(const prompt_switch& row, std::uint64_t* words) noexcept {
  words[0] = row.span;
  words[1] = pack_pair(row.segment, row.block);
  words[2] = pack_pair(row.requested_latent_frame, row.latent_frame);
  words[3] = pack_pair(row.recached_latent_frames, row.first_pixel_frame);
  return row_kind::prompt_switch;
}
[[nodiscard]] inline prompt_switch decode_prompt_switch(const std::uint64_t* words) noexcept {
  prompt_switch row;
  row.span = words[0];
  row.segment = low_half(words[1]), row.block = high_half(words[1]);
  row.requested_latent_frame = low_half(words[2]), row.latent_frame = high_half(words[2]);
  row.recached_latent_frames = low_half(words[3]), row.first_pixel_frame = high_half(words[3]);
  return row;
}

inline row_kind encode(const pixel_frame& row, std::uint64_t* words) noexcept {
  words[0] = pack_pair(row.index, row.block);
  return row_kind::pixel_frame;
}
[[nodiscard]] inline pixel_frame decode_pixel_frame(const std::uint64_t* words) noexcept {
  pixel_frame row;
  row.index = low_half(words[0]), row.block = high_half(words[0]);
  return row;
}

// The snapshot's name stays a pointer until the record is collected: words[0].
[[nodiscard]] inline memory_snapshot decode_memory(const std::uint64_t* words) noexcept {
  memory_snapshot row;
  row.name = static_cast<string_id>(words[0]);
  row.rss_bytes = static_cast<std::int64_t>(words[1]);
  row.peak_rss_bytes = static_cast<std::int64_t>(words[2]);
  row.device_used_bytes = static_cast<std::int64_t>(words[3]);
  row.device_peak_bytes = static_cast<std::int64_t>(words[4]);
  row.device_pool_used_bytes = static_cast<std::int64_t>(words[5]);
  row.device_pool_peak_bytes = static_cast<std::int64_t>(words[6]);
  return row;
}

}  // namespace latency::detail
