#pragma once
// Divides both costs of a switch among the parts that switches.hpp defines.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "analyzers/analysis/clips.hpp"
#include "analyzers/analysis/span_names.hpp"
#include "analyzers/analysis/switches.hpp"
#include "latency/interval_set.hpp"
#include "latency/recording.hpp"
#include "latency/span_tree.hpp"

namespace latency::analysis {

// A row of recording::switches with the block at whose start it took effect.
struct joined_switch {
  std::size_t row = 0;
  std::size_t block = 0;         // position in clip_index::blocks()
  std::uint32_t span = no_span;  // its prompt_switch_total
};

class switch_splitter {
 public:
  // Keeps references: all four must outlive it. O(spans).
  switch_splitter(const recording& run, const span_tree& tree, const span_roles& roles,
                  const clip_index& index);

  // The parts sum to the length of `window`.
  [[nodiscard]] switch_parts split(interval window, const joined_switch& joined) const;
  // The parts sum to `delta_ns`.
  [[nodiscard]] delta_parts split_delta(std::int64_t delta_ns, const joined_switch& joined) const;

 private:
  [[nodiscard]] interval time_of(std::uint32_t span) const {
    return {tree_[span].start_ns, tree_[span].end_ns};
  }
  // The spans of that role directly under the switch's.
  [[nodiscard]] std::vector<interval> operations_of(const joined_switch& joined,
                                                    span_role role) const;
  [[nodiscard]] std::vector<interval> text_encoding_of(const joined_switch& joined) const;
  [[nodiscard]] std::vector<interval> decode_of(const joined_switch& joined) const;
  [[nodiscard]] bool decodes(const joined_vae_span& v, std::int64_t latent_frame) const;

  const recording& run_;
  const span_tree& tree_;
  const span_roles& roles_;
  const clip_index& index_;
  std::vector<std::uint32_t> text_encoding_;                // spans
  std::vector<std::vector<joined_vae_span>> vae_of_block_;  // by position of the block
};

}  // namespace latency::analysis
