#pragma once
// Splits the time of one device among the ops that run at each instant, so that every nanosecond is
// given away exactly once.
//
// Kernels and memsets: while k of them run, over all streams, an interval of L ns between two
// starts or ends gives each floor(L / k); the remaining L mod k go 1 ns each to consecutive ops in
// (stream, start, correlation, node) order, cyclic, beginning where the previous remainder stopped.
// Copies get time only while no kernel or memset runs, split among the copies in the same way.
// Ops of no length get nothing and cut no interval.
//
// O(n log n) for n ops whatever their overlap: an op's whole parts are a difference of two running
// totals, and its remainders a point of a Fenwick tree over the fixed order. O(n) for ops that run
// one by one and stand nearly in the order of time.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "latency/detail/nearly_ordered.hpp"
#include "latency/detail/op_edges.hpp"
#include "latency/interval_set.hpp"

namespace latency::detail {

// Prefix sums of integers that change.
class fenwick_tree {
 public:
  explicit fenwick_tree(std::size_t size) : sums_(size + 1, 0) {
    while (top_ * 2 <= size) top_ *= 2;
  }
  void add(std::size_t i, std::int64_t value) {
    for (std::size_t at = i + 1; at < sums_.size(); at += at & (~at + 1)) sums_[at] += value;
  }
  // Sum of entries 0..i.
  [[nodiscard]] std::int64_t sum_to(std::size_t i) const {
    std::int64_t total = 0;
    for (std::size_t at = i + 1; at > 0; at -= at & (~at + 1)) total += sums_[at];
    return total;
  }
  // Of non-negative entries, the first i with sum_to(i) > target.
  [[nodiscard]] std::size_t first_above(std::int64_t target) const {
    std::size_t at = 0;
    for (std::size_t step = top_; step > 0; step /= 2) {
      if (at + step < sums_.size() && sums_[at + step] <= target) {
        at += step;
        target -= sums_[at];
      }
    }
    return at;
  }

 private:
  std::vector<std::int64_t> sums_;
  std::size_t top_ = 1;
};

// Ops are known by their rank in the fixed order.
class share_splitter {
 public:
  explicit share_splitter(std::size_t ops)
      : size_(ops), running_(ops), extra_(ops), at_start_(ops) {}

  [[nodiscard]] std::int64_t running() const noexcept { return count_; }

  void start(std::size_t rank) {
    if (count_++ == 0) {
      alone_ = rank;
      alone_at_start_ = whole_;
      return;
    }
    if (alone_ != nobody) enter(std::exchange(alone_, nobody), alone_at_start_);
    enter(rank, whole_);
  }

  // Returns what the op was given since its start.
  std::int64_t stop(std::size_t rank) {
    if (alone_ == rank) {
      alone_ = nobody;
      count_ = 0;
      return whole_ - alone_at_start_;
    }
    running_.add(rank, -1);
    --count_;
    return whole_ + extra_.sum_to(rank) - at_start_[rank];
  }

  // Gives `length_ns` to those that run; at least one must.
  void split(std::int64_t length_ns) {
    whole_ += length_ns / count_;
    const std::int64_t rest = length_ns % count_;
    if (rest == 0) return;
    const std::int64_t first = next_ % count_;
    const std::int64_t to_the_end = std::min(rest, count_ - first);
    give_one(first, first + to_the_end - 1);
    if (rest > to_the_end) give_one(0, rest - to_the_end - 1);
    next_ = first + rest;
  }

 private:
  static constexpr std::size_t nobody = SIZE_MAX;

  void enter(std::size_t rank, std::int64_t whole_at_start) {
    running_.add(rank, 1);
    at_start_[rank] = whole_at_start + extra_.sum_to(rank);
  }

  // 1 ns to the running ops `first`..`last`, counted among the running ones. Ops between them that
  // do not run are given it as well, which start() and stop() take out again.
  void give_one(std::int64_t first, std::int64_t last) {
    extra_.add(running_.first_above(first), 1);
    const std::size_t after = running_.first_above(last) + 1;
    if (after < size_) extra_.add(after, -1);
  }

  std::size_t size_;
  // An op that runs by itself, and what each running op had been given in whole parts when it
  // started. It stands in none of the trees: no remainder falls to it.
  std::size_t alone_ = nobody;
  std::int64_t alone_at_start_ = 0;
  fenwick_tree running_;  // 1 for each other op that runs
  fenwick_tree extra_;    // sum_to(rank): remainders given to that rank
  std::vector<std::int64_t> at_start_;
  std::int64_t count_ = 0;
  std::int64_t whole_ = 0;  // whole parts given to each running op
  std::int64_t next_ = 0;   // where the next remainder begins
};

struct timed_op {  // within the window, not reversed
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  std::uint64_t correlation = 0;
  std::uint64_t graph_node = 0;
  std::uint32_t stream = 0;
  bool copy = false;  // else a kernel or memset
};

struct device_time {
  std::vector<std::int64_t> share_ns;  // of each op; for a copy its exposed time
  std::int64_t kernel_busy_ns = 0;     // at least one kernel or memset runs
  std::int64_t copy_exposed_ns = 0;    // only copies run
  std::int64_t copy_hidden_ns = 0;     // copies run beside a kernel or memset
  std::int64_t idle_ns = 0;            // nothing runs
};

inline device_time split_device_time(const std::vector<timed_op>& ops, const interval& window) {
  std::map<std::uint32_t, std::vector<std::size_t>> streams;
  std::vector<std::size_t>* stream = nullptr;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (i == 0 || ops[i].stream != ops[i - 1].stream) stream = &streams[ops[i].stream];
    stream->push_back(i);
  }
  std::vector<std::size_t> rank(ops.size());
  std::size_t of_class[2] = {0, 0};
  for (auto& [number, in_order] : streams) {
    sort_nearly_ordered(in_order.begin(), in_order.end(), [&ops](std::size_t a, std::size_t b) {
      const timed_op& x = ops[a];
      const timed_op& y = ops[b];
      return std::tie(x.start_ns, x.correlation, x.graph_node, a) <
             std::tie(y.start_ns, y.correlation, y.graph_node, b);
    });
    for (const std::size_t i : in_order) rank[i] = of_class[ops[i].copy]++;
  }

  device_time result;
  result.share_ns.resize(ops.size(), 0);
  share_splitter kernels(of_class[0]);
  share_splitter copies(of_class[1]);
  std::int64_t now_ns = window.start_ns;
  const auto advance = [&](std::int64_t time_ns) {
    const std::int64_t length_ns = time_ns - now_ns;
    now_ns = time_ns;
    if (length_ns == 0) return;
    if (kernels.running() > 0) {
      kernels.split(length_ns);
      result.kernel_busy_ns += length_ns;
      if (copies.running() > 0) result.copy_hidden_ns += length_ns;
    } else if (copies.running() > 0) {
      copies.split(length_ns);
      result.copy_exposed_ns += length_ns;
    } else {
      result.idle_ns += length_ns;
    }
  };
  for (const op_edge& e : edges_in_time(ops)) {
    advance(e.time_ns);
    share_splitter& splitter = ops[e.op].copy ? copies : kernels;
    if (e.starts)
      splitter.start(rank[e.op]);
    else
      result.share_ns[e.op] = splitter.stop(rank[e.op]);
  }
  advance(window.end_ns);
  return result;
}

}  // namespace latency::detail
