#include "analyzers/analysis/run_series.hpp"

#include <algorithm>

#include "analyzers/analysis/components.hpp"
#include "analyzers/analysis/device_components.hpp"
#include "analyzers/analysis/distortions.hpp"
#include "analyzers/analysis/generation.hpp"
#include "analyzers/analysis/hygiene.hpp"
#include "latency/device_accounting.hpp"
#include "latency/proof.hpp"
#include "latency/span_tree.hpp"

namespace latency::analysis {
namespace {

double quotient(double part, double whole) {
  return whole > 0 ? part / whole : 0;
}

double time_ns(const op_set& of) {
  device_part part;
  part.add(of);
  return static_cast<double>(part.time_ns());
}

// Device time of every span's subtree.
std::vector<double> device_time_ns(const recording& run, const device_accounting& devices) {
  std::vector<double> result(run.spans.size(), 0);
  for (const device_account& device : devices.devices())
    for (const span_device_account& row : device.spans) result[row.span] += time_ns(row.subtree);
  return result;
}

void add_spans(const recording& run, const span_tree& tree, const component_table& table,
               const device_accounting& devices, measured_run& to) {
  std::vector<std::size_t> row_of(run.strings.size(), table.rows.size());
  for (std::size_t row = 0; row < table.rows.size(); ++row) row_of[table.rows[row].name] = row;
  std::vector<run_series> durations(table.rows.size());
  std::vector<run_series> device(table.rows.size());
  const std::vector<double> on_device_ns = device_time_ns(run, devices);
  double busy_ns = 0;
  for (const device_account& d : devices.devices()) busy_ns += static_cast<double>(d.busy_ns);
  for (const std::uint32_t s : tree.preorder()) {
    if (tree[s].warm_up) continue;
    const std::size_t row = row_of[run.spans[s].name];
    durations[row].values_ns.push_back(static_cast<double>(tree[s].inclusive_ns()));
    device[row].values_ns.push_back(on_device_ns[s]);
  }
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const component& c = table.rows[row];
    durations[row].name = device[row].name = run.strings[c.name];
    durations[row].exclusive_ns = static_cast<double>(c.exclusive_ns);
    durations[row].share = quotient(static_cast<double>(c.inclusive_ns), to.thread_wall_ns);
    device[row].kind = series_kind::device_share;
  }
  for (const device_component& d : device_components(run, tree, devices).rows)
    if (row_of[d.name] < device.size())
      device[row_of[d.name]].share = quotient(time_ns(d.subtree), busy_ns);
  to.series = std::move(durations);
  for (run_series& one : device)
    if (one.share > 0) to.series.push_back(std::move(one));
}

void add_generation(const recording& run, const span_tree& tree, measured_run& to) {
  const generation_report generated = generation(run, tree);
  run_series block{series_kind::block, "block, steady", {}, 1, 0};
  run_series latent{series_kind::latent_frame, "latent frame, steady", {}, 1, 0};
  for (const block_timing& b : generated.blocks) {
    if (b.kind != scenario::full) continue;
    block.values_ns.push_back(static_cast<double>(b.block_ns));
    if (run.blocks[b.row].latent_frames > 0) latent.values_ns.push_back(b.per_latent_frame_ns);
  }
  run_series pixel{series_kind::pixel_frame, "pixel frame, steady", {}, 1, 0};
  for (const std::int64_t gap_ns : generated.steady_pixel_frame_gaps_ns)
    pixel.values_ns.push_back(static_cast<double>(gap_ns));
  for (run_series* one : {&block, &latent, &pixel})
    if (!one->values_ns.empty()) to.series.push_back(std::move(*one));
}

}  // namespace

measured_run measure(const recording& run) {
  const span_tree tree(run);
  const device_accounting devices(run, tree);
  const component_table table = components(run, tree);
  measured_run result;
  result.source = run.source;
  result.properties = run.run;
  result.blocks = static_cast<std::int64_t>(run.blocks.size());
  result.switches = static_cast<std::int64_t>(run.switches.size());
  result.thread_wall_ns = static_cast<double>(table.thread_wall_ns);
  result.untracked_ns = static_cast<double>(table.untracked_ns);
  result.clean = hygiene(run, tree, make_proof(run, tree, devices)).clean;
  result.distortions = distortions_of(run);
  add_spans(run, tree, table, devices, result);
  add_generation(run, tree, result);
  return result;
}

}  // namespace latency::analysis
