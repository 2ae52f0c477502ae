#pragma once
// Writes a recording as Chrome trace JSON, which ui.perfetto.dev and chrome://tracing load: host
// threads, device streams, windows and marks on streams, async spans, instants, counters, and an
// arrow from each launch to the first device op it caused. Times are microseconds since the session
// started, with exactly three decimals (whole nanoseconds); when something starts before the
// session, since the first event.
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

#include "latency/detail/trace_devices.hpp"
#include "latency/detail/trace_events.hpp"
#include "latency/detail/trace_tracks.hpp"
#include "latency/recording.hpp"

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
  chrome_trace_writer(const recording& run, const std::string& path)
      : run_(run), events_(run, path, earliest_time(run)) {}

  void write() {
    events_.begin_file();
    write_host_tracks();
    write_async_spans();
    write_moments();
    write_counters();
    devices_.write();
    write_arrows();
    events_.finish_file();
  }

 private:
  static constexpr std::int64_t host_process = 1;

  static std::int64_t earliest_time(const recording& run) {
    std::int64_t earliest = 0;
    const auto see = [&](std::int64_t time_ns) { earliest = std::min(earliest, time_ns); };
    for (const auto& s : run.spans) see(s.start_ns);
    for (const auto& s : run.async_spans) see(s.start_ns);
    for (const auto& i : run.instants) see(i.time_ns);
    for (const auto& c : run.counters) see(c.time_ns);
    for (const auto& m : run.memory) see(m.time_ns);
    for (const auto& a : run.api_calls) see(a.start_ns);
    for (const auto& op : run.device_ops) see(op.start_ns);
    for (const auto& w : run.event_windows) see(w.start_ns);
    for (const auto& m : run.marks) see(m.time_ns);
    return earliest;
  }

  // --- host threads: spans, and below them the API calls ---

  void write_host_tracks() {
    events_.name("process", {host_process, 0}, "host", host_process);
    std::map<std::uint32_t, std::vector<trace_slice>> threads;
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
      track_of_thread_[thread] = tracks_.next();
      const bool named = thread < run_.threads.size() && !run_.threads[thread].name.empty();
      tracks_.write<nesting_lanes>(
          host_process, named ? run_.threads[thread].name : "thread " + std::to_string(thread),
          true, slices, [this](const trace_slice& s, trace_place where) {
            s.is_api_call ? write_api_call(s, where) : write_span(s, where);
          });
    }
  }

  void write_span(const trace_slice& s, trace_place where) {
    const span& row = run_.spans[s.index];
    std::string category = "span";
    if ((row.flags & span_open_at_end) != 0) category += ",open_at_end";
    if ((row.flags & span_warm_up) != 0) category += ",warm_up";
    if ((row.flags & span_handed_over) != 0) category += ",handed_over";
    if (row.end_ns < row.start_ns) category += ",reversed";
    events_.begin("X", category, row.name, where, s.start_ns);
    events_.duration(s.start_ns, s.end_ns);
    events_.begin_arguments();
    events_.attributes(row.attributes);
    events_.end();
  }

  void write_api_call(const trace_slice& s, trace_place where) {
    const api_call& call = run_.api_calls[s.index];
    events_.begin("X", call.end_ns < call.start_ns ? "cuda_runtime,reversed" : "cuda_runtime",
                  call.name, where, s.start_ns);
    events_.duration(s.start_ns, s.end_ns);
    events_.begin_arguments();
    events_.id("correlation", call.correlation);
    events_.end();
    calls_.try_emplace(call.correlation, placed_event{where, s.start_ns});
  }

  // --- what stands beside the spans ---

  void write_async_spans() {
    for (const auto& s : run_.async_spans) {
      const std::string_view category =
          (s.flags & span_open_at_end) != 0 ? "async,open_at_end" : "async";
      events_.begin("b", category, s.name, on_thread(s.begin_thread), s.start_ns);
      events_.id("id", s.id);
      events_.begin_arguments();
      events_.attributes(s.attributes);
      events_.end();
      events_.begin("e", category, s.name, on_thread(s.end_thread), std::max(s.start_ns, s.end_ns));
      events_.id("id", s.id);
      events_.end_without_arguments();
    }
  }

  void write_moments() {
    for (const auto& i : run_.instants) {
      events_.begin("i", "instant", i.name, on_thread(i.thread), i.time_ns);
      events_.text("s", "t");
      events_.begin_arguments();
      events_.attributes(i.attributes);
      events_.end();
    }
    for (const auto& m : run_.memory) {
      events_.begin("i", "memory", m.name, {host_process, 0}, m.time_ns);
      events_.text("s", "p");
      events_.end_without_arguments();
    }
  }

  void write_counters() {
    for (const auto& c : run_.counters) {
      if (!std::isfinite(c.value)) continue;  // JSON has no such number to draw
      events_.begin("C", "counter", c.name, {host_process, 0}, c.time_ns);
      events_.begin_arguments();
      events_.real("value", c.value);
      events_.end();
    }
    for (const auto& m : run_.memory) {
      events_.begin("C", "memory", "memory_bytes", {host_process, 0}, m.time_ns);
      events_.begin_arguments();
      events_.integer("rss", m.rss_bytes);
      events_.integer("device_used", m.device_used_bytes);
      events_.integer("device_pool_used", m.device_pool_used_bytes);
      events_.end();
    }
  }

  // --- arrows from launches to what they caused ---

  void write_arrows() {
    for (const auto& [correlation, op] : devices_.first_ops()) {
      const auto call = calls_.find(correlation);
      if (call == calls_.end()) continue;
      events_.begin("s", "ac2g", "launch", call->second.where, call->second.start_ns);
      events_.id("id", correlation);
      events_.end_without_arguments();
      events_.begin("f", "ac2g", "launch", op.where, op.start_ns);
      events_.id("id", correlation);
      events_.text("bp", "e");
      events_.end_without_arguments();
    }
  }

  [[nodiscard]] trace_place on_thread(std::uint32_t thread) const {
    const auto found = track_of_thread_.find(thread);
    return {host_process, found == track_of_thread_.end() ? 0 : found->second};
  }

  const recording& run_;
  trace_event_writer events_;
  trace_tracks tracks_{events_};
  trace_devices devices_{run_, events_, tracks_, host_process + 1};
  std::unordered_map<std::uint32_t, std::int64_t> track_of_thread_;
  std::unordered_map<std::uint64_t, placed_event> calls_;  // by correlation
};

}  // namespace detail

// Writes the trace. It appears under its name when it is complete; on any error nothing appears and
// latency::error names the file. Cost: a sort of each track and, while it runs, 40 bytes per span.
inline void write_chrome_trace(const recording& run, const std::string& path) {
  detail::chrome_trace_writer(run, path).write();
}

}  // namespace latency
