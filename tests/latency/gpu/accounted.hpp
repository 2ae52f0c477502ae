#pragma once
// What a recording of known work must come to.

#include <doctest/doctest.h>

#include <latency/latency.hpp>
#include <latency/proof.hpp>
#include <map>
#include <string>

namespace work {

using namespace latency;

// How often each op ran in the spans of each name: counts["span"]["op"].
using op_counts = std::map<std::string, std::map<std::string, int>>;

inline op_counts counts_of(const recording& r) {
  std::map<span_id, std::string> names;
  for (const span& s : r.spans) names[s.id] = r.name_of(s);
  op_counts counts;
  for (const device_op& op : r.device_ops) {
    const std::string name = r.strings[op.name];
    ++counts[op.span == 0 ? "" : names.at(op.span)][name.substr(0, name.find('('))];
  }
  return counts;
}

struct accounted {
  explicit accounted(const recording& r)
      : tree(r), devices(r, tree), proven(make_proof(r, tree, devices)) {}
  span_tree tree;
  device_accounting devices;
  proof proven;
};

// Nothing to explain: said in parts, so that a failure says which.
inline void check_clean(const recording& r, const accounted& a) {
  CHECK(a.proven.host_exact);
  CHECK(a.proven.devices_exact);
  CHECK(a.proven.ops_complete());
  CHECK(a.proven.dropped() == 0);
  CHECK(a.proven.busy_ns == a.proven.busy_recomputed_ns);
  CHECK(r.hygiene.invalid_device_ops == 0);
  CHECK(r.hygiene.unmatched_device_ops == 0);
  CHECK(r.hygiene.unmatched_launches == 0);
  for (std::size_t i = 0; i < device_op_problem_names.size(); ++i) {
    CAPTURE(std::string(device_op_problem_names[i]));
    CHECK(a.proven.op_problems.of[i] == 0);
  }
  CHECK(a.proven.clean());
}

inline const device_account& first_device(const accounted& a) {
  REQUIRE(!a.devices.devices().empty());
  return a.devices.devices().front();
}

}  // namespace work
