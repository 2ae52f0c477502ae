#pragma once
// When replay instances, and the captured spans in them, ran: as intervals on the streams that ran
// their ops, the way spans are intervals on host threads.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "../recording.hpp"
#include "captured_spans.hpp"

namespace latency::detail {

// From the first op's start to the last one's end, of those that one stream ran.
struct replayed_interval {
  std::uint32_t device = 0;
  std::uint32_t stream = 0;
  std::uint64_t replay = 0;
  std::int32_t element = -1;  // of captured_spans; -1: the replay instance itself
  std::int32_t depth = 0;     // the instance's is 0
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;  // not before start_ns
  span_id launched_in = 0;

  static constexpr const char* name_of_instance = "graph replay";
};

// An instance stands before what is in it. Nothing where the recording knows of no captures. O(n)
// in ops, times the depth of captured spans.
[[nodiscard]] inline std::vector<replayed_interval> replayed_intervals(
    const recording& run, const captured_spans& captured) {
  struct place {
    std::uint32_t device, stream;
    std::uint64_t replay;
    std::int32_t element;
    bool operator==(const place& other) const noexcept {
      return device == other.device && stream == other.stream && replay == other.replay &&
             element == other.element;
    }
  };
  struct hash {
    std::size_t operator()(const place& of) const noexcept {
      const std::uint64_t where = std::uint64_t{of.device} << 32 | of.stream;
      std::uint64_t mixed = of.replay * 0x9e3779b97f4a7c15u ^ where * 0xc2b2ae3d27d4eb4fu;
      mixed = (mixed ^ mixed >> 29) + static_cast<std::uint32_t>(of.element);
      return std::hash<std::uint64_t>{}(mixed * 0x9e3779b97f4a7c15u);
    }
  };
  std::vector<replayed_interval> result;
  if (!captured.known()) return result;
  std::unordered_map<place, std::size_t, hash> rows;
  std::vector<std::int32_t> chain;  // the innermost first
  for (const device_op& op : run.device_ops) {
    if (op.replay == 0) continue;
    chain.clear();
    for (std::int32_t element = captured.of(op.graph_node).element; element >= 0;
         element = captured.parent_of(element))
      chain.push_back(element);
    chain.push_back(-1);
    const std::int64_t end_ns = std::max(op.start_ns, op.end_ns);
    for (std::size_t depth = 0; depth < chain.size(); ++depth) {
      const std::int32_t element = chain[chain.size() - 1 - depth];
      const auto [row, is_new] =
          rows.try_emplace({op.device, op.stream, op.replay, element}, result.size());
      if (is_new)
        result.push_back({op.device, op.stream, op.replay, element,
                          static_cast<std::int32_t>(depth), op.start_ns, end_ns, op.span});
      replayed_interval& one = result[row->second];
      one.start_ns = std::min(one.start_ns, op.start_ns);
      one.end_ns = std::max(one.end_ns, end_ns);
    }
  }
  return result;
}

}  // namespace latency::detail
