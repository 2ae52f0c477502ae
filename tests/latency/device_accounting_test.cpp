#include "latency/device_accounting.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "latency/proof.hpp"
#include "made_recordings.hpp"

using latency::device_account;
using latency::device_accounting;
using latency::device_op;
using latency::device_op_kind;
using latency::no_span;
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

using ops_on_device = std::vector<std::size_t>;

bool runs_at(const device_op& op, std::int64_t t) {
  return op.start_ns <= t && t < op.end_ns;
}
bool is_copy(const device_op& op) {
  return op.kind == device_op_kind::memcpy;
}

// Shares as the definition reads, one interval after the other, with explicit lists.
std::map<std::size_t, std::int64_t> plain_shares(const recording& r, const ops_on_device& ops) {
  std::map<std::size_t, std::int64_t> shares;
  std::set<std::int64_t> times;
  for (const std::size_t i : ops) {
    const device_op& op = r.device_ops[i];
    if (op.start_ns < op.end_ns) times.insert({op.start_ns, op.end_ns});
  }
  std::size_t next[2] = {0, 0};
  for (auto from = times.begin(); from != times.end() && std::next(from) != times.end(); ++from) {
    std::vector<std::size_t> running;
    for (const bool copies : {false, true}) {
      for (const std::size_t i : ops)
        if (is_copy(r.device_ops[i]) == copies && runs_at(r.device_ops[i], *from))
          running.push_back(i);
      if (!running.empty()) break;
    }
    if (running.empty()) continue;
    std::sort(running.begin(), running.end(), [&r](std::size_t a, std::size_t b) {
      const device_op& x = r.device_ops[a];
      const device_op& y = r.device_ops[b];
      return std::tie(x.stream, x.start_ns, x.correlation, x.graph_node, a) <
             std::tie(y.stream, y.start_ns, y.correlation, y.graph_node, b);
    });
    const std::size_t k = running.size();
    const auto length = static_cast<std::size_t>(*std::next(from) - *from);
    for (const std::size_t i : running) shares[i] += static_cast<std::int64_t>(length / k);
    std::size_t& first = next[is_copy(r.device_ops[running[0]])];
    if (length % k == 0) continue;
    for (std::size_t j = 0; j < length % k; ++j) ++shares[running[(first + j) % k]];
    first = first % k + length % k;
  }
  return shares;
}

// Nanoseconds of [from, to) in which an op of `ops` runs that `wanted` accepts.
template <class Wanted>
std::int64_t plain_busy(const recording& r, const ops_on_device& ops, std::int64_t from,
                        std::int64_t to, Wanted wanted) {
  std::int64_t busy = 0;
  for (std::int64_t t = from; t < to; ++t)
    busy += std::any_of(ops.begin(), ops.end(),
                        [&](std::size_t i) { return wanted(i) && runs_at(r.device_ops[i], t); });
  return busy;
}

void check_set(const recording& r, const ops_on_device& device, const ops_on_device& members,
               const latency::op_set& set,
               const std::vector<latency::device_op_account>& accounts) {
  RC_ASSERT(set.ops == static_cast<std::int64_t>(members.size()));
  if (members.empty()) {
    RC_ASSERT(set.window_ns == 0);
    RC_ASSERT(set.busy_ns == 0);
    RC_ASSERT(set.share_ns == 0);
    return;
  }
  std::int64_t sum = 0, share = 0, exposed = 0, first = INT64_MAX, last = INT64_MIN;
  std::int64_t delays = 0, delay_sum = 0, delay_max = INT64_MIN;
  for (const std::size_t i : members) {
    const device_op& op = r.device_ops[i];
    sum += op.end_ns - op.start_ns;
    (is_copy(op) ? exposed : share) += accounts[i].share_ns;
    first = std::min(first, op.start_ns);
    last = std::max(last, op.end_ns);
    if (!accounts[i].has_queue_delay) continue;
    ++delays;
    delay_sum += accounts[i].queue_delay_ns;
    delay_max = std::max(delay_max, accounts[i].queue_delay_ns);
  }
  RC_ASSERT(set.sum_ns == sum);
  RC_ASSERT(set.share_ns == share);
  RC_ASSERT(set.copy_exposed_ns == exposed);
  RC_ASSERT(set.window_ns == last - first);
  RC_ASSERT(set.queue_delays == delays);
  RC_ASSERT(set.queue_delay_sum_ns == delay_sum);
  if (delays > 0) RC_ASSERT(set.queue_delay_max_ns == delay_max);
  const auto any = [](std::size_t) { return true; };
  RC_ASSERT(set.busy_ns == plain_busy(r, members, first, last, any));
  const std::int64_t device_busy = plain_busy(r, device, first, last, any);
  RC_ASSERT(set.busy_with_others_ns == device_busy - set.busy_ns);
  RC_ASSERT(set.device_idle_ns() == last - first - device_busy);
  RC_ASSERT(set.idle_ns() == set.busy_with_others_ns + set.device_idle_ns());
}

// Everything that holds for any input.
void check_identities(const accounted& a) {
  std::size_t seen = 0;
  for (const device_account& d : a.devices.devices()) {
    RC_ASSERT(d.share_ns + d.copy_exposed_ns + d.unattributed_total_ns() + d.idle_ns ==
              d.window.end_ns - d.window.start_ns);
    RC_ASSERT(d.busy_ns == d.busy_recomputed_ns);
    RC_ASSERT(d.busy_ns + d.idle_ns == d.window.length_ns());
    RC_ASSERT(d.exact());
    seen += static_cast<std::size_t>(d.ops + d.ops_left_out);

    std::int64_t own = 0, own_copies = 0, roots = 0, root_copies = 0, replays = 0;
    for (const auto& row : d.spans) {
      own += row.own.share_ns;
      own_copies += row.own.copy_exposed_ns;
      if (a.tree[row.span].parent == no_span) {
        roots += row.subtree.share_ns;
        root_copies += row.subtree.copy_exposed_ns;
      }
      RC_ASSERT(row.subtree.busy_ns >= 0);
      RC_ASSERT(row.subtree.busy_ns <= row.subtree.window_ns);
      RC_ASSERT(row.subtree.busy_ns <= row.subtree.sum_ns);
      RC_ASSERT(row.subtree.busy_with_others_ns >= 0);
      RC_ASSERT(row.subtree.device_idle_ns() >= 0);
      RC_ASSERT(row.subtree.share_ns + row.subtree.copy_exposed_ns <= row.subtree.busy_ns);
    }
    for (const auto& replay : d.replays)
      if (replay.span != no_span) {
        replays += replay.ops.share_ns;
        own_copies += replay.ops.copy_exposed_ns;
      }
    RC_ASSERT(own + replays == d.share_ns);
    RC_ASSERT(roots == d.share_ns);
    RC_ASSERT(own_copies == d.copy_exposed_ns - d.copy_exposed_unattributed_ns);
    RC_ASSERT(root_copies == own_copies);
  }
  RC_ASSERT(seen == a.run.device_ops.size());
  std::int64_t flagged = 0;
  for (const auto& op : a.devices.ops()) flagged += op.problems != 0 ? 1 : 0;
  RC_ASSERT(a.devices.problems().records == flagged);
  const latency::proof p = latency::make_proof(a.run, a.tree, a.devices);
  RC_ASSERT(p.exact());
}

// For sound input: every figure against the definition, nanosecond by nanosecond.
void check_against_definition(const accounted& a) {
  const recording& r = a.run;
  for (const device_account& d : a.devices.devices()) {
    ops_on_device ops;
    std::int64_t from = INT64_MAX, to = INT64_MIN;
    for (std::size_t i = 0; i < r.device_ops.size(); ++i) {
      if (r.device_ops[i].device != d.device) continue;
      ops.push_back(i);
      from = std::min(from, r.device_ops[i].start_ns);
      to = std::max(to, r.device_ops[i].end_ns);
    }
    for (const auto& s : r.spans) {
      if (s.parent != 0) continue;
      from = std::min(from, s.start_ns);
      to = std::max(to, s.end_ns);
    }
    RC_ASSERT(d.window.start_ns == from);
    RC_ASSERT(d.window.end_ns == to);

    auto shares = plain_shares(r, ops);
    std::array<std::int64_t, 4> unattributed{};
    std::int64_t share = 0;
    for (const std::size_t i : ops) {
      RC_ASSERT(a.devices.ops()[i].share_ns == shares[i]);
      if (is_copy(r.device_ops[i])) continue;
      if (r.device_ops[i].span != 0)
        share += shares[i];
      else
        unattributed[static_cast<std::size_t>(r.device_ops[i].reason)] += shares[i];
    }
    RC_ASSERT(d.share_ns == share);
    RC_ASSERT(d.unattributed_ns == unattributed);
    const auto any = [](std::size_t) { return true; };
    const auto copies = [&r](std::size_t i) { return is_copy(r.device_ops[i]); };
    const auto kernels = [&r](std::size_t i) { return !is_copy(r.device_ops[i]); };
    const std::int64_t busy = plain_busy(r, ops, from, to, any);
    const std::int64_t kernel_busy = plain_busy(r, ops, from, to, kernels);
    RC_ASSERT(d.idle_ns == to - from - busy);
    RC_ASSERT(d.copy_exposed_ns == busy - kernel_busy);
    RC_ASSERT(d.copy_hidden_ns == plain_busy(r, ops, from, to, copies) - d.copy_exposed_ns);

    std::set<std::uint32_t> rows;
    for (const auto& row : d.spans) {
      RC_ASSERT(rows.insert(row.span).second);
      ops_on_device own, subtree;
      for (const std::size_t i : ops) {
        const std::uint32_t span = a.tree.find(r.device_ops[i].span);
        if (span == row.span && r.device_ops[i].replay == 0) own.push_back(i);
        for (std::uint32_t s = span; s != no_span; s = a.tree[s].parent)
          if (s == row.span) subtree.push_back(i);
      }
      RC_ASSERT(!subtree.empty());
      check_set(r, ops, own, row.own, a.devices.ops());
      check_set(r, ops, subtree, row.subtree, a.devices.ops());
    }
    for (const std::size_t i : ops)
      if (r.device_ops[i].span != 0) RC_ASSERT(rows.count(a.tree.find(r.device_ops[i].span)) == 1u);
    for (const auto& replay : d.replays) {
      ops_on_device members;
      for (const std::size_t i : ops)
        if (r.device_ops[i].replay == replay.replay) members.push_back(i);
      RC_ASSERT(r.spans[replay.span].id == r.device_ops[members.at(0)].span);
      check_set(r, ops, members, replay.ops, a.devices.ops());
    }
  }
  for (std::uint32_t s = 0; s < r.spans.size(); ++s) {
    std::int64_t busy = 0, window = 0, own_share = 0, ops = 0;
    for (const device_account& d : a.devices.devices())
      for (const auto& row : d.spans)
        if (row.span == s) {
          busy += row.subtree.busy_ns;
          window += row.subtree.window_ns;
          own_share += row.own.share_ns;
          ops += row.subtree.ops;
        }
    const auto total = a.devices.total(s);
    RC_ASSERT(total.subtree.busy_ns == busy);
    RC_ASSERT(total.subtree.window_ns == window);
    RC_ASSERT(total.own.share_ns == own_share);
    RC_ASSERT(total.subtree.ops == ops);
  }
}

}  // namespace

TEST_CASE("device_accounting: every figure equals its definition, over streams and devices") {
  CHECK(rc::check([] {
    recording r = made::play(*made::actions()).recording;
    r.device_ops = *made::sound_ops(r.spans.size());
    for (std::uint64_t correlation = 1; correlation < 4; ++correlation) {
      latency::api_call call;
      call.correlation = correlation;
      call.start_ns = static_cast<std::int64_t>(correlation) * 7;
      call.end_ns = call.start_ns + 1;
      r.api_calls.push_back(call);
    }
    const accounted a(std::move(r));
    check_identities(a);
    check_against_definition(a);
  }));
}

TEST_CASE("device_accounting: nonsense never breaks the identities") {
  CHECK(rc::check([] {
    recording r = recording_of(*rc::gen::element<std::int64_t>(-3, 0, 30, 50, INT64_MAX), 3,
                               *made::any_spans());
    r.device_ops = *made::any_ops();
    r.clock.uncertainty_ns = *rc::gen::element<std::int64_t>(INT64_MIN, 0, 5, INT64_MAX);
    const auto calls = *rc::gen::container<std::vector<int>>(rc::gen::inRange(-2, 30));
    for (const int c : calls) {
      latency::api_call call;
      call.correlation = static_cast<std::uint64_t>(c);
      call.start_ns = c == 9 ? INT64_MIN : c;
      call.end_ns = c == 5 ? 0 : c + 1;
      r.api_calls.push_back(call);
    }
    check_identities(accounted(std::move(r)));
  }));
}

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

TEST_CASE("proof: a clean run says so, and each doubt shows") {
  recording r = recording_of(100, 2, {span_of(1, 0, 10, 90)});
  r.device_ops = {kernel(1, 20, 30), kernel(1, 40, 50), kernel(1, 60, 70),
                  kernel(1, 70, 75), kernel(1, 80, 81), kernel(1, 81, 82)};
  for (std::size_t i = 0; i < 6; ++i) r.device_ops[i].correlation = i < 2 ? i + 1 : 9 + i / 4;
  for (std::size_t i = 2; i < 6; ++i) {
    r.device_ops[i].replay = i / 2;  // two replays of a graph of two nodes
    r.device_ops[i].graph_node = 100 + i % 2;
  }
  const auto prove = [](const recording& run) {
    const span_tree tree(run);
    return latency::make_proof(run, tree, device_accounting(run, tree));
  };
  const latency::proof p = prove(r);
  CHECK(p.clean());
  CHECK(p.thread_wall_ns == 200);
  CHECK(p.exclusive_ns == 80);
  CHECK(p.untracked_ns == 120);
  CHECK(p.device_window_ns == 80);
  CHECK(p.share_ns == 27 + 10);
  CHECK(p.idle_ns == 43);
  CHECK(p.busy_ns == 37);
  CHECK(p.busy_recomputed_ns == 37);
  CHECK(p.ops_recorded == 6);
  CHECK(p.launches == 2);
  CHECK(p.replays == 2);
  CHECK(p.replay_ops == 4);

  recording lost = r;
  lost.device_ops.pop_back();
  CHECK_FALSE(prove(lost).ops_complete());
  CHECK(prove(lost).exact());
  CHECK_FALSE(prove(lost).clean());
  recording doubled = r;
  doubled.device_ops[1].correlation = 1;
  CHECK(prove(doubled).launches == 1);
  CHECK_FALSE(prove(doubled).ops_complete());
  recording dropped = r;
  dropped.hygiene.dropped_spans = 1;
  CHECK_FALSE(prove(dropped).clean());
  recording impossible = r;
  impossible.spans.push_back(span_of(2, 55, 20, 30));
  CHECK(prove(impossible).exact());
  CHECK_FALSE(prove(impossible).clean());
}

TEST_CASE("proof: replays of different graphs are counted apart") {
  recording r = recording_of(100, 1, {span_of(1, 0, 10, 90)});
  const std::vector<std::pair<std::uint64_t, std::uint64_t>> runs = {
      {1, 10}, {1, 11}, {1, 12}, {2, 20}, {3, 10}, {3, 11}, {3, 12}, {4, 20}, {5, 10}};
  for (const auto& [replay, node] : runs) {
    r.device_ops.push_back(kernel(1, 20, 30));
    r.device_ops.back().replay = replay;
    r.device_ops.back().graph_node = node;
  }
  const span_tree tree(r);
  const auto p = latency::make_proof(r, tree, device_accounting(r, tree));
  CHECK(p.replays == 5);
  CHECK(p.replay_ops == 3 * 3 + 2);  // the fifth replay lost two of its three
  CHECK_FALSE(p.ops_complete());
}
