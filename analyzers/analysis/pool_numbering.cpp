#include "analyzers/analysis/pool_numbering.hpp"

#include <algorithm>
#include <limits>

#include "latency/error.hpp"

namespace latency::analysis {
namespace {

constexpr int thread_shift = 40;  // of a span_id: the thread index stands above it
constexpr std::uint64_t most_threads = std::uint64_t{1} << (64 - thread_shift);

}  // namespace

number_offsets after(const recording& run, number_offsets now) {
  std::uint64_t threads = run.threads.size();
  for (const span& s : run.spans) {
    threads = std::max<std::uint64_t>(threads, s.thread + std::uint64_t{1});
    threads = std::max(threads, (s.id >> thread_shift) + 1);
  }
  std::uint64_t async_ids = 0;
  std::uint64_t correlations = 0;
  std::uint64_t replays = 0;
  std::uint64_t graph_nodes = 0;
  std::uint32_t devices = 0;
  for (const recorded_async_span& s : run.async_spans) async_ids = std::max(async_ids, s.id);
  for (const device_op& op : run.device_ops) {
    correlations = std::max(correlations, op.correlation);
    replays = std::max(replays, op.replay);
    graph_nodes = std::max(graph_nodes, op.graph_node);
    devices = std::max(devices, op.device + 1);
  }
  for (const graph_node& node : run.graph_nodes) graph_nodes = std::max(graph_nodes, node.node);
  for (const api_call& call : run.api_calls) {
    correlations = std::max(correlations, call.correlation);
    devices = std::max(devices, static_cast<std::uint32_t>(call.device) + 1);
  }
  for (const event_window& window : run.event_windows) {
    replays = std::max(replays, window.replay);
    devices = std::max(devices, window.device + 1);
  }
  for (const completion_mark& mark : run.marks) devices = std::max(devices, mark.device + 1);
  for (const device_clock& clock : run.device_clocks) devices = std::max(devices, clock.device + 1);
  for (const device_total& total : run.device_totals) devices = std::max(devices, total.device + 1);
  std::int64_t block = now.block;
  std::int64_t pixel_frame = now.pixel_frame;
  const auto count_block = [&](std::int32_t index) {
    block = std::max<std::int64_t>(block, std::int64_t{now.block} + index + 1);
  };
  const auto count_pixel_frame = [&](std::int32_t index) {
    pixel_frame = std::max<std::int64_t>(pixel_frame, std::int64_t{now.pixel_frame} + index + 1);
  };
  for (const latency::block& b : run.blocks) count_block(b.index);
  for (const prompt_switch& change : run.switches) {
    count_block(change.block);
    count_pixel_frame(change.first_pixel_frame);
  }
  for (const latency::pixel_frame& p : run.pixel_frames) {
    count_block(p.block);
    count_pixel_frame(p.index);
  }
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  if (block > most || pixel_frame > most)
    throw error(run.source, "blocks", "the pooled block or pixel frame numbers exceed 2^31");
  if (now.thread + threads > most_threads)
    throw error(run.source, "threads", "more than 2^24 threads in the pooled recordings");

  now.span_id += threads << thread_shift;
  now.thread += static_cast<std::uint32_t>(threads);
  now.async_id += async_ids;
  now.correlation += correlations;
  now.replay += replays;
  now.graph_node += graph_nodes;
  now.device += devices;
  now.block = static_cast<std::int32_t>(block);
  now.pixel_frame = static_cast<std::int32_t>(pixel_frame);
  return now;
}

}  // namespace latency::analysis
