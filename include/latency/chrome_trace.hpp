#pragma once
// Writes a recording as Chrome trace JSON, which ui.perfetto.dev and chrome://tracing load: host
// threads, device streams, async spans, instants, counters, and an arrow from each launch to the
// first device op it caused. Times are microseconds since the session started, with exactly three
// decimals (whole nanoseconds); when something starts before the session, since the first event.
//
// Both viewers need the intervals of a track to nest. Those that do not get further lanes ("main,
// lane 2"); their times are never changed. An interval that ends before it starts is drawn with no
// length and carries the category "reversed".

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "latency/detail/lanes.hpp"
#include "latency/json_writer.hpp"
#include "latency/recording.hpp"
#include "latency/timing_file.hpp"

namespace latency {

struct trace_interval {
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
};

// Whether any two intervals of a track are nested or disjoint; touching ones are disjoint.
// Cost: a sort.
[[nodiscard]] inline bool strictly_nested(std::vector<trace_interval> track) {
  std::sort(track.begin(), track.end(), [](const trace_interval& a, const trace_interval& b) {
    return a.start_ns != b.start_ns ? a.start_ns < b.start_ns : a.end_ns > b.end_ns;
  });
  std::vector<std::int64_t> open_ends;
  for (const trace_interval& i : track) {
    while (!open_ends.empty() && open_ends.back() <= i.start_ns) open_ends.pop_back();
    if (i.end_ns < i.start_ns || (!open_ends.empty() && open_ends.back() < i.end_ns)) return false;
    open_ends.push_back(i.end_ns);
  }
  return true;
}

namespace detail {

class chrome_trace_writer {
 public:
  chrome_trace_writer(const recording& run, const std::string& path) : run_(run), json_(path) {}

  void write() {
    base_ns_ = earliest_time();
    json_.begin_object();
    json_.key("displayTimeUnit");
    json_.string("ms");
    json_.key("otherData");
    json_.begin_object();
    for (const auto& [name, v] : run_.run) {
      json_.key(name);
      write_value(json_, v);
    }
    json_.end_object();
    json_.key("traceEvents");
    json_.begin_array();
    write_host_tracks();
    write_async_spans();
    write_instants();
    write_counters();
    write_device_tracks();
    write_arrows();
    json_.end_array();
    json_.end_object();
    json_.finish();
  }

 private:
  static constexpr std::int64_t host_process = 1;
  static std::int64_t device_process(std::uint32_t device) { return std::int64_t{2} + device; }

  struct slice {
    std::int64_t start_ns;
    std::int64_t end_ns;       // not before start_ns
    std::uint64_t order;       // among equal intervals: the outer first
    std::uint64_t index;       // into the table it comes from
    bool is_api_call = false;  // else a span, or a device op on a device track
  };
  struct place {
    std::int64_t process = 0;
    std::int64_t track = 0;
  };

  [[nodiscard]] std::int64_t earliest_time() const {
    std::int64_t earliest = 0;
    const auto see = [&](std::int64_t time_ns) { earliest = std::min(earliest, time_ns); };
    for (const span& s : run_.spans) see(s.start_ns);
    for (const async_span& s : run_.async_spans) see(s.start_ns);
    for (const instant& i : run_.instants) see(i.time_ns);
    for (const counter_sample& c : run_.counters) see(c.time_ns);
    for (const memory_snapshot& m : run_.memory) see(m.time_ns);
    for (const api_call& a : run_.api_calls) see(a.start_ns);
    for (const device_op& op : run_.device_ops) see(op.start_ns);
    return earliest;
  }

  // --- host threads: spans, and below them the API calls ---

  void write_host_tracks() {
    name_process(host_process, "host");
    std::map<std::uint32_t, std::vector<slice>> threads;
    for (std::uint32_t i = 0; i < run_.threads.size(); ++i) threads[i];
    for (std::uint64_t i = 0; i < run_.spans.size(); ++i) {
      const span& s = run_.spans[i];
      threads[s.thread].push_back({s.start_ns, std::max(s.start_ns, s.end_ns), s.id, i});
    }
    for (std::uint64_t i = 0; i < run_.api_calls.size(); ++i) {
      const api_call& a = run_.api_calls[i];
      threads[a.thread].push_back({a.start_ns, std::max(a.start_ns, a.end_ns),
                                   std::numeric_limits<std::uint64_t>::max(), i, true});
    }
    for (auto& [thread, slices] : threads) {
      track_of_thread_[thread] = next_track_;
      const std::int64_t first_track = next_track_;
      std::sort(slices.begin(), slices.end(), [](const slice& a, const slice& b) {
        if (a.start_ns != b.start_ns) return a.start_ns < b.start_ns;
        if (a.end_ns != b.end_ns) return a.end_ns > b.end_ns;
        return a.order < b.order;
      });
      name_lane(host_process, thread_name(thread), 0);
      std::size_t lanes_named = 1;
      nesting_lanes lanes;
      for (const slice& s : slices) {
        const std::size_t lane = lanes.place(s.start_ns, s.end_ns);
        if (lane == lanes_named) name_lane(host_process, thread_name(thread), lanes_named++);
        write_host_slice(s, {host_process, first_track + static_cast<std::int64_t>(lane)});
      }
      slices = {};
    }
  }

  void write_host_slice(const slice& s, place where) {
    if (s.is_api_call) {
      const api_call& a = run_.api_calls[s.index];
      begin_event("X", a.end_ns < a.start_ns ? "cuda_runtime,reversed" : "cuda_runtime",
                  run_.strings[a.name], where, s.start_ns);
      duration(s);
      begin_arguments();
      integer("correlation", a.correlation);
      place_of_call_.emplace(a.correlation, call_start{where, a.start_ns});
    } else {
      const span& row = run_.spans[s.index];
      std::string category = "span";
      if ((row.flags & span_open_at_end) != 0) category += ",open_at_end";
      if ((row.flags & span_warm_up) != 0) category += ",warm_up";
      if ((row.flags & span_handed_over) != 0) category += ",handed_over";
      if (row.end_ns < row.start_ns) category += ",reversed";
      begin_event("X", category, run_.strings[row.name], where, s.start_ns);
      duration(s);
      begin_arguments();
      write_attribute_members(json_, run_, row.attributes);
    }
    end_event();
  }

  [[nodiscard]] std::string thread_name(std::uint32_t thread) const {
    if (thread < run_.threads.size() && !run_.threads[thread].name.empty())
      return run_.threads[thread].name;
    return "thread " + std::to_string(thread);
  }

  // --- what stands beside the spans ---

  void write_async_spans() {
    for (const async_span& s : run_.async_spans) {
      const std::string_view category =
          (s.flags & span_open_at_end) != 0 ? "async_open_at_end" : "async";
      begin_event("b", category, run_.strings[s.name], on_thread(s.begin_thread), s.start_ns);
      integer("id", s.id);
      begin_arguments();
      write_attribute_members(json_, run_, s.attributes);
      end_event();
      begin_event("e", category, run_.strings[s.name], on_thread(s.end_thread),
                  std::max(s.start_ns, s.end_ns));
      integer("id", s.id);
      begin_arguments();
      end_event();
    }
  }

  void write_instants() {
    for (const instant& i : run_.instants) {
      begin_event("i", "instant", run_.strings[i.name], on_thread(i.thread), i.time_ns);
      text("s", "t");
      begin_arguments();
      write_attribute_members(json_, run_, i.attributes);
      end_event();
    }
    for (const memory_snapshot& m : run_.memory) {
      begin_event("i", "memory", run_.strings[m.name], {host_process, 0}, m.time_ns);
      text("s", "p");
      begin_arguments();
      end_event();
    }
  }

  void write_counters() {
    for (const counter_sample& c : run_.counters) {
      if (!std::isfinite(c.value)) continue;  // no viewer can draw it, and null ends the loading
      begin_event("C", "counter", run_.strings[c.name], {host_process, 0}, c.time_ns);
      begin_arguments();
      json_.key("value");
      json_.real(c.value);
      end_event();
    }
    for (const memory_snapshot& m : run_.memory) {
      begin_event("C", "memory", "memory_bytes", {host_process, 0}, m.time_ns);
      begin_arguments();
      json_.key("rss");
      json_.integer(m.rss_bytes);
      json_.key("device_used");
      json_.integer(m.device_used_bytes);
      end_event();
    }
  }

  // --- devices: a track for each stream ---

  void write_device_tracks() {
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<slice>> streams;
    for (std::uint64_t i = 0; i < run_.device_ops.size(); ++i) {
      const device_op& op = run_.device_ops[i];
      streams[{op.device, op.stream}].push_back(
          {op.start_ns, std::max(op.start_ns, op.end_ns), op.correlation, i});
    }
    std::unordered_map<span_id, string_id> name_of_span;
    if (!streams.empty())
      for (const span& s : run_.spans) name_of_span.emplace(s.id, s.name);
    std::int64_t named_process = 0;
    for (auto& [device_and_stream, slices] : streams) {
      const std::int64_t process = device_process(device_and_stream.first);
      if (process != named_process)
        name_process(process, "device " + std::to_string(device_and_stream.first));
      named_process = process;
      std::sort(slices.begin(), slices.end(), [](const slice& a, const slice& b) {
        if (a.start_ns != b.start_ns) return a.start_ns < b.start_ns;
        if (a.end_ns != b.end_ns) return a.end_ns < b.end_ns;
        return a.index < b.index;
      });
      const std::string name = "stream " + std::to_string(device_and_stream.second);
      const std::int64_t first_track = next_track_;
      std::size_t lanes_named = 0;
      disjoint_lanes lanes;
      for (const slice& s : slices) {
        const std::size_t lane = lanes.place(s.start_ns, s.end_ns);
        if (lane == lanes_named) name_lane(process, name, lanes_named++);
        const place where{process, first_track + static_cast<std::int64_t>(lane)};
        write_device_op(s, where, name_of_span);
        first_op_of(run_.device_ops[s.index], where);
      }
      slices = {};
    }
  }

  void write_device_op(const slice& s, place where,
                       const std::unordered_map<span_id, string_id>& name_of_span) {
    const device_op& op = run_.device_ops[s.index];
    std::string category = op.kind == device_op_kind::kernel   ? "kernel"
                           : op.kind == device_op_kind::memset ? "gpu_memset"
                                                               : "gpu_memcpy";
    if (op.end_ns < op.start_ns) category += ",reversed";
    begin_event("X", category, run_.strings[op.name], where, s.start_ns);
    duration(s);
    begin_arguments();
    if (const auto found = name_of_span.find(op.span); found != name_of_span.end())
      text("span", run_.strings[found->second]);
    if (op.reason != unattributed_reason::none) text("unattributed", to_text(op.reason));
    integer("correlation", op.correlation);
    integer("device", op.device);
    integer("stream", op.stream);
    if (op.kind != device_op_kind::kernel) {
      json_.key("bytes");
      json_.integer(op.bytes);
    }
    if (op.direction != copy_direction::none) text("direction", to_text(op.direction));
    if (op.graph_node != 0) integer("graph_node", op.graph_node);
    if (op.replay != 0) integer("replay", op.replay);
    end_event();
  }

  // --- arrows from launches to device ops ---

  struct call_start {
    place where;
    std::int64_t start_ns;
  };

  // One launch may cause many ops (a graph): the arrow leads to the first that ran.
  void first_op_of(const device_op& op, place where) {
    if (op.correlation == 0) return;
    const auto [entry, inserted] =
        first_op_.try_emplace(op.correlation, call_start{where, op.start_ns});
    if (!inserted && op.start_ns < entry->second.start_ns) entry->second = {where, op.start_ns};
  }

  void write_arrows() {
    for (const api_call& a : run_.api_calls) {
      const auto call = place_of_call_.find(a.correlation);
      const auto op = first_op_.find(a.correlation);
      if (call == place_of_call_.end() || op == first_op_.end()) continue;
      begin_event("s", "ac2g", "launch", call->second.where, call->second.start_ns);
      integer("id", a.correlation);
      json_.end_object();
      begin_event("f", "ac2g", "launch", op->second.where, op->second.start_ns);
      integer("id", a.correlation);
      text("bp", "e");
      json_.end_object();
      first_op_.erase(op);
    }
  }

  // --- the pieces of an event ---

  void begin_event(std::string_view phase, std::string_view category, std::string_view name,
                   place where, std::int64_t time_ns) {
    json_.line_break();
    json_.begin_object();
    text("ph", phase);
    text("cat", category);
    text("name", name);
    position(where);
    json_.key("ts");
    json_.thousandths(duration_ns(base_ns_, time_ns));
  }
  void duration(const slice& s) {
    json_.key("dur");
    json_.thousandths(duration_ns(s.start_ns, s.end_ns));
  }
  void begin_arguments() {
    json_.key("args");
    json_.begin_object();
  }
  void end_event() {
    json_.end_object();
    json_.end_object();
  }
  void position(place where) {
    json_.key("pid");
    json_.integer(where.process);
    json_.key("tid");
    json_.integer(where.track);
  }
  void metadata(std::string_view what, place where, std::string_view name, std::int64_t position_) {
    for (const bool sort_index : {false, true}) {
      json_.line_break();
      json_.begin_object();
      text("ph", "M");
      text("name", std::string(what) + (sort_index ? "_sort_index" : "_name"));
      position(where);
      begin_arguments();
      if (sort_index) {
        json_.key("sort_index");
        json_.integer(position_);
      } else {
        text("name", name);
      }
      end_event();
    }
  }
  void name_process(std::int64_t process, std::string_view name) {
    metadata("process", {process, 0}, name, process);
  }
  // Lanes of a track must be named one after the other, starting with 0.
  void name_lane(std::int64_t process, const std::string& track, std::size_t lane) {
    const std::int64_t id = next_track_++;
    metadata("thread", {process, id},
             lane == 0 ? track : track + ", lane " + std::to_string(lane + 1), id);
  }
  [[nodiscard]] place on_thread(std::uint32_t thread) const {
    const auto found = track_of_thread_.find(thread);
    return {host_process, found == track_of_thread_.end() ? 0 : found->second};
  }
  void text(std::string_view name, std::string_view content) {
    json_.key(name);
    json_.string(content);
  }
  void integer(std::string_view name, std::uint64_t content) {
    json_.key(name);
    json_.unsigned_integer(content);
  }

  const recording& run_;
  json_writer json_;
  std::int64_t base_ns_ = 0;
  std::int64_t next_track_ = 1;
  std::unordered_map<std::uint32_t, std::int64_t> track_of_thread_;
  std::unordered_map<std::uint64_t, call_start> place_of_call_;  // by correlation
  std::unordered_map<std::uint64_t, call_start> first_op_;       // by correlation
};

}  // namespace detail

// Writes the trace. It appears under its name when it is complete; on any error nothing appears and
// latency::error names the file. Cost: a sort of each track and, while it runs, 40 bytes per span.
inline void write_chrome_trace(const recording& run, const std::string& path) {
  detail::chrome_trace_writer(run, path).write();
}

}  // namespace latency
