#pragma once
// Where the spans of a recording stood for the older LongLive tracker: it numbered blocks by their
// ends, and filed what happened under the block that was the last to begin.

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "latency/recording.hpp"

namespace latency::render {

// Trees, not hashes: files choose the ids of their spans.
class tracker_layout {
 public:
  // Keeps a reference. O(n log n).
  explicit tracker_layout(const recording& run);

  struct numbered_block {
    const latency::block* row = nullptr;
    const span* own = nullptr;
  };
  [[nodiscard]] const std::vector<numbered_block>& blocks() const { return blocks_; }
  [[nodiscard]] const span* find(span_id id) const;  // null: there is none

  struct place {
    std::int64_t block = -1;  // position in blocks(); -1: before the first
    bool in_switch = false;   // a prompt switch is around it
  };
  [[nodiscard]] place place_of(const span& s) const;
  [[nodiscard]] bool holds_blocks(const span& s) const { return around_blocks_.count(s.id) != 0; }

  [[nodiscard]] std::int64_t latent_frames() const;
  [[nodiscard]] std::int64_t latent_frames_until(std::int64_t block) const;  // its own included
  [[nodiscard]] std::int64_t latent_frames_per_block() const;

 private:
  const recording& run_;
  std::map<span_id, const span*> by_id_;
  std::vector<numbered_block> blocks_;  // by end
  std::map<span_id, std::int64_t> block_of_span_;
  std::set<span_id> around_blocks_;  // and the blocks themselves
};

}  // namespace latency::render
