#pragma once
// The device half of the accounting: where the time of every device went, and to which span.
//
// For device d, W = [min(first root start, first op start), max(last root end, last op end)), and
//   sum of shares + copy exposed + unattributed + idle = |W|      to the nanosecond, where
//   sum of shares  shares of the kernels and memsets that belong to a span
//   copy exposed   time when only copies run, whoever they belong to
//   unattributed   shares of the kernels and memsets that belong to no span, by reason
//   idle           nothing runs
// The entry of unattributed_reason::none holds ops that give no reason, or name a span that is not
// in the recording. Shares are split as fair_share.hpp says: each instant is given away once, so
// shares add up over spans. Sum, busy, window and idle of a set of ops do not.
//
// A span has its own ops and those of its subtree (itself and all spans below it, other threads'
// included). Ops of a graph replay form a replay instance below the span that launched it: they are
// in that span's subtree, not among its own. Over all spans, and all replay instances with a span:
//   sum of own shares + sum of replay shares = sum of shares = sum of the roots' subtree shares.
// Impossible ops are kept, flagged and counted (device_op_problem).
//
// Devices are accounted one by one; sums over devices are device-seconds, never a union. Immutable
// after construction, so any number of threads may read; refers to neither argument. O(n log n) for
// n spans and ops, near O(n) for ops that stand nearly in the order of time and of their launches,
// and as many rows per device as spans have device ops in their subtree.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

#include "latency/detail/nearly_ordered.hpp"
#include "latency/device_records.hpp"
#include "latency/fair_share.hpp"
#include "latency/interval_set.hpp"
#include "latency/recording.hpp"
#include "latency/saturating.hpp"
#include "latency/span_tree.hpp"
#include "latency/subtree_busy.hpp"

namespace latency {

// A set of device ops. With several devices, the sum of each device's (first_start and last_end:
// the extremes).
struct op_set {
  std::int64_t ops = 0;
  std::int64_t sum_ns = 0;     // of durations; held at the limit of int64
  std::int64_t busy_ns = 0;    // length of their union
  std::int64_t window_ns = 0;  // last end - first start
  std::int64_t first_start_ns = std::numeric_limits<std::int64_t>::max();
  std::int64_t last_end_ns = std::numeric_limits<std::int64_t>::min();
  std::int64_t busy_with_others_ns = 0;  // in the window, only ops outside the set run
  std::int64_t share_ns = 0;             // of its kernels and memsets
  std::int64_t copy_exposed_ns = 0;      // of its copies
  std::int64_t queue_delays = 0;         // ops whose launch is known
  std::int64_t queue_delay_sum_ns = 0;   // over those; held at the limit of int64
  std::int64_t queue_delay_max_ns = 0;
  // Window minus busy = busy_with_others + device_idle.
  [[nodiscard]] std::int64_t idle_ns() const noexcept { return window_ns - busy_ns; }
  [[nodiscard]] std::int64_t device_idle_ns() const noexcept {
    return idle_ns() - busy_with_others_ns;
  }

  // Everything except busy, window and the idle split, which are not additive on one device.
  void add_members(const op_set& other) {
    first_start_ns = std::min(first_start_ns, other.first_start_ns);
    last_end_ns = std::max(last_end_ns, other.last_end_ns);
    if (other.queue_delays > 0)
      queue_delay_max_ns = queue_delays > 0 ? std::max(queue_delay_max_ns, other.queue_delay_max_ns)
                                            : other.queue_delay_max_ns;
    queue_delays += other.queue_delays;
    queue_delay_sum_ns = saturating_add(queue_delay_sum_ns, other.queue_delay_sum_ns);
    ops += other.ops;
    sum_ns = saturating_add(sum_ns, other.sum_ns);
    share_ns += other.share_ns;
    copy_exposed_ns += other.copy_exposed_ns;
  }
  // Adds the set of another device: device-seconds.
  void add_device(const op_set& other) {
    add_members(other);
    busy_ns = saturating_add(busy_ns, other.busy_ns);
    window_ns = saturating_add(window_ns, other.window_ns);
    busy_with_others_ns = saturating_add(busy_with_others_ns, other.busy_with_others_ns);
  }
};

struct span_device_account {
  std::uint32_t span = no_span;
  op_set own;      // without replay instances
  op_set subtree;  // with everything below
};

// Ops of one graph replay on one device. Rows of one replay with several spans are malformed input.
struct replay_account {
  std::uint64_t replay = 0;
  std::uint32_t span = no_span;  // that launched it; no_span: unattributed
  op_set ops;
};

struct device_account {
  std::uint32_t device = 0;
  interval window;                // W
  std::int64_t ops = 0;           // with usable times
  std::int64_t ops_left_out = 0;  // without
  std::int64_t share_ns = 0;
  std::int64_t copy_exposed_ns = 0;
  std::array<std::int64_t, 4> unattributed_ns{};  // by unattributed_reason
  std::int64_t idle_ns = 0;
  std::int64_t copy_exposed_unattributed_ns = 0;  // of copy_exposed: by copies without a span
  std::int64_t copy_hidden_ns = 0;         // copies ran beside kernels or memsets: costs nothing
  std::int64_t busy_ns = 0;                // something ran, from the sweep that made the shares
  std::int64_t busy_recomputed_ns = 0;     // the same by merging sorted intervals
  std::vector<span_device_account> spans;  // those with ops in their subtree, in preorder
  std::vector<replay_account> replays;     // by replay id

  [[nodiscard]] std::int64_t unattributed_total_ns() const noexcept {
    std::int64_t total = 0;
    for (const std::int64_t ns : unattributed_ns) total += ns;
    return total;
  }
  [[nodiscard]] bool exact() const noexcept {
    return share_ns + copy_exposed_ns + unattributed_total_ns() + idle_ns == window.length_ns() &&
           busy_ns == busy_recomputed_ns;
  }
};

class device_accounting {
 public:
  // `tree` must have been built from `r`.
  device_accounting(const recording& r, const span_tree& tree)
      : ops_(detail::check_device_ops(r, tree)) {
    const detail::ancestor_index ancestors(tree);
    std::vector<std::uint32_t> row_of(tree.nodes().size(), no_span);
    std::vector<std::size_t> by_device(r.device_ops.size());
    for (std::size_t i = 0; i < by_device.size(); ++i) by_device[i] = i;
    detail::sort_nearly_ordered(
        by_device.begin(), by_device.end(), [&r](std::size_t a, std::size_t b) {
          return std::tie(r.device_ops[a].device, a) < std::tie(r.device_ops[b].device, b);
        });
    for (std::size_t first = 0, last = 0; first < by_device.size(); first = last) {
      device_account account;
      account.device = r.device_ops[by_device[first]].device;
      std::vector<std::size_t> placed;
      for (; last < by_device.size() && r.device_ops[by_device[last]].device == account.device;
           ++last) {
        if (ops_[by_device[last]].placed())
          placed.push_back(by_device[last]);
        else
          ++account.ops_left_out;
      }
      account.ops = static_cast<std::int64_t>(placed.size());
      account_device(r, tree, placed, account);
      account_spans(r, tree, ancestors, placed, row_of, account);
      devices_.push_back(std::move(account));
    }
    for (const device_op_account& op : ops_) problems_.add(op.problems);
    for (std::size_t d = 0; d < devices_.size(); ++d)
      for (std::size_t row = 0; row < devices_[d].spans.size(); ++row)
        rows_.push_back({devices_[d].spans[row].span, static_cast<std::uint32_t>(d),
                         static_cast<std::uint32_t>(row)});
    std::sort(rows_.begin(), rows_.end(), [](const span_row& a, const span_row& b) {
      return std::tie(a.span, a.device) < std::tie(b.span, b.device);
    });
  }

  // By device number; only devices with ops in the recording.
  [[nodiscard]] const std::vector<device_account>& devices() const noexcept { return devices_; }
  // In the order of recording::device_ops.
  [[nodiscard]] const std::vector<device_op_account>& ops() const noexcept { return ops_; }
  [[nodiscard]] const device_op_problem_counts& problems() const noexcept { return problems_; }

  // A span's ops summed over devices, in device-seconds; empty when it has none. O(log n +
  // devices).
  [[nodiscard]] span_device_account total(std::uint32_t span) const {
    span_device_account result;
    result.span = span;
    auto row = std::lower_bound(rows_.begin(), rows_.end(), span,
                                [](const span_row& r, std::uint32_t s) { return r.span < s; });
    for (; row != rows_.end() && row->span == span; ++row) {
      const span_device_account& part = devices_[row->device].spans[row->row];
      result.own.add_device(part.own);
      result.subtree.add_device(part.subtree);
    }
    return result;
  }

  // The set of the ops at these positions, of one device, which it puts in the order of time.
  // `device_busy`: when anything ran there.
  [[nodiscard]] op_set set_of(const recording& r, std::size_t* first, std::size_t* last,
                              const interval_set& device_busy) const {
    detail::sort_nearly_ordered(first, last, [&r](std::size_t a, std::size_t b) {
      return std::tie(r.device_ops[a].start_ns, a) < std::tie(r.device_ops[b].start_ns, b);
    });
    op_set set;
    for (; first != last; ++first) {
      const device_op& op = r.device_ops[*first];
      const std::int64_t free_ns = set.ops == 0 ? op.start_ns : set.last_end_ns;
      set.busy_ns += std::max<std::int64_t>(0, op.end_ns - std::max(op.start_ns, free_ns));
      set.add_members(set_of(r, *first));
    }
    close_window(set, device_busy);
    return set;
  }

 private:
  struct span_row {
    std::uint32_t span;
    std::uint32_t device;  // index into devices_
    std::uint32_t row;
  };

  static interval window_of(const recording& r, const span_tree& tree,
                            const std::vector<std::size_t>& placed) {
    interval window{std::numeric_limits<std::int64_t>::max(),
                    std::numeric_limits<std::int64_t>::min()};
    const auto include = [&window](std::int64_t start_ns, std::int64_t end_ns) {
      window.start_ns = std::min(window.start_ns, start_ns);
      window.end_ns = std::max(window.end_ns, end_ns);
    };
    for (const std::uint32_t root : tree.roots())
      if ((tree[root].problems & (span_reversed_times | span_zero_times)) == 0)
        include(tree[root].start_ns, tree[root].end_ns);
    for (const std::size_t i : placed) include(r.device_ops[i].start_ns, r.device_ops[i].end_ns);
    return window.start_ns > window.end_ns ? interval{} : window;
  }

  // Shares and the identity.
  void account_device(const recording& r, const span_tree& tree,
                      const std::vector<std::size_t>& placed, device_account& account) {
    account.window = window_of(r, tree, placed);
    std::vector<detail::timed_op> timed;
    timed.reserve(placed.size());
    for (const std::size_t i : placed) {
      const device_op& op = r.device_ops[i];
      timed.push_back({op.start_ns, op.end_ns, op.correlation, op.graph_node, op.stream,
                       op.kind == device_op_kind::memcpy});
    }
    const detail::device_time time = detail::split_device_time(timed, account.window);
    account.idle_ns = time.idle_ns;
    account.copy_exposed_ns = time.copy_exposed_ns;
    account.copy_hidden_ns = time.copy_hidden_ns;
    account.busy_ns = time.kernel_busy_ns + time.copy_exposed_ns;
    for (std::size_t at = 0; at < placed.size(); ++at) {
      const device_op& op = r.device_ops[placed[at]];
      device_op_account& op_account = ops_[placed[at]];
      op_account.share_ns = time.share_ns[at];
      const bool attributed = op_account.span != no_span;
      if (timed[at].copy)
        account.copy_exposed_unattributed_ns += attributed ? 0 : op_account.share_ns;
      else if (attributed)
        account.share_ns += op_account.share_ns;
      else
        account.unattributed_ns[reason_of(op)] += op_account.share_ns;
    }
  }

  // Index into unattributed_ns. A file may hold any number where a reason belongs.
  static std::size_t reason_of(const device_op& op) noexcept {
    const auto reason = static_cast<std::size_t>(op.reason);
    return op.span != 0 || reason > 3 ? 0 : reason;
  }

  [[nodiscard]] op_set set_of(const recording& r, std::size_t i) const {
    const device_op& op = r.device_ops[i];
    const device_op_account& account = ops_[i];
    op_set one;
    one.ops = 1;
    one.sum_ns = op.end_ns - op.start_ns;
    one.first_start_ns = op.start_ns;
    one.last_end_ns = op.end_ns;
    (op.kind == device_op_kind::memcpy ? one.copy_exposed_ns : one.share_ns) = account.share_ns;
    if (account.has_queue_delay) {
      one.queue_delays = 1;
      one.queue_delay_sum_ns = one.queue_delay_max_ns = account.queue_delay_ns;
    }
    return one;
  }

  static void close_window(op_set& set, const interval_set& device_busy) {
    if (set.ops == 0) return;
    set.window_ns = set.last_end_ns - set.first_start_ns;
    set.busy_with_others_ns =
        device_busy.covered_ns({set.first_start_ns, set.last_end_ns}) - set.busy_ns;
  }

  // Rows of spans and replays. `row_of` holds no_span everywhere, before and after.
  void account_spans(const recording& r, const span_tree& tree,
                     const detail::ancestor_index& ancestors,
                     const std::vector<std::size_t>& placed, std::vector<std::uint32_t>& row_of,
                     device_account& account) const {
    std::vector<interval> intervals;
    intervals.reserve(placed.size());
    for (const std::size_t i : placed)
      intervals.push_back({r.device_ops[i].start_ns, r.device_ops[i].end_ns});
    const interval_set device_busy(std::move(intervals));
    account.busy_recomputed_ns = device_busy.total_ns();

    add_rows(tree, placed, row_of, account.spans);
    std::vector<std::uint64_t> subtree_busy(account.spans.size(), 0);
    std::vector<detail::attributed_interval> attributed;
    for (const std::size_t i : placed) {
      if (ops_[i].span == no_span) continue;
      account.spans[row_of[ops_[i].span]].subtree.add_members(set_of(r, i));
      attributed.push_back({r.device_ops[i].start_ns, r.device_ops[i].end_ns, ops_[i].span});
    }
    detail::add_subtree_busy(
        attributed, tree, ancestors,
        [&](std::uint32_t span, std::uint64_t ns) { subtree_busy[row_of[span]] += ns; });
    for (std::size_t row = account.spans.size(); row > 0; --row) {
      op_set& subtree = account.spans[row - 1].subtree;
      subtree.busy_ns = static_cast<std::int64_t>(subtree_busy[row - 1]);
      close_window(subtree, device_busy);
      const std::uint32_t parent = tree[account.spans[row - 1].span].parent;
      if (parent == no_span) continue;
      account.spans[row_of[parent]].subtree.add_members(subtree);
      subtree_busy[row_of[parent]] += subtree_busy[row - 1];
    }
    account_groups(r, placed, device_busy, row_of, account);
    for (const span_device_account& row : account.spans) row_of[row.span] = no_span;
  }

  // A row for every span with an op in its subtree, in preorder.
  void add_rows(const span_tree& tree, const std::vector<std::size_t>& placed,
                std::vector<std::uint32_t>& row_of, std::vector<span_device_account>& rows) const {
    std::vector<std::uint32_t> spans;
    for (const std::size_t i : placed) {
      for (std::uint32_t s = ops_[i].span; s != no_span && row_of[s] == no_span;
           s = tree[s].parent) {
        row_of[s] = 0;
        spans.push_back(s);
      }
    }
    std::sort(spans.begin(), spans.end(), [&tree](std::uint32_t a, std::uint32_t b) {
      return tree[a].preorder < tree[b].preorder;
    });
    rows.resize(spans.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
      rows[row].span = spans[row];
      row_of[spans[row]] = static_cast<std::uint32_t>(row);
    }
  }

  // The sets that do not overlap: spans' own ops and replay instances.
  void account_groups(const recording& r, const std::vector<std::size_t>& placed,
                      const interval_set& device_busy, const std::vector<std::uint32_t>& row_of,
                      device_account& account) const {
    std::vector<std::size_t> replayed;
    std::vector<std::size_t> first(account.spans.size() + 1, 0);  // of each row's own ops
    for (const std::size_t i : placed) {
      if (r.device_ops[i].replay != 0)
        replayed.push_back(i);
      else if (ops_[i].span != no_span)
        ++first[row_of[ops_[i].span] + 1];
    }
    for (std::size_t row = 1; row < first.size(); ++row) first[row] += first[row - 1];
    std::vector<std::size_t> own(first.back());
    std::vector<std::size_t> next(first.begin(), first.end() - 1);
    for (const std::size_t i : placed)
      if (r.device_ops[i].replay == 0 && ops_[i].span != no_span)
        own[next[row_of[ops_[i].span]]++] = i;
    for (std::size_t row = 0; row < account.spans.size(); ++row)
      account.spans[row].own =
          set_of(r, own.data() + first[row], own.data() + first[row + 1], device_busy);

    const auto instance = [&](std::size_t i) {
      return std::make_pair(r.device_ops[i].replay, ops_[i].span);
    };
    std::sort(replayed.begin(), replayed.end(), [&](std::size_t a, std::size_t b) {
      return std::make_pair(instance(a), a) < std::make_pair(instance(b), b);
    });
    for (std::size_t begin = 0, end = 0; begin < replayed.size(); begin = end) {
      while (end < replayed.size() && instance(replayed[end]) == instance(replayed[begin])) ++end;
      const auto [replay, span] = instance(replayed[begin]);
      account.replays.push_back(
          {replay, span, set_of(r, replayed.data() + begin, replayed.data() + end, device_busy)});
    }
  }

  std::vector<device_op_account> ops_;
  std::vector<device_account> devices_;
  std::vector<span_row> rows_;  // of all devices, by span
  device_op_problem_counts problems_;
};

}  // namespace latency
