#pragma once
// Cuts a recording down to a window of its time: what a flight recorder's file holds. Times start
// at the window's beginning then.
//
// A span, async span or event window stays when a part of it lies in the window, and is cut to it:
// one that began before gets span_open_at_start and the attribute `before_window_ns`, one that went
// on after, span_open_at_end. A launch stays, with all its device ops, when its call ended in the
// window or later and began before its end; of ops without a call their start decides. So no launch
// or replay stands there in part, and every op has the span that launched it. What is left out of
// the device's first moments, because it was launched before, is counted. Rows of a span go with
// it, everything else with its time.

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "../recording.hpp"
#include "../saturating.hpp"
#include "returned_memory.hpp"

namespace latency::detail {

class recording_window {
 public:
  // [from_ns, to_ns) of `r`. hygiene.overwritten_spans must hold the number of spans recorded in
  // all, and becomes that of those which ended before the window.
  static void cut(recording& r, std::int64_t from_ns, std::int64_t to_ns) {
    recording_window(r, from_ns, std::max(from_ns, to_ns)).cut();
  }

 private:
  recording_window(recording& r, std::int64_t from_ns, std::int64_t to_ns)
      : r_(r), from_ns_(from_ns), to_ns_(to_ns) {}

  void cut() {
    cut_spans();
    cut_async_spans();
    const auto of_kept_span = [this](const auto& row) { return knows(row.span); };
    keep(r_.blocks, of_kept_span);
    keep(r_.switches, of_kept_span);
    for (prompt_switch& s : r_.switches) move(s.request_ns);
    cut_moments(r_.instants, &recorded_instant::time_ns);
    cut_moments(r_.counters, &counter_sample::time_ns);
    cut_moments(r_.pixel_frames, &pixel_frame::complete_ns);
    cut_moments(r_.memory, &memory_snapshot::time_ns);
    cut_moments(r_.marks, &completion_mark::time_ns);
    for (completion_mark& m : r_.marks) m.span = knows(m.span) ? m.span : 0;
    cut_launches();
    for (graph_node& n : r_.graph_nodes) n.span = knows(n.span) ? n.span : 0;
    keep(r_.event_windows,
         [this](const event_window& w) { return overlaps(w.start_ns, w.end_ns) && knows(w.span); });
    shift(r_.event_windows);
    r_.clock.origin_unix_ns = saturating_add(r_.clock.origin_unix_ns, from_ns_);
    r_.wall_ns = to_ns_ - from_ns_;
    r_.run["flight_window_start_ns"] = from_ns_;
  }

  [[nodiscard]] bool overlaps(std::int64_t start_ns, std::int64_t end_ns) const noexcept {
    return end_ns > from_ns_ && start_ns < to_ns_ && from_ns_ < to_ns_;
  }
  void move(std::int64_t& time_ns) const noexcept { time_ns = saturating_add(time_ns, -from_ns_); }
  template <class Row, class Stays>
  static void keep(std::vector<Row>& rows, const Stays& stays) {
    rows.erase(
        std::remove_if(rows.begin(), rows.end(), [&](const Row& row) { return !stays(row); }),
        rows.end());
  }
  template <class Row>
  void shift(std::vector<Row>& rows) const {
    for (Row& row : rows) move(row.start_ns), move(row.end_ns);
  }
  template <class Row>
  void cut_moments(std::vector<Row>& rows, std::int64_t Row::*time) const {
    keep(rows, [&](const Row& row) { return row.*time >= from_ns_ && row.*time < to_ns_; });
    for (Row& row : rows) move(row.*time);
  }

  void cut_spans() {
    std::int64_t gone = std::max<std::int64_t>(0, r_.hygiene.overwritten_spans);
    for (const span& s : r_.spans)
      if ((s.flags & span_open_at_end) == 0 && s.end_ns > from_ns_) --gone;
    r_.hygiene.overwritten_spans = std::max<std::int64_t>(0, gone);
    r_.hygiene.open_spans = 0;
    keep(r_.spans, [this](const span& s) { return overlaps(s.start_ns, s.end_ns); });
    reserve_returned(known_, r_.spans.size());
    for (const span& s : r_.spans) known_.push_back(s.id);
    std::sort(known_.begin(), known_.end());
    for (span& s : r_.spans) {
      // Handed over by a span that ended before the window.
      if ((s.flags & span_handed_over) != 0 && !knows(s.parent))
        s.parent = 0, s.flags &= ~std::uint32_t{span_handed_over};
      cut_interval(s);
    }
  }
  void cut_async_spans() {
    keep(r_.async_spans,
         [this](const recorded_async_span& s) { return overlaps(s.start_ns, s.end_ns); });
    // A ring says beginnings again. The first row has all that is known.
    std::set<std::uint64_t> seen;
    keep(r_.async_spans,
         [&seen](const recorded_async_span& s) { return seen.insert(s.id).second; });
    for (recorded_async_span& s : r_.async_spans) {
      s.parent = knows(s.parent) ? s.parent : 0;
      cut_interval(s);
    }
  }
  template <class Span>
  void cut_interval(Span& s) {
    if (s.start_ns < from_ns_) {
      s.flags |= span_open_at_start;
      note_before(s.attributes, saturating_add(from_ns_, -std::max(s.start_ns, -time_limit_ns)));
      s.start_ns = from_ns_;
    }
    if (s.end_ns > to_ns_) s.flags |= span_open_at_end;
    if ((s.flags & span_open_at_end) != 0) {
      s.end_ns = to_ns_;
      ++r_.hygiene.open_spans;
    }
    move(s.start_ns), move(s.end_ns);
  }
  // Attributes are runs of one table: a longer run begins anew at its end.
  void note_before(attribute_range& attributes, std::int64_t before_ns) {
    const std::uint64_t first = r_.attributes.size();
    for (std::uint64_t i = 0; i < attributes.count; ++i)
      r_.attributes.push_back(recorded_attribute(r_.attributes[attributes.first + i]));
    recorded_attribute one;
    one.key = r_.strings.add("before_window_ns");
    one.integer = before_ns;
    r_.attributes.push_back(one);
    attributes = {first, attributes.count + 1};
  }

  void cut_launches() {
    std::vector<std::uint64_t> calls, launches;  // correlations: of all calls, of those that stay
    for (auto* const list : {&calls, &launches}) reserve_returned(*list, r_.api_calls.size());
    for (const api_call& c : r_.api_calls) {
      calls.push_back(c.correlation);
      if (overlaps(c.start_ns, c.end_ns)) launches.push_back(c.correlation);
    }
    for (auto* const list : {&calls, &launches}) std::sort(list->begin(), list->end());
    const auto in = [](const std::vector<std::uint64_t>& list, std::uint64_t correlation) {
      return std::binary_search(list.begin(), list.end(), correlation);
    };
    const bool has_calls = !calls.empty();
    std::int64_t left_out = 0;  // that ran in the window
    keep(r_.device_ops, [&](const device_op& op) {
      const bool untimed = op.start_ns == 0 && op.end_ns == 0;
      bool stays = (op.start_ns >= from_ns_ || untimed) && knows(op.span);
      if (in(calls, op.correlation))
        stays = in(launches, op.correlation);
      else if (has_calls && op.reason != unattributed_reason::no_launch_record &&
               op.reason != unattributed_reason::conditional_body)
        stays = false;  // its call has left the ring
      left_out += !stays && !untimed && overlaps(op.start_ns, op.end_ns) ? 1 : 0;
      return stays;
    });
    for (device_op& op : r_.device_ops) {
      if (op.start_ns == 0 && op.end_ns == 0) continue;  // no usable times
      move(op.start_ns), move(op.end_ns);
    }
    keep(r_.api_calls, [&](const api_call& c) { return overlaps(c.start_ns, c.end_ns); });
    for (api_call& c : r_.api_calls) c.span = knows(c.span) ? c.span : 0;
    shift(r_.api_calls);
    if (left_out > 0) r_.run["flight_device_ops_left_out"] = left_out;
  }

  // 0, "none", is known.
  [[nodiscard]] bool knows(span_id id) const {
    return id == 0 || std::binary_search(known_.begin(), known_.end(), id);
  }

  recording& r_;
  const std::int64_t from_ns_;
  const std::int64_t to_ns_;
  std::vector<span_id> known_;
};

}  // namespace latency::detail
