#pragma once
// What a report says first: can these figures be trusted, and does every nanosecond add up.

#include <cstdint>
#include <string_view>
#include <vector>

#include "latency/recording.hpp"
#include "latency/span_tree.hpp"

namespace latency::analysis {

// One count. `impairs` counts make the recording dirty when they are not zero; the others inform
// (left out on purpose: warm-up, regions not asked for, ring mode).
struct hygiene_count {
  std::string_view what;  // static text such as "dropped spans"
  std::int64_t count = 0;
  bool impairs = false;
};

struct hygiene_report {
  std::vector<hygiene_count> counts;  // every count in a fixed order, zeros included
  std::int64_t warm_up_spans = 0;     // left out of every statistic
  std::int64_t flagged_records = 0;   // impossible records, kept (sum over their kinds)
  std::int64_t lost_records = 0;      // dropped, too deep, or in damaged journal blocks
  bool incomplete = false;            // the run did not end; read from its journal
  bool clean = true;                  // no count that impairs is above zero
};

// One host thread that recorded spans: exclusive_ns + untracked_ns = wall_ns, to the nanosecond.
struct thread_proof {
  std::uint32_t thread = 0;
  std::int64_t exclusive_ns = 0;  // sum over its spans, warm-up included
  std::int64_t untracked_ns = 0;
  std::int64_t wall_ns = 0;
  [[nodiscard]] std::int64_t difference_ns() const { return exclusive_ns + untracked_ns - wall_ns; }
};

// One device: shares + copy exposed + unattributed + idle = wall, to the nanosecond.
struct device_proof {
  std::uint32_t device = 0;
  std::int64_t shares_ns = 0;
  std::int64_t copy_exposed_ns = 0;
  std::int64_t unattributed_ns = 0;
  std::int64_t idle_ns = 0;
  std::int64_t wall_ns = 0;
  [[nodiscard]] std::int64_t difference_ns() const {
    return shares_ns + copy_exposed_ns + unattributed_ns + idle_ns - wall_ns;
  }
};

struct proof {
  std::vector<thread_proof> threads;  // threads without a span are left out
  std::vector<device_proof> devices;  // empty without device ops
  bool holds = true;                  // every difference is zero
};

// Pure; O(rows).
[[nodiscard]] hygiene_report hygiene(const recording& run, const span_tree& tree);
[[nodiscard]] proof prove(const recording& run, const span_tree& tree);

}  // namespace latency::analysis
