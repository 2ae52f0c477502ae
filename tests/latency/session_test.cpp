#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <latency/latency.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "find_span.hpp"
#include "tests/temporary_folder.hpp"

using latency_test::integer_of;
using latency_test::span_named;
using latency_test::spans_named;

TEST_CASE("session: a scope becomes a span inside its parent, with its attributes") {
  latency::session run;
  {
    LATENCY_SCOPE("outer", {"block", 3});
    LATENCY_SCOPE("inner", {"step", 1u}, {"timestep", 937.5}, {"kind", "final"});
  }
  const latency::recording r = run.stop();
  const auto outer = span_named(r, "outer"), inner = span_named(r, "inner");
  CHECK(outer.parent == 0);
  CHECK(inner.parent == outer.id);
  CHECK(outer.start_ns <= inner.start_ns);
  CHECK(inner.start_ns <= inner.end_ns);
  CHECK(inner.end_ns <= outer.end_ns);
  CHECK(outer.end_ns <= r.wall_ns);
  CHECK(integer_of(r, outer.attributes, "block") == 3);
  CHECK(integer_of(r, inner.attributes, "step") == 1);
  REQUIRE(inner.attributes.count == 3);
  const auto& timestep = r.attributes[inner.attributes.first + 1];
  CHECK(timestep.type == latency::recorded_attribute::kind::real);
  CHECK(timestep.real == 937.5);
  const auto& kind = r.attributes[inner.attributes.first + 2];
  CHECK(kind.type == latency::recorded_attribute::kind::text);
  CHECK(r.strings[kind.text] == "final");
}

TEST_CASE("session: a span's times agree with the monotonic clock") {
  latency::session run;
  const auto before = latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
  {
    LATENCY_SCOPE("slept");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const auto outside_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW) - before;
  const latency::recording r = run.stop();
  const auto slept = span_named(r, "slept");
  CHECK(slept.end_ns - slept.start_ns >= 20000000 - r.clock.uncertainty_ns);
  CHECK(slept.end_ns - slept.start_ns <= outside_ns + r.clock.uncertainty_ns);
}

TEST_CASE("session: attributes can be added while the span is open, up to eight") {
  latency::session run;
  latency::scope s{"work", {"a", 1}};
  for (int i = 0; i < 10; ++i) s.add({"more", i});
  const latency::span_id id = s.id();
  s.close();
  CHECK(s.id() == 0);
  const latency::recording r = run.stop();
  CHECK(span_named(r, "work").attributes.count == 8);
  CHECK(span_named(r, "work").id == id);
}

TEST_CASE("session: without one, scopes do nothing and instants are lost") {
  { LATENCY_SCOPE("nobody listens"); }
  latency::instant("nobody");
  latency::session run;
  const latency::recording r = run.stop();
  CHECK(r.spans.empty());
  CHECK(r.instants.empty());
}

TEST_CASE("session: a second one at the same time is refused") {
  latency::session run;
  CHECK_THROWS_WITH_AS(latency::session{"other.json"},
                       doctest::Contains("a session is in progress"), latency::error);
  (void)run.stop();
  latency::session next;
  { LATENCY_SCOPE("second"); }
  CHECK(next.stop().spans.size() == 1);
}

TEST_CASE(
    "session: a span still open at the end is kept and flagged, and its late close is ignored") {
  latency::session run;
  latency::scope late{"open"};
  { LATENCY_SCOPE("closed"); }
  const latency::recording r = run.stop();
  late.close();
  const auto open = span_named(r, "open");
  CHECK(open.flags == latency::span_open_at_end);
  CHECK(open.end_ns == r.wall_ns);
  CHECK(span_named(r, "closed").parent == open.id);
  CHECK(r.hygiene.open_spans == 1);
  CHECK(!r.hygiene.incomplete);
}

TEST_CASE("session: a full buffer drops spans and counts every one of them") {
  latency::session_options options;
  options.capacity_spans = 1000;
  latency::session run{"", options};
  constexpr int opened = 50000;
  for (int i = 0; i < opened; ++i) LATENCY_SCOPE("one of many");
  const latency::recording r = run.stop();
  CHECK(r.hygiene.dropped_spans > 0);
  CHECK(static_cast<std::int64_t>(r.spans.size()) + r.hygiene.dropped_spans == opened);
  CHECK(r.spans.size() >= 1000);
  CHECK(r.spans.front().id == 1);  // keep mode keeps the oldest
}

TEST_CASE("session: in ring mode the newest spans stay and the oldest are counted") {
  latency::session_options options;
  options.capacity_spans = 1000;
  options.mode = latency::session_mode::ring;
  latency::session run{"", options};
  constexpr std::uint64_t opened = 50000;
  for (std::uint64_t i = 0; i < opened; ++i) LATENCY_SCOPE("one of many");
  const latency::recording r = run.stop();
  CHECK(r.hygiene.dropped_spans == 0);
  CHECK(r.spans.size() + static_cast<std::uint64_t>(r.hygiene.overwritten_spans) == opened);
  CHECK(r.spans.size() >= 1000);
  CHECK(r.spans.back().id == opened);
}

TEST_CASE(
    "session: spans nested too deep are counted and their children go to the deepest recorded") {
  struct nest {
    static void down(int levels) {
      LATENCY_SCOPE("level");
      if (levels > 1) down(levels - 1);
    }
  };
  latency::session run;
  nest::down(300);
  const latency::recording r = run.stop();
  CHECK(r.spans.size() == latency::detail::max_depth);
  CHECK(r.hygiene.too_deep_spans == 300 - static_cast<int>(latency::detail::max_depth));
}

TEST_CASE("session: every thread has its own track and nothing is lost between them") {
  latency::session run;
  constexpr int threads = 8, spans = 5000;
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t)
    workers.emplace_back([t] {
      latency::name_thread(latency::intern("worker " + std::to_string(t)));
      for (int i = 0; i < spans; ++i) {
        LATENCY_SCOPE("outer", {"i", i});
        LATENCY_SCOPE("inner");
      }
    });
  for (auto& worker : workers) worker.join();
  const latency::recording r = run.stop();
  CHECK(spans_named(r, "outer").size() == threads * spans);
  CHECK(spans_named(r, "inner").size() == threads * spans);
  std::map<latency::span_id, std::uint32_t> thread_of;
  for (const auto& s : r.spans) thread_of.emplace(s.id, s.thread);
  CHECK(thread_of.size() == r.spans.size());
  int in_their_thread = 0;
  for (const auto& s : spans_named(r, "inner")) {
    const auto parent = thread_of.find(s.parent);
    in_their_thread += parent != thread_of.end() && parent->second == s.thread ? 1 : 0;
  }
  CHECK(in_their_thread == threads * spans);
  std::set<std::string> names;
  for (const auto& thread : r.threads) names.insert(thread.name);
  CHECK(names.count("worker 0") == 1);
  CHECK(names.count("worker 7") == 1);
}

TEST_CASE("session: a thread may outlive it and record again in the next one") {
  std::atomic<int> phase{0};
  const auto wait_for = [&](int wanted) {
    while (phase.load() != wanted) std::this_thread::yield();
  };
  auto first = std::make_unique<latency::session>();
  std::thread worker([&] {
    latency::scope a{"of the first session"};
    phase = 1;
    wait_for(2);
    a.close();
    { LATENCY_SCOPE("between"); }
    phase = 3;
    wait_for(4);
    { LATENCY_SCOPE("of the second session"); }
    phase = 5;
  });
  wait_for(1);
  const latency::recording r1 = first->stop();
  first.reset();
  phase = 2;
  wait_for(3);
  latency::session second;
  phase = 4;
  wait_for(5);
  const latency::recording r2 = second.stop();
  worker.join();
  CHECK(span_named(r1, "of the first session").flags == latency::span_open_at_end);
  REQUIRE(r2.spans.size() == 1);
  CHECK(r2.name_of(r2.spans[0]) == "of the second session");
}

TEST_CASE("session: writes the timing file, and removes the journal") {
  const latency_test::temporary_folder folder;
  const std::string path = folder / "out.json";
  latency::session run{path};
  run.describe("resolution", "96x160");
  run.describe("batch", 1);
  run.describe("sparsity", 0.5);
  { LATENCY_SCOPE("work"); }
  CHECK(std::filesystem::exists(path + ".journal"));
  run.finish();
  run.finish();  // a second time: nothing happens
  CHECK(!std::filesystem::exists(path + ".journal"));
  const auto file = nlohmann::json::parse(std::ifstream(path));
  CHECK(file["run"]["resolution"] == "96x160");
  CHECK(file["run"]["batch"] == 1);
  CHECK(file["run"]["sparsity"] == 0.5);
  CHECK(file["run"]["date"].get<std::string>().size() == 20);
  CHECK(file["spans"]["id"].size() == 1);
  CHECK(file["overhead"]["span_ns"].get<double>() > 0);
}

TEST_CASE("session: a journal that a killed run left is never overwritten") {
  const latency_test::temporary_folder folder;
  const std::string path = folder / "out.json";
  std::ofstream(path + ".journal") << "precious";
  latency::session run{path};
  run.finish();
  std::string kept;
  std::ifstream(path + ".journal") >> kept;
  CHECK(kept == "precious");
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("session: an output that cannot be created is an error at the start") {
  CHECK_THROWS_WITH_AS(
      latency::session{"/nonexistent/folder/out.json"},
      "/nonexistent/folder/out.json.journal: cannot create: No such file or directory",
      latency::error);
  latency::session after;  // the failed one left nothing behind
  CHECK(after.stop().spans.empty());
}

TEST_CASE("session: when the timing file cannot be written the journal is kept and named") {
  const latency_test::temporary_folder folder;
  const std::string path = folder / "out.json";
  latency::session run{path};
  { LATENCY_SCOPE("work"); }
  std::filesystem::create_directory(path);  // in the way of the file
  std::ofstream(path + "/file");
  CHECK_THROWS_WITH_AS(run.finish(), doctest::Contains("the recording is kept in"), latency::error);
  CHECK(latency::read_journal(path + ".journal").spans.size() == 1);
}

TEST_CASE(
    "session: after fork the child records nothing, the parent goes on, the child may start its "
    "own") {
  const latency_test::temporary_folder folder;
  const std::string path = folder / "out.json";
  latency::session run{path};
  { LATENCY_SCOPE("before"); }
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    int failures = 0;
    { LATENCY_SCOPE("in the child"); }
    run.finish();  // does nothing here
    {
      latency::session own;
      { LATENCY_SCOPE("child's own"); }
      const latency::recording r = own.stop();
      failures += r.spans.size() == 1 && r.name_of(r.spans[0]) == "child's own" ? 0 : 1;
    }
    _exit(failures);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  { LATENCY_SCOPE("after"); }
  const latency::recording r = run.stop();
  CHECK(r.spans.size() == 2);
  CHECK(spans_named(r, "in the child").empty());
}

TEST_CASE("session: many short threads reuse buffers and lose nothing") {
  latency::session run;
  for (int i = 0; i < 300; ++i) std::thread([] { LATENCY_SCOPE("short"); }).join();
  const latency::recording r = run.stop();
  CHECK(spans_named(r, "short").size() == 300);
  CHECK(latency::detail::process().threads.size() < 50);
}

TEST_CASE("session: now() advances and is near the spans' clock") {
  CHECK(latency::now().count() == 0);
  latency::session run;
  const auto first = latency::now();
  { LATENCY_SCOPE("marker"); }
  const auto second = latency::now();
  const latency::recording r = run.stop();
  const auto marker = span_named(r, "marker");
  CHECK(first <= second);
  CHECK(marker.start_ns > first.count() - 100000);
  CHECK(marker.end_ns < second.count() + 100000);
}
