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
  // Whether handles tell which numbers the nodes of bodies have moved to.
  bool tells_moves = true;

  std::uint32_t create(std::uint64_t thread, const names& open) {
    const std::uint32_t number = ++last_graph_;
    graphs_[number].base = announces ? open : names{};  // else nobody knows it
    graphs_[number].announced = announces;
    if (announces) told_.graph_created(thread, number, path_of(open));
    return number;
  }
  void add(std::uint64_t thread, std::uint32_t graph, const names& open) {
    add(thread, graph, open, node_kind::plain, 0);
  }
  // A copy of `child` becomes a node.
  void add_child(std::uint64_t thread, std::uint32_t graph, std::uint32_t child,
                 const names& open) {
    if (announces) told_.node_begun(graph, node_kind::child_graph);
    const std::uint32_t copy = ++last_graph_;
    clone_into(thread, copy, child);
    add(thread, graph, open, node_kind::child_graph, copy);
  }
  // Returns the graph of its body.
  std::uint32_t add_conditional(std::uint64_t thread, std::uint32_t graph, const names& open) {
    if (announces) told_.node_begun(graph, node_kind::conditional);
    const std::uint32_t body = create(thread, open);
    add(thread, graph, open, node_kind::conditional, body);
    return body;
  }
  std::uint32_t instantiate(std::uint64_t thread, std::uint32_t graph) {
    const std::uint32_t number = ++last_graph_;
    clone_into(thread, number, graph);
    graphs_[number].internal = ++last_graph_;
    if (announces) told_.graph_created(thread, last_graph_, -1);
    move_bodies(number);
    if (announces)
      told_.executable_created(thread, number, [this](std::uint64_t handle, std::uint64_t& node) {
        node = nodes_.at(handle);
        return tells_moves;
      });
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
    if (!announces) return;
    told_.graph_destroyed(number);
    told_.graph_destroyed(graphs_[number].internal);
  }

  // What a launch runs. Bodies of nodes run under the numbers behind the graph's own.
  [[nodiscard]] std::vector<op> replay(std::uint32_t executable) const {
    std::vector<op> ops;
    const made_graph& of = graphs_.at(executable);
    truth any_body =
        of.announced ? shared_by_bodies(of) : truth{{}, capture_reason::graph_before_start};
    std::uint32_t index = 0;
    for (const made_node& n : of.nodes) {
      if (n.kind == node_kind::plain) ops.push_back({number_of(executable, index), n.captured});
      ++index;
    }
    for (const made_node& n : of.moved) {
      const truth expected = of.announced && of.tells_moves ? n.captured : any_body;
      if (n.kind == node_kind::plain) ops.push_back({number_of(executable, index), expected});
      ++index;
    }
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
  using node_kind = graph_attribution::node_kind;

  struct made_node {
    truth captured;
    node_kind kind = node_kind::plain;
    std::uint32_t body_graph = 0;
    std::uint64_t handle = 0;
  };
  struct made_graph {
    std::vector<made_node> nodes;
    std::vector<made_node> moved;  // of bodies, into an executable graph
    names base;
    std::uint32_t internal = 0;  // a graph that the driver makes for itself
    bool announced = true;
    bool tells_moves = true;
  };

  void add(std::uint64_t thread, std::uint32_t number, const names& open, node_kind kind,
           std::uint32_t body_graph) {
    made_graph& to = graphs_[number];
    const auto index = static_cast<std::uint32_t>(to.nodes.size());
    truth captured{below(open, to.base), capture_reason::none};
    if (!announces) captured = {{}, capture_reason::graph_before_start};
    to.nodes.push_back({captured, kind, body_graph, 0});
    // Spans have numbers that their names tell.
    if (announces)
      told_.node_created(thread, number_of(number, index),
                         {static_cast<latency::span_id>(path_of(open) + 1), path_of(open)});
  }
  // CUPTI announces a copy as a node that is created, with whatever is open, and then as a clone;
  // the bodies that it holds between the beginning of that and its end.
  void clone_into(std::uint64_t thread, std::uint32_t number, std::uint32_t original) {
    made_graph copy = graphs_[original];
    copy.announced = announces;
    if (announces) told_.graph_created(thread, number, path_of({"x"}));
    for (std::uint32_t i = 0; i < copy.nodes.size(); ++i) {
      made_node& n = copy.nodes[i];
      if (n.kind != node_kind::plain) {
        if (announces) told_.node_begun(number, n.kind);
        const std::uint32_t body = ++last_graph_;
        clone_into(thread, body, n.body_graph);
        n.body_graph = body;
      }
      n.handle = ++last_handle_;
      nodes_[n.handle] = number_of(number, i);
      if (!announces) continue;
      told_.node_created(thread, number_of(number, i), {77, path_of({"x"})});
      told_.node_cloned(thread, number_of(number, i), number_of(original, i), n.handle);
    }
    graphs_[number] = copy;
  }
  // Nodes of bodies get numbers behind the graph's own, and their graphs are gone.
  void move_bodies(std::uint32_t number) {
    made_graph& to = graphs_[number];
    to.tells_moves = tells_moves;
    const auto move_body_of = [&](const made_node& holder) {
      for (made_node n : graphs_.at(holder.body_graph).nodes) {
        n.captured.path.insert(n.captured.path.begin(), holder.captured.path.begin(),
                               holder.captured.path.end());
        if (n.captured.reason == capture_reason::none) n.captured.reason = holder.captured.reason;
        nodes_[n.handle] =
            number_of(number, static_cast<std::uint32_t>(to.nodes.size() + to.moved.size()));
        to.moved.push_back(n);
      }
      if (announces) told_.graph_destroyed(holder.body_graph);
    };
    for (const made_node& n : to.nodes)
      if (n.kind != node_kind::plain) move_body_of(n);
    for (std::size_t i = 0; i < to.moved.size(); ++i)
      if (to.moved[i].kind != node_kind::plain) move_body_of(made_node(to.moved[i]));
  }
  // What is known of an op in a body when handles do not tell.
  [[nodiscard]] static truth shared_by_bodies(const made_graph& of) {
    truth result;
    bool any = false, children = false, conditionals = false;
    for (const made_node& n : of.nodes) {
      if (n.kind == node_kind::plain) continue;
      (n.kind == node_kind::child_graph ? children : conditionals) = true;
      result.path = any ? shared(result.path, n.captured.path) : n.captured.path;
      any = true;
    }
    result.reason = !conditionals ? capture_reason::child_graph
                    : !children   ? capture_reason::conditional
                                  : capture_reason::child_or_conditional;
    return result;
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
  std::uint64_t last_handle_ = 0;
  std::map<std::uint32_t, made_graph> graphs_;
  std::map<std::uint64_t, std::uint64_t> nodes_;  // the number that a handle has now
};

}  // namespace latency_test
