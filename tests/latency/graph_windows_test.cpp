// Windows inside captured graphs, without a device: what each replay's times become.
#include "latency/detail/graph_windows.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

namespace {

using latency::detail::begun_window;
using latency::detail::collected_events;
using latency::detail::device_events;
using latency::detail::event_anchor;
using latency::detail::event_progress;
using latency::detail::graph_windows;
using latency::detail::no_event;

struct fake_event {
  double at_ns = -1;    // -1: never recorded
  double known_ns = 0;  // when it completes
};
struct fake_graph {
  std::vector<fake_event*> nodes;
};
struct fake_stream {
  std::uint32_t number = 0;
  fake_graph* capture = nullptr;
};
// Its nodes record one after the other, 10 ns apart.
struct fake_exec {
  std::vector<fake_event*> nodes;
  bool refuses = false;
};

struct fake_device {
  double now_ns = 0;
  bool makes_events = true;
};
struct fake_driver {
  using event = fake_event*;
  using stream = fake_stream*;
  using graph = fake_graph*;
  using node = std::size_t;  // 1 + index
  using executable = fake_exec*;
  fake_device* device;

  bool captures(stream one) const noexcept { return one->capture != nullptr; }
  std::uint32_t number_of(stream one) const noexcept { return one->number; }
  bool record(event e, stream) const noexcept {
    e->at_ns = e->known_ns = device->now_ns;
    return true;
  }
  bool record_anchor(event e) const noexcept { return record(e, nullptr); }
  event_progress query(event e) const noexcept {
    return e->known_ns <= device->now_ns ? event_progress::complete : event_progress::pending;
  }
  float elapsed_ms(event from, event to) const noexcept {
    return to->at_ns < 0 ? NAN : static_cast<float>((to->at_ns - from->at_ns) / 1e6);
  }
  bool renew(event& e) const noexcept {
    if (device->makes_events) *e = {};
    return device->makes_events;
  }
  bool record_node(event e, stream on,
                   latency::detail::captured_node<fake_driver>& made) const noexcept {
    if (on->capture == nullptr) return false;
    on->capture->nodes.push_back(e);
    made = {on->capture, 1, on->capture->nodes.size()};
    return true;
  }
  bool set_event(executable exec, node of, event e) const noexcept {
    if (!exec->refuses) exec->nodes[of - 1] = e;
    return !exec->refuses;
  }
};

struct fixture {
  explicit fixture(std::uint32_t size) : events({&device}, 3, size), made(size + 2) {
    for (std::uint32_t i = 0; i < size; ++i) events.event_at(i) = &made[i];
    events.anchor_event(0) = &made[size];
    events.anchor_event(1) = &made[size + 1];
    event_anchor first;
    REQUIRE(events.take_anchor(
        10000, 1.0, [] { return std::uint64_t{0}; }, first));
  }
  // "attention" and, inside, "qk".
  void capture() {
    stream.capture = &graph;
    const auto outer = windows.begin(&stream);
    const auto inner = windows.begin(&stream);
    windows.end(inner, &stream, "qk", 12);
    windows.end(outer, &stream, "attention", 11);
    stream.capture = nullptr;
    exec.nodes = graph.nodes;
  }
  // Runs for 100 ns, its nodes 10 ns apart from 20 ns on.
  bool run() {
    for (std::size_t i = 0; i < exec.nodes.size(); ++i) {
      exec.nodes[i]->at_ns = device.now_ns + 20 + 10 * static_cast<double>(i);
      exec.nodes[i]->known_ns = exec.nodes[i]->at_ns;
    }
    device.now_ns += 100;
    return !fails;
  }
  void launch(std::uint64_t replay) {
    windows.launch(&exec, &stream, 77, replay, [this] { return run(); });
  }
  // "name@replay" -> length
  std::map<std::string, std::int64_t> collect() {
    found.clear();
    (void)events.collect(found);
    return lengths();
  }
  std::map<std::string, std::int64_t> lengths() const {
    std::map<std::string, std::int64_t> result;
    for (const auto& [w, name] : found.windows)
      result[std::string(name) + "@" + std::to_string(w.replay)] = w.end_ns - w.start_ns;
    return result;
  }
  std::uint32_t free_events() {
    std::vector<std::uint32_t> taken;
    while (taken.empty() || taken.back() != no_event) taken.push_back(events.take());
    taken.pop_back();
    for (const std::uint32_t i : taken) events.release(i);
    return static_cast<std::uint32_t>(taken.size());
  }

  fake_device device;
  device_events<fake_driver> events;
  graph_windows<fake_driver> windows{{&device}, events};
  std::vector<fake_event> made;
  fake_graph graph;
  fake_stream stream{7};
  fake_exec exec;
  bool fails = false;
  collected_events found;
};

}  // namespace

TEST_CASE("graph_windows: every replay in flight has times of its own") {
  fixture f(64);
  f.capture();
  CHECK(f.graph.nodes.size() == 4);
  REQUIRE(f.windows.bind(&f.exec, &f.graph));
  for (std::uint64_t replay = 1; replay <= 5; ++replay) f.launch(replay);
  const auto found = f.collect();
  CHECK(found.size() == 15);
  for (const char* const replay : {"@1", "@2", "@3", "@4", "@5"}) {
    CAPTURE(std::string(replay));
    CHECK(found.at(std::string("attention") + replay) == 30);
    CHECK(found.at(std::string("qk") + replay) == 10);
    CHECK(found.at(std::string("graph replay") + replay) == 100);
  }
  for (const auto& [w, name] : f.found.windows) {
    CHECK(w.span == 77);  // the launching one
    CHECK(w.stream == 7);
    CHECK(w.last_replay == 0);
  }
  CHECK(f.events.take_dropped() == 0);
  CHECK(f.free_events() == 64 - 4 - 4);  // of the capture, and in the nodes now
  f.windows.unbind(&f.exec);
  CHECK(f.free_events() == 64);
}

TEST_CASE("graph_windows: nothing of a replay is read before all of it is complete") {
  fixture f(64);
  f.capture();
  REQUIRE(f.windows.bind(&f.exec, &f.graph));
  f.windows.launch(&f.exec, &f.stream, 77, 1, [&] {
    for (fake_event* e : f.exec.nodes) e->at_ns = 5, e->known_ns = 0;  // as if complete at once
    f.device.now_ns += 1000;
    return true;
  });
  for (fake_event& e : f.made)
    if (e.at_ns == 1000) e.known_ns = 2000;  // the event behind the launch is late
  CHECK(f.collect().empty());
  f.device.now_ns = 2000;
  CHECK(f.collect().size() == 3);
}

TEST_CASE("graph_windows: stages share a node; each is a window of every replay") {
  fixture f(32);
  f.stream.capture = &f.graph;
  auto stage = f.windows.begin(&f.stream);
  stage = f.windows.next(stage, &f.stream, "norm", 1);
  stage = f.windows.next(stage, &f.stream, "ffn", 2);
  f.windows.end(stage, &f.stream, "sample", 3);
  f.stream.capture = nullptr;
  CHECK(f.graph.nodes.size() == 4);
  f.exec.nodes = f.graph.nodes;
  REQUIRE(f.windows.bind(&f.exec, &f.graph));
  for (std::uint64_t replay = 1; replay <= 20; ++replay) {
    f.launch(replay);
    CHECK(f.collect() ==
          std::map<std::string, std::int64_t>{{"graph replay@" + std::to_string(replay), 100},
                                              {"norm@" + std::to_string(replay), 10},
                                              {"ffn@" + std::to_string(replay), 10},
                                              {"sample@" + std::to_string(replay), 10}});
  }
  CHECK(f.events.take_dropped() == 0);
  f.windows.unbind(&f.exec);
  CHECK(f.free_events() == 32);
}

TEST_CASE("graph_windows: without a binding only the last replay is known, and marked") {
  fixture f(16);
  f.capture();
  collected_events none;
  f.windows.last_replays(none);
  CHECK(none.windows.empty());  // it never ran
  f.launch(1);
  f.launch(2);
  CHECK(f.collect().empty());
  f.windows.last_replays(f.found);
  CHECK(f.lengths() == std::map<std::string, std::int64_t>{{"attention@0", 30}, {"qk@0", 10}});
  for (const auto& [w, name] : f.found.windows) {
    CHECK(w.last_replay == 1);
    CHECK(w.start_ns >= 100);  // of the second
    CHECK(w.span == (std::string(name) == "qk" ? 12 : 11));
  }
  CHECK(f.events.take_dropped() == 0);
}

TEST_CASE("graph_windows: events that were recorded before are not taken for a replay") {
  fixture f(4);
  f.device.now_ns = 500;
  for (int i = 0; i < 2; ++i) {  // all four
    const begun_window before = f.events.begin(&f.stream);
    const begun_window inside = f.events.begin(&f.stream);
    f.events.end(inside, &f.stream, "inside", 2);
    f.events.end(before, &f.stream, "before", 1);
    CHECK(f.collect().size() == 2);
  }
  CHECK(f.free_events() == 4);
  f.capture();
  f.found.clear();
  f.windows.last_replays(f.found);
  CHECK(f.found.windows.empty());
  f.launch(1);
  f.windows.last_replays(f.found);
  CHECK(f.lengths() == std::map<std::string, std::int64_t>{{"attention@0", 30}, {"qk@0", 10}});
}

TEST_CASE(
    "graph_windows: where no event can be made the window is dropped, its event is not lost") {
  fixture f(4);
  f.device.makes_events = false;
  f.stream.capture = &f.graph;
  CHECK(f.windows.begin(&f.stream).in == nullptr);
  CHECK(f.events.take_dropped() == 1);
  CHECK(f.graph.nodes.empty());
  CHECK(f.free_events() == 4);
}

TEST_CASE("graph_windows: a bound graph is not told as its last replay") {
  fixture f(32);
  f.capture();
  REQUIRE(f.windows.bind(&f.exec, &f.graph));
  f.launch(1);
  f.windows.last_replays(f.found);
  CHECK(f.found.windows.empty());
  fake_graph unknown;
  CHECK_FALSE(f.windows.bind(&f.exec, &unknown));
}

TEST_CASE(
    "graph_windows: with too few events a replay's windows are counted, earlier ones stay true") {
  fixture f(4 + 6 + 6);  // capture, one replay with its own window, and not enough for two
  f.capture();
  REQUIRE(f.windows.bind(&f.exec, &f.graph));
  f.launch(1);
  f.launch(2);
  f.launch(3);
  const auto found = f.collect();
  CHECK(found.at("attention@1") == 30);
  CHECK(found.at("qk@1") == 10);
  CHECK(found.at("attention@2") == 30);
  CHECK(found.count("attention@3") == 0);
  CHECK(f.events.take_dropped() == 3);
  f.launch(4);  // what was read is free again
  CHECK(f.collect().at("attention@4") == 30);
  f.windows.unbind(&f.exec);
  CHECK(f.free_events() == 16);
}

TEST_CASE("graph_windows: a launch that fails, and nodes that take no event, lose no events") {
  fixture f(32);
  f.capture();
  REQUIRE(f.windows.bind(&f.exec, &f.graph));
  f.fails = true;
  f.launch(1);
  CHECK(f.events.take_dropped() == 3);
  f.fails = false;
  f.exec.refuses = true;
  f.launch(2);
  CHECK(f.events.take_dropped() == 2);
  CHECK(f.collect() == std::map<std::string, std::int64_t>{{"graph replay@2", 100}});
  f.windows.unbind(&f.exec);
  CHECK(f.free_events() == 32);
}

TEST_CASE("graph_windows: what begins or ends outside the capture is dropped and counted") {
  fixture f(16);
  CHECK(f.windows.begin(&f.stream).in == nullptr);
  CHECK(f.events.take_dropped() == 1);
  f.stream.capture = &f.graph;
  const auto window = f.windows.begin(&f.stream);
  f.stream.capture = nullptr;
  f.windows.end(window, &f.stream, "late", 1);
  CHECK(f.events.take_dropped() == 1);
  CHECK(f.windows.next(f.windows.begin(&f.stream), &f.stream, "none", 1).in == nullptr);
  CHECK(f.events.take_dropped() == 2);
  CHECK(f.events.begin(&f.stream).first != no_event);
}
