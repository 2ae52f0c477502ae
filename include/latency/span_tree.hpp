#pragma once
// The host half of the accounting: one tree over the spans of a recording, in which every
// nanosecond of every thread is counted once.
//
// Per thread: wall = [0, recording::wall_ns). A span's inclusive time is its interval, its
// exclusive time is that minus the union of its children on the same thread. For every thread,
// exactly:
//   sum of exclusive + untracked = wall.
// A span whose parent is on another thread (hand-over) stays that parent's child in the tree, but
// roots its own thread's track: it is not subtracted from the parent. Opened while a span of its
// own thread is open, it is subtracted from that one, whose time it takes.
//
// Input that no program can produce is kept, flagged (span_problem) and counted, and cannot break
// the identity: each span's accounted interval is its recorded one clipped to [0, wall), to the
// accounted interval of the span around it on the thread, and to what earlier siblings left. For
// sound input that is the recorded interval. Reversed times count as empty at the start. A span
// without a usable parent is a root of the tree; on its thread it is placed inside the span that
// surrounds it in time.
//
// Nodes stand in the order of recording::spans: node i is spans[i]. Immutable after construction,
// so any number of threads may read. Keeps no reference to the recording. O(n log n), no recursion.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "latency/error.hpp"
#include "latency/interval_set.hpp"
#include "latency/recording.hpp"
#include "latency/saturating.hpp"
#include "latency/span_links.hpp"

namespace latency {

// Bits of span_node::problems.
enum span_problem : std::uint32_t {
  span_reversed_times = 1,     // ends before it starts
  span_zero_times = 2,         // start and end are both 0
  span_outside_recording = 4,  // not within [0, wall)
  span_outside_parent = 8,     // starts before or ends after the span around it on its thread
  span_overlaps_sibling = 16,  // starts before an earlier sibling has ended
  span_unknown_parent = 32,    // names a parent that is not in the recording
  span_duplicate_id = 64,      // its id is 0 or belongs to an earlier span
  span_parent_cycle = 128,     // is its own ancestor
  span_unknown_thread = 256,   // its thread is not in recording::threads
};
inline constexpr std::array<const char*, 9> span_problem_names = {
    "reversed times", "zero times",   "outside recording", "outside parent", "overlaps sibling",
    "unknown parent", "duplicate id", "parent cycle",      "unknown thread"};

// How many records have each problem, in the order of the bits (and of the names beside them).
template <std::size_t Kinds>
struct problem_counts {
  std::array<std::int64_t, Kinds> of{};
  std::int64_t records = 0;  // with at least one problem

  void add(std::uint32_t problems) {
    if (problems != 0) ++records;
    for (std::size_t bit = 0; bit < Kinds; ++bit) of[bit] += (problems >> bit) & 1u;
  }
};
using span_problem_counts = problem_counts<span_problem_names.size()>;

struct span_node {
  std::uint32_t parent = no_span;       // in the tree; may be on another thread
  std::uint32_t host_parent = no_span;  // the span around it on its own thread
  std::uint32_t depth = 0;              // 0 for a root
  std::uint32_t preorder = 0;           // position in span_tree::preorder()
  std::uint32_t subtree_size = 1;       // itself included; the subtree is contiguous in preorder
  std::uint32_t problems = 0;           // span_problem bits
  bool warm_up = false;                 // it or an ancestor has span_warm_up
  std::int64_t start_ns = 0;            // accounted interval
  std::int64_t end_ns = 0;
  std::int64_t exclusive_ns = 0;
  [[nodiscard]] std::int64_t inclusive_ns() const noexcept { return end_ns - start_ns; }
};

struct thread_account {
  std::uint32_t thread = 0;  // as in span::thread
  std::int64_t spans = 0;
  std::int64_t wall_ns = 0;
  std::int64_t exclusive_ns = 0;  // sum over its spans
  std::int64_t untracked_ns = 0;  // wall outside every span
  [[nodiscard]] bool exact() const noexcept { return exclusive_ns + untracked_ns == wall_ns; }
};

class span_tree {
 public:
  // Throws latency::error only for 2^32 - 1 spans or more.
  explicit span_tree(const recording& r) : ids_(checked(r.spans)) {
    wall_ns_ = std::clamp(r.wall_ns, std::int64_t{0}, time_limit_ns);
    nodes_.resize(r.spans.size());
    flag_records(r);
    order_by_start(r.spans);
    link_parents(r.spans);
    link_host_parents(r.spans);
    children_ = detail::grouped_spans(by_start_, nodes_.size() + 1, [this](std::uint32_t s) {
      return nodes_[s].parent == no_span ? nodes_.size() : nodes_[s].parent;
    });
    walk_preorder(r.spans);
    place_intervals(r.spans);
    account_threads(r.spans);
    for (const span_node& n : nodes_) problem_counts_.add(n.problems);
    by_start_ = {};
  }

  [[nodiscard]] const std::vector<span_node>& nodes() const noexcept { return nodes_; }
  [[nodiscard]] const span_node& operator[](std::uint32_t span) const { return nodes_[span]; }
  // In start order.
  [[nodiscard]] span_range children(std::uint32_t span) const { return children_[span]; }
  [[nodiscard]] span_range roots() const { return children_[nodes_.size()]; }
  // Parents before children, siblings in start order.
  [[nodiscard]] const std::vector<std::uint32_t>& preorder() const noexcept { return preorder_; }
  // One per entry of recording::threads, then one per unknown thread that has spans.
  [[nodiscard]] const std::vector<thread_account>& threads() const noexcept { return threads_; }
  [[nodiscard]] std::int64_t wall_ns() const noexcept { return wall_ns_; }
  [[nodiscard]] const span_problem_counts& problems() const noexcept { return problem_counts_; }
  // Position of the (first) span with this id, or no_span. O(log n).
  [[nodiscard]] std::uint32_t find(span_id id) const { return ids_.find(id); }
  // True when `span` is `ancestor` or below it. O(1).
  [[nodiscard]] bool contains(std::uint32_t ancestor, std::uint32_t span) const {
    const std::uint32_t first = nodes_[ancestor].preorder;
    const std::uint32_t at = nodes_[span].preorder;
    return at >= first && at - first < nodes_[ancestor].subtree_size;
  }

 private:
  static const std::vector<span>& checked(const std::vector<span>& spans) {
    if (spans.size() >= no_span) throw error("", "spans", "more than 2^32 - 2 spans");
    return spans;
  }

  // The end that reversed times are given.
  static std::int64_t end_of(const span& s) noexcept { return std::max(s.start_ns, s.end_ns); }

  void flag_records(const recording& r) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const span& s = r.spans[i];
      std::uint32_t& problems = nodes_[i].problems;
      if (s.end_ns < s.start_ns) problems |= span_reversed_times;
      if (s.start_ns == 0 && s.end_ns == 0) problems |= span_zero_times;
      if (s.start_ns < 0 || s.end_ns > wall_ns_) problems |= span_outside_recording;
      if (s.thread >= r.threads.size()) problems |= span_unknown_thread;
    }
    for (const std::uint32_t s : ids_.unusable()) nodes_[s].problems |= span_duplicate_id;

    std::vector<std::uint32_t> unknown;
    for (const span& s : r.spans)
      if (s.thread >= r.threads.size()) unknown.push_back(s.thread);
    std::sort(unknown.begin(), unknown.end());
    unknown.erase(std::unique(unknown.begin(), unknown.end()), unknown.end());
    threads_.resize(r.threads.size() + unknown.size());
    known_threads_ = r.threads.size();
    for (std::size_t t = 0; t < threads_.size(); ++t)
      threads_[t].thread =
          t < known_threads_ ? static_cast<std::uint32_t>(t) : unknown[t - known_threads_];
  }

  // Index into threads_.
  [[nodiscard]] std::size_t track_of(const span& s) const {
    if (s.thread < known_threads_) return s.thread;
    const auto first = threads_.begin() + static_cast<std::ptrdiff_t>(known_threads_);
    const auto found = std::lower_bound(
        first, threads_.end(), s.thread,
        [](const thread_account& t, std::uint32_t thread) { return t.thread < thread; });
    return static_cast<std::size_t>(found - threads_.begin());
  }

  void order_by_start(const std::vector<span>& spans) {
    // The key beside the position: sorting positions alone would read all over the spans.
    struct start {
      std::int64_t ns;
      std::uint32_t span;
    };
    std::vector<start> starts(spans.size());
    for (std::uint32_t i = 0; i < starts.size(); ++i) starts[i] = {spans[i].start_ns, i};
    std::sort(starts.begin(), starts.end(), [&spans](const start& a, const start& b) {
      if (a.ns != b.ns) return a.ns < b.ns;
      const std::int64_t a_end = end_of(spans[a.span]), b_end = end_of(spans[b.span]);
      return a_end != b_end ? a_end < b_end : a.span < b.span;
    });
    by_start_.resize(starts.size());
    for (std::size_t i = 0; i < starts.size(); ++i) by_start_[i] = starts[i].span;
  }

  void link_parents(const std::vector<span>& spans) {
    std::vector<std::uint32_t> parents(spans.size(), no_span);
    for (std::size_t i = 0; i < spans.size(); ++i) {
      if (spans[i].parent == 0) continue;
      parents[i] = ids_.find(spans[i].parent);
      if (parents[i] == no_span) nodes_[i].problems |= span_unknown_parent;
    }
    for (const std::uint32_t s : detail::break_cycles(parents, spans))
      nodes_[s].problems |= span_parent_cycle;
    for (std::size_t i = 0; i < spans.size(); ++i) nodes_[i].parent = parents[i];
  }

  void link_host_parents(const std::vector<span>& spans) {
    std::vector<std::uint32_t> parents(spans.size(), no_span);
    for (std::size_t i = 0; i < spans.size(); ++i) {
      const std::uint32_t parent = nodes_[i].parent;
      if (parent != no_span && spans[parent].thread == spans[i].thread) parents[i] = parent;
    }
    surround(spans, parents);
    for (std::size_t i = 0; i < spans.size(); ++i) nodes_[i].host_parent = parents[i];
  }

  // Gives spans without a parent on their own thread the innermost span of it that surrounds them.
  void surround(const std::vector<span>& spans, std::vector<std::uint32_t>& parents) {
    detail::tops tops(parents);
    const detail::grouped_spans by_thread(by_start_, threads_.size(),
                                          [&](std::uint32_t s) { return track_of(spans[s]); });
    for (std::size_t t = 0; t < threads_.size(); ++t)
      surround(spans, as_opened(spans, by_thread[t]), tops, parents);
  }

  // Spans of one thread in the order in which they were opened, from their order by start: of those
  // that start together, the one opened first lasts longer, or has the smaller id.
  static std::vector<std::uint32_t> as_opened(const std::vector<span>& spans, span_range by_start) {
    std::vector<std::uint32_t> opened(by_start.begin(), by_start.end());
    for (std::size_t first = 0, last = 0; first < opened.size(); first = last) {
      while (last < opened.size() && spans[opened[last]].start_ns == spans[opened[first]].start_ns)
        ++last;
      std::sort(opened.begin() + static_cast<std::ptrdiff_t>(first),
                opened.begin() + static_cast<std::ptrdiff_t>(last),
                [&spans](std::uint32_t a, std::uint32_t b) {
                  const span& x = spans[a];
                  const span& y = spans[b];
                  if (end_of(x) != end_of(y)) return end_of(x) > end_of(y);
                  return x.id != y.id ? x.id < y.id : a < b;
                });
    }
    return opened;
  }

  void surround(const std::vector<span>& spans, const std::vector<std::uint32_t>& opened,
                detail::tops& tops, std::vector<std::uint32_t>& parents) {
    std::vector<std::uint32_t> open;
    for (const std::uint32_t s : opened) {
      const span& inner = spans[s];
      while (!open.empty() && end_of(spans[open.back()]) <= inner.start_ns) open.pop_back();
      if (parents[s] == no_span && !open.empty()) {
        const span& outer = spans[open.back()];
        // A root of no length at the start of another may have been closed before it.
        const bool beside = inner.parent == 0 && inner.start_ns == outer.start_ns &&
                            end_of(inner) == inner.start_ns;
        // Impossible input may have `s` around the span that it lies in.
        if (!beside && end_of(outer) >= end_of(inner) && tops.of(open.back()) != s) {
          parents[s] = open.back();
          tops.join(s, open.back());
          if (inner.parent == 0) nodes_[s].problems |= span_overlaps_sibling;
        }
      }
      open.push_back(s);
    }
  }

  void walk_preorder(const std::vector<span>& spans) {
    preorder_.reserve(nodes_.size());
    std::vector<std::uint32_t> todo;
    const auto push = [&todo](span_range range) {
      for (std::size_t i = range.size(); i > 0; --i) todo.push_back(range[i - 1]);
    };
    push(roots());
    while (!todo.empty()) {
      const std::uint32_t s = todo.back();
      todo.pop_back();
      span_node& n = nodes_[s];
      n.preorder = static_cast<std::uint32_t>(preorder_.size());
      n.warm_up = (spans[s].flags & span_warm_up) != 0;
      if (n.parent != no_span) {
        n.depth = nodes_[n.parent].depth + 1;
        n.warm_up = n.warm_up || nodes_[n.parent].warm_up;
      }
      preorder_.push_back(s);
      push(children(s));
    }
    for (std::size_t i = preorder_.size(); i > 0; --i) {
      const span_node& n = nodes_[preorder_[i - 1]];
      if (n.parent != no_span) nodes_[n.parent].subtree_size += n.subtree_size;
    }
  }

  // Accounted intervals and exclusive times, each span before those inside it.
  void place_intervals(const std::vector<span>& spans) {
    const std::size_t n = nodes_.size();
    const detail::grouped_spans inside(by_start_, n + threads_.size(), [&](std::uint32_t s) {
      const std::uint32_t parent = nodes_[s].host_parent;
      return parent == no_span ? n + track_of(spans[s]) : parent;
    });
    std::vector<std::uint32_t> todo;
    const auto place = [&](span_range members, std::int64_t start_ns, std::int64_t end_ns) {
      std::int64_t free_ns = start_ns;           // what earlier siblings left begins here
      std::int64_t recorded_end_ns = INT64_MIN;  // latest of the earlier siblings
      for (const std::uint32_t s : members) {
        span_node& node = nodes_[s];
        node.start_ns = std::clamp(spans[s].start_ns, free_ns, end_ns);
        node.end_ns = std::clamp(end_of(spans[s]), node.start_ns, end_ns);
        node.exclusive_ns = node.inclusive_ns();
        free_ns = node.end_ns;
        if (spans[s].start_ns < recorded_end_ns) node.problems |= span_overlaps_sibling;
        recorded_end_ns = std::max(recorded_end_ns, end_of(spans[s]));
        todo.push_back(s);
      }
    };
    for (std::size_t t = 0; t < threads_.size(); ++t) place(inside[n + t], 0, wall_ns_);
    while (!todo.empty()) {
      const std::uint32_t s = todo.back();
      todo.pop_back();
      place(inside[s], nodes_[s].start_ns, nodes_[s].end_ns);
      for (const std::uint32_t child : inside[s]) {
        nodes_[s].exclusive_ns -= nodes_[child].inclusive_ns();
        if (spans[child].start_ns < spans[s].start_ns || end_of(spans[child]) > end_of(spans[s]))
          nodes_[child].problems |= span_outside_parent;
      }
    }
  }

  // Untracked time comes from the union of all accounted intervals, not from the exclusive times,
  // so that thread_account::exact() compares two computations.
  void account_threads(const std::vector<span>& spans) {
    std::vector<std::vector<interval>> covered(threads_.size());
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const std::size_t track = track_of(spans[i]);
      ++threads_[track].spans;
      threads_[track].exclusive_ns += nodes_[i].exclusive_ns;
      covered[track].push_back({nodes_[i].start_ns, nodes_[i].end_ns});
    }
    for (std::size_t t = 0; t < threads_.size(); ++t) {
      threads_[t].wall_ns = wall_ns_;
      threads_[t].untracked_ns = wall_ns_ - interval_set(std::move(covered[t])).total_ns();
    }
  }

  detail::span_ids ids_;
  std::int64_t wall_ns_ = 0;
  std::size_t known_threads_ = 0;
  std::vector<span_node> nodes_;
  std::vector<std::uint32_t> by_start_;  // while building
  detail::grouped_spans children_;       // group i: children of i; the last one: roots
  std::vector<std::uint32_t> preorder_;
  std::vector<thread_account> threads_;
  span_problem_counts problem_counts_;
};

}  // namespace latency
