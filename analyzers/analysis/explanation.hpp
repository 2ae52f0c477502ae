#pragma once
// Why something was slow: a block, a late pixel frame or a span beside its median peer, and which
// spans in it grew.
//
// An instance is a block with the VAE spans that decode it, or one span. Its time is the sum of
// their inclusive times, and that is the sum of the exclusive times of all spans below them on
// their threads. So the changes of an explanation add up to the difference of the two times:
//   time - peer time = sum over changes of (host + calls + waits), now - peer.
// Per span the exclusive time is split by the API calls made in it: waits (synchronization), calls
// (launches and all others), host (the rest). Device time, the shares and exposed copies of what
// the span launched, stands beside it: it runs while the host goes on.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyzers/analysis/generation.hpp"
#include "latency/device_accounting.hpp"
#include "latency/recording.hpp"
#include "latency/span_tree.hpp"

namespace latency::analysis {

struct span_cost {
  std::int64_t count = 0;
  std::int64_t host_ns = 0;
  std::int64_t calls_ns = 0;
  std::int64_t waits_ns = 0;
  std::int64_t device_ns = 0;
  [[nodiscard]] std::int64_t exclusive_ns() const { return host_ns + calls_ns + waits_ns; }
};

struct span_change {
  std::string path;  // names joined by ';', the instance's own span first
  span_cost now;
  span_cost peer;
  [[nodiscard]] std::int64_t exclusive_ns() const {
    return now.exclusive_ns() - peer.exclusive_ns();
  }
};

// How long one instance took, and which it is.
struct timed_instance {
  std::int64_t number = 0;       // index of the block, or of the span among those of its name
  std::optional<scenario> kind;  // of a block
  std::int64_t start_ns = 0;
  std::int64_t time_ns = 0;
};

struct late_group {  // pixel frames of one block
  std::int64_t count = 0;
  std::int32_t first = 0;
  std::int32_t last = 0;
  std::int64_t worst_ns = 0;
};

struct playout_row {  // all clips at one rate
  std::int64_t period_ns = 0;
  std::int64_t expected = 0;
  std::int64_t missing = 0;
  std::int64_t late = 0;
  std::int64_t worst_lateness_ns = 0;  // 0 when none is late
};

struct explanation {
  timed_instance slow;
  timed_instance peer;
  bool peer_of_its_kind = true;      // else the peers are blocks of another scenario
  std::int64_t peers = 0;            // whose median `peer` is
  std::optional<late_group> late;    // blocks only
  std::vector<span_change> changes;  // by exclusive change, largest growth first
  [[nodiscard]] std::int64_t excess_ns() const { return slow.time_ns - peer.time_ns; }
};

struct explanation_report {
  bool of_blocks = false;
  std::string span_name;                // otherwise: the spans that were looked at
  std::int64_t instances = 0;           // blocks or spans looked at, warm-up apart
  std::int64_t period_ns = 0;           // of the playout at which pixel frames are late
  std::vector<playout_row> playouts;    // blocks only; empty without pixel frames
  std::int64_t late_pixel_frames = 0;   // at period_ns
  std::int64_t late_without_block = 0;  // of these: their block is not known
  std::int64_t found = 0;               // slow instances and blocks with late pixel frames
  std::vector<explanation> cases;       // the worst of them, by excess, largest first
};

// An instance is slow when it exceeds its median peer by more than 5 %, and by more than three
// robust standard deviations (1.4826 times the median absolute deviation) of the peers. Peers of a
// block are those of its scenario, itself included; when they are too few, the full blocks.
inline constexpr double slow_excess = 0.05;
inline constexpr double slow_deviations = 3;
inline constexpr std::size_t fewest_peers = 3;  // besides itself

struct explanation_request {
  std::string span_name;  // empty: blocks when the recording has any, else the spans of the name
                          // whose slow instances cost most
  std::int64_t period_ns = period_at_25_fps_ns;  // of the playout, see latency/deadline.hpp
  std::size_t most = 5;                          // cases that are explained
};

// Lateness is counted at the rates of playout_periods_ns and at that of the request, and explained
// at the latter. Throws latency::error when no counted span has the name. Pure; O(n log n) and, for
// each case, the spans below it and its peer.
[[nodiscard]] explanation_report explain(const recording& run, const span_tree& tree,
                                         const device_accounting& devices,
                                         const explanation_request& wanted);

}  // namespace latency::analysis
