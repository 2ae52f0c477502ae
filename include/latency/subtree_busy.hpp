#pragma once
// Busy time of every subtree at once: for each span, the length of the union of the device ops of
// the span and of all spans below it, in O(n log n) instead of one union per span.
//
// At an instant, the spans to charge are the union of the paths from the running ops' spans to the
// roots. With those spans in preorder, adding 1 at each and taking 1 away at the lowest common
// ancestor of each two neighbours makes every subtree sum 1 on exactly that union. So each op adds
// its duration at its span, and each pair of ops takes the time of being neighbours away at their
// common ancestor; sums over subtrees are then busy times.

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "latency/detail/op_edges.hpp"
#include "latency/span_tree.hpp"

namespace latency::detail {

// Lowest common ancestors by heavy paths: O(n) to build, O(log n) to ask. Refers to the tree.
class ancestor_index {
 public:
  explicit ancestor_index(const span_tree& tree) : tree_(&tree), head_(tree.nodes().size()) {
    std::vector<std::uint32_t> heavy(head_.size(), no_span);
    for (const std::uint32_t s : tree.preorder()) {
      const std::uint32_t parent = tree[s].parent;
      if (parent == no_span) continue;
      if (heavy[parent] == no_span || tree[s].subtree_size > tree[heavy[parent]].subtree_size)
        heavy[parent] = s;
    }
    for (const std::uint32_t s : tree.preorder()) {
      const std::uint32_t parent = tree[s].parent;
      head_[s] = parent != no_span && heavy[parent] == s ? head_[parent] : s;
    }
  }

  // no_span when they are in different trees.
  [[nodiscard]] std::uint32_t common(std::uint32_t a, std::uint32_t b) const {
    const span_tree& tree = *tree_;
    while (head_[a] != head_[b]) {
      if (tree[head_[a]].depth < tree[head_[b]].depth) std::swap(a, b);
      a = tree[head_[a]].parent;
      if (a == no_span) return no_span;
    }
    return tree[a].depth < tree[b].depth ? a : b;
  }

 private:
  const span_tree* tree_;
  std::vector<std::uint32_t> head_;  // top of the heavy path through a span
};

struct attributed_interval {
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  std::uint32_t span = no_span;
};

// Calls add(span, ns) so that the sums of ns over subtrees are busy times. Partial sums may exceed
// int64 on absurd input, so ns is modulo 2^64; the sums over subtrees fit.
template <class Add>
void add_subtree_busy(const std::vector<attributed_interval>& ops, const span_tree& tree,
                      const ancestor_index& ancestors, Add add) {
  for (const attributed_interval& op : ops)
    add(op.span, static_cast<std::uint64_t>(op.end_ns - op.start_ns));

  // Running ops in preorder of their spans; the value: since when an op has its next neighbour.
  using running_ops = std::map<std::pair<std::uint32_t, std::size_t>, std::int64_t>;
  running_ops running;
  const auto part = [&](running_ops::iterator left, running_ops::iterator right,
                        std::int64_t now_ns) {
    const std::uint32_t common =
        ancestors.common(ops[left->first.second].span, ops[right->first.second].span);
    if (common != no_span) add(common, static_cast<std::uint64_t>(left->second - now_ns));
  };
  for (const op_edge& e : edges_in_time(ops)) {
    const auto key = std::make_pair(tree[ops[e.op].span].preorder, e.op);
    const auto here = e.starts ? running.emplace(key, e.time_ns).first : running.find(key);
    const auto next = std::next(here);
    const bool has_previous = here != running.begin();
    const auto previous = has_previous ? std::prev(here) : here;
    if (e.starts) {
      if (has_previous && next != running.end()) part(previous, next, e.time_ns);
    } else {
      if (has_previous) part(previous, here, e.time_ns);
      if (next != running.end()) part(here, next, e.time_ns);
      running.erase(here);
    }
    if (has_previous) previous->second = e.time_ns;
  }
}

}  // namespace latency::detail
