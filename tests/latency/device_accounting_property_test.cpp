// The device accounting against its definition, computed plainly and nanosecond by nanosecond.
#include "latency/device_accounting.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <utility>
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
using made::recording_of;

namespace {

struct accounted {
  explicit accounted(recording made) : run(std::move(made)), tree(run), devices(run, tree) {}
  recording run;
  span_tree tree;
  device_accounting devices;
};

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
