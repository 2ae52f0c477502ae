#pragma once
// What CUPTI tells of graphs, passed on to graph_attribution.hpp. Its callbacks come on the thread
// that captures, instantiates, changes or destroys; launches cause none.
//
// Capturing creates each node. Instantiating creates a node again and then says of which one it is
// a clone; records of kernels, copies and memsets carry the numbers of clones (CUDA 13.0, H200).

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
      CUPTI_CBID_RESOURCE_GRAPHNODE_CREATED,
      CUPTI_CBID_RESOURCE_GRAPHNODE_CLONED,
      CUPTI_CBID_RESOURCE_GRAPHEXEC_CREATE_STARTING,
      CUPTI_CBID_RESOURCE_GRAPHEXEC_CREATED,
      CUPTI_CBID_RESOURCE_GRAPHEXEC_DESTROY_STARTING,
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
  template <class Where>
  void pass_on(CUpti_CallbackId id, const CUpti_GraphData& what, std::uint64_t thread,
               const Where& where) {
    std::uint64_t node = 0, original = 0;
    std::uint32_t graph = 0;
    const auto executable = reinterpret_cast<std::uint64_t>(what.graphExec);
    switch (id) {
      case CUPTI_CBID_RESOURCE_GRAPH_CREATED:
        if (number_of(what.graph, graph)) attribution_.graph_created(graph, where().path);
        return;
      case CUPTI_CBID_RESOURCE_GRAPH_DESTROY_STARTING:
        if (number_of(what.graph, graph)) attribution_.graph_destroyed(graph);
        return;
      case CUPTI_CBID_RESOURCE_GRAPHNODE_CREATED:
        if (number_of(what.node, node))
          attribution_.node_created(thread, node, body_of(what.nodeType), where());
        return;
      case CUPTI_CBID_RESOURCE_GRAPHNODE_CLONED:
        if (number_of(what.node, node) && number_of(what.originalNode, original))
          attribution_.node_cloned(thread, node, original);
        return;
      case CUPTI_CBID_RESOURCE_GRAPHEXEC_CREATE_STARTING:
        return attribution_.executable_begun(thread);
      case CUPTI_CBID_RESOURCE_GRAPHEXEC_CREATED:
        return attribution_.executable_created(thread, executable);
      case CUPTI_CBID_RESOURCE_GRAPHEXEC_DESTROY_STARTING:
        return attribution_.executable_destroyed(executable);
      case CUPTI_CBID_RESOURCE_GRAPH_NODE_SET_PARAMS:
        // An event node gets another event before every replay that cuda.hpp launches.
        if (what.nodeType != CU_GRAPH_NODE_TYPE_EVENT_RECORD && number_of(what.node, node))
          attribution_.node_changed(node);
        return;
      default:
        return;
    }
  }
  [[nodiscard]] static graph_attribution::body body_of(CUgraphNodeType type) noexcept {
    constexpr int conditional = 13;  // CU_GRAPH_NODE_TYPE_CONDITIONAL, from CUDA 12.3 on
    if (type == CU_GRAPH_NODE_TYPE_GRAPH) return graph_attribution::body::child_graph;
    return static_cast<int>(type) == conditional ? graph_attribution::body::conditional
                                                 : graph_attribution::body::none;
  }
  [[nodiscard]] bool number_of(CUgraphNode node, std::uint64_t& number) const noexcept {
    return node != nullptr && cupti_->cuptiGetGraphNodeId(node, &number) == CUPTI_SUCCESS;
  }
  [[nodiscard]] bool number_of(CUgraph graph, std::uint32_t& number) const noexcept {
    return graph != nullptr && cupti_->cuptiGetGraphId(graph, &number) == CUPTI_SUCCESS;
  }

  const cupti_library* cupti_ = nullptr;
  graph_attribution attribution_;
};

}  // namespace latency::detail
