#pragma once
// CUDA graphs that were replayed: what each runs, what launching it costs the host, and for how
// much of it the spans are known that were open where it was captured.

#include <array>
#include <cstdint>
#include <vector>

#include "analyzers/analysis/replays.hpp"
#include "latency/device_accounting.hpp"
#include "latency/recording.hpp"
#include "latency/span_tree.hpp"
#include "latency/statistics.hpp"

namespace latency::analysis {

// Replay instances that share a node are of one graph.
struct graph_row {
  std::uint32_t first_span = no_span;  // that launched its first replay; no_span: none was open
  std::int64_t replays = 0;
  std::int64_t nodes = 0;    // that any replay ran
  std::int64_t ops = 0;      // nodes x replays, where nothing was lost
  std::int64_t time_ns = 0;  // shares and exposed copies
  summary launch_ns;         // host durations of the calls that launched it, where recorded
  // Ops by whether their captured spans are known: capture_reason::none, they are.
  std::array<std::int64_t, capture_reasons> ops_by_reason{};
};

// In the order of their first replay. Ops without usable times, and replays of which no node is
// known, are left out. Pure; O(n log n) in ops and calls.
[[nodiscard]] std::vector<graph_row> graphs(const recording& run, const device_accounting& devices);

}  // namespace latency::analysis
