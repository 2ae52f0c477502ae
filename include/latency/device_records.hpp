#pragma once
// What is checked and looked up for each device op before time is accounted: its span, its launch,
// and whether its times can be true. Building block of device_accounting.hpp.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "latency/detail/launch_times.hpp"
#include "latency/recording.hpp"
#include "latency/saturating.hpp"
#include "latency/span_tree.hpp"

namespace latency {

// Bits of device_op_account::problems. Ops with one of the first three have no usable interval:
// they are counted and take part in nothing else.
enum device_op_problem : std::uint32_t {
  op_reversed_times = 1,          // ends before it starts
  op_zero_times = 2,              // start and end are both 0
  op_absurd_times = 4,            // further from zero than time_limit_ns
  op_before_launch = 8,           // starts before its API call by more than the clocks' uncertainty
  op_unmatched_correlation = 16,  // API calls were recorded, but not the one that launched it
  op_unknown_span = 32,           // names a span that is not in the recording: unattributed
  op_replay_of_other_span = 64    // an earlier op of its replay instance names another span
};
inline constexpr std::array<const char*, 7> device_op_problem_names = {
    "reversed times",        "zero times",   "absurd times",        "before launch",
    "unmatched correlation", "unknown span", "replay of other span"};
inline constexpr std::uint32_t op_unusable_times =
    op_reversed_times | op_zero_times | op_absurd_times;
using device_op_problem_counts = problem_counts<device_op_problem_names.size()>;

struct device_op_account {
  std::uint32_t span = no_span;  // position of the span it is attributed to
  std::uint32_t problems = 0;    // device_op_problem bits
  std::int64_t share_ns = 0;     // for a copy its exposed time
  std::int64_t queue_delay_ns = 0;
  bool has_queue_delay = false;  // its API call is known, and not after it
  [[nodiscard]] bool placed() const noexcept { return (problems & op_unusable_times) == 0; }
};

namespace detail {

inline std::uint32_t problems_of_times(const device_op& op) {
  std::uint32_t problems = 0;
  if (op.end_ns < op.start_ns) problems |= op_reversed_times;
  if (op.start_ns == 0 && op.end_ns == 0) problems |= op_zero_times;
  if (!is_time(op.start_ns) || !is_time(op.end_ns)) problems |= op_absurd_times;
  return problems;
}

// One account per op, shares still 0. O(n log n); O(n) when ops stand nearly as they were launched.
inline std::vector<device_op_account> check_device_ops(const recording& r, const span_tree& tree) {
  launch_times launches(r.api_calls);
  const auto uncertainty_ns = [&r](std::uint32_t device) {
    std::int64_t ns = clamp_time(std::max(r.clock.uncertainty_ns, std::int64_t{0}));
    for (const device_clock& c : r.device_clocks)
      if (c.device == device && c.tier == device_tier::kernels)
        ns = saturating_add(ns, clamp_time(std::max(c.uncertainty_ns, std::int64_t{0})));
    return clamp_time(ns);
  };
  std::vector<device_op_account> accounts(r.device_ops.size());
  std::vector<std::size_t> replayed;
  for (std::size_t i = 0; i < accounts.size(); ++i) {
    const device_op& op = r.device_ops[i];
    device_op_account& account = accounts[i];
    account.problems = problems_of_times(op);
    if (op.span != 0) {  // often that of the op before
      account.span =
          i > 0 && r.device_ops[i - 1].span == op.span ? accounts[i - 1].span : tree.find(op.span);
      if (account.span == no_span) account.problems |= op_unknown_span;
    }
    if (op.replay != 0) replayed.push_back(i);
    if (launches.empty()) continue;
    const api_call* launch = launches.find(op.correlation);
    if (launch == nullptr) {
      account.problems |= op_unmatched_correlation;
      continue;
    }
    const bool timed = is_time(launch->start_ns) && launch->end_ns != 0;
    if (!timed || !account.placed()) continue;
    account.queue_delay_ns = op.start_ns - launch->start_ns;
    if (account.queue_delay_ns < 0 && account.queue_delay_ns < -uncertainty_ns(op.device))
      account.problems |= op_before_launch;
    account.has_queue_delay = (account.problems & op_before_launch) == 0;
  }
  std::stable_sort(replayed.begin(), replayed.end(), [&r](std::size_t a, std::size_t b) {
    return r.device_ops[a].replay < r.device_ops[b].replay;
  });
  std::size_t first = 0;  // op of the replay instance
  std::uint64_t replay = 0;
  for (const std::size_t i : replayed) {
    if (r.device_ops[i].replay != replay) {
      replay = r.device_ops[i].replay;
      first = i;
    }
    if (accounts[first].span != accounts[i].span) accounts[i].problems |= op_replay_of_other_span;
  }
  return accounts;
}

}  // namespace detail
}  // namespace latency
