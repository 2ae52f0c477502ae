// The events tier without a device: what becomes of events that complete early, late or never.
#include <doctest/doctest.h>

#include <atomic>
#include <latency/detail/device_events.hpp>
#include <set>
#include <thread>

namespace {

using latency::detail::begun_window;
using latency::detail::collected_events;
using latency::detail::device_events;
using latency::detail::event_anchor;
using latency::detail::event_progress;
using latency::detail::no_event;

struct fake_event {
  double at_ns = 0;
  bool fails = false;
  bool late = false;
  bool captured = false;
};
struct fake_stream {
  double busy_until_ns = 0;
  std::uint32_t number = 0;
  bool captures = false;
};

// A device whose time stands still until a test moves it. Distances are floats of milliseconds, as
// those of the real one.
struct fake_device {
  double now_ns = 0;
  bool refuses = false;
  double answers_after_ns = 0;
  std::atomic<int> recorded{0};
};
struct fake_driver {
  using event = fake_event*;
  using stream = fake_stream*;
  fake_device* device;

  bool captures(stream one) const noexcept { return one->captures; }
  std::uint32_t number_of(stream one) const noexcept { return one->number; }
  bool record(event e, stream on) const noexcept {
    CHECK(!on->captures);
    if (device->refuses) return false;
    ++device->recorded;
    e->at_ns = std::max(device->now_ns, on->busy_until_ns);
    return true;
  }
  bool record_anchor(event e) const noexcept {
    e->at_ns = device->now_ns;
    return true;
  }
  event_progress query(event e) const noexcept {
    if (device->answers_after_ns > 0)
      device->now_ns += device->answers_after_ns;  // one thread only
    if (e->fails) return event_progress::failed;
    if (e->captured) return event_progress::captured;
    return !e->late && e->at_ns <= device->now_ns ? event_progress::complete
                                                  : event_progress::pending;
  }
  float elapsed_ms(event from, event to) const noexcept {
    return static_cast<float>((to->at_ns - from->at_ns) / 1e6);
  }
};

struct fixture {
  explicit fixture(std::uint32_t size) : events({&device}, 3, size), made(size + 2) {
    for (std::uint32_t i = 0; i < size; ++i) events.event_at(i) = &made[i];
    events.anchor_event(0) = &made[size];
    events.anchor_event(1) = &made[size + 1];
    REQUIRE(anchor());
  }
  bool anchor() {
    return events.take_anchor(
        10000, 1.0, [this] { return static_cast<std::uint64_t>(device.now_ns); }, last_anchor);
  }
  std::size_t collect() { return events.collect(found); }
  // How many events could be taken now; puts them back.
  std::size_t free_events() {
    std::vector<begun_window> taken;
    fake_stream any;
    for (;;) {
      const begun_window window = events.begin(&any);
      if (window.first == no_event) break;
      taken.push_back(window);
    }
    for (const begun_window& window : taken) events.drop(window);
    (void)events.take_dropped();
    return 2 * taken.size();
  }

  fake_device device;
  device_events<fake_driver> events;
  std::vector<fake_event> made;
  event_anchor last_anchor;
  collected_events found;
};

}  // namespace

TEST_CASE("device_events: a window goes from event to event, a mark to its event") {
  fixture f(8);
  fake_stream stream{1000, 7};
  const begun_window window = f.events.begin(&stream);
  stream.busy_until_ns = 4000;
  f.events.mark(&stream, "token", 41, 5);
  stream.busy_until_ns = 9000;
  f.events.end(window, &stream, "ffn", 6);
  CHECK(f.collect() == 2);  // nothing is complete yet
  CHECK(f.found.windows.empty());
  f.device.now_ns = 4000;
  CHECK(f.collect() == 1);
  REQUIRE(f.found.marks.size() == 1);
  CHECK(f.found.marks[0].first.time_ns == 4000);
  CHECK(f.found.marks[0].first.index == 41);
  CHECK(f.found.marks[0].first.span == 5);
  CHECK(f.found.marks[0].second == std::string("token"));
  f.device.now_ns = 9000;
  CHECK(f.collect() == 0);
  REQUIRE(f.found.windows.size() == 1);
  const latency::event_window& row = f.found.windows[0].first;
  CHECK(row.start_ns == 1000);
  CHECK(row.end_ns == 9000);
  CHECK(row.span == 6);
  CHECK(row.device == 3);
  CHECK(row.stream == 7);
  CHECK(f.free_events() == 8);
  CHECK(f.events.take_dropped() == 0);
}

TEST_CASE("device_events: stages share an event at each boundary, so neighbours touch") {
  fixture f(8);
  fake_stream stream;
  begun_window window = f.events.begin(&stream);
  for (int stage = 0; stage < 3; ++stage) {
    stream.busy_until_ns += 1234567.4;
    window = f.events.next(window, &stream, "stage", 10 + static_cast<latency::span_id>(stage));
    REQUIRE(window.first != no_event);
  }
  stream.busy_until_ns += 1000;
  f.events.end(window, &stream, "last", 13);
  CHECK(f.device.recorded == 5);
  f.device.now_ns = 1e9;
  REQUIRE(f.anchor());  // another anchor than when they were put there
  CHECK(f.collect() == 0);
  REQUIRE(f.found.windows.size() == 4);
  for (std::size_t i = 1; i < 4; ++i)
    CHECK(f.found.windows[i].first.start_ns == f.found.windows[i - 1].first.end_ns);
  CHECK(f.free_events() == 8);
}

TEST_CASE("device_events: what finds no event is counted, and what has begun can end") {
  fixture f(4);
  fake_stream stream;
  const begun_window one = f.events.begin(&stream), two = f.events.begin(&stream);
  CHECK(f.events.begin(&stream).first == no_event);
  f.events.mark(&stream, "token", 1, 0);
  CHECK(f.events.take_dropped() == 2);
  // The boundary still ends this stage; the next one is not measured.
  CHECK(f.events.next(one, &stream, "one", 1).first == no_event);
  CHECK(f.events.take_dropped() == 1);
  f.events.end(two, &stream, "two", 2);
  CHECK(f.collect() == 0);
  CHECK(f.found.windows.size() == 2);
  CHECK(f.free_events() == 4);
}

TEST_CASE("device_events: a stage that is given up gives back its events, the one it shares too") {
  fixture f(6);
  fake_stream stream;
  begun_window window = f.events.begin(&stream);
  window = f.events.next(window, &stream, "one", 1);
  SUBCASE("before the boundary was collected") {
    f.events.drop(window);
    CHECK(f.collect() == 0);
  }
  SUBCASE("after it was") {
    CHECK(f.collect() == 0);
    f.events.drop(window);
  }
  CHECK(f.found.windows.size() == 1);
  CHECK(f.events.take_dropped() == 1);
  CHECK(f.free_events() == 6);
}

TEST_CASE("device_events: a stream that is behind holds up itself alone") {
  fixture f(8);
  fake_stream slow{1e6, 1}, fast{0, 2};
  f.events.mark(&slow, "slow", 0, 0);
  f.events.mark(&fast, "fast", 0, 0);
  f.events.mark(&slow, "slow", 1, 0);
  CHECK(f.collect() == 2);
  REQUIRE(f.found.marks.size() == 1);
  CHECK(f.found.marks[0].second == std::string("fast"));
  f.events.abandon();
  CHECK(f.events.take_dropped() == 2);
}

TEST_CASE("device_events: an event that fails, or is refused, is counted and comes back") {
  fixture f(6);
  fake_stream stream;
  const begun_window window = f.events.begin(&stream);
  f.made[window.last].fails = true;
  f.events.end(window, &stream, "broken", 1);
  CHECK(f.collect() == 0);
  CHECK(f.found.windows.empty());
  CHECK(f.events.take_dropped() == 1);
  f.made[window.last].fails = false;
  const begun_window refused = f.events.begin(&stream);
  f.device.refuses = true;
  f.events.end(refused, &stream, "refused", 1);
  f.events.mark(&stream, "refused", 0, 0);
  CHECK(f.events.begin(&stream).first == no_event);
  f.device.refuses = false;
  CHECK(f.events.take_dropped() == 3);
  CHECK(f.free_events() == 6);
}

TEST_CASE("device_events: nothing is recorded on a stream that captures, whichever end it meets") {
  fixture f(6);
  fake_stream stream;
  const begun_window window = f.events.begin(&stream), stage = f.events.begin(&stream);
  stream.captures = true;
  CHECK(f.events.begin(&stream).first == no_event);
  CHECK(f.events.begin(&stream).captures);  // so that it may become part of the graph: not counted
  f.events.mark(&stream, "token", 1, 0);
  f.events.end(window, &stream, "window", 1);
  CHECK(f.events.take_dropped() == 2);
  CHECK(f.events.next(stage, &stream, "stage", 2).first == no_event);
  CHECK(f.events.take_dropped() == 2);  // the stage, and the one behind it
  CHECK(f.device.recorded == 2);
  CHECK(f.collect() == 0);
  stream.captures = false;
  CHECK(f.free_events() == 6);
}

TEST_CASE("device_events: a window that is given back is not counted") {
  fixture f(6);
  fake_stream stream;
  f.events.give_back(f.events.begin(&stream));
  CHECK(f.events.take_dropped() == 0);
  CHECK(f.free_events() == 6);
}

TEST_CASE("device_events: an event that became part of a graph is never used again") {
  fixture f(6);
  fake_stream stream;
  const begun_window window = f.events.begin(&stream);
  f.made[window.last].captured = true;
  f.events.end(window, &stream, "captured", 1);
  CHECK(f.collect() == 0);
  CHECK(f.found.windows.empty());
  CHECK(f.events.take_dropped() == 1);
  CHECK(f.free_events() == 4);  // pairs: one of the five that are left has no partner
}

TEST_CASE("device_events: hours of float milliseconds stay exact to their step near an anchor") {
  fixture f(4);
  fake_stream stream;
  const double hours_ns = 3 * 3600e9, period_ns = 500'000'123;
  int anchors = 0;
  for (f.device.now_ns = 0; f.device.now_ns < hours_ns; f.device.now_ns += period_ns, ++anchors)
    REQUIRE(f.anchor());
  const double start_ns = f.device.now_ns;
  const begun_window window = f.events.begin(&stream);
  stream.busy_until_ns = start_ns + 25'000'000;
  f.events.end(window, &stream, "block", 1);
  f.device.now_ns = stream.busy_until_ns;
  CHECK(f.collect() == 0);
  REQUIRE(f.found.windows.size() == 1);
  const latency::event_window& row = f.found.windows[0].first;
  CHECK(std::abs(row.end_ns - row.start_ns - 25'000'000) <= 2 * row.resolution_ns);
  CHECK(row.resolution_ns <= 62);
  CHECK(row.resolution_ns > 0);
  // Each anchor is off by at most half a step from the one before.
  CHECK(std::abs(static_cast<double>(row.start_ns) - start_ns) <= 31.0 * anchors);
  CHECK(f.last_anchor.device_ns > 10'000'000'000'000);
}

TEST_CASE("device_events: a window of ten seconds says that its step is a microsecond") {
  fixture f(4);
  fake_stream stream;
  const begun_window window = f.events.begin(&stream);
  stream.busy_until_ns = 10e9;
  f.events.end(window, &stream, "long", 1);
  f.device.now_ns = 10e9;
  f.collect();
  REQUIRE(f.found.windows.size() == 1);
  CHECK(f.found.windows[0].first.resolution_ns == 977);
}

TEST_CASE("device_events: an anchor that comes late moves the device's time, not the host's") {
  fixture f(4);
  const std::int64_t before_ns = f.last_anchor.device_ns;
  f.device.now_ns = 600e6;
  f.made[5].late = true;
  CHECK(!f.anchor());
  f.made[5].late = false;
  CHECK(!f.anchor());  // complete, but nobody knows since when
  CHECK(f.last_anchor.device_ns == before_ns);
  f.device.now_ns = 700e6;
  CHECK(f.anchor());
  CHECK(f.last_anchor.device_ns == 700'000'000);
  CHECK(f.last_anchor.ticks == 700'000'000);
}

TEST_CASE("device_events: of several anchors the tightest counts, and a tight one is the last") {
  fixture f(4);
  f.device.now_ns = 1e6;
  std::vector<double> answers_ns{40'000, 12'000, 30'000, 8'000, 100};
  const auto tightest = [&](int tries) {
    std::size_t next = 0;
    return f.events.take_tightest_anchor(
        tries, 5'000, 1'000'000'000, 1.0,
        [&] {
          // Read before and after each: a slow answer lies between.
          if (next % 2 == 0) f.device.answers_after_ns = answers_ns.at(next / 2);
          ++next;
          return static_cast<std::uint64_t>(f.device.now_ns);
        },
        f.last_anchor);
  };
  CHECK(tightest(3));
  CHECK(f.last_anchor.uncertainty_ns == 6'000);
  CHECK(f.last_anchor.ticks == 1'046'000);
  CHECK(f.last_anchor.device_ns == 1'040'000);
  CHECK(f.device.now_ns == 1'082'000);
  CHECK(tightest(5));
  CHECK(f.last_anchor.uncertainty_ns == 4'000);  // of the fourth; the fifth was not taken
  CHECK(f.device.now_ns == 1'172'000);
}

TEST_CASE("device_events: threads that take and publish at once lose no event and repeat none") {
  constexpr int threads = 4, each = 20000;
  fixture f(64);
  std::atomic<int> left{threads};
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t)
    workers.emplace_back([&, t] {
      fake_stream stream{0, static_cast<std::uint32_t>(t)};
      for (int i = 0; i < each; ++i) f.events.mark(&stream, "mark", i, 0);
      --left;
    });
  while (left.load() > 0) CHECK(f.collect() == 0);
  for (std::thread& worker : workers) worker.join();
  CHECK(f.collect() == 0);
  std::set<std::pair<std::uint32_t, std::int64_t>> seen;
  for (const auto& [mark, name] : f.found.marks) seen.insert({mark.stream, mark.index});
  CHECK(seen.size() == f.found.marks.size());
  CHECK(seen.size() + f.events.take_dropped() == std::size_t{threads} * each);
  CHECK(f.free_events() == 64);
}
