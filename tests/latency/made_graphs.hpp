#pragma once
// A driver of CUDA graphs that runs nothing: it numbers graphs and nodes, announces what it does as
// CUPTI does (gpu: tests/latency/gpu/cuda_graph_test.cu), and knows by itself, in names, where each
// node was captured.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "latency/detail/graph_attribution.hpp"
#include "latency/intern.hpp"

namespace latency_test {

using latency::capture_reason;
using latency::detail::graph_attribution;
using latency::detail::path_table;

using names = std::vector<std::string>;  // of open spans, the outermost first

class made_graphs {
 public:
  struct truth {
    names path;  // below the span that was open where the graph was begun
    capture_reason reason = capture_reason::none;
    bool operator==(const truth& other) const {
      return path == other.path && reason == other.reason;
    }
  };
  struct op {
    std::uint64_t node = 0;
    truth expected;
  };

  made_graphs(graph_attribution& told, path_table& paths) : told_(told), paths_(paths) {}

  // Whether what happens is announced: not before a collector starts.
  bool announces = true;

  std::uint32_t create(std::uint64_t, const names& open) {
    const std::uint32_t number = ++last_graph_;
    graphs_[number].base = announces ? open : names{};  // else nobody knows it
    graphs_[number].announced = announces;
    if (announces) told_.graph_created(number, path_of(open));
    return number;
  }
  void add(std::uint64_t thread, std::uint32_t graph, const names& open) {
    add(thread, graph, open, graph_attribution::body::none, 0);
  }
  // A copy of `child` becomes a node.
  void add_child(std::uint64_t thread, std::uint32_t graph, std::uint32_t child,
                 const names& open) {
    const std::uint32_t copy = ++last_graph_;
    clone_into(thread, copy, child);
    add(thread, graph, open, graph_attribution::body::child_graph, copy);
  }
  // Returns the graph of its body.
  std::uint32_t add_conditional(std::uint64_t thread, std::uint32_t graph, const names& open) {
    const std::uint32_t body = create(thread, open);
    add(thread, graph, open, graph_attribution::body::conditional, body);
    return body;
  }
  std::uint32_t instantiate(std::uint64_t thread, std::uint32_t graph) {
    const std::uint32_t number = ++last_graph_;
    if (announces) told_.executable_begun(thread);
    clone_into(thread, number, graph);
    for (made_node& n : graphs_[number].nodes)
      if (n.holds != graph_attribution::body::none) {
        const std::uint32_t copy = ++last_graph_;
        clone_into(thread, copy, n.body_graph);
        n.body_graph = copy;
      }
    if (announces) told_.executable_created(thread, number + 1'000'000);
    return number;
  }
  // Every node of `executable` gets new parameters.
  void update(std::uint32_t executable) {
    for (std::uint32_t i = 0; i < graphs_[executable].nodes.size(); ++i)
      if (announces) told_.node_changed(number_of(executable, i));
  }
  void destroy(std::uint32_t graph) {
    if (announces) told_.graph_destroyed(graph);
  }
  void destroy_executable(std::uint32_t number) {
    if (announces) told_.executable_destroyed(number + 1'000'000);
  }

  // What a launch runs. Bodies of nodes run under the numbers behind the graph's own.
  [[nodiscard]] std::vector<op> replay(std::uint32_t executable) const {
    std::vector<op> ops;
    const made_graph& of = graphs_.at(executable);
    truth nested;
    bool any = false, children = false, conditionals = false;
    std::uint32_t bodies = 0;
    for (std::uint32_t i = 0; i < of.nodes.size(); ++i) {
      const made_node& n = of.nodes[i];
      if (n.holds == graph_attribution::body::none) {
        ops.push_back({number_of(executable, i), n.captured});
        continue;
      }
      (n.holds == graph_attribution::body::child_graph ? children : conditionals) = true;
      nested.path = any ? shared(nested.path, n.captured.path) : n.captured.path;
      any = true;
      bodies += static_cast<std::uint32_t>(graphs_.at(n.body_graph).nodes.size());
    }
    nested.reason = !conditionals ? capture_reason::child_graph
                    : !children   ? capture_reason::conditional
                                  : capture_reason::child_or_conditional;
    if (!of.announced) nested = {{}, capture_reason::graph_before_start};
    for (std::uint32_t i = 0; i < bodies; ++i)
      ops.push_back(
          {number_of(executable, static_cast<std::uint32_t>(of.nodes.size()) + i), nested});
    return ops;
  }
  [[nodiscard]] std::size_t nodes_of(std::uint32_t graph) const {
    return graphs_.at(graph).nodes.size();
  }

  // As the library has it.
  [[nodiscard]] std::int32_t path_of(const names& open) const {
    std::int32_t path = -1;
    for (const std::string& name : open) path = paths_.child(path, latency::intern(name));
    return path;
  }
  [[nodiscard]] names names_of(std::int32_t path) const {
    const std::vector<path_table::path> all = paths_.from(0);
    names result;
    for (; path >= 0; path = all[static_cast<std::size_t>(path)].parent)
      result.insert(result.begin(), all[static_cast<std::size_t>(path)].name);
    return result;
  }

  [[nodiscard]] static std::uint64_t number_of(std::uint32_t graph, std::uint32_t index) {
    return std::uint64_t{graph} << 32 | index;
  }

 private:
  struct made_node {
    truth captured;
    graph_attribution::body holds = graph_attribution::body::none;
    std::uint32_t body_graph = 0;
  };
  struct made_graph {
    std::vector<made_node> nodes;
    names base;
    bool announced = true;
  };

  void add(std::uint64_t thread, std::uint32_t number, const names& open,
           graph_attribution::body holds, std::uint32_t body_graph) {
    made_graph& to = graphs_[number];
    const auto index = static_cast<std::uint32_t>(to.nodes.size());
    truth captured{below(open, to.base), capture_reason::none};
    if (!announces) captured = {{}, capture_reason::graph_before_start};
    to.nodes.push_back({captured, holds, body_graph});
    // Spans have numbers that their names tell.
    if (announces)
      told_.node_created(thread, number_of(number, index), holds,
                         {static_cast<latency::span_id>(path_of(open) + 1), path_of(open)});
  }
  // CUPTI announces a copy as a node that is created, with whatever is open, and then as a clone.
  void clone_into(std::uint64_t thread, std::uint32_t number, std::uint32_t original) {
    made_graph copy = graphs_[original];
    copy.announced = announces;
    graphs_[number] = copy;
    for (std::uint32_t i = 0; announces && i < copy.nodes.size(); ++i) {
      told_.node_created(thread, number_of(number, i), copy.nodes[i].holds, {77, path_of({"x"})});
      told_.node_cloned(thread, number_of(number, i), number_of(original, i));
    }
  }
  [[nodiscard]] static names below(const names& open, const names& base) {
    if (base.size() > open.size()) return open;
    for (std::size_t i = 0; i < base.size(); ++i)
      if (open[i] != base[i]) return open;
    return {open.begin() + static_cast<std::ptrdiff_t>(base.size()), open.end()};
  }
  [[nodiscard]] static names shared(const names& a, const names& b) {
    names result;
    for (std::size_t i = 0; i < a.size() && i < b.size() && a[i] == b[i]; ++i)
      result.push_back(a[i]);
    return result;
  }

  graph_attribution& told_;
  path_table& paths_;
  std::uint32_t last_graph_ = 0;
  std::map<std::uint32_t, made_graph> graphs_;
};

}  // namespace latency_test
