#include "analyzers/analysis/copies.hpp"

#include <map>
#include <utility>

#include "latency/interval_set.hpp"
#include "latency/saturating.hpp"

namespace latency::analysis {
namespace {

void add(std::int64_t& sum, std::int64_t value) {
  sum = saturating_add(sum, value);
}

// When a kernel or memset runs, of each device that has copies.
std::map<std::uint32_t, interval_set> kernel_times(const recording& run,
                                                   const device_accounting& devices) {
  std::map<std::uint32_t, std::vector<interval>> intervals;
  for (std::size_t i = 0; i < run.device_ops.size(); ++i)
    if (run.device_ops[i].kind == device_op_kind::memcpy && devices.ops()[i].placed())
      intervals[run.device_ops[i].device];
  for (std::size_t i = 0; i < run.device_ops.size(); ++i) {
    const device_op& op = run.device_ops[i];
    if (op.kind == device_op_kind::memcpy || !devices.ops()[i].placed()) continue;
    const auto device = intervals.find(op.device);
    if (device != intervals.end()) device->second.push_back({op.start_ns, op.end_ns});
  }
  std::map<std::uint32_t, interval_set> result;
  for (auto& [device, list] : intervals) result.emplace(device, interval_set(std::move(list)));
  return result;
}

}  // namespace

std::vector<copy_row> copies(const recording& run, const device_accounting& devices) {
  std::map<std::pair<copy_direction, bool>, copy_row> rows;
  const auto row_of = [&](copy_direction direction, bool from_totals) -> copy_row& {
    copy_row& row = rows[{direction, from_totals}];
    row.direction = direction;
    row.from_totals = from_totals;
    return row;
  };
  const auto kernels = kernel_times(run, devices);
  for (std::size_t i = 0; i < run.device_ops.size(); ++i) {
    const device_op& op = run.device_ops[i];
    const device_op_account& account = devices.ops()[i];
    if (op.kind != device_op_kind::memcpy || !account.placed()) continue;
    copy_row& row = row_of(op.direction, false);
    ++row.count;
    add(row.bytes, op.bytes);
    add(row.sum_ns, op.end_ns - op.start_ns);
    row.exposed_ns = saturating_add(row.exposed_ns.value_or(0), account.share_ns);
    row.hidden_ns = saturating_add(row.hidden_ns.value_or(0),
                                   kernels.at(op.device).covered_ns({op.start_ns, op.end_ns}));
  }
  for (const device_total& total : run.device_totals) {
    if (total.kind != device_op_kind::memcpy) continue;
    copy_row& row = row_of(total.direction, true);
    add(row.count, total.count);
    add(row.bytes, total.bytes);
    add(row.sum_ns, total.sum_ns);
  }
  std::vector<copy_row> result;
  for (const auto& entry : rows) result.push_back(entry.second);
  return result;
}

}  // namespace latency::analysis
