#include "analyzers/analysis/switch_cost.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "latency/saturating.hpp"

namespace latency::analysis {
namespace {

constexpr std::size_t no_switch = static_cast<std::size_t>(-1);

// For every span the number of the switch that it runs under.
std::vector<std::size_t> switch_of_span(const recording& run, const span_tree& tree,
                                        const switch_report& switched) {
  std::vector<std::size_t> number_of(run.spans.size(), no_switch);
  for (std::size_t number = 0; number < switched.switches.size(); ++number) {
    const std::uint32_t span = tree.find(run.switches[switched.switches[number].row].span);
    if (span != no_span) number_of[span] = number;
  }
  for (const std::uint32_t s : tree.preorder())
    if (number_of[s] == no_switch && tree[s].parent != no_span)
      number_of[s] = number_of[tree[s].parent];
  return number_of;
}

void add(switch_transfer& to, const switch_transfer& more) {
  to.copies += more.copies;
  to.bytes = saturating_add(to.bytes, more.bytes);
  to.sum_ns = saturating_add(to.sum_ns, more.sum_ns);
}

}  // namespace

recache_cost cost_of_recaching(const std::vector<switch_timing>& switches) {
  std::map<std::int32_t, std::vector<std::int64_t>> total_ns;
  std::vector<std::pair<double, double>> points;
  for (const switch_timing& s : switches) {
    if (s.switch_total_ns <= 0) continue;
    total_ns[s.recached_latent_frames].push_back(s.switch_total_ns);
    points.emplace_back(s.recached_latent_frames, static_cast<double>(s.switch_total_ns));
  }
  recache_cost cost;
  for (const auto& [latent_frames, times] : total_ns)
    cost.rows.push_back({latent_frames, static_cast<std::int64_t>(times.size()), mean(times)});
  cost.fit = fit_line(points);
  if (cost.fit)
    cost.verdict = cost.fit->slope_low > 0 ? recache_verdict::saves : recache_verdict::cannot_tell;
  else if (cost.rows.size() == 1 && points.size() >= linear_fit_minimum_n)
    cost.verdict = recache_verdict::one_size;
  return cost;
}

std::vector<phase_row> by_cache_phase(const std::vector<switch_timing>& switches) {
  std::vector<phase_row> rows;
  for (const scenario kind : {scenario::filling, scenario::full}) {
    std::vector<switch_timing> of_phase;
    std::vector<std::int32_t> recached;
    for (const switch_timing& s : switches) {
      if (s.window_full != (kind == scenario::full)) continue;
      of_phase.push_back(s);
      recached.push_back(s.recached_latent_frames);
    }
    if (of_phase.empty()) continue;
    rows.push_back({kind, static_cast<std::int64_t>(of_phase.size()), mean(recached),
                    summarize_switches(of_phase)});
  }
  return rows;
}

std::vector<switch_transfer> transfers_of(const recording& run, const span_tree& tree,
                                          const switch_report& switched) {
  std::map<std::pair<std::size_t, copy_direction>, switch_transfer> found;
  const std::vector<std::size_t> number_of = switch_of_span(run, tree, switched);
  for (const device_op& op : run.device_ops) {
    if (op.kind != device_op_kind::memcpy) continue;
    const std::uint32_t span = tree.find(op.span);
    if (span == no_span || number_of[span] == no_switch) continue;
    const std::int64_t start_ns = clamp_time(op.start_ns);
    const std::int64_t end_ns = std::max(start_ns, clamp_time(op.end_ns));
    switch_transfer& to = found[{number_of[span], op.direction}];
    to.number = number_of[span];
    to.direction = op.direction;
    add(to, {to.number, to.direction, 1, op.bytes, end_ns - start_ns});
  }
  std::vector<switch_transfer> rows;
  for (const auto& entry : found) rows.push_back(entry.second);
  return rows;
}

std::vector<switch_transfer> over_all(const std::vector<switch_transfer>& transfers) {
  std::map<copy_direction, switch_transfer> sums;
  for (const switch_transfer& t : transfers) {
    sums[t.direction].direction = t.direction;
    add(sums[t.direction], t);
  }
  std::vector<switch_transfer> rows;
  for (const auto& entry : sums) rows.push_back(entry.second);
  return rows;
}

std::vector<segment_speed> compare_segments(const recording& run,
                                            const generation_report& generated) {
  std::map<std::int32_t, segment_speed> rows;
  std::map<std::int32_t, std::vector<std::int64_t>> steady_ns;
  for (const block_timing& b : generated.blocks) {
    const std::int32_t segment = run.blocks[b.row].segment;
    rows[segment].segment = segment;
    ++rows[segment].blocks;
    if (b.kind == scenario::full) steady_ns[segment].push_back(b.block_ns);
  }
  std::vector<segment_speed> result;
  for (auto& [segment, row] : rows) {
    row.block_time = compare_medians(steady_ns[rows.begin()->first], steady_ns[segment]);
    result.push_back(row);
  }
  return result;
}

}  // namespace latency::analysis
