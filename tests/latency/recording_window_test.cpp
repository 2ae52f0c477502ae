// A recording cut to a window: what stays, what is cut, and that the accounting still holds.
#include "latency/detail/recording_window.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <latency/device_accounting.hpp>
#include <latency/proof.hpp>
#include <map>

using namespace latency;
using latency::detail::recording_window;

namespace {

span made_span(span_id id, span_id parent, std::int64_t start_ns, std::int64_t end_ns) {
  span s;
  s.id = id, s.parent = parent, s.start_ns = start_ns, s.end_ns = end_ns;
  return s;
}
api_call made_call(std::uint64_t correlation, span_id in, std::int64_t start_ns,
                   std::int64_t end_ns) {
  api_call c;
  c.correlation = correlation, c.span = in, c.start_ns = start_ns, c.end_ns = end_ns;
  return c;
}
device_op made_op(std::uint64_t correlation, span_id in, std::int64_t start_ns, std::int64_t end_ns,
                  std::uint64_t node = 0) {
  device_op o;
  o.correlation = correlation, o.span = in, o.start_ns = start_ns, o.end_ns = end_ns;
  o.graph_node = node, o.replay = node == 0 ? 0 : correlation;
  return o;
}

recording host_recording() {
  recording r;
  r.threads.resize(1);
  r.strings.add("work");
  r.wall_ns = 1000;
  return r;
}

proof proof_of(const recording& r) {
  const span_tree tree(r);
  const device_accounting accounting(r, tree);
  return make_proof(r, tree, accounting);
}

}  // namespace

TEST_CASE("recording_window: launches stay whole or go whole, by the end of their call") {
  recording r = host_recording();
  r.spans = {made_span(1, 0, 10, 480), made_span(2, 0, 490, 900)};
  r.api_calls = {made_call(1, 1, 100, 110), made_call(2, 1, 460, 470), made_call(3, 2, 495, 505),
                 made_call(4, 2, 600, 610)};
  // A replay of two nodes launched before the window runs on in it; so does a kernel.
  r.device_ops = {made_op(1, 1, 120, 130), made_op(2, 1, 480, 510, 7), made_op(2, 1, 510, 520, 8),
                  made_op(3, 2, 520, 530), made_op(4, 2, 620, 630, 7), made_op(4, 2, 630, 640, 8)};
  r.hygiene.overwritten_spans = 12;  // recorded in all
  recording_window::cut(r, 500, 1000);
  REQUIRE(r.device_ops.size() == 3);
  CHECK(r.device_ops[0].correlation == 3);
  CHECK(r.device_ops[0].start_ns == 20);
  CHECK(r.device_ops[2].end_ns == 140);
  REQUIRE(r.api_calls.size() == 2);
  CHECK(r.api_calls[0].start_ns == -5);
  CHECK(std::get<std::int64_t>(r.run.at("flight_device_ops_left_out")) == 2);
  CHECK(r.hygiene.overwritten_spans == 11);
  const proof proven = proof_of(r);
  CHECK(proven.exact());
  CHECK(proven.ops_complete());
  CHECK(proven.op_problems.records == 0);
  CHECK(proven.span_problems.records == 0);
}

TEST_CASE("recording_window: rows go with their span or their moment") {
  recording r = host_recording();
  r.spans = {made_span(1, 0, 10, 400), made_span(2, 0, 450, 900)};
  r.blocks.resize(2);
  r.blocks[0].span = 1, r.blocks[1].span = 2;
  r.pixel_frames = {{499, 0, 0}, {500, 1, 1}, {999, 2, 1}, {1000, 3, 2}};
  r.instants.resize(2);
  r.instants[0].time_ns = 300, r.instants[1].time_ns = 700;
  r.marks.resize(1);
  r.marks[0].time_ns = 600, r.marks[0].span = 1;
  r.event_windows.resize(2);
  r.event_windows[0].span = 1, r.event_windows[0].start_ns = 390, r.event_windows[0].end_ns = 510;
  r.event_windows[1].span = 2, r.event_windows[1].start_ns = 460, r.event_windows[1].end_ns = 520;
  r.async_spans.resize(2);
  r.async_spans[0].id = 1, r.async_spans[0].start_ns = 20, r.async_spans[0].end_ns = 600;
  r.async_spans[0].parent = 1;
  r.async_spans[1].id = 2, r.async_spans[1].start_ns = 20, r.async_spans[1].end_ns = 500;
  recording_window::cut(r, 500, 1000);
  REQUIRE(r.blocks.size() == 1);
  CHECK(r.blocks[0].span == 2);
  REQUIRE(r.pixel_frames.size() == 2);
  CHECK(r.pixel_frames[0].complete_ns == 0);
  CHECK(r.pixel_frames[1].complete_ns == 499);
  REQUIRE(r.instants.size() == 1);
  CHECK(r.instants[0].time_ns == 200);
  REQUIRE(r.marks.size() == 1);
  CHECK(r.marks[0].span == 0);  // its span ended before the window
  REQUIRE(r.event_windows.size() == 1);
  CHECK(r.event_windows[0].start_ns == -40);  // as measured
  REQUIRE(r.async_spans.size() == 1);
  CHECK(r.async_spans[0].start_ns == 0);
  CHECK(r.async_spans[0].end_ns == 100);
  CHECK(r.async_spans[0].parent == 0);
  CHECK(r.async_spans[0].flags == span_open_at_start);
  CHECK(r.integer_attribute(r.async_spans[0].attributes, r.strings.find("before_window_ns"), -1) ==
        480);
}

TEST_CASE("recording_window: what no call is known for stays by its own times") {
  recording r = host_recording();
  r.api_calls = {made_call(1, 0, 600, 610)};
  r.device_ops = {made_op(0, 0, 400, 410, 7), made_op(0, 0, 620, 630, 7)};
  for (device_op& op : r.device_ops) op.reason = unattributed_reason::conditional_body;
  recording_window::cut(r, 500, 1000);
  REQUIRE(r.device_ops.size() == 1);
  CHECK(r.device_ops[0].start_ns == 120);
}

TEST_CASE("recording_window: a span handed over by one that is gone is a root") {
  recording r = host_recording();
  r.threads.resize(2);
  const span_id other = (span_id{1} << 40) | 1;
  r.spans = {made_span(1, 0, 10, 400), made_span(other, 1, 300, 900)};
  r.spans[1].thread = 1;
  r.spans[1].flags = span_handed_over;
  recording_window::cut(r, 500, 1000);
  REQUIRE(r.spans.size() == 1);
  CHECK(r.spans[0].parent == 0);
  CHECK(r.spans[0].flags == span_open_at_start);
  CHECK(proof_of(r).span_problems.records == 0);
}

// Threads that open and close spans at random, and launch kernels meanwhile.
TEST_CASE("recording_window: any window of a sound recording is sound, and nothing in it is lost") {
  CHECK(rc::check([] {
    recording r;
    r.strings.add("work");
    const auto threads = static_cast<std::uint32_t>(*rc::gen::inRange(1, 4));
    r.threads.resize(threads);
    std::uint64_t correlation = 0;
    std::int64_t device_free_ns = 0;
    for (std::uint32_t t = 0; t < threads; ++t) {
      std::vector<span> open;
      std::uint64_t next = std::uint64_t{t} << 40;
      std::int64_t now_ns = 1;
      const int steps = *rc::gen::inRange(0, 60);
      for (int i = 0; i < steps; ++i) {
        now_ns += *rc::gen::inRange(1, 20);
        switch (*rc::gen::inRange(0, 3)) {
          case 0:
            open.push_back(made_span(++next, open.empty() ? 0 : open.back().id, now_ns, 0));
            open.back().thread = t;
            break;
          case 1:
            if (open.empty()) break;
            open.back().end_ns = now_ns;
            r.spans.push_back(open.back());
            open.pop_back();
            break;
          default: {
            const span_id in = open.empty() ? 0 : open.back().id;
            r.api_calls.push_back(made_call(++correlation, in, now_ns, now_ns + 1));
            const std::int64_t start_ns = std::max(device_free_ns, now_ns + 2);
            device_free_ns = start_ns + *rc::gen::inRange(1, 30);
            r.device_ops.push_back(made_op(correlation, in, start_ns, device_free_ns));
            r.device_ops.back().reason =
                in == 0 ? unattributed_reason::no_open_span : unattributed_reason::none;
            ++now_ns;
          }
        }
      }
      r.wall_ns = std::max(r.wall_ns, now_ns + 1);
      for (; !open.empty(); open.pop_back()) {
        open.back().end_ns = r.wall_ns;
        open.back().flags = span_open_at_end;
        r.spans.push_back(open.back());
      }
    }
    for (span& s : r.spans)
      if ((s.flags & span_open_at_end) != 0) s.end_ns = r.wall_ns;
    RC_PRE(r.wall_ns > 2);
    const recording before = r;
    const std::int64_t from_ns = *rc::gen::inRange<std::int64_t>(0, r.wall_ns);
    const std::int64_t to_ns = *rc::gen::inRange<std::int64_t>(from_ns, r.wall_ns + 1);
    recording_window::cut(r, from_ns, to_ns);

    std::map<span_id, span> kept;
    for (const span& s : r.spans) kept[s.id] = s;
    std::int64_t expected = 0;
    for (const span& s : before.spans) {
      const std::int64_t overlap_ns = std::min(s.end_ns, to_ns) - std::max(s.start_ns, from_ns);
      if (s.end_ns <= from_ns || s.start_ns >= to_ns || from_ns == to_ns) continue;
      ++expected;
      RC_ASSERT(kept.count(s.id) == 1u);
      RC_ASSERT(kept[s.id].end_ns - kept[s.id].start_ns == overlap_ns);
    }
    RC_ASSERT(static_cast<std::int64_t>(r.spans.size()) == expected);
    const proof proven = proof_of(r);
    RC_ASSERT(proven.exact());
    RC_ASSERT(proven.ops_complete());
    RC_ASSERT(proven.span_problems.records == 0);
    RC_ASSERT(proven.op_problems.records == 0);
  }));
}
