#include "analyzers/analysis/event_windows.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>

#include "tests/analyzers/device_builder.hpp"

using namespace latency;
using namespace latency::analysis;
using latency::test::accounted;
using latency::test::add_op;

namespace {

void add_window(recording& run, std::string_view name, span_id span, std::int64_t start_ns,
                std::int64_t end_ns, std::int64_t resolution_ns = 0, std::uint32_t stream = 0) {
  run.event_windows.push_back(
      {start_ns, end_ns, span, 0, run.strings.add(name), 0, stream, resolution_ns});
}

void add_mark(recording& run, std::string_view name, span_id span, std::int64_t time_ns) {
  run.marks.push_back({time_ns, 0, span, run.strings.add(name), 0, 0});
}

}  // namespace

TEST_CASE("event windows: durations and resolutions by name, warm-up left out") {
  test::recording_builder made(1);
  recording& run = made.run();
  const span_id warm = made.span("warm", 0, 0, 1, {}, 0, span_warm_up);
  for (std::int64_t i = 1; i <= 4; ++i) add_window(run, "ffn", 0, 100 * i, 100 * i + 10 * i, i);
  add_window(run, "norm", 0, 0, 500, 7);
  add_window(run, "norm", 0, 20, 10, 7);  // ends before it starts
  add_window(run, "ffn", warm, 0, 1000, 99);
  const event_report report = events(run, span_tree(run));
  REQUIRE(report.windows.size() == 2);
  CHECK(run.strings[report.windows[0].name] == "norm");
  CHECK(report.windows[0].duration_ns.max == 500);
  CHECK(report.windows[0].duration_ns.min == 0);
  CHECK(report.windows[1].duration_ns.n == 4);
  CHECK(report.windows[1].duration_ns.mean == 25);
  CHECK(report.windows[1].duration_ns.p95 == doctest::Approx(38.5));
  CHECK(report.windows[1].resolution_ns == 4);
  CHECK(report.warm_up_windows == 1);
}

TEST_CASE("event windows: marks by name, the first and the gaps between completions") {
  test::recording_builder made(1);
  recording& run = made.run();
  const span_id warm = made.span("warm", 0, 0, 1, {}, 0, span_warm_up);
  for (const std::int64_t time_ns : {130, 100, 110}) add_mark(run, "token", 0, time_ns);
  add_mark(run, "pixel_frame", 0, 50);
  add_mark(run, "token", warm, 1);
  const event_report report = events(run, span_tree(run));
  REQUIRE(report.marks.size() == 2);
  CHECK(run.strings[report.marks[0].name] == "pixel_frame");
  CHECK(report.marks[0].count == 1);
  CHECK(report.marks[0].gap_ns.n == 0);
  CHECK(std::isnan(report.marks[0].gap_ns.mean));
  CHECK(report.marks[1].count == 3);
  CHECK(report.marks[1].first_ns == 100);
  CHECK(report.marks[1].gap_ns.n == 2);
  CHECK(report.marks[1].gap_ns.max == 20);
  CHECK(report.marks[1].gap_ns.mean == 15);
  CHECK_FALSE(report.marks[1].gap_ns.p99_valid);
  CHECK(report.warm_up_marks == 1);
}

TEST_CASE("event windows: ops must lie within the event pairs around them, as far as clocks tell") {
  test::recording_builder made(1);
  recording& run = made.run();
  const span_id root = made.span("root", 0, 0, 1);
  const span_id inner = made.span("inner", root, 0, 1);
  const span_id other = made.span("other", 0, 0, 1);
  add_window(run, "root", root, 100, 200, 2);
  add_window(run, "inner", inner, 120, 130);  // inside another: not compared
  add_window(run, "other", other, 300, 400, 0, 1);
  add_op(run, "k", inner, 97, 150);
  add_op(run, "k", root, 150, 195);
  add_op(run, "k", root, 500, 900, 9);  // on a stream without a window
  add_op(run, "k", other, 310, 406, 1);
  add_op(run, "k", 0, 0, 1000);
  run.device_clocks.resize(2);
  run.device_clocks[0].uncertainty_ns = 1;
  run.device_clocks[1].uncertainty_ns = 2;
  const accounted all(run);
  const event_check check = check_events(all.run, all.tree, all.devices);
  CHECK(check.windows == 2);
  CHECK(check.held == 1);  // root: 3 outside, 2 + 1 + 2 allowed; other: 6 outside, 3 allowed
  CHECK(check.farthest_ns == 6);
  CHECK(check.uncertainty_ns == 5);
  CHECK(check.longest_ns == 100);
  CHECK(check.longest_ops_ns == 98);
  run.event_windows.clear();
  const accounted without(run);
  CHECK(check_events(without.run, without.tree, without.devices).windows == 0);
}

TEST_CASE("event windows: numbers that cannot be do no harm") {
  CHECK(rc::check([](std::uint64_t seed) {
    const accounted all(test::random_device_run(seed, true));
    const event_report report = events(all.run, all.tree);
    std::int64_t windows = report.warm_up_windows;
    for (const window_component& w : report.windows) windows += w.duration_ns.n;
    RC_ASSERT(windows == static_cast<std::int64_t>(all.run.event_windows.size()));
    std::int64_t marks = report.warm_up_marks;
    for (const mark_series& m : report.marks) marks += m.count;
    RC_ASSERT(marks == static_cast<std::int64_t>(all.run.marks.size()));
    const event_check check = check_events(all.run, all.tree, all.devices);
    RC_ASSERT(check.held <= check.windows);
  }));
}
