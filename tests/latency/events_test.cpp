// What is recorded besides scopes: hand-over, async spans, instants, counters, rows, interned
// names.
#include <doctest/doctest.h>

#include <latency/latency.hpp>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "find_span.hpp"

using latency_test::integer_of;
using latency_test::span_named;

TEST_CASE("context: work handed to another thread belongs to the span that asked for it") {
  latency::session run;
  {
    LATENCY_SCOPE("request");
    const latency::context here = latency::current_context();
    std::thread([here] {
      const latency::adopt guard{here};
      { LATENCY_SCOPE("handed over"); }
      LATENCY_SCOPE("outer");
      const latency::adopt ignored{latency::context{}};  // inside an open span: no effect
      LATENCY_SCOPE("inner");
    }).join();
  }
  const latency::recording r = run.stop();
  const auto request = span_named(r, "request"), moved = span_named(r, "handed over");
  CHECK(moved.parent == request.id);
  CHECK(moved.thread != request.thread);
  CHECK((moved.flags & latency::span_handed_over) != 0);
  CHECK(span_named(r, "inner").parent == span_named(r, "outer").id);
}

TEST_CASE("async_span: begins on one thread and ends on another") {
  latency::session run;
  latency::async_span never{"never ended"};  // open when the session ends
  {
    LATENCY_SCOPE("submit");
    latency::async_span request{"request", {"segment", 2}};
    std::thread([moved = std::move(request)]() mutable { moved.end(); }).join();
  }
  const latency::recording r = run.stop();
  REQUIRE(r.async_spans.size() == 2);
  const auto& request = r.async_spans[1];
  CHECK(r.strings[request.name] == "request");
  CHECK(request.parent == span_named(r, "submit").id);
  CHECK(request.begin_thread != request.end_thread);
  CHECK(request.end_ns >= request.start_ns);
  CHECK(integer_of(r, request.attributes, "segment") == 2);
  CHECK(r.async_spans[0].flags == latency::span_open_at_end);
  CHECK(r.async_spans[0].end_ns == r.wall_ns);
}

TEST_CASE("events: instants, counters and rows arrive as they were written") {
  latency::session run;
  const latency::timestamp earlier = latency::stamp();
  {
    LATENCY_SCOPE("parent");
    latency::instant("cache_full", {{"block", 4}, {"why", "window"}});
    latency::counter("queue_depth", 2.5);
    latency::block b;
    b.index = 1, b.segment = 2, b.first_latent_frame = 3, b.latent_frames = 4;
    b.cached_latent_frames = 5, b.window_latent_frames = 6, b.switched = 1, b.span = 99;
    latency::record(b);
    latency::prompt_switch s;
    s.segment = 1, s.block = 2, s.requested_latent_frame = 40, s.latent_frame = 42;
    s.recached_latent_frames = 12, s.first_pixel_frame = 165, s.span = 98;
    latency::record(s, earlier);
    latency::pixel_frame p;
    p.index = 7, p.block = -1;
    latency::record(p);
    latency::memory_snapshot m;
    m.rss_bytes = 11, m.peak_rss_bytes = 12, m.device_used_bytes = 13, m.device_peak_bytes = 14;
    m.device_pool_used_bytes = 15, m.device_pool_peak_bytes = 16;
    latency::record(m, "loaded");
  }
  const latency::recording r = run.stop();
  const auto parent = span_named(r, "parent");
  REQUIRE(r.instants.size() == 1);
  CHECK(r.strings[r.instants[0].name] == "cache_full");
  CHECK(r.instants[0].span == parent.id);
  CHECK(r.instants[0].time_ns >= parent.start_ns);
  CHECK(integer_of(r, r.instants[0].attributes, "block") == 4);
  REQUIRE(r.counters.size() == 1);
  CHECK(r.counters[0].value == 2.5);
  REQUIRE(r.blocks.size() == 1);
  const latency::block& b = r.blocks[0];
  CHECK((b.span == 99 && b.index == 1 && b.segment == 2 && b.first_latent_frame == 3 &&
         b.latent_frames == 4 && b.cached_latent_frames == 5 && b.window_latent_frames == 6 &&
         b.switched == 1));
  REQUIRE(r.switches.size() == 1);
  const latency::prompt_switch& s = r.switches[0];
  CHECK((s.span == 98 && s.segment == 1 && s.block == 2 && s.requested_latent_frame == 40 &&
         s.latent_frame == 42 && s.recached_latent_frames == 12 && s.first_pixel_frame == 165));
  CHECK(s.request_ns <= parent.start_ns);
  REQUIRE(r.pixel_frames.size() == 1);
  CHECK((r.pixel_frames[0].index == 7 && r.pixel_frames[0].block == -1));
  CHECK(r.pixel_frames[0].complete_ns >= s.request_ns);
  REQUIRE(r.memory.size() == 1);
  CHECK(r.strings[r.memory[0].name] == "loaded");
  CHECK((r.memory[0].rss_bytes == 11 && r.memory[0].peak_rss_bytes == 12 &&
         r.memory[0].device_used_bytes == 13 && r.memory[0].device_peak_bytes == 14 &&
         r.memory[0].device_pool_used_bytes == 15 && r.memory[0].device_pool_peak_bytes == 16));
}

TEST_CASE("intern: equal texts share one pointer, and name spans") {
  const std::string dynamic = "layer " + std::to_string(3);
  CHECK(latency::intern(dynamic) == latency::intern("layer 3"));
  latency::session run;
  { latency::scope s{latency::intern(dynamic)}; }
  CHECK(run.stop().strings.find("layer 3") == 0);
}

TEST_CASE("context: one from an earlier session is not a parent in the next") {
  latency::context earlier;
  std::optional<latency::adopt> guard, inner;
  {
    latency::session first;
    latency::scope request{"request"};
    earlier = latency::current_context();
    request.close();
    guard.emplace(earlier);
    inner.emplace(earlier);
  }
  latency::session second;
  {
    const latency::adopt ignored{earlier};
    LATENCY_SCOPE("while the old guards live");
  }
  inner.reset();
  { LATENCY_SCOPE("after the inner guard"); }
  guard.reset();
  const latency::recording r = second.stop();
  CHECK(span_named(r, "while the old guards live").parent == 0);
  CHECK(span_named(r, "after the inner guard").parent == 0);
}

TEST_CASE("async_span: one from an earlier session ends nothing in the next") {
  std::optional<latency::async_span> old;
  {
    latency::session first;
    old.emplace("of the first");
  }
  latency::session second;
  latency::async_span own{"of the second"};
  old->end();
  const latency::recording r = second.stop();
  REQUIRE(r.async_spans.size() == 1);
  CHECK(r.async_spans[0].flags == latency::span_open_at_end);
}
