#pragma once
// The devices of a Chrome trace, each a process. A stream has a track for its ops, with the moments
// at which marked points of it were complete, and below one for graph replays, with the spans that
// were open where what they ran was captured, and one for the windows that events measured. One
// thread at a time.

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../device_words.hpp"
#include "../recording.hpp"
#include "captured_spans.hpp"
#include "replayed_intervals.hpp"
#include "trace_events.hpp"
#include "trace_tracks.hpp"

namespace latency::detail {

struct placed_event {
  trace_place where;
  std::int64_t start_ns;
};

class trace_devices {
 public:
  // Device 0 is `first_process`, the others follow.
  trace_devices(const recording& run, trace_event_writer& events, trace_tracks& tracks,
                std::int64_t first_process)
      : run_(run),
        events_(events),
        tracks_(tracks),
        first_process_(first_process),
        captured_(run) {}

  void write() {
    std::map<std::pair<std::uint32_t, std::uint32_t>, stream> streams;
    for (std::uint64_t i = 0; i < run_.device_ops.size(); ++i) {
      const device_op& op = run_.device_ops[i];
      streams[{op.device, op.stream}].ops.push_back(
          {op.start_ns, std::max(op.start_ns, op.end_ns), i, i});
    }
    for (const replayed_interval& r : replayed_intervals(run_, captured_))
      streams[{r.device, r.stream}].replays.push_back(r);
    for (std::uint64_t i = 0; i < run_.event_windows.size(); ++i) {
      const event_window& w = run_.event_windows[i];
      streams[{w.device, w.stream}].windows.push_back(
          {w.start_ns, std::max(w.start_ns, w.end_ns), w.span, i});
    }
    for (std::uint64_t i = 0; i < run_.marks.size(); ++i)
      streams[{run_.marks[i].device, run_.marks[i].stream}].marks.push_back(i);
    if (!streams.empty())
      for (const span& s : run_.spans) name_of_span_.emplace(s.id, s.name);
    std::int64_t named_process = 0;
    for (auto& [device_and_number, one] : streams) {
      const auto [device, number] = device_and_number;
      const std::int64_t process = first_process_ + device;
      if (process != named_process)
        events_.name("process", {process, 0}, "device " + std::to_string(device), process);
      named_process = process;
      write(one, process, "stream " + std::to_string(number));
    }
  }

  // By correlation: one launch may cause many ops (a graph); the one that ran first.
  [[nodiscard]] const std::map<std::uint64_t, placed_event>& first_ops() const noexcept {
    return first_ops_;
  }

 private:
  struct stream {
    std::vector<trace_slice> ops;
    std::vector<trace_slice> windows;
    std::vector<std::uint64_t> marks;
    std::vector<replayed_interval> replays;
  };

  void write(stream& one, std::int64_t process, const std::string& name) {
    if (!one.ops.empty() || !one.marks.empty()) {
      const trace_place own{process, tracks_.next()};
      tracks_.write<disjoint_lanes>(
          process, name, false, one.ops,
          [this](const trace_slice& s, trace_place where) { write_op(s, where); });
      for (const std::uint64_t i : one.marks) write_mark(run_.marks[i], own);
    }
    if (!one.replays.empty()) write_replays(one, process, name);
    if (!one.windows.empty())
      tracks_.write<nesting_lanes>(
          process, name + ", windows", true, one.windows,
          [this](const trace_slice& s, trace_place where) { write_window(s, where); });
  }

  void write_replays(const stream& one, std::int64_t process, const std::string& name) {
    std::vector<trace_slice> slices;
    for (const replayed_interval& r : one.replays)
      slices.push_back(
          {r.start_ns, r.end_ns, static_cast<std::uint64_t>(r.element + 1), slices.size()});
    tracks_.write<nesting_lanes>(
        process, name + ", replays", true, slices, [&](const trace_slice& s, trace_place where) {
          const replayed_interval& r = one.replays[s.index];
          events_.begin("X", "graph_replay",
                        r.element < 0 ? replayed_interval::name_of_instance
                                      : run_.strings[captured_.name_of(r.element)],
                        where, s.start_ns);
          events_.duration(s.start_ns, s.end_ns);
          events_.begin_arguments();
          if (r.element < 0) write_span_name(r.launched_in);
          events_.id("replay", r.replay);
          events_.end();
        });
  }
  // Names of captured spans, the outermost first.
  [[nodiscard]] std::string captured_text(std::int32_t element) const {
    std::string text;
    for (; element >= 0; element = captured_.parent_of(element)) {
      if (!text.empty()) text.insert(0, " > ");
      text.insert(0, run_.strings[captured_.name_of(element)]);
    }
    return text;
  }

  void write_op(const trace_slice& s, trace_place where) {
    const device_op& op = run_.device_ops[s.index];
    std::string category = op.kind == device_op_kind::kernel   ? "kernel"
                           : op.kind == device_op_kind::memset ? "gpu_memset"
                                                               : "gpu_memcpy";
    if (op.end_ns < op.start_ns) category += ",reversed";
    events_.begin("X", category, op.name, where, s.start_ns);
    events_.duration(s.start_ns, s.end_ns);
    events_.begin_arguments();
    write_span_name(op.span);
    if (op.reason != unattributed_reason::none) events_.text("unattributed", to_text(op.reason));
    events_.id("correlation", op.correlation);
    events_.id("device", op.device);
    events_.id("stream", op.stream);
    if (op.kind != device_op_kind::kernel) events_.integer("bytes", op.bytes);
    if (op.direction != copy_direction::none) events_.text("direction", to_text(op.direction));
    if (op.graph_node != 0) events_.id("graph_node", op.graph_node);
    if (op.replay != 0) events_.id("replay", op.replay);
    if (op.graph_node != 0 && captured_.known()) {
      const captured_spans::place captured = captured_.of(op.graph_node);
      if (captured.element >= 0) events_.text("captured_in", captured_text(captured.element));
      if (captured.reason != capture_reason::none)
        events_.text("not_captured", to_text(captured.reason));
    }
    events_.end();
    if (op.correlation == 0) return;
    const auto [first, inserted] =
        first_ops_.try_emplace(op.correlation, placed_event{where, s.start_ns});
    if (!inserted && s.start_ns < first->second.start_ns) first->second = {where, s.start_ns};
  }

  void write_window(const trace_slice& s, trace_place where) {
    const event_window& w = run_.event_windows[s.index];
    events_.begin("X", w.end_ns < w.start_ns ? "event_window,reversed" : "event_window", w.name,
                  where, s.start_ns);
    events_.duration(s.start_ns, s.end_ns);
    events_.begin_arguments();
    write_span_name(w.span);
    events_.integer("resolution_ns", w.resolution_ns);
    if (w.replay != 0) events_.id("replay", w.replay);
    if (w.last_replay != 0) events_.integer("last_replay", 1);
    events_.end();
  }

  void write_mark(const completion_mark& m, trace_place where) {
    events_.begin("i", "mark", m.name, where, m.time_ns);
    events_.text("s", "t");
    events_.begin_arguments();
    events_.integer("index", m.index);
    write_span_name(m.span);
    events_.end();
  }

  void write_span_name(span_id id) {
    if (const auto found = name_of_span_.find(id); found != name_of_span_.end())
      events_.text("span", run_.strings[found->second]);
  }

  const recording& run_;
  trace_event_writer& events_;
  trace_tracks& tracks_;
  const std::int64_t first_process_;
  const captured_spans captured_;
  std::unordered_map<span_id, string_id> name_of_span_;
  std::map<std::uint64_t, placed_event> first_ops_;
};

}  // namespace latency::detail
