#pragma once
// Gaps: the time between ops of one stream, and what it waited for.
//
// Of every stream, exactly: busy + gaps = window (first start to last end). A gap begins where the
// ops so far have ended and ends with the start of the next op; each nanosecond of it belongs to
// one cause, the first that holds, in this order of time:
//   graph_internal  all of it, between two ops of one graph replay
//   host            up to the end of the call that launched the next op: the launch came late
//   dependency      then, up to the end of the ops that the stream was made to wait for: recorded
//                   waits between the launch of an op before the gap and that of the next. Of a
//                   wait whose event is not known, all that is left
//   hardware        all that is left, when it is at most twice the back-to-back gap
//   other           all that is left: not known (memory, clocks, waits that nobody recorded)
// The back-to-back gap is measured in the recording itself: between two kernels of one stream of
// which the second was launched before the first ended, with no wait between them. Other causes can
// only make such a gap longer, so it is the lower quartile of all.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "latency/device_accounting.hpp"
#include "latency/recording.hpp"
#include "latency/statistics.hpp"

namespace latency::analysis {

enum class gap_cause : std::uint8_t { host, graph_internal, dependency, hardware, other };
inline constexpr std::size_t gap_causes = 5;
[[nodiscard]] const char* to_string(gap_cause cause);

struct gap_time {
  std::int64_t gaps = 0;  // that have some of this cause
  std::int64_t ns = 0;
};
using gap_times = std::array<gap_time, gap_causes>;  // by gap_cause

struct stream_gaps {
  std::uint32_t device = 0;
  std::uint32_t stream = 0;
  std::int64_t ops = 0;
  std::int64_t busy_ns = 0;
  std::int64_t window_ns = 0;
  std::int64_t gaps = 0;
  std::int64_t gap_ns = 0;
  gap_times causes;
};

// One gap, between recording::device_ops[before] and [after].
struct stream_gap {
  std::size_t before = 0;  // of those that ended last, any
  std::size_t after = 0;
  std::int64_t start_ns = 0;
  std::int64_t length_ns = 0;
  std::array<std::int64_t, gap_causes> cause_ns{};
  [[nodiscard]] gap_cause main_cause() const;  // with most of its time; of several, the first
};

struct gap_report {
  std::vector<stream_gaps> streams;  // by gap_ns, largest first; ties by device and stream
  gap_times causes;                  // over all streams
  std::int64_t gaps = 0;
  std::int64_t gap_ns = 0;
  double back_to_back_ns = detail::undefined;  // NaN when measured on fewer than the minimum
  std::int64_t back_to_back_n = 0;
  std::vector<stream_gap> largest;  // at most `most_largest`, largest first; ties by start
};

inline constexpr std::int64_t back_to_back_minimum_n = 10;

// Ops without usable times are left out. Pure; O(n log n) in ops and calls.
[[nodiscard]] gap_report gaps(const recording& run, const device_accounting& devices,
                              std::size_t most_largest);

}  // namespace latency::analysis
