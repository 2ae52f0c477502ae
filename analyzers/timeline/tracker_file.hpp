#pragma once
// The four shapes of JSON that the older LongLive tracker wrote, as plain data; tracker_reader.hpp
// makes a recording of it. What the shapes mean and where they mislead: docs/older-files.md.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "latency/recording.hpp"

namespace latency::timeline {

enum class tracker_shape : std::uint8_t {
  comprehensive,  // statistics, and the events they are of
  interactive,    // the statistics alone; events only below their blocks
  enhanced,       // completions of latent frames, whose blocks are known
  frames          // completions of latent frames, and nothing else
};
[[nodiscard]] const char* to_string(tracker_shape shape) noexcept;

// One timed scope.
struct tracker_event {
  std::string component;
  std::int64_t duration_ns = 0;        // on the GPU, by a pair of events; else on the host
  std::int64_t host_ns = 0;            // with the synchronization that ended it; else duration_ns
  std::optional<std::int64_t> end_ns;  // the host's clock
  std::string operation;               // "operation" or "sync_type"
  std::optional<std::int64_t> segment, step, latent_frames;
  std::optional<double> timestep;
};

struct tracker_block {
  std::int64_t index = 0;
  std::int64_t first_latent_frame = 0, latent_frames = 0;
  std::int64_t duration_ns = 0;  // without the prompt switch before it
  std::vector<tracker_event> events;
};

// Of one component, over the whole run.
struct tracker_statistics {
  std::int64_t count = 0;
  std::int64_t min_ns = 0, median_ns = 0, p95_ns = 0, p99_ns = 0, max_ns = 0, total_ns = 0;
  struct of_block {
    std::int64_t mean_ns = 0, count = 0;
  };
  std::map<std::int64_t, of_block> blocks;  // empty: its scopes did not run in blocks
};

struct tracker_switch {
  std::int64_t duration_ns = 0;
  std::optional<std::int64_t> segment, recached_latent_frames;
};

struct tracker_file {
  tracker_shape shape = tracker_shape::frames;
  std::map<std::string, run_value> run;  // its configuration and metadata, as far as known
  std::optional<std::int64_t> latent_frames_per_block;
  std::vector<tracker_block> blocks;
  std::vector<tracker_event> events;  // of the comprehensive shape: all, those of blocks again
  std::vector<tracker_switch> switches;
  std::map<std::string, tracker_statistics> statistics;  // by component
  struct latent_frame {
    std::int64_t index = 0;
    std::int64_t complete_ns = 0;  // the host's clock
    std::int64_t elapsed_ns = 0;   // since generation started
  };
  std::vector<latent_frame> latent_frames;
  struct gap {
    std::int64_t latent_frame = 0, duration_ns = 0;
  };
  std::vector<gap> gaps;             // between completions of latent frames
  std::int64_t unusable_events = 0;  // left out: no duration
};

// `text` is the whole file; `name` is for messages. NaN and Infinity, which Python writes, count as
// absent. Throws latency::error, one line naming the file and the byte, for what is not JSON or not
// of these shapes.
[[nodiscard]] tracker_file parse_tracker_file(std::string_view text, const std::string& name);

// Whether the beginning of a JSON text, without white space before it, is of such a file.
[[nodiscard]] bool is_tracker_file(std::string_view head) noexcept;

}  // namespace latency::timeline
