#include "latency/deadline.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

using latency::check_deadlines;
using latency::pixel_frame;

namespace {

// Pixel frames 0, 1, ... complete at these times, in blocks of 12.
std::vector<pixel_frame> complete_at(const std::vector<std::int64_t>& times_ns) {
  std::vector<pixel_frame> rows;
  for (std::size_t i = 0; i < times_ns.size(); ++i)
    rows.push_back({times_ns[i], static_cast<std::int32_t>(i), static_cast<std::int32_t>(i / 12)});
  return rows;
}

// `blocks` blocks of 12 that are complete `block_ns` after each other, all 12 at once.
std::vector<pixel_frame> blocks_every(std::int64_t block_ns, int blocks) {
  std::vector<std::int64_t> times_ns;
  for (int b = 1; b <= blocks; ++b) times_ns.insert(times_ns.end(), 12, b * block_ns);
  return complete_at(times_ns);
}

rc::Gen<std::vector<std::int64_t>> random_gaps() {
  return rc::gen::nonEmpty(
      rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(0, 40)));
}

std::vector<pixel_frame> after_gaps(const std::vector<std::int64_t>& gaps) {
  std::vector<std::int64_t> times_ns;
  std::int64_t now_ns = 1000;
  for (const std::int64_t gap : gaps) times_ns.push_back(now_ns += gap);
  return complete_at(times_ns);
}

// The playout model in other words: a generator with a bounded queue, one nanosecond at a time.
std::vector<std::int64_t> simulated_ready(const std::vector<std::int64_t>& gaps,
                                          std::int64_t period_ns, std::int64_t lead) {
  const auto frames = static_cast<std::int64_t>(gaps.size());
  const std::int64_t start_ns = 1000 + gaps[0];
  std::vector<std::int64_t> ready = {start_ns};
  std::int64_t work_left = frames > 1 ? gaps[1] : 0;
  for (std::int64_t now = start_ns; static_cast<std::int64_t>(ready.size()) < frames;) {
    const std::int64_t shown = (now - start_ns) / period_ns;  // index of the one on the screen
    const auto next = static_cast<std::int64_t>(ready.size());
    if (work_left == 0 && next - shown <= lead) {
      ready.push_back(now);
      if (next + 1 < frames) work_left = gaps[static_cast<std::size_t>(next + 1)];
      continue;
    }
    if (work_left > 0) --work_left;
    ++now;
  }
  return ready;
}

}  // namespace

TEST_CASE("deadline: the first pixel frame is on time by definition, the others count from it") {
  const auto report = check_deadlines(complete_at({500, 599, 701, 900}), 100);
  CHECK(report.expected == 4);
  CHECK(report.pixel_frames[0].due_ns == 500);
  CHECK(report.pixel_frames[1].due_ns == 600);
  CHECK(report.pixel_frames[1].lateness_ns == -1);
  CHECK(report.pixel_frames[2].lateness_ns == 1);
  CHECK(report.pixel_frames[3].lateness_ns == 100);
  CHECK(report.late == 2);
  CHECK(report.hit_rate == 0.5);
  CHECK(report.worst_lateness_ns == 100);
  CHECK(report.worst_pixel_frame == 3);
  CHECK(report.held_ns == 0);
}

TEST_CASE("deadline: exactly at the due time is on time") {
  const auto report = check_deadlines(complete_at({0, 10, 20}), 10);
  CHECK(report.late == 0);
  CHECK(report.hit_rate == 1);
  CHECK(report.worst_lateness_ns == 0);
}

TEST_CASE("deadline: a block takes twelve periods to play, so a slower one falls behind") {
  CHECK(check_deadlines(blocks_every(12 * 40, 20), 40).late == 0);
  const auto report = check_deadlines(blocks_every(12 * 40 + 6, 20), 40);
  CHECK(report.late > 0);
  CHECK(report.worst_lateness_ns == 19 * 6);  // 6 ns more with each block after the first
  CHECK(report.worst_pixel_frame == 19 * 12);
}

TEST_CASE("deadline: time saved beyond one block cannot hide a later stall") {
  // Five blocks in no time, then a stall of 14 periods. Playout of 60 pixel frames lasts 60
  // periods, so a generator without a bound would be on time; with the bound it is only 12 ahead.
  std::vector<std::int64_t> times_ns(60, 0);
  times_ns.insert(times_ns.end(), 12, 14 * 40);
  const auto unbounded = check_deadlines(complete_at(times_ns), 40, 1000);
  CHECK(unbounded.late == 0);
  const auto bounded = check_deadlines(complete_at(times_ns), 40);
  // Pixel frame 59 enters the queue when 47 is due; 60 is ready 14 periods later, due 13 later.
  CHECK(bounded.pixel_frames[59].ready_ns == 47 * 40);
  CHECK(bounded.pixel_frames[60].ready_ns == 61 * 40);
  CHECK(bounded.pixel_frames[60].lateness_ns == 40);
  CHECK(bounded.late == 1);
  CHECK(bounded.worst_pixel_frame == 60);
  CHECK(bounded.held_ns == 47 * 40);
}

TEST_CASE("deadline: the model equals a generator with a bounded queue, step by step") {
  CHECK(rc::check([] {
    const auto gaps = *random_gaps();
    const auto period_ns = *rc::gen::inRange<std::int64_t>(1, 20);
    const auto lead = *rc::gen::inRange<std::int64_t>(1, 15);
    const auto report = check_deadlines(after_gaps(gaps), period_ns, lead);
    const auto expected = simulated_ready(gaps, period_ns, lead);
    std::int64_t late = 0;
    for (std::size_t i = 0; i < gaps.size(); ++i) {
      RC_ASSERT(report.pixel_frames[i].ready_ns == expected[i]);
      late += expected[i] > expected[0] + static_cast<std::int64_t>(i) * period_ns ? 1 : 0;
    }
    RC_ASSERT(report.late == late);
    const std::int64_t recorded = report.pixel_frames.back().complete_ns;
    RC_ASSERT(report.held_ns == expected.back() - recorded);
  }));
}

TEST_CASE("deadline: a recording never ahead of the lead is left as it was") {
  CHECK(rc::check([] {
    auto rows = after_gaps(*random_gaps());
    const std::int64_t start_ns = rows.front().complete_ns;
    for (pixel_frame& p : rows)
      p.complete_ns = std::max(p.complete_ns, start_ns + (p.index - 12) * std::int64_t{25});
    const auto report = check_deadlines(rows, 25);
    RC_ASSERT(report.held_ns == 0);
    for (const auto& p : report.pixel_frames) RC_ASSERT(p.ready_ns == p.complete_ns);
  }));
}

TEST_CASE("deadline: the order of the rows does not matter") {
  CHECK(rc::check([] {
    const auto rows = after_gaps(*random_gaps());
    auto shuffled = rows;
    const auto turn = *rc::gen::inRange<std::size_t>(0, rows.size());
    std::rotate(shuffled.begin(), shuffled.begin() + static_cast<std::ptrdiff_t>(turn),
                shuffled.end());
    const auto a = check_deadlines(rows, 20);
    const auto b = check_deadlines(shuffled, 20);
    RC_ASSERT(a.late == b.late);
    RC_ASSERT(a.worst_lateness_ns == b.worst_lateness_ns);
    RC_ASSERT(a.held_ns == b.held_ns);
    RC_ASSERT(latency::completion_gaps_ns(rows) == latency::completion_gaps_ns(shuffled));
  }));
}

TEST_CASE("deadline: missing pixel frames miss, repeated ones count once") {
  auto rows = complete_at({0, 10, 20, 30});
  rows.erase(rows.begin() + 2);
  rows.push_back({35, 3, 0});
  const auto report = check_deadlines(rows, 10);
  CHECK(report.expected == 4);
  CHECK(report.missing == 1);
  CHECK(report.repeated == 1);
  CHECK(report.late == 0);
  CHECK(report.hit_rate == 0.75);
  CHECK(report.pixel_frames.back().complete_ns == 30);
}

TEST_CASE("deadline: a pixel frame complete before its predecessor is delivered with it") {
  const auto report = check_deadlines(complete_at({0, 50, 15}), 10);
  CHECK(report.pixel_frames[2].complete_ns == 15);
  CHECK(report.pixel_frames[2].ready_ns == 50);
  CHECK(report.late == 2);
  CHECK(latency::completion_gaps_ns(complete_at({0, 50, 15})) ==
        std::vector<std::int64_t>{50, -35});
}

TEST_CASE("deadline: playout rates are 16, 24, 25 and 30 pixel frames per second") {
  const auto reports = latency::check_playout_deadlines(blocks_every(450'000'000, 10));
  REQUIRE(reports.size() == 4);
  CHECK(reports[0].period_ns == 62'500'000);
  CHECK(reports[1].period_ns == 41'666'667);
  CHECK(reports[2].period_ns == 40'000'000);
  CHECK(reports[3].period_ns == 33'333'333);
  CHECK(reports[2].late == 0);  // 450 ms for 480 ms of video
  CHECK(reports[3].late > 0);   // 450 ms for 400 ms of video
}

TEST_CASE("deadline: no pixel frames is an empty report; one is a hit") {
  const auto none = check_deadlines({}, 40);
  CHECK(none.expected == 0);
  CHECK(none.hit_rate == 0);
  CHECK(latency::completion_gaps_ns({}).empty());
  const auto one = check_deadlines(complete_at({123}), 40);
  CHECK(one.expected == 1);
  CHECK(one.hit_rate == 1);
}

TEST_CASE("deadline: absurd times and indices do no harm") {
  using times = std::numeric_limits<std::int64_t>;
  using indices = std::numeric_limits<std::int32_t>;
  const auto report = check_deadlines(
      {{times::min(), indices::min(), 0}, {times::max(), indices::max(), 0}, {times::min(), 0, 0}},
      3'600'000'000'000);
  CHECK(report.expected == std::int64_t{1} << 32);
  CHECK(report.pixel_frames.size() == 3);
}

TEST_CASE("deadline: impossible periods and leads are refused") {
  CHECK_THROWS_AS(check_deadlines({}, 0), latency::error);
  CHECK_THROWS_AS(check_deadlines({}, -40), latency::error);
  CHECK_THROWS_AS(check_deadlines({}, 3'600'000'000'001), latency::error);
  CHECK_THROWS_AS(check_deadlines({}, 40, 0), latency::error);
}
