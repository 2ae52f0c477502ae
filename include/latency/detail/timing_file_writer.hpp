#pragma once
// The tables of a timing file, in their order: see timing_file.hpp.

#include <cstdint>
#include <string>

#include "latency/detail/table_writer.hpp"
#include "latency/device_words.hpp"
#include "latency/recording.hpp"

namespace latency::detail {

class timing_file_writer : table_writer {
 public:
  timing_file_writer(const recording& run, const std::string& path) : table_writer(run, path) {}

  void write() {
    json_.begin_object();
    write_header();
    write_strings();
    write_host_tables();
    write_device_tables();
    write_pipeline_tables();
    json_.end_object();
    json_.finish();
  }

 private:
  void write_header() {
    object("schema", [&] {
      text("name", "latency.timing");
      text("version", std::to_string(timing_file_version_major) + "." +
                          std::to_string(timing_file_version_minor));
    });
    object("run", [&] {
      for (const auto& [name, v] : run_.run) {
        json_.key(name);
        write_value(json_, v);
      }
    });
    object("clock", [&] {
      text("kind", run_.clock.kind);
      json_.key("resolution_ns");
      json_.real(run_.clock.resolution_ns);
      integer("uncertainty_ns", run_.clock.uncertainty_ns);
      // Above 2^53, which many readers of JSON numbers cannot hold.
      text("origin_unix_ns", std::to_string(run_.clock.origin_unix_ns));
    });
    object("overhead", [&] {
      for (const auto& [name, v] : run_.overhead) {
        json_.key(name);
        json_.real(v);
      }
    });
    object("hygiene", [&] {
      const hygiene_counts& h = run_.hygiene;
      integer("dropped_spans", h.dropped_spans);
      integer("dropped_records", h.dropped_records);
      integer("dropped_device_ops", h.dropped_device_ops);
      integer("invalid_device_ops", h.invalid_device_ops);
      integer("unmatched_device_ops", h.unmatched_device_ops);
      integer("unmatched_launches", h.unmatched_launches);
      integer("untraced_copies", h.untraced_copies);
      integer("changed_graph_nodes", h.changed_graph_nodes);
      integer("too_deep_spans", h.too_deep_spans);
      integer("open_spans", h.open_spans);
      integer("overwritten_spans", h.overwritten_spans);
      integer("warm_up_regions", h.warm_up_regions);
      integer("skipped_regions", h.skipped_regions);
      integer("damaged_blocks", h.damaged_blocks);
      json_.key("incomplete");
      json_.boolean(h.incomplete);
    });
    json_.line_break();
    integer("wall_ns", run_.wall_ns);
  }

  void write_strings() {
    json_.line_break();
    json_.key("strings");
    json_.begin_array();
    for (const std::string& s : run_.strings.all()) json_.string(s);
    json_.end_array();
    object("threads", [&] {
      column("name", run_.threads, [&](const thread_info& t) { json_.string(t.name); });
      integers("os_id", run_.threads, &thread_info::os_id);
    });
  }

  void write_host_tables() {
    object("spans", [&] {
      integers("id", run_.spans, &span::id);
      integers("parent", run_.spans, &span::parent);
      times(run_.spans);
      integers("name", run_.spans, &span::name);
      integers("thread", run_.spans, &span::thread);
      integers("flags", run_.spans, &span::flags);
      attributes(run_.spans);
    });
    object("async_spans", [&] {
      integers("id", run_.async_spans, &recorded_async_span::id);
      integers("parent", run_.async_spans, &recorded_async_span::parent);
      times(run_.async_spans);
      integers("name", run_.async_spans, &recorded_async_span::name);
      integers("begin_thread", run_.async_spans, &recorded_async_span::begin_thread);
      integers("end_thread", run_.async_spans, &recorded_async_span::end_thread);
      integers("flags", run_.async_spans, &recorded_async_span::flags);
      attributes(run_.async_spans);
    });
    object("instants", [&] {
      integers("time_ns", run_.instants, &recorded_instant::time_ns);
      integers("name", run_.instants, &recorded_instant::name);
      integers("thread", run_.instants, &recorded_instant::thread);
      integers("span", run_.instants, &recorded_instant::span);
      attributes(run_.instants);
    });
    object("counters", [&] {
      integers("time_ns", run_.counters, &counter_sample::time_ns);
      integers("name", run_.counters, &counter_sample::name);
      integers("thread", run_.counters, &counter_sample::thread);
      column("value", run_.counters, [&](const counter_sample& c) { json_.real(c.value); });
    });
  }

  void write_device_tables() {
    write_device_ops();
    write_api_calls();
    write_event_tables();
    write_totals();
  }

  void write_device_ops() {
    const auto& ops = run_.device_ops;
    object("device_ops", [&] {
      times(ops);
      integers("span", ops, &device_op::span);
      integers("correlation", ops, &device_op::correlation);
      integers("graph_node", ops, &device_op::graph_node);
      integers("replay", ops, &device_op::replay);
      integers("bytes", ops, &device_op::bytes);
      integers("name", ops, &device_op::name);
      integers("device", ops, &device_op::device);
      integers("stream", ops, &device_op::stream);
      words("kind", ops, &device_op::kind);
      words("direction", ops, &device_op::direction);
      words("reason", ops, &device_op::reason);
      integers("shape", ops, &device_op::shape);
    });
    const auto& nodes = run_.graph_nodes;
    object("graph_nodes", [&] {
      integers("node", nodes, &graph_node::node);
      integers("span", nodes, &graph_node::span);
      integers("path", nodes, &graph_node::path);
      words("reason", nodes, &graph_node::reason);
    });
    const auto& shapes = run_.launch_shapes;
    object("launch_shapes", [&] {
      integers("grid_x", shapes, &launch_shape::grid_x);
      integers("grid_y", shapes, &launch_shape::grid_y);
      integers("grid_z", shapes, &launch_shape::grid_z);
      integers("block_x", shapes, &launch_shape::block_x);
      integers("block_y", shapes, &launch_shape::block_y);
      integers("block_z", shapes, &launch_shape::block_z);
      integers("registers_per_thread", shapes, &launch_shape::registers_per_thread);
      integers("static_shared_bytes", shapes, &launch_shape::static_shared_bytes);
      integers("dynamic_shared_bytes", shapes, &launch_shape::dynamic_shared_bytes);
    });
  }

  void write_api_calls() {
    const auto& calls = run_.api_calls;
    object("api_calls", [&] {
      times(calls);
      integers("span", calls, &api_call::span);
      integers("correlation", calls, &api_call::correlation);
      integers("name", calls, &api_call::name);
      integers("thread", calls, &api_call::thread);
      words("kind", calls, &api_call::kind);
      integers("device", calls, &api_call::device);
      integers("stream", calls, &api_call::stream);
      integers("waits_for", calls, &api_call::waits_for);
    });
  }

  void write_event_tables() {
    const auto& windows = run_.event_windows;
    object("event_windows", [&] {
      times(windows);
      integers("span", windows, &event_window::span);
      integers("replay", windows, &event_window::replay);
      integers("name", windows, &event_window::name);
      integers("device", windows, &event_window::device);
      integers("stream", windows, &event_window::stream);
      integers("resolution_ns", windows, &event_window::resolution_ns);
      integers("last_replay", windows, &event_window::last_replay);
    });
    object("marks", [&] {
      integers("time_ns", run_.marks, &completion_mark::time_ns);
      integers("index", run_.marks, &completion_mark::index);
      integers("span", run_.marks, &completion_mark::span);
      integers("name", run_.marks, &completion_mark::name);
      integers("device", run_.marks, &completion_mark::device);
      integers("stream", run_.marks, &completion_mark::stream);
    });
    const auto& clocks = run_.device_clocks;
    object("device_clocks", [&] {
      integers("device", clocks, &device_clock::device);
      column("name", clocks, [&](const device_clock& c) { json_.string(c.name); });
      words("tier", clocks, &device_clock::tier);
      integers("resolution_ns", clocks, &device_clock::resolution_ns);
      integers("anchors", clocks, &device_clock::anchors);
      column("drift_ppm", clocks, [&](const device_clock& c) { json_.real(c.drift_ppm); });
      integers("residual_ns", clocks, &device_clock::residual_ns);
      integers("uncertainty_ns", clocks, &device_clock::uncertainty_ns);
    });
  }

  void write_totals() {
    object("span_paths", [&] {
      integers("parent", run_.span_paths, &span_path::parent);
      integers("name", run_.span_paths, &span_path::name);
    });
    const auto& totals = run_.device_totals;
    object("device_totals", [&] {
      integers("path", totals, &device_total::path);
      integers("name", totals, &device_total::name);
      integers("device", totals, &device_total::device);
      words("kind", totals, &device_total::kind);
      words("direction", totals, &device_total::direction);
      words("reason", totals, &device_total::reason);
      integers("count", totals, &device_total::count);
      integers("sum_ns", totals, &device_total::sum_ns);
      integers("min_ns", totals, &device_total::min_ns);
      integers("max_ns", totals, &device_total::max_ns);
      integers("bytes", totals, &device_total::bytes);
    });
    object("device_histograms", [&] {
      integers("total", run_.device_histograms, &duration_bucket::total);
      integers("least_ns", run_.device_histograms, &duration_bucket::least_ns);
      integers("count", run_.device_histograms, &duration_bucket::count);
    });
    const auto& calls = run_.api_totals;
    object("api_totals", [&] {
      integers("path", calls, &api_total::path);
      integers("name", calls, &api_total::name);
      words("kind", calls, &api_total::kind);
      integers("count", calls, &api_total::count);
      integers("sum_ns", calls, &api_total::sum_ns);
      integers("min_ns", calls, &api_total::min_ns);
      integers("max_ns", calls, &api_total::max_ns);
    });
  }

  void write_pipeline_tables() {
    object("blocks", [&] {
      integers("span", run_.blocks, &block::span);
      integers("index", run_.blocks, &block::index);
      integers("segment", run_.blocks, &block::segment);
      integers("first_latent_frame", run_.blocks, &block::first_latent_frame);
      integers("latent_frames", run_.blocks, &block::latent_frames);
      integers("cached_latent_frames", run_.blocks, &block::cached_latent_frames);
      integers("window_latent_frames", run_.blocks, &block::window_latent_frames);
      integers("switched", run_.blocks, &block::switched);
    });
    object("switches", [&] {
      integers("span", run_.switches, &prompt_switch::span);
      integers("segment", run_.switches, &prompt_switch::segment);
      integers("block", run_.switches, &prompt_switch::block);
      integers("requested_latent_frame", run_.switches, &prompt_switch::requested_latent_frame);
      integers("latent_frame", run_.switches, &prompt_switch::latent_frame);
      integers("recached_latent_frames", run_.switches, &prompt_switch::recached_latent_frames);
      integers("request_ns", run_.switches, &prompt_switch::request_ns);
      integers("first_pixel_frame", run_.switches, &prompt_switch::first_pixel_frame);
    });
    object("pixel_frames", [&] {
      integers("complete_ns", run_.pixel_frames, &pixel_frame::complete_ns);
      integers("index", run_.pixel_frames, &pixel_frame::index);
      integers("block", run_.pixel_frames, &pixel_frame::block);
    });
    object("memory", [&] {
      integers("time_ns", run_.memory, &memory_snapshot::time_ns);
      integers("name", run_.memory, &memory_snapshot::name);
      integers("rss_bytes", run_.memory, &memory_snapshot::rss_bytes);
      integers("peak_rss_bytes", run_.memory, &memory_snapshot::peak_rss_bytes);
      integers("device_used_bytes", run_.memory, &memory_snapshot::device_used_bytes);
      integers("device_peak_bytes", run_.memory, &memory_snapshot::device_peak_bytes);
      integers("device_pool_used_bytes", run_.memory, &memory_snapshot::device_pool_used_bytes);
      integers("device_pool_peak_bytes", run_.memory, &memory_snapshot::device_pool_peak_bytes);
    });
  }
};

}  // namespace latency::detail
