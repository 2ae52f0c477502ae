#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <numeric>

#include "analyzers/analysis/explanation.hpp"
#include "latency/error.hpp"
#include "tests/analyzers/random_run.hpp"
#include "tests/analyzers/sample_run.hpp"

namespace {

using namespace latency::analysis;
using latency::test::ms;
using latency::test::recording_builder;

explanation_report explained(const latency::recording& run, const std::string& span = "",
                             std::size_t most = 5, std::int64_t period_ns = 40 * ms) {
  const latency::span_tree tree(run);
  return explain(run, tree, latency::device_accounting(run, tree), {span, period_ns, most});
}

const span_change& change(const explanation& of, const std::string& path) {
  for (const span_change& c : of.changes)
    if (c.path == path) return c;
  FAIL("no change of " << path);
  return of.changes.front();
}

std::int64_t sum_of_changes(const explanation& of) {
  return std::accumulate(
      of.changes.begin(), of.changes.end(), std::int64_t{0},
      [](std::int64_t sum, const span_change& c) { return sum + c.exclusive_ns(); });
}

// Six blocks of one latent frame: 100 ms with a forward of 80, whose launch takes 5, its wait for
// the device 40 and its kernel 60. Block 4's forward takes 580: its wait 530, its kernel 550, its
// launch 15. Four pixel frames are complete at the end of each block.
latency::recording one_slow_block() {
  recording_builder made(2000);
  latency::recording& run = made.run();
  const auto root = made.span("root", 0, 10, 1900);
  std::int64_t now = 20;
  for (int b = 0; b < 6; ++b) {
    const std::int64_t more = b == 4 ? 500 : 0;
    const std::int64_t launch = b == 4 ? 15 : 5;
    const auto block = made.span("temporal_block", root, now, now + 100 + more);
    const auto forward = made.span("forward", block, now + 10, now + 90 + more);
    run.blocks.push_back({block, b, 0, b, 1, 3, 3, 0});
    const auto call = [&](latency::api_call_kind kind, std::int64_t start, std::int64_t length) {
      latency::api_call row;
      row.kind = kind;
      row.span = forward;
      row.start_ns = start * ms;
      row.end_ns = (start + length) * ms;
      run.api_calls.push_back(row);
    };
    call(latency::api_call_kind::launch, now + 10, launch);
    call(latency::api_call_kind::synchronize, now + 45, b == 4 ? 530 : 40);
    latency::device_op op;
    op.span = forward;
    op.start_ns = (now + 20) * ms;
    op.end_ns = (now + 20 + (b == 4 ? 550 : 60)) * ms;
    run.device_ops.push_back(op);
    now += 100 + more;
    for (int i = 0; i < 4; ++i) run.pixel_frames.push_back({now * ms, 4 * b + i, b});
  }
  return std::move(run);
}

}  // namespace

TEST_CASE("explanation: a slow block is set beside its median peer, and where it grew is told") {
  const auto report = explained(one_slow_block());
  CHECK(report.of_blocks);
  CHECK(report.instances == 6);
  REQUIRE_FALSE(report.cases.empty());
  const explanation& worst = report.cases.front();
  CHECK(worst.slow.number == 4);
  CHECK(worst.slow.time_ns == 600 * ms);
  CHECK(worst.peer.time_ns == 100 * ms);
  CHECK(worst.peer_of_its_kind);
  const span_change& forward = change(worst, "temporal_block;forward");
  CHECK(forward.now.calls_ns - forward.peer.calls_ns == 10 * ms);
  CHECK(forward.now.waits_ns - forward.peer.waits_ns == 490 * ms);
  CHECK(forward.now.host_ns == forward.peer.host_ns);
  CHECK(forward.now.device_ns - forward.peer.device_ns == 490 * ms);
  CHECK(change(worst, "temporal_block").exclusive_ns() == 0);
}

TEST_CASE("explanation: late pixel frames are those of the deadlines, by block") {
  const auto run = one_slow_block();
  const auto late = generation(run, latency::span_tree(run)).late_at_25_fps;
  REQUIRE_FALSE(late.empty());
  const auto report = explained(run);
  CHECK(report.late_pixel_frames == static_cast<std::int64_t>(late.size()));
  std::int64_t counted = 0;
  std::int64_t worst_ns = 0;
  for (const explanation& one : report.cases) {
    if (!one.late) continue;
    counted += one.late->count;
    worst_ns = std::max(worst_ns, one.late->worst_ns);
    CHECK(one.late->first == 4 * one.slow.number);
  }
  CHECK(counted == report.late_pixel_frames);
  CHECK(report.late_without_block == 0);
  std::int64_t expected_ns = 0;
  for (const late_pixel_frame& p : late) expected_ns = std::max(expected_ns, p.lateness_ns);
  CHECK(worst_ns == expected_ns);
}

TEST_CASE("explanation: the first block of a clip has the full ones for peers") {
  latency::recording run = one_slow_block();
  run.spans[1].start_ns -= 8 * ms;  // 108 ms, more than 5 % above 100
  const auto report = explained(run, "", 5, 62'500'000);
  REQUIRE(report.cases.size() == 2);
  CHECK(report.cases[1].slow.number == 0);
  CHECK(report.cases[1].slow.kind == scenario::first);
  CHECK_FALSE(report.cases[1].peer_of_its_kind);
  CHECK(report.cases[1].excess_ns() == 8 * ms);
  run.spans[1].start_ns += 3 * ms;  // 105 ms, no more than that
  CHECK(explained(run, "", 5, 62'500'000).found == 1);
}

TEST_CASE("explanation: three others of its kind are enough to be peers, two are not") {
  for (const bool enough : {false, true}) {
    CAPTURE(enough);
    latency::recording run = one_slow_block();
    for (const std::size_t filling : {2, 3, 5}) run.blocks[filling].cached_latent_frames = 2;
    if (enough) run.blocks[1].cached_latent_frames = 2;
    const auto report = explained(run);  // pixel frames of blocks 4 and 5 are late
    REQUIRE(report.cases.size() == 2);
    const explanation& of_block_5 = report.cases[1];
    CHECK(of_block_5.slow.number == 5);
    CHECK(of_block_5.slow.kind == scenario::filling);
    CHECK(of_block_5.peer_of_its_kind == enough);
    CHECK(of_block_5.peers == (enough ? 4 : 2));
  }
}

// Complete at 120, 220, 320, 420, 1020 and 1120 ms, four at a time; due at 120 ms + i periods.
TEST_CASE("explanation: pixel frames are late at the rate that is asked for, and counted at all") {
  const auto run = one_slow_block();
  const auto at_16 = explained(run, "", 5, 62'500'000);
  CHECK(at_16.late_pixel_frames == 0);  // pixel frame 16 is due at 1120
  CHECK(at_16.found == 1);              // the slow block is slow all the same
  const auto at_100 = explained(run, "", 6, 10 * ms);
  CHECK(at_100.late_pixel_frames == 20);  // all but the first block's
  CHECK(at_100.found == 5);
  CHECK(at_100.cases.front().late->worst_ns == 740 * ms);  // of 1020 - 280
  REQUIRE(at_100.playouts.size() == 5);
  const auto check = [&](std::size_t row, std::int64_t period, std::int64_t late,
                         std::int64_t worst) {
    CHECK(at_100.playouts[row].period_ns == period);
    CHECK(at_100.playouts[row].expected == 24);
    CHECK(at_100.playouts[row].missing == 0);
    CHECK(at_100.playouts[row].late == late);
    CHECK(at_100.playouts[row].worst_lateness_ns == worst);
  };
  check(0, 62'500'000, 0, 0);
  check(1, 41'666'667, 8, 900 * ms - 16 * std::int64_t{41'666'667});
  check(2, 40 * ms, 8, 260 * ms);
  check(3, 33'333'333, 8, 900 * ms - 16 * std::int64_t{33'333'333});
  check(4, 10 * ms, 20, 800 * ms);  // pixel frame 20: 1120 - 320
  CHECK(explained(run).playouts.size() == 4);
}

TEST_CASE("explanation: a nanosecond late is late, and a block that is not known has no case") {
  latency::recording run = one_slow_block();
  run.pixel_frames[16].complete_ns = 1120 * ms + 1;  // due at 1120
  CHECK(explained(run, "", 5, 62'500'000).late_pixel_frames == 1);
  run = one_slow_block();
  run.blocks.erase(run.blocks.begin() + 4);
  const auto report = explained(run);
  CHECK(report.late_pixel_frames == 8);
  CHECK(report.late_without_block == 4);
  REQUIRE(report.cases.size() == 1);
  CHECK(report.cases[0].slow.number == 5);
  CHECK(report.cases[0].late->count == 4);
}

// Blocks of sample_run.hpp; two switch blocks are too few to be peers of each other.
TEST_CASE("explanation: what a switch block has over a full one is its switch") {
  const auto report = explained(latency::test::sample_run());
  REQUIRE(report.cases.size() == 2);
  const explanation& worst = report.cases[0];
  CHECK(worst.slow.number == 3);
  CHECK_FALSE(worst.peer_of_its_kind);
  CHECK(worst.excess_ns() == 50 * ms);
  const auto& recache =
      change(worst, "temporal_block;prompt_switch_total;prompt_switch_recache;diffusion_forward");
  CHECK(recache.exclusive_ns() == 38 * ms);
  CHECK(recache.peer.count == 0);
  CHECK(explained(latency::test::sample_run(), "", 1).cases.size() == 1);
  CHECK(explained(latency::test::sample_run(), "", 1).found == 2);
}

TEST_CASE("explanation: without blocks, the spans whose slow instances cost most") {
  recording_builder made(10000);
  for (int i = 0; i < 10; ++i) {
    const std::int64_t start = 20 + 500 * i;
    made.span("steady", 0, start, start + 100);
    const std::int64_t length = i == 7 ? 90 : 50;
    const auto outer = made.span("uneven", 0, start + 200, start + 200 + length);
    made.span("inner", outer, start + 210, start + 160 + length);
  }
  const auto report = explained(made.run());
  CHECK_FALSE(report.of_blocks);
  CHECK(report.span_name == "uneven");  // "inner" costs the same: the first name counts
  const auto outer = explained(made.run(), "uneven");
  REQUIRE(outer.cases.size() == 1);
  CHECK(outer.cases[0].slow.number == 7);
  CHECK(outer.cases[0].excess_ns() == 40 * ms);
  CHECK(change(outer.cases[0], "uneven;inner").exclusive_ns() == 40 * ms);
  CHECK(explained(made.run(), "steady").cases.empty());
  CHECK_THROWS_AS((void)explained(made.run(), "nothing"), latency::error);
  CHECK(explained(recording_builder(10).run()).instances == 0);
}

TEST_CASE(
    "explanation: slow is beyond 5 % and beyond the spread of the peers; warm-up is no peer") {
  recording_builder made(10000);
  std::int64_t now = 10;
  const auto add = [&](const char* name, std::int64_t length, std::uint32_t flags = 0) {
    made.span(name, 0, now, now + length, {}, 0, flags);
    now += length + 5;
  };
  add("noisy", 900, latency::span_warm_up);
  for (int i = 0; i < 2; ++i)  // median 100, median absolute deviation 10: slow beyond 144.5
    for (const std::int64_t length : {80, 90, 100, 110, 120}) add("noisy", length);
  add("noisy", 140);
  CHECK(explained(made.run(), "noisy").instances == 11);
  CHECK(explained(made.run(), "noisy").cases.empty());
  add("noisy", 180);  // and then beyond 166.7, of a deviation of 15
  CHECK(explained(made.run(), "noisy").cases.size() == 1);
  for (int i = 0; i < 6; ++i) add("steady", 100);  // no deviation: slow beyond 105
  add("steady", 105);
  CHECK(explained(made.run(), "steady").cases.empty());
  add("steady", 106);
  CHECK(explained(made.run(), "steady").cases.size() == 1);
}

TEST_CASE("explanation: the changes add up to the difference, whatever the run") {
  rc::check([](const std::vector<std::uint8_t>& script) {
    const auto run = latency::test::sound_run(script);
    for (const char* name : latency::test::span_names_in_random_runs) {
      if (run.strings.find(name) == run.strings.size()) continue;
      explanation_report report;
      try {
        report = explained(run, name);
      } catch (const latency::error&) {
        continue;  // only warm-up spans are called so
      }
      for (const explanation& one : report.cases) RC_ASSERT(sum_of_changes(one) == one.excess_ns());
    }
  });
  for (const explanation& one : explained(one_slow_block()).cases)
    CHECK(sum_of_changes(one) == one.excess_ns());
}

TEST_CASE("explanation: absurd recordings are explained too") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const auto run = latency::test::absurd_run(seed);
    CHECK(explained(run).found >= 0);
  }
}
