#include "latency/device_accounting.hpp"

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "latency/error.hpp"
#include "made_recordings.hpp"

using latency::device_account;
using latency::device_accounting;
using latency::device_op;
using latency::recording;
using latency::span_tree;
using latency::unattributed_reason;
using made::copy;
using made::kernel;
using made::recording_of;
using made::span_of;

namespace {

struct accounted {
  explicit accounted(recording made) : run(std::move(made)), tree(run), devices(run, tree) {}
  recording run;
  span_tree tree;
  device_accounting devices;
  [[nodiscard]] const device_account& only() const { return devices.devices().at(0); }
  [[nodiscard]] const latency::span_device_account& row(std::uint32_t span) const {
    for (const auto& r : only().spans)
      if (r.span == span) return r;
    throw latency::error("", "test", "no row");
  }
};

// One span [10,90) on one thread and some ops.
accounted with_ops(std::vector<device_op> ops) {
  recording r = recording_of(100, 1, {span_of(1, 0, 10, 90)});
  r.device_ops = std::move(ops);
  return accounted(std::move(r));
}

std::int64_t count_of(const device_accounting& devices, latency::device_op_problem problem) {
  for (std::size_t bit = 0; bit < devices.problems().of.size(); ++bit)
    if (problem == (1u << bit)) return devices.problems().of[bit];
  return -1;
}

}  // namespace

TEST_CASE("device_accounting: kernels that run together share, remainders rotate") {
  // Two streams: [20,27) together is 7 ns: 4 + 3; [40,47): the remainder begins at the other.
  const auto a = with_ops(
      {kernel(1, 20, 27, 0), kernel(1, 20, 27, 1), kernel(1, 40, 47, 0), kernel(1, 40, 47, 1)});
  CHECK(a.devices.ops()[0].share_ns == 4);
  CHECK(a.devices.ops()[1].share_ns == 3);
  CHECK(a.devices.ops()[2].share_ns == 3);
  CHECK(a.devices.ops()[3].share_ns == 4);
  CHECK(a.only().share_ns == 14);
  CHECK(a.only().idle_ns == 80 - 14);
  CHECK(a.row(0).own.sum_ns == 28);
  CHECK(a.row(0).own.busy_ns == 14);
  CHECK(a.row(0).own.window_ns == 27);
  CHECK(a.row(0).own.device_idle_ns() == 13);
}

TEST_CASE("device_accounting: a copy costs only what no kernel hides") {
  const auto a = with_ops({kernel(1, 20, 30), copy(1, 25, 50, 1), copy(1, 40, 60, 2)});
  CHECK(a.only().share_ns == 10);
  CHECK(a.only().copy_exposed_ns == 30);
  CHECK(a.only().copy_hidden_ns == 5);
  CHECK(a.devices.ops()[1].share_ns == 15);  // [30,40) alone, half of [40,50)
  CHECK(a.devices.ops()[2].share_ns == 15);
  CHECK(a.only().idle_ns == 40);
}

TEST_CASE("device_accounting: the wall reaches from the first root or op to the last") {
  const auto a = with_ops({kernel(1, 5, 8), kernel(1, 95, 120)});
  CHECK(a.only().window.start_ns == 5);
  CHECK(a.only().window.end_ns == 120);
  CHECK(a.only().idle_ns == 115 - 28);
  const auto inside = with_ops({kernel(1, 20, 30)});
  CHECK(inside.only().window.start_ns == 10);
  CHECK(inside.only().window.end_ns == 90);
}

TEST_CASE("device_accounting: kernels without a span are unattributed by reason") {
  auto outside = kernel(0, 20, 30);
  outside.reason = unattributed_reason::no_open_span;
  auto unlaunched = kernel(0, 30, 32);
  unlaunched.reason = unattributed_reason::no_launch_record;
  auto old_graph = kernel(0, 40, 43);
  old_graph.reason = unattributed_reason::graph_before_start;
  auto lost = kernel(77, 50, 55);  // it had a span, whatever else it claims
  lost.reason = unattributed_reason::no_launch_record;
  const auto a =
      with_ops({outside, unlaunched, old_graph, lost, copy(0, 60, 66), kernel(1, 70, 71)});
  const auto& d = a.only();
  CHECK(d.unattributed_ns == std::array<std::int64_t, 4>{5, 10, 2, 3});
  CHECK(d.copy_exposed_ns == 6);
  CHECK(d.copy_exposed_unattributed_ns == 6);
  CHECK(d.share_ns == 1);
  CHECK(d.exact());
  CHECK(count_of(a.devices, latency::op_unknown_span) == 1);
}

TEST_CASE("device_accounting: idle of a span splits into busy with others and idle") {
  recording r =
      recording_of(100, 1, {span_of(1, 0, 10, 90), span_of(2, 1, 11, 20), span_of(3, 1, 21, 30)});
  r.device_ops = {kernel(2, 20, 30), kernel(3, 35, 40, 1), kernel(2, 50, 60)};
  const accounted a(std::move(r));
  const auto& own = a.row(1).own;
  CHECK(own.window_ns == 40);
  CHECK(own.busy_ns == 20);
  CHECK(own.idle_ns() == 20);
  CHECK(own.busy_with_others_ns == 5);
  CHECK(own.device_idle_ns() == 15);
  CHECK(a.row(0).own.ops == 0);
  CHECK(a.row(0).subtree.busy_ns == 25);
  CHECK(a.row(0).subtree.busy_with_others_ns == 0);
}

TEST_CASE("device_accounting: subtrees count an instant once however many of their spans run") {
  recording r = recording_of(
      100, 1,
      {span_of(1, 0, 10, 90), span_of(2, 1, 11, 20), span_of(3, 1, 21, 30), span_of(4, 3, 22, 25)});
  r.device_ops = {kernel(2, 20, 50, 0), kernel(3, 30, 60, 1), kernel(4, 40, 70, 2)};
  const accounted a(std::move(r));
  CHECK(a.row(0).subtree.busy_ns == 50);
  CHECK(a.row(0).subtree.sum_ns == 90);
  CHECK(a.row(2).subtree.busy_ns == 40);
  CHECK(a.row(2).own.busy_ns == 30);
  CHECK(a.row(0).subtree.share_ns == 50);
  // [20,30) alone, [30,40) by two, [40,50) by three, [50,60) by two, [60,70) alone
  CHECK(a.row(1).own.share_ns == 10 + 5 + 4);
  CHECK(a.row(2).subtree.share_ns == 31);
}

TEST_CASE("device_accounting: totals over devices are device-seconds") {
  const auto a = with_ops({kernel(1, 20, 30, 0, 0), kernel(1, 20, 24, 0, 1),
                           kernel(0, 25, 27, 1, 1), kernel(1, 28, 30, 0, 1)});
  REQUIRE(a.devices.devices().size() == 2);
  const auto total = a.devices.total(0);
  CHECK(total.own.busy_ns == 16);
  CHECK(total.own.window_ns == 20);
  CHECK(total.own.share_ns == 16);
  CHECK(total.own.busy_with_others_ns == 2);
  CHECK(total.own.device_idle_ns() == 2);
  CHECK(total.own.first_start_ns == 20);
  CHECK(total.own.last_end_ns == 30);
  CHECK(a.devices.total(0).span == 0);
}

TEST_CASE("device_accounting: a replay instance is below the span that launched it, not its own") {
  auto first = kernel(1, 20, 30);
  auto second = kernel(1, 32, 40);
  auto again = kernel(1, 50, 60);
  first.replay = second.replay = 5;
  again.replay = 6;
  const auto a = with_ops({first, second, again, kernel(1, 70, 72)});
  REQUIRE(a.only().replays.size() == 2);
  const auto& replay = a.only().replays[0];
  CHECK(replay.replay == 5);
  CHECK(replay.span == 0);
  CHECK(replay.ops.ops == 2);
  CHECK(replay.ops.busy_ns == 18);
  CHECK(replay.ops.window_ns == 20);
  CHECK(a.row(0).own.ops == 1);
  CHECK(a.row(0).own.share_ns == 2);
  CHECK(a.row(0).subtree.share_ns == 30);
}

TEST_CASE("device_accounting: queue delay counts from the start of the launching call") {
  recording r = recording_of(100, 1, {span_of(1, 0, 10, 90)});
  r.device_ops = {kernel(1, 30, 40), kernel(1, 50, 60), kernel(1, 11, 12), kernel(1, 70, 71)};
  for (std::size_t i = 0; i < 4; ++i) r.device_ops[i].correlation = i + 1;
  for (std::uint64_t c = 1; c <= 3; ++c) {
    latency::api_call call;
    call.correlation = c;
    call.start_ns = 10 + static_cast<std::int64_t>(c) * 4;
    call.end_ns = call.start_ns + 1;
    r.api_calls.push_back(call);
  }
  SUBCASE("an op before its launch and one without are flagged") {
    const accounted a(r);
    CHECK(a.row(0).own.queue_delays == 2);
    CHECK(a.row(0).own.queue_delay_sum_ns == 16 + 32);
    CHECK(a.row(0).own.queue_delay_max_ns == 32);
    CHECK(a.devices.ops()[2].problems == latency::op_before_launch);
    CHECK(a.devices.ops()[3].problems == latency::op_unmatched_correlation);
    CHECK(a.only().share_ns == 22);
  }
  SUBCASE("within the clock's uncertainty nothing is impossible") {
    r.clock.uncertainty_ns = 11;
    const accounted a(r);
    CHECK(count_of(a.devices, latency::op_before_launch) == 0);
    CHECK(a.devices.ops()[2].queue_delay_ns == -11);
  }
  SUBCASE("without any recorded call nothing is unmatched") {
    r.api_calls.clear();
    CHECK(accounted(r).devices.problems().records == 0);
  }
}

TEST_CASE("device_accounting: ops with impossible times are counted and take part in nothing") {
  auto zero = kernel(1, 0, 0);
  const auto a = with_ops({kernel(1, 40, 30), zero, kernel(1, INT64_MIN, 20),
                           kernel(1, 20, INT64_MAX), kernel(1, 20, 30)});
  CHECK(count_of(a.devices, latency::op_reversed_times) == 1);
  CHECK(count_of(a.devices, latency::op_zero_times) == 1);
  CHECK(count_of(a.devices, latency::op_absurd_times) == 2);
  CHECK(a.only().ops == 1);
  CHECK(a.only().ops_left_out == 4);
  CHECK(a.only().share_ns == 10);
  CHECK(a.only().window.start_ns == 10);
}

TEST_CASE("device_accounting: a replay whose ops name several spans is flagged") {
  auto first = kernel(1, 20, 30);
  auto second = kernel(0, 30, 40);
  first.replay = second.replay = 9;
  const auto a = with_ops({first, second});
  CHECK(a.devices.ops()[1].problems == latency::op_replay_of_other_span);
  CHECK(a.only().replays.size() == 2);
  CHECK(a.only().exact());
}

TEST_CASE("device_accounting: a recording without ops has no devices") {
  const auto a = with_ops({});
  CHECK(a.devices.devices().empty());
  CHECK(a.devices.total(0).subtree.ops == 0);
}

TEST_CASE("device_accounting: a hundred thousand kernels at once, below a chain as deep") {
  constexpr std::uint32_t n = 100'000;
  std::vector<latency::span> spans;
  recording r;
  for (std::uint32_t i = 0; i < n; ++i)
    spans.push_back(span_of(i + 1, i, 1 + i, 3 * std::int64_t{n} - i));
  r = recording_of(3 * std::int64_t{n}, 1, std::move(spans));
  for (std::uint32_t i = 0; i < n; ++i)
    r.device_ops.push_back(kernel(1 + (i * 7919u) % n, 1 + i, 2 * std::int64_t{n} + i, i % 16));
  const accounted a(std::move(r));
  CHECK(a.only().exact());
  CHECK(a.only().spans.size() == n);
  CHECK(a.only().spans[0].subtree.busy_ns == 3 * std::int64_t{n} - 2);
  CHECK(a.only().spans[0].subtree.share_ns == a.only().share_ns);
}
