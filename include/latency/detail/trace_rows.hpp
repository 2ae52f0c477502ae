#pragma once
// What was traced, row by row in the session's journal: the sink of a collector that keeps
// everything.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "graph_attribution.hpp"
#include "journal_paths.hpp"
#include "recorder.hpp"
#include "trace_clocks.hpp"
#include "trace_matcher.hpp"

namespace latency::detail {

class trace_rows : public trace_sink {
 public:
  // `graphs`: tells of nodes of graphs where they were captured; may be null.
  trace_rows(const traced_apis& apis, trace_clocks& clocks, graph_attribution* graphs)
      : apis_(apis), clocks_(clocks), graphs_(graphs) {
    if (graphs != nullptr) paths_.emplace(graphs->paths());
  }

  void op(const traced_op& one, const traced_call* launch, std::uint64_t correlation,
          unattributed_reason reason) override {
    device_op row;
    row.start_ns = one.start_ns;
    row.end_ns = one.end_ns;
    row.span = launch == nullptr ? 0 : launch->span;
    row.correlation = correlation;
    row.graph_node = one.graph_node;
    row.replay = one.graph_node == 0 ? 0 : correlation;  // one launch of a graph, one replay
    row.bytes = one.bytes;
    row.device = one.device;
    row.stream = one.stream;
    row.kind = one.kind;
    row.direction = one.direction;
    row.reason = reason;
    ops_.push_back({row, one.name, one.shape});
    clocks_.op(one);
    if (one.graph_node == 0 || graphs_ == nullptr) return;
    const graph_attribution::answer captured = graphs_->find(one.graph_node);
    if (captured.first_time)
      nodes_.push_back({one.graph_node, captured.span, captured.path, captured.reason});
  }

  void call(const traced_call& one, std::uint64_t correlation, const call_place& place) override {
    api_call row;
    row.start_ns = static_cast<std::int64_t>(one.start_ticks);
    row.end_ns = static_cast<std::int64_t>(one.end_ticks);
    row.span = one.span;
    row.correlation = correlation;
    row.thread = one.thread;
    row.kind = apis_[one.api].kind;
    row.device = place.device;
    row.stream = place.stream;
    row.waits_for = place.waits_for;
    calls_.push_back({row, apis_[one.api].name});
  }

  // Into the journal. Inside recorder::write_device().
  void write(device_writer& out) {
    for (named_op& one : ops_) {
      one.row.name = out.name(one.name);
      if (one.row.kind == device_op_kind::kernel) one.row.shape = out.shape(one.shape);
      out.op(clocks_.number(one.row.device, out), one.row);
    }
    for (named_call& one : calls_) {
      one.row.name = out.name(one.name);
      out.call(one.row);
    }
    for (graph_node& one : nodes_) {
      one.path = paths_->number(one.path, out);
      out.node(one);
    }
    ops_.clear();
    calls_.clear();
    nodes_.clear();
  }
  [[nodiscard]] std::size_t rows() const noexcept { return ops_.size() + calls_.size(); }

 private:
  struct named_op {
    device_op row;
    const char* name;
    launch_shape shape;
  };
  struct named_call {
    api_call row;
    const char* name;
  };

  const traced_apis& apis_;
  trace_clocks& clocks_;
  graph_attribution* const graphs_;
  std::optional<journal_paths> paths_;
  std::vector<named_op> ops_;
  std::vector<named_call> calls_;
  std::vector<graph_node> nodes_;  // that no op before had; paths as in the path_table
};

}  // namespace latency::detail
