#include "analyzers/timeline/timing_file_tables.hpp"

namespace latency::timeline {
namespace {

// The column of durations is read into end_ns, as the starts may come after it.
template <class row>
void durations_to_ends(std::vector<row>& rows) {
  for (row& r : rows) r.end_ns += r.start_ns;
}

}  // namespace

bool timing_file_tables::host_table(std::string_view name, const std::string& path) {
  if (name == "threads") {
    using row = thread_info;
    table(path, into_.threads).read(column("name", &row::name), column("os_id", &row::os_id));
  } else if (name == "spans") {
    using row = span;
    table(path, into_.spans)
        .read(column("id", &row::id), column("parent", &row::parent),
              column("start_ns", &row::start_ns, time_range),
              column("duration_ns", &row::end_ns, duration_range), column("name", &row::name),
              column("thread", &row::thread), column("flags", &row::flags),
              column("attributes", &row::attributes));
    durations_to_ends(into_.spans);
  } else if (name == "async_spans") {
    using row = recorded_async_span;
    table(path, into_.async_spans)
        .read(column("id", &row::id), column("parent", &row::parent),
              column("start_ns", &row::start_ns, time_range),
              column("duration_ns", &row::end_ns, duration_range), column("name", &row::name),
              column("begin_thread", &row::begin_thread), column("end_thread", &row::end_thread),
              column("flags", &row::flags), column("attributes", &row::attributes));
    durations_to_ends(into_.async_spans);
  } else if (name == "instants") {
    using row = recorded_instant;
    table(path, into_.instants)
        .read(column("time_ns", &row::time_ns, time_range), column("name", &row::name),
              column("thread", &row::thread), column("span", &row::span),
              column("attributes", &row::attributes));
  } else if (name == "counters") {
    using row = counter_sample;
    table(path, into_.counters)
        .read(column("time_ns", &row::time_ns, time_range), column("name", &row::name),
              column("thread", &row::thread), column("value", &row::value));
  } else {
    return false;
  }
  return true;
}

bool timing_file_tables::device_table(std::string_view name, const std::string& path) {
  if (name == "device_ops") {
    using row = device_op;
    table(path, into_.device_ops)
        .read(column("start_ns", &row::start_ns, time_range),
              column("duration_ns", &row::end_ns, device_duration_range),
              column("span", &row::span), column("correlation", &row::correlation),
              column("graph_node", &row::graph_node), column("replay", &row::replay),
              column("bytes", &row::bytes), column("name", &row::name),
              column("device", &row::device), column("stream", &row::stream),
              column("kind", &row::kind), column("direction", &row::direction),
              column("reason", &row::reason),
              column("shape", &row::shape, optional_index_range).since(1));
    durations_to_ends(into_.device_ops);
  } else if (name == "graph_nodes") {
    using row = graph_node;
    table(path, into_.graph_nodes)
        .read(column("node", &row::node), column("span", &row::span),
              column("path", &row::path, optional_index_range), column("reason", &row::reason));
  } else if (name == "launch_shapes") {
    using row = launch_shape;
    table(path, into_.launch_shapes)
        .read(column("grid_x", &row::grid_x), column("grid_y", &row::grid_y),
              column("grid_z", &row::grid_z), column("block_x", &row::block_x),
              column("block_y", &row::block_y), column("block_z", &row::block_z),
              column("registers_per_thread", &row::registers_per_thread),
              column("static_shared_bytes", &row::static_shared_bytes),
              column("dynamic_shared_bytes", &row::dynamic_shared_bytes));
  } else if (name == "api_calls") {
    using row = api_call;
    table(path, into_.api_calls)
        .read(column("start_ns", &row::start_ns, time_range),
              column("duration_ns", &row::end_ns, duration_range), column("span", &row::span),
              column("correlation", &row::correlation), column("name", &row::name),
              column("thread", &row::thread), column("kind", &row::kind).since(1),
              column("device", &row::device, optional_index_range).since(1),
              column("stream", &row::stream, stream_range).since(1),
              column("waits_for", &row::waits_for).since(1));
    durations_to_ends(into_.api_calls);
  } else {
    return false;
  }
  return true;
}

bool timing_file_tables::event_table(std::string_view name, const std::string& path) {
  if (name == "event_windows") {
    using row = event_window;
    table(path, into_.event_windows)
        .read(column("start_ns", &row::start_ns, time_range),
              column("duration_ns", &row::end_ns, device_duration_range),
              column("span", &row::span), column("replay", &row::replay),
              column("name", &row::name), column("device", &row::device),
              column("stream", &row::stream), column("resolution_ns", &row::resolution_ns),
              column("last_replay", &row::last_replay).since(3));
    durations_to_ends(into_.event_windows);
  } else if (name == "marks") {
    using row = completion_mark;
    table(path, into_.marks)
        .read(column("time_ns", &row::time_ns, time_range), column("index", &row::index),
              column("span", &row::span), column("name", &row::name),
              column("device", &row::device), column("stream", &row::stream));
  } else if (name == "device_clocks") {
    using row = device_clock;
    table(path, into_.device_clocks)
        .read(column("device", &row::device), column("name", &row::name),
              column("tier", &row::tier), column("resolution_ns", &row::resolution_ns),
              column("anchors", &row::anchors), column("drift_ppm", &row::drift_ppm),
              column("residual_ns", &row::residual_ns, duration_range),
              column("uncertainty_ns", &row::uncertainty_ns, duration_range));
  } else {
    return false;
  }
  return true;
}

bool timing_file_tables::total_table(std::string_view name, const std::string& path) {
  if (name == "span_paths") {
    using row = span_path;
    table(path, into_.span_paths)
        .read(column("parent", &row::parent, optional_index_range), column("name", &row::name));
  } else if (name == "device_totals") {
    using row = device_total;
    table(path, into_.device_totals)
        .read(column("path", &row::path, optional_index_range), column("name", &row::name),
              column("device", &row::device), column("kind", &row::kind),
              column("direction", &row::direction), column("reason", &row::reason),
              column("count", &row::count, count_range), column("sum_ns", &row::sum_ns),
              column("min_ns", &row::min_ns), column("max_ns", &row::max_ns),
              column("bytes", &row::bytes));
  } else if (name == "device_histograms") {
    using row = duration_bucket;
    table(path, into_.device_histograms)
        .read(column("total", &row::total), column("least_ns", &row::least_ns),
              column("count", &row::count, count_range));
  } else if (name == "api_totals") {
    using row = api_total;
    table(path, into_.api_totals)
        .read(column("path", &row::path, optional_index_range), column("name", &row::name),
              column("kind", &row::kind), column("count", &row::count, count_range),
              column("sum_ns", &row::sum_ns), column("min_ns", &row::min_ns),
              column("max_ns", &row::max_ns));
  } else {
    return false;
  }
  return true;
}

bool timing_file_tables::pipeline_table(std::string_view name, const std::string& path) {
  if (name == "blocks") {
    using row = block;
    table(path, into_.blocks)
        .read(column("span", &row::span), column("index", &row::index),
              column("segment", &row::segment),
              column("first_latent_frame", &row::first_latent_frame),
              column("latent_frames", &row::latent_frames),
              column("cached_latent_frames", &row::cached_latent_frames),
              column("window_latent_frames", &row::window_latent_frames),
              column("switched", &row::switched));
  } else if (name == "switches") {
    using row = prompt_switch;
    table(path, into_.switches)
        .read(column("span", &row::span), column("segment", &row::segment),
              column("block", &row::block),
              column("requested_latent_frame", &row::requested_latent_frame),
              column("latent_frame", &row::latent_frame),
              column("recached_latent_frames", &row::recached_latent_frames),
              column("request_ns", &row::request_ns, time_range),
              column("first_pixel_frame", &row::first_pixel_frame));
  } else if (name == "pixel_frames") {
    using row = pixel_frame;
    table(path, into_.pixel_frames)
        .read(column("complete_ns", &row::complete_ns, time_range), column("index", &row::index),
              column("block", &row::block));
  } else if (name == "memory") {
    using row = memory_snapshot;
    table(path, into_.memory)
        .read(column("time_ns", &row::time_ns, time_range), column("name", &row::name),
              column("rss_bytes", &row::rss_bytes), column("peak_rss_bytes", &row::peak_rss_bytes),
              column("device_used_bytes", &row::device_used_bytes),
              column("device_peak_bytes", &row::device_peak_bytes),
              column("device_pool_used_bytes", &row::device_pool_used_bytes).since(2),
              column("device_pool_peak_bytes", &row::device_pool_peak_bytes).since(2));
  } else {
    return false;
  }
  return true;
}

}  // namespace latency::timeline
