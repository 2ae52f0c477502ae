#pragma once
// Finds the place of everything that a file of the older tracker holds: in a block, in the prompt
// switch before a block, beside the blocks, or nowhere.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyzers/timeline/span_layout.hpp"
#include "analyzers/timeline/tracker_file.hpp"

namespace latency::timeline {

struct placed_block {
  std::optional<std::int64_t> end_ns;  // of its context pass
  std::optional<std::int64_t> segment;
  std::vector<placed_span> parts;         // its own, in the order in which they ran
  std::vector<placed_span> switch_parts;  // of the prompt switch before it
  std::optional<std::int64_t> switch_total_ns;
  std::optional<std::int64_t> recached_latent_frames;
};

struct placed_run {
  struct outside_blocks {
    std::int64_t order_ns = 0;  // its end, or what stands for it
    placed_span span;
  };
  std::vector<placed_block> blocks;     // as in the file
  std::vector<outside_blocks> outside;  // text encoding, decoding, ...
  std::vector<placed_span> unplaced;    // may have run in anything: must not be added up
  std::string recorded_twice;           // "diffusion_forward x 405": left out
  std::string from_statistics;          // components whose durations stand in for measured ones
  bool has_times = false;               // of the file's clock
};

// Order of what ran before everything whose time is known.
inline constexpr std::int64_t before_all_ns = INT64_MIN;

// Takes the events out of the file. Throws latency::error when it counts more scopes than any run
// has.
[[nodiscard]] placed_run place(tracker_file& file, const std::string& name);

}  // namespace latency::timeline
