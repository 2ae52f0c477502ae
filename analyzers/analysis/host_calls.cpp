#include "analyzers/analysis/host_calls.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "latency/saturating.hpp"

namespace latency::analysis {
namespace {

std::int64_t duration_ns(const api_call& call) {
  const std::int64_t start_ns = clamp_time(call.start_ns);
  return std::max(start_ns, clamp_time(call.end_ns)) - start_ns;
}

// The count for calls of a kind; null for kinds that are not counted.
call_count* count_of(call_counts& counts, api_call_kind kind) {
  switch (kind) {
    case api_call_kind::launch:
      return &counts.launches;
    case api_call_kind::synchronize:
      return &counts.synchronizations;
    case api_call_kind::allocate:
      return &counts.allocations;
    case api_call_kind::event_record:
    case api_call_kind::stream_wait:
    case api_call_kind::other:
      break;
  }
  return nullptr;
}

std::int64_t time_of(const call_counts& calls) {
  return saturating_add(saturating_add(calls.launches.time_ns, calls.synchronizations.time_ns),
                        calls.allocations.time_ns);
}

}  // namespace

call_table host_calls(const recording& run, const span_tree& tree) {
  call_table table;
  std::unordered_map<string_id, call_counts> by_name;
  const auto add_call = [&](call_counts& to, api_call_kind kind, std::int64_t count,
                            std::int64_t time_ns) {
    call_count* const one = count_of(to, kind);
    if (one == nullptr) return;
    one->add({count, time_ns});
    count_of(table.all, kind)->add({count, time_ns});
  };
  for (const api_call& call : run.api_calls) {
    if (count_of(table.all, call.kind) == nullptr) continue;
    const std::uint32_t span = call.span == 0 ? no_span : tree.find(call.span);
    call_counts& to = span == no_span      ? table.no_span
                      : tree[span].warm_up ? table.warm_up
                                           : by_name[run.spans[span].name];
    add_call(to, call.kind, 1, duration_ns(call));
  }
  for (const api_total& total : run.api_totals) {
    if (count_of(table.all, total.kind) == nullptr) continue;
    const bool known =
        total.path >= 0 && static_cast<std::size_t>(total.path) < run.span_paths.size();
    call_counts& to =
        known ? by_name[run.span_paths[static_cast<std::size_t>(total.path)].name] : table.no_span;
    add_call(to, total.kind, total.count, total.sum_ns);
  }
  for (const auto& [name, calls] : by_name) table.rows.push_back({name, calls});
  std::sort(table.rows.begin(), table.rows.end(),
            [&](const call_component& a, const call_component& b) {
              return std::make_tuple(time_of(b.calls), std::string_view(run.strings[a.name])) <
                     std::make_tuple(time_of(a.calls), std::string_view(run.strings[b.name]));
            });
  return table;
}

std::vector<latent_frame_launches> launches_per_latent_frame(const recording& run,
                                                             const span_tree& tree,
                                                             const generation_report& generated) {
  std::map<scenario, latent_frame_launches> rows;
  std::vector<latent_frame_launches*> row_of(run.spans.size(), nullptr);
  for (const block_timing& timing : generated.blocks) {
    const block& b = run.blocks[timing.row];
    const std::uint32_t span = tree.find(b.span);
    if (span == no_span || b.latent_frames <= 0) continue;
    latent_frame_launches& row = rows[timing.kind];
    row.kind = timing.kind;
    ++row.blocks;
    row.latent_frames += b.latent_frames;
    row_of[span] = &row;
  }
  if (rows.empty()) return {};
  for (const std::uint32_t span : tree.preorder())
    if (row_of[span] == nullptr && tree[span].parent != no_span)
      row_of[span] = row_of[tree[span].parent];
  const auto row_around = [&](span_id id) -> latent_frame_launches* {
    const std::uint32_t span = id == 0 ? no_span : tree.find(id);
    return span == no_span ? nullptr : row_of[span];
  };
  bool launched = false;
  for (const api_call& call : run.api_calls) {
    if (call.kind != api_call_kind::launch) continue;
    latent_frame_launches* const row = row_around(call.span);
    if (row == nullptr) continue;
    row->launches.add({1, duration_ns(call)});
    launched = true;
  }
  for (const device_op& op : run.device_ops)
    if (latent_frame_launches* const row = row_around(op.span)) ++row->device_ops;
  std::vector<latent_frame_launches> result;
  if (!launched) return result;
  for (const scenario kind :
       {scenario::first, scenario::filling, scenario::full, scenario::switched})
    if (const auto row = rows.find(kind); row != rows.end()) result.push_back(row->second);
  return result;
}

}  // namespace latency::analysis
