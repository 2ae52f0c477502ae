#pragma once
// What CUPTI tells of graphs, passed on to graph_attribution.hpp. Its callbacks come on the thread
// that captures, instantiates, changes or destroys; launches cause none.
//
// Capturing creates each node. Instantiating creates a node again and then says of which one it is
// a clone; records of kernels, copies and memsets carry the numbers of clones. What a node is, is
// said only where its creation begins. Nodes of bodies are cloned into graphs of their own, and
// have moved into the executable graph when that is announced, by which time the graphs they came
// from were destroyed without them (CUDA 13.0, H100).

#include <cupti.h>

#include <array>
#include <cstdint>
#include <exception>

#include "cupti_library.hpp"
#include "graph_attribution.hpp"

namespace latency::detail {

class cupti_graph_tracer {
 public:
  // The callbacks of the resource domain that it takes.
  static constexpr std::array<CUpti_CallbackId, 8> callbacks{
      CUPTI_CBID_RESOURCE_GRAPH_CREATED,
      CUPTI_CBID_RESOURCE_GRAPH_DESTROY_STARTING,
      CUPTI_CBID_RESOURCE_GRAPHNODE_CREATE_STARTING,
      CUPTI_CBID_RESOURCE_GRAPHNODE_CREATED,
      CUPTI_CBID_RESOURCE_GRAPHNODE_CLONED,
      CUPTI_CBID_RESOURCE_GRAPHNODE_DESTROY_STARTING,
      CUPTI_CBID_RESOURCE_GRAPHEXEC_CREATED,
      CUPTI_CBID_RESOURCE_GRAPH_NODE_SET_PARAMS};
  // And those of the runtime's API, where a capture begins.
  static constexpr std::array<CUpti_CallbackId, 2> captures{
      CUPTI_RUNTIME_TRACE_CBID_cudaStreamBeginCapture_v10000,
      CUPTI_RUNTIME_TRACE_CBID_cudaStreamBeginCapture_ptsz_v10000};

  explicit cupti_graph_tracer(path_table& paths) : attribution_(paths) {}

  [[nodiscard]] graph_attribution& attribution() noexcept { return attribution_; }
  // Forgets what an earlier collector saw. The library outlives the tracer.
  void begin(const cupti_library& cupti) {
    cupti_ = &cupti;
    attribution_.clear();
  }

  // `thread` is any number for the calling thread; `where()` gives its open spans as a
  // graph_attribution::place.
  template <class Where>
  void seen(CUpti_CallbackId id, const CUpti_GraphData& what, std::uint64_t thread,
            const Where& where) noexcept {
    try {
      pass_on(id, what, thread, where);
    } catch (const std::exception&) {  // out of memory: the node stays unknown, and is counted so
    }
  }
  template <class Where>
  void capture_begins(std::uint64_t thread, const Where& where) noexcept {
    try {
      attribution_.capture_began(thread, where().path);
    } catch (const std::exception&) {
    }
  }

 private:
  using node_kind = graph_attribution::node_kind;

  template <class Where>
  void pass_on(CUpti_CallbackId id, const CUpti_GraphData& what, std::uint64_t thread,
               const Where& where) {
    std::uint64_t node = 0, original = 0;
    std::uint32_t graph = 0;
    switch (id) {
      case CUPTI_CBID_RESOURCE_GRAPH_CREATED:
        if (number_of(what.graph, graph)) attribution_.graph_created(thread, graph, where().path);
        return;
      case CUPTI_CBID_RESOURCE_GRAPH_DESTROY_STARTING:
        if (number_of(what.graph, graph)) attribution_.graph_destroyed(graph);
        return;
      case CUPTI_CBID_RESOURCE_GRAPHNODE_CREATE_STARTING: {
        const node_kind kind = kind_of(what.nodeType);
        if (kind != node_kind::plain && number_of(what.graph, graph))
          attribution_.node_begun(graph, kind);
        return;
      }
      case CUPTI_CBID_RESOURCE_GRAPHNODE_CREATED:
        if (number_of(what.node, node)) attribution_.node_created(thread, node, where());
        return;
      case CUPTI_CBID_RESOURCE_GRAPHNODE_CLONED:
        if (number_of(what.node, node) && number_of(what.originalNode, original))
          attribution_.node_cloned(thread, node, original,
                                   reinterpret_cast<std::uint64_t>(what.node));
        return;
      case CUPTI_CBID_RESOURCE_GRAPHNODE_DESTROY_STARTING:
        return attribution_.node_destroyed(thread, reinterpret_cast<std::uint64_t>(what.node));
      case CUPTI_CBID_RESOURCE_GRAPHEXEC_CREATED:
        if (number_of(what.graphExec, graph))
          attribution_.executable_created(
              thread, graph, [this](std::uint64_t handle, std::uint64_t& number) {
                return number_of(reinterpret_cast<CUgraphNode>(handle), number);
              });
        return;
      case CUPTI_CBID_RESOURCE_GRAPH_NODE_SET_PARAMS:
        if (number_of(what.node, node)) attribution_.node_changed(node);
        return;
      default:
        return;
    }
  }
  [[nodiscard]] static node_kind kind_of(CUgraphNodeType type) noexcept {
    constexpr int conditional = 13;  // CU_GRAPH_NODE_TYPE_CONDITIONAL, from CUDA 12.3 on
    if (type == CU_GRAPH_NODE_TYPE_GRAPH) return node_kind::child_graph;
    return static_cast<int>(type) == conditional ? node_kind::conditional : node_kind::plain;
  }
  [[nodiscard]] bool number_of(CUgraphNode node, std::uint64_t& number) const noexcept {
    return node != nullptr && cupti_->cuptiGetGraphNodeId(node, &number) == CUPTI_SUCCESS;
  }
  [[nodiscard]] bool number_of(CUgraph graph, std::uint32_t& number) const noexcept {
    return graph != nullptr && cupti_->cuptiGetGraphId(graph, &number) == CUPTI_SUCCESS;
  }

  [[nodiscard]] bool number_of(CUgraphExec executable, std::uint32_t& number) const noexcept {
    return executable != nullptr && cupti_->cuptiGetGraphExecId != nullptr &&
           cupti_->cuptiGetGraphExecId(executable, &number) == CUPTI_SUCCESS;
  }

  const cupti_library* cupti_ = nullptr;
  graph_attribution attribution_;
};

}  // namespace latency::detail
