#pragma once
// Which replay instances are of one graph: those that share a node. Nodes in the body of a
// conditional node run in some replays and not in others, or more than once in one.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <unordered_set>
#include <utility>
#include <vector>

#include "../recording.hpp"

namespace latency::detail {

class replay_graphs {
 public:
  struct instance {
    std::uint64_t replay = 0;
    std::size_t graph = 0;
  };

  // O(n log n). Ops whose node is not known are left out.
  explicit replay_graphs(const recording& r) {
    for (const graph_node& node : r.graph_nodes)
      if (node.reason == capture_reason::conditional ||
          node.reason == capture_reason::child_or_conditional)
        conditional_.insert(node.node);
    std::vector<std::pair<std::uint64_t, std::uint64_t>> runs;  // replay, node
    for (const device_op& op : r.device_ops) {
      if (op.replay == 0 || op.graph_node == 0) continue;
      runs.emplace_back(op.replay, op.graph_node);
      nodes_.push_back(op.graph_node);
    }
    std::sort(runs.begin(), runs.end());
    std::sort(nodes_.begin(), nodes_.end());
    nodes_.erase(std::unique(nodes_.begin(), nodes_.end()), nodes_.end());
    set_of_.resize(nodes_.size());
    for (std::size_t i = 0; i < set_of_.size(); ++i) set_of_[i] = i;
    for (std::size_t i = 1; i < runs.size(); ++i)
      if (runs[i].first == runs[i - 1].first)
        set_of_[find(index_of(runs[i].second))] = find(index_of(runs[i - 1].second));
    // Sets get numbers in the order of their least node.
    std::vector<std::size_t> number(nodes_.size(), nodes_.size());
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const std::size_t set = find(i);
      if (number[set] == nodes_.size()) {
        number[set] = nodes_of_graph_.size();
        nodes_of_graph_.push_back(0);
        certain_nodes_of_graph_.push_back(0);
      }
      ++nodes_of_graph_[number[set]];
      certain_nodes_of_graph_[number[set]] += conditional(nodes_[i]) ? 0 : 1;
    }
    for (std::size_t i = 0; i < runs.size(); ++i)
      if (i == 0 || runs[i].first != runs[i - 1].first)
        instances_.push_back({runs[i].first, number[find(index_of(runs[i].second))]});
  }

  // By replay.
  [[nodiscard]] const std::vector<instance>& instances() const noexcept { return instances_; }
  // Nodes of each graph that any of its replays ran.
  [[nodiscard]] const std::vector<std::int64_t>& nodes_of_graph() const noexcept {
    return nodes_of_graph_;
  }
  // Those of them that every replay runs once.
  [[nodiscard]] const std::vector<std::int64_t>& certain_nodes_of_graph() const noexcept {
    return certain_nodes_of_graph_;
  }
  [[nodiscard]] bool conditional(std::uint64_t node) const { return conditional_.count(node) > 0; }

 private:
  [[nodiscard]] std::size_t index_of(std::uint64_t node) const {
    return static_cast<std::size_t>(std::lower_bound(nodes_.begin(), nodes_.end(), node) -
                                    nodes_.begin());
  }
  [[nodiscard]] std::size_t find(std::size_t i) {
    for (; set_of_[i] != i; i = set_of_[i]) set_of_[i] = set_of_[set_of_[i]];
    return i;
  }

  std::vector<std::uint64_t> nodes_;
  std::vector<std::size_t> set_of_;  // disjoint sets of nodes
  std::unordered_set<std::uint64_t> conditional_;
  std::vector<std::int64_t> nodes_of_graph_, certain_nodes_of_graph_;
  std::vector<instance> instances_;
};

}  // namespace latency::detail
