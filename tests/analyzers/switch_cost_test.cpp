#include "analyzers/analysis/switch_cost.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "tests/analyzers/random_run.hpp"
#include "tests/analyzers/sample_run.hpp"

using namespace latency;
using namespace latency::analysis;
using doctest::Approx;
using latency::test::ms;

namespace {

switch_timing a_switch(std::int32_t recached, std::int64_t total_ms, bool window_full = true) {
  switch_timing timing;
  timing.recached_latent_frames = recached;
  timing.switch_total_ns = total_ms * ms;
  timing.window_full = window_full;
  timing.delta_ns = timing.switch_total_ns + ms;
  return timing;
}

std::vector<switch_transfer> transfers_in(const recording& run) {
  const span_tree tree(run);
  return transfers_of(run, tree, switches(run, tree, generation(run, tree)));
}

device_op copy(span_id span, copy_direction direction, std::int64_t start_ms, std::int64_t end_ms,
               std::int64_t bytes) {
  device_op op;
  op.span = span;
  op.kind = device_op_kind::memcpy;
  op.direction = direction;
  op.start_ns = start_ms * ms;
  op.end_ns = end_ms * ms;
  op.bytes = bytes;
  return op;
}

// The first span of that name directly under `parent`.
span_id child(const recording& run, span_id parent, const std::string& name) {
  for (const span& s : run.spans)
    if (s.parent == parent && run.name_of(s) == name) return s.id;
  FAIL("no span " << name);
  return 0;
}

// 12 blocks of one clip, three segments of 4, 3 latent frames each, all full but block 0;
// `segment_ms` is how long the blocks of each segment take, those with an odd number 2 more.
recording segments(const std::array<std::int64_t, 3>& segment_ms, int blocks_each) {
  test::recording_builder made(100'000);
  std::int64_t now = 0;
  for (int b = 0; b < 3 * blocks_each; ++b) {
    const int segment = b / blocks_each;
    const bool switched = b > 0 && b % blocks_each == 0;
    const std::int64_t length_ms =
        segment_ms.at(static_cast<std::size_t>(segment)) + (b % 2 == 1 ? 2 : 0);
    const span_id span = made.span("temporal_block", 0, now, now + length_ms, {{"block", b}});
    made.run().blocks.push_back({span, b, segment, 3 * b, 3, 6, 6, switched ? 1 : 0});
    now += length_ms;
  }
  return std::move(made.run());
}

std::vector<segment_speed> compared(const recording& run) {
  return compare_segments(run, generation(run, span_tree(run)));
}

}  // namespace

TEST_CASE("switch_cost: a line through the switches says what a smaller window saves") {
  // 20 + 10 x latent frames, exactly.
  const recache_cost cost =
      cost_of_recaching({a_switch(12, 140), a_switch(3, 50), a_switch(9, 110), a_switch(12, 140)});
  CHECK(cost.verdict == recache_verdict::saves);
  CHECK(cost.fit->n == 4);
  CHECK(cost.fit->slope == Approx(10.0 * ms));
  CHECK(cost.fit->intercept == Approx(20.0 * ms));
  REQUIRE(cost.rows.size() == 3);
  CHECK(cost.rows[0].recached_latent_frames == 3);
  CHECK(cost.rows[2].switches == 2);
  CHECK(cost.rows[2].switch_total_mean_ns == 140.0 * ms);
}

TEST_CASE("switch_cost: it cannot be told from too few switches, one size, or noise") {
  CHECK(cost_of_recaching({}).verdict == recache_verdict::too_few);
  CHECK(cost_of_recaching({a_switch(3, 50), a_switch(12, 140)}).verdict ==
        recache_verdict::too_few);
  CHECK(cost_of_recaching({a_switch(9, 50), a_switch(9, 60)}).verdict == recache_verdict::too_few);
  const recache_cost one =
      cost_of_recaching({a_switch(9, 50), a_switch(9, 60), a_switch(9, 55), a_switch(12, 0)});
  CHECK(one.verdict == recache_verdict::one_size);  // the fourth was not recorded
  CHECK_FALSE(one.fit);
  const recache_cost noise =
      cost_of_recaching({a_switch(3, 60), a_switch(6, 50), a_switch(9, 65), a_switch(12, 52)});
  CHECK(noise.verdict == recache_verdict::cannot_tell);
  CHECK(noise.fit->slope_low < 0);
  CHECK(noise.fit->slope_high > 0);
}

TEST_CASE("switch_cost: switches by cache phase") {
  const auto rows =
      by_cache_phase({a_switch(9, 110), a_switch(3, 50, false), a_switch(6, 80, false)});
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].kind == scenario::filling);
  CHECK(rows[0].switches == 2);
  CHECK(rows[0].recached_latent_frames_mean == 4.5);
  CHECK(rows[0].cost.switch_total_ns.mean == 65.0 * ms);
  CHECK(rows[0].cost.delta_ns.mean == 66.0 * ms);
  CHECK(rows[1].kind == scenario::full);
  CHECK(rows[1].switches == 1);
  CHECK(by_cache_phase({a_switch(9, 110)}).size() == 1);
  CHECK(by_cache_phase({}).empty());
}

TEST_CASE("switch_cost: copies launched under a switch count, by switch and direction") {
  recording run = test::sample_run();
  const span_id first = run.switches[0].span;
  const span_id second = run.switches[1].span;
  const span_id setup = child(run, first, "prompt_switch_recache_setup");
  const span_id forward =
      child(run, child(run, second, "prompt_switch_recache"), "diffusion_forward");
  using direction = copy_direction;
  run.device_ops = {
      copy(forward, direction::device_to_device, 1000, 1010, 500),
      copy(setup, direction::host_to_device, 646, 648, 1000),
      copy(first, direction::host_to_device, 649, 650, 200),
      copy(run.blocks[3].span, direction::host_to_device, 700, 710, 7),  // of the block itself
      copy(0, direction::host_to_device, 700, 710, 7)};
  device_op kernel = copy(setup, direction::none, 650, 651, 0);
  kernel.kind = device_op_kind::kernel;
  run.device_ops.push_back(kernel);

  const auto found = transfers_in(run);
  REQUIRE(found.size() == 2);
  CHECK(found[0].number == 0);
  CHECK(found[0].direction == direction::host_to_device);
  CHECK(found[0].copies == 2);
  CHECK(found[0].bytes == 1200);
  CHECK(found[0].sum_ns == 3 * ms);
  CHECK(found[1].number == 1);
  CHECK(found[1].direction == direction::device_to_device);
  CHECK(found[1].sum_ns == 10 * ms);
}

TEST_CASE("switch_cost: over all switches copies add up by direction") {
  using direction = copy_direction;
  const auto sums = over_all({{0, direction::device_to_device, 1, 10, 100},
                              {0, direction::host_to_device, 2, 20, 200},
                              {1, direction::host_to_device, 3, 30, 300}});
  REQUIRE(sums.size() == 2);
  CHECK(sums[0].direction == direction::host_to_device);
  CHECK(sums[0].copies == 5);
  CHECK(sums[0].bytes == 50);
  CHECK(sums[0].sum_ns == 500);
  CHECK(sums[1].copies == 1);
}

TEST_CASE("switch_cost: steady blocks of each segment are held against those of the first") {
  // 20 blocks each: 1 first or switched, 19 steady.
  const auto rows = compared(segments({100, 100, 120}, 20));
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].blocks == 20);
  CHECK(rows[0].block_time.n == 19);
  CHECK(rows[0].block_time.difference_ns == 0);
  CHECK(rows[1].segment == 1);
  CHECK(rows[1].block_time.verdict == comparison_verdict::no_difference);
  CHECK(rows[2].block_time.difference_ns == 20.0 * ms);
  CHECK(rows[2].block_time.base_n == 19);
  CHECK(rows[2].block_time.verdict == comparison_verdict::slower);
}

TEST_CASE("switch_cost: segments with few steady blocks cannot be told apart") {
  const auto rows = compared(segments({100, 150, 100}, 4));
  CHECK(rows[1].block_time.n == 3);
  CHECK(rows[1].block_time.difference_ns == 50.0 * ms);
  CHECK(rows[1].block_time.verdict == comparison_verdict::cannot_tell);
  CHECK(compared(recording{}).empty());
}

TEST_CASE("switch_cost: no input makes copies appear or time run backwards") {
  CHECK(rc::check([](std::uint64_t seed) {
    const recording run = test::absurd_run(seed);
    std::int64_t copies = 0;
    for (const device_op& op : run.device_ops) copies += op.kind == device_op_kind::memcpy ? 1 : 0;
    for (const switch_transfer& t : transfers_in(run)) {
      RC_ASSERT(t.sum_ns >= 0);
      copies -= t.copies;
    }
    RC_ASSERT(copies >= 0);
  }));
}
