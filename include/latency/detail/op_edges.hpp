#pragma once
// The starts and ends of intervals in the order of time, for sweeps over what runs at an instant.

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "nearly_ordered.hpp"

namespace latency::detail {

struct op_edge {
  std::int64_t time_ns;
  std::size_t op;  // index of the interval
  bool starts;
};

// Of ops with start_ns and end_ns. At equal times ends come before starts, so that what only
// touches never runs together. Ops of no length have no edges. O(n log n); O(n) when nearly in
// order.
template <class Op>
[[nodiscard]] std::vector<op_edge> edges_in_time(const std::vector<Op>& ops) {
  std::vector<op_edge> edges;
  edges.reserve(2 * ops.size());
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (ops[i].start_ns == ops[i].end_ns) continue;
    edges.push_back({ops[i].start_ns, i, true});
    edges.push_back({ops[i].end_ns, i, false});
  }
  sort_nearly_ordered(edges.begin(), edges.end(), [](const op_edge& a, const op_edge& b) {
    return std::tie(a.time_ns, a.starts, a.op) < std::tie(b.time_ns, b.starts, b.op);
  });
  return edges;
}

}  // namespace latency::detail
