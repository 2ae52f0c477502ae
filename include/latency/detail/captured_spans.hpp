#pragma once
// The spans that were open where the nodes of replayed graphs were captured, as a tree: below a
// replay instance, what a span tree is below a host thread. A span of the capture that is in the
// recording stands for itself (so each layer of a loop is one); of one that is not, its path does.

#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../recording.hpp"

namespace latency::detail {

class captured_spans {
 public:
  struct element {
    std::int32_t parent = -1;  // an earlier one, -1 = directly below the replay instance
    string_id name = 0;
    span_id span = 0;  // 0 = not in the recording
  };
  struct place {
    std::int32_t element = -1;  // innermost, as far as it is known; -1 = the replay instance itself
    capture_reason reason = capture_reason::none;
  };

  // O(n) in spans and nodes, nothing where no nodes are.
  explicit captured_spans(const recording& r) {
    if (r.graph_nodes.empty()) return;
    std::unordered_map<span_id, const span*> spans;
    for (const span& s : r.spans) spans.emplace(s.id, &s);
    for (const graph_node& node : r.graph_nodes) {
      std::vector<element> chain;  // the innermost first
      span_id at = node.span;
      for (std::int32_t path = node.path; path >= 0;) {
        const span_path& row = r.span_paths[static_cast<std::size_t>(path)];
        const auto found = spans.find(at);
        const bool known = found != spans.end() && found->second->name == row.name;
        chain.push_back({-1, row.name, known ? at : 0});
        at = known ? found->second->parent : 0;
        path = row.parent;
      }
      std::int32_t innermost = -1;
      for (auto e = chain.rbegin(); e != chain.rend(); ++e) innermost = child(innermost, *e);
      places_[node.node] = {innermost, node.reason};
    }
  }

  // Whether the recording knows of captures. If not, each node is at its replay instance.
  [[nodiscard]] bool known() const noexcept { return !places_.empty(); }
  [[nodiscard]] place of(std::uint64_t node) const {
    const auto found = places_.find(node);
    if (found != places_.end()) return found->second;
    return {-1, known() ? capture_reason::not_kept : capture_reason::none};
  }
  // Of an element; parents have smaller numbers than their children.
  [[nodiscard]] string_id name_of(std::int32_t number) const {
    return elements_[static_cast<std::size_t>(number)].name;
  }
  [[nodiscard]] std::int32_t parent_of(std::int32_t number) const {
    return elements_[static_cast<std::size_t>(number)].parent;
  }

 private:
  [[nodiscard]] std::int32_t child(std::int32_t parent, element one) {
    one.parent = parent;
    const auto [entry, is_new] = numbers_.try_emplace({{parent, one.name}, one.span},
                                                      static_cast<std::int32_t>(elements_.size()));
    if (is_new) elements_.push_back(one);
    return entry->second;
  }

  std::vector<element> elements_;
  std::map<std::pair<std::pair<std::int32_t, string_id>, span_id>, std::int32_t> numbers_;
  std::unordered_map<std::uint64_t, place> places_;
};

}  // namespace latency::detail
