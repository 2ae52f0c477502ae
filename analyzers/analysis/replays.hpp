#pragma once
// Graph replays as eager runs would look: each replay instance stands below the span that launched
// it, and below the instance stand the spans that were open where its nodes were captured. Such a
// captured span has device ops in every replay, and no host time.
//
// On every device, for every instance:
//   own + sum over spans of own + unknown, over all reasons = ops     in share, copies and count.

#include <array>
#include <cstdint>
#include <vector>

#include "latency/device_accounting.hpp"
#include "latency/recording.hpp"
#include "latency/span_tree.hpp"

namespace latency::analysis {

inline constexpr std::size_t capture_reasons =
    static_cast<std::size_t>(capture_reason::not_kept) + 1;

// A captured span in one replay.
struct captured_account {
  string_id name = 0;
  std::int32_t element = -1;  // the same for this span in every replay
  std::int32_t parent = -1;   // index in replay_instance::spans, smaller than its own; -1: none
  op_set own;                 // captured in it, not in spans below
  op_set subtree;
};

// One launch of a graph, on one device.
struct replay_instance {
  std::uint64_t replay = 0;
  std::uint32_t span = no_span;  // that launched it; no_span: unattributed
  op_set ops;
  op_set own;                           // captured where no further span was open
  std::vector<captured_account> spans;  // parents before children
  // Ops whose captured spans are not known, by capture_reason. They are in the subtree of what is.
  std::array<op_set, capture_reasons> unknown{};
};

// Instances of one device by replay id. Without `graph_nodes` in the recording, all ops of an
// instance are its own. Pure; O(n log n) in the ops of replays, nothing where there are none.
[[nodiscard]] std::vector<replay_instance> replays(const recording& run,
                                                   const device_accounting& devices,
                                                   const device_account& device);

}  // namespace latency::analysis
