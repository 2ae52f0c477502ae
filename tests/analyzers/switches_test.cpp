#include "analyzers/analysis/switches.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <numeric>

#include "tests/analyzers/random_run.hpp"
#include "tests/analyzers/sample_run.hpp"
#include "tests/analyzers/whole_clip_run.hpp"

using namespace latency;
using namespace latency::analysis;
using latency::test::ms;

namespace {

switch_report switches_of(const recording& run) {
  const span_tree tree(run);
  return switches(run, tree, generation(run, tree));
}

// In milliseconds, in the order of switch_part or delta_part.
template <class parts_of>
parts_of in_ms(parts_of parts) {
  for (std::int64_t& p : parts) {
    CHECK(p % ms == 0);
    p /= ms;
  }
  return parts;
}

// 40 blocks of 100 with window 6, switches in blocks 10, 20 and 30; the two blocks after each last
// `after_ms`. Full blocks: 6 after a switch, 40 - 2 filling - 3 switched - 6 = 29 steady.
recording many_blocks(std::int64_t after_ms) {
  test::recording_builder made(10'000);
  std::int64_t now = 0;
  for (int b = 0; b < 40; ++b) {
    const bool switched = b > 0 && b % 10 == 0;
    const bool after = b > 10 && (b % 10 == 1 || b % 10 == 2);
    // One in three steady blocks is 2 longer, so that resampling has something to vary.
    const std::int64_t length_ms = switched ? 150 : (after ? after_ms : 100) + (b % 3 == 0 ? 2 : 0);
    const span_id span = made.span("temporal_block", 0, now, now + length_ms, {{"block", b}});
    made.run().blocks.push_back({span, b, b / 10, 3 * b, 3, b < 2 ? 3 * b : 6, 6, switched});
    if (switched) {
      const span_id total = made.span("prompt_switch_total", span, now, now + 50);
      made.run().switches.push_back({total, b / 10, b, 3 * b, 3 * b, 6, now * ms, 0});
    }
    now += length_ms;
  }
  return std::move(made.run());
}

}  // namespace

TEST_CASE("switches: delta and absolute of the sample run, with every part") {
  const switch_report report = switches_of(test::sample_run());
  REQUIRE(report.switches.size() == 2);
  // wait, encoding, reset, set-up, recache, denoising, decode, queue, unaccounted
  const switch_timing& first = report.switches[0];
  CHECK(first.delta_ns.value() == 50 * ms);  // 152 - 102
  CHECK(first.delta_against_steady);
  CHECK(first.switch_total_ns == 50 * ms);
  CHECK(first.absolute_ns.value() == 329 * ms);  // 826 - 497
  CHECK(in_ms(first.parts_ns) == switch_parts{145, 0, 4, 3, 40, 100, 32, 0, 5});
  // resets 2 + 1 + 1, set-up, recache, 3 of its own; both blocks are 102 without the switch
  CHECK(in_ms(first.delta_parts_ns) == delta_parts{4, 3, 40, 3, 0});
  CHECK(first.recached_latent_frames == 6);
  CHECK(first.window_full);
  const switch_timing& second = report.switches[1];
  CHECK(second.delta_ns.value() == 46 * ms);  // 148 - 102
  CHECK(in_ms(second.delta_parts_ns) == delta_parts{4, 3, 38, 1, 0});
  CHECK(second.absolute_ns.value() == 180 * ms);  // 1162 - 982
  CHECK(in_ms(second.parts_ns) == switch_parts{0, 0, 4, 3, 38, 100, 32, 0, 3});
}

TEST_CASE("switches: the summary is over the switches that have the figure") {
  recording run = test::sample_run();
  const switch_report both = switches_of(run);
  CHECK(both.serial);
  CHECK(both.over_all.delta_ns.n == 2);
  CHECK(both.over_all.delta_ns.mean == 48.0 * ms);
  CHECK(both.over_all.absolute_ns.sum == 509.0 * ms);
  CHECK(both.over_all.parts_ns[static_cast<std::size_t>(switch_part::recache_forward)].max ==
        40.0 * ms);

  std::erase_if(run.pixel_frames, [](const pixel_frame& p) { return p.index == 57; });
  const switch_report one = switches_of(run);
  CHECK_FALSE(one.switches[1].absolute_ns);
  CHECK(one.switches[1].parts_ns == switch_parts{});
  CHECK(one.over_all.delta_ns.n == 2);
  CHECK(one.over_all.absolute_ns.n == 1);
  CHECK(one.over_all.parts_ns[0].n == 1);
}

TEST_CASE("switches: a run whose decoder overlaps the blocks has no delta") {
  recording run = test::sample_run();
  run.threads.push_back({"decoder", 7});
  for (span& s : run.spans)
    if (run.name_of(s) == "interactive_vae_decode") {
      s.thread = 1;
      s.end_ns += 20 * ms;
    }
  const switch_report report = switches_of(run);
  CHECK_FALSE(report.serial);
  CHECK_FALSE(report.switches[0].delta_ns);
  CHECK(report.over_all.delta_ns.n == 0);
  CHECK(report.switches[0].absolute_ns);
}

TEST_CASE("switches: what the block itself takes longer is no part of the switch") {
  recording run = test::sample_run();
  const auto block = std::find_if(run.spans.begin(), run.spans.end(), [&](const span& s) {
    return s.start_ns == 497 * ms && run.name_of(s) == "temporal_block";
  });
  block->end_ns -= 2 * ms;  // block 2, the one before the first switch, opens at 497
  const switch_timing first = switches_of(run).switches[0];
  CHECK(first.delta_ns.value() == 52 * ms);
  CHECK(in_ms(first.delta_parts_ns) == delta_parts{4, 3, 40, 3, 2});
}

TEST_CASE("switches: a switch that ran before its block is no part of the delta") {
  recording run = test::sample_run();
  const span_id total = run.switches[0].span;
  for (span& s : run.spans)
    if (s.id == total || s.parent == total) {
      if (s.id == total) s.parent = run.spans.front().id;
      s.start_ns -= 60 * ms;
      s.end_ns -= 60 * ms;
    }
  const switch_timing first = switches_of(run).switches[0];
  CHECK(first.delta_ns.value() == 50 * ms);
  CHECK(in_ms(first.delta_parts_ns) == delta_parts{0, 0, 0, 0, 50});
}

TEST_CASE("switches: without the block before there is no delta") {
  recording run = test::sample_run();
  std::erase_if(run.blocks, [](const block& b) { return b.index == 2; });
  const switch_report report = switches_of(run);
  CHECK_FALSE(report.switches[0].delta_ns);
  CHECK(report.switches[1].delta_ns);
}

TEST_CASE("switches: a delta against a filling block says so") {
  recording run = test::sample_run();
  run.blocks[2].cached_latent_frames = 3;
  const switch_report report = switches_of(run);
  CHECK_FALSE(report.switches[0].delta_against_steady);
  CHECK(report.switches[1].delta_against_steady);
}

TEST_CASE(
    "switches: encoding the new prompt beside the generation costs what it takes beyond the "
    "boundary") {
  recording run = test::sample_run();
  run.threads.push_back({"encoder", 7});
  span encoding = run.spans.front();
  encoding.id = span_id{1} << 40 | 1;
  encoding.parent = 0;
  encoding.thread = 1;
  encoding.name = run.strings.add("interactive_text_encoding");
  encoding.start_ns = 600 * ms;
  encoding.end_ns = 620 * ms;
  run.spans.push_back(encoding);
  CHECK(in_ms(switches_of(run).switches[0].parts_ns) ==
        switch_parts{145, 0, 4, 3, 40, 100, 32, 0, 5});
  // Until 2 ms after the block opened, where nothing else is going on yet: of these, text encoding.
  const std::int64_t opened_ns = run.switches[0].request_ns + 145 * ms;
  run.spans.back().end_ns = opened_ns + 2 * ms;
  const switch_parts late = in_ms(switches_of(run).switches[0].parts_ns);
  CHECK(late[0] == 145);
  CHECK(late[1] + late[8] == 5);
  CHECK(late[1] > 0);
}

TEST_CASE("switches: encoding under another run's root is no part of the switch") {
  recording run = test::sample_run();
  run.threads.push_back({"other run", 7});
  span other = run.spans.front();
  other.id = span_id{1} << 40 | 1;
  other.thread = 1;
  run.spans.push_back(other);
  span encoding = other;
  encoding.parent = other.id;
  encoding.id = other.id + 1;
  encoding.name = run.strings.add("interactive_text_encoding");
  encoding.start_ns = 600 * ms;
  encoding.end_ns = 620 * ms;
  run.spans.push_back(encoding);
  CHECK(in_ms(switches_of(run).switches[0].parts_ns) ==
        switch_parts{145, 0, 4, 3, 40, 100, 32, 0, 5});
}

TEST_CASE("switches: a later decode of other latent frames is no part of the switch") {
  recording run = test::whole_clip_run(true);
  span later = run.spans.back();
  later.id = 1000;
  later.start_ns = 1315 * ms;
  later.end_ns = 1319 * ms;
  later.attributes = {};
  run.spans.push_back(later);
  CHECK(in_ms(switches_of(run).switches[0].parts_ns) ==
        switch_parts{145, 0, 4, 3, 40, 100, 40, 515, 5});
}

TEST_CASE("switches: encoding another segment's prompt is no part of the switch") {
  recording run = test::sample_run();
  for (prompt_switch& s : run.switches) s.request_ns = 200 * ms;  // before all three encodings
  const switch_report report = switches_of(run);
  // Segment 1 is encoded in 210..220, the wait is 200..642 without that.
  CHECK(in_ms(report.switches[0].parts_ns) == switch_parts{432, 10, 4, 3, 40, 100, 32, 0, 5});
}

TEST_CASE("switches: finished pixels that wait for their copy are the display queue") {
  recording run = test::sample_run();
  for (pixel_frame& p : run.pixel_frames)
    if (p.block == 3) p.complete_ns += 20 * ms;
  const switch_report report = switches_of(run);
  CHECK(report.switches[0].absolute_ns.value() == 349 * ms);
  CHECK(in_ms(report.switches[0].parts_ns) == switch_parts{145, 0, 4, 3, 40, 100, 43, 9, 5});
}

TEST_CASE("switches: latent frames that wait for a decode of the whole clip are in the queue") {
  for (const bool names_latent_frames : {false, true}) {
    const switch_report report = switches_of(test::whole_clip_run(names_latent_frames));
    CHECK(report.switches[0].absolute_ns.value() == 852 * ms);  // 1349 - 497
    CHECK(in_ms(report.switches[0].parts_ns) == switch_parts{145, 0, 4, 3, 40, 100, 40, 515, 5});
  }
}

TEST_CASE("switches: a switch without its span still has its block, its delta and its latency") {
  recording run = test::sample_run();
  run.switches[0].span = 0;
  const switch_report report = switches_of(run);
  CHECK(report.switches_without_block == 0);
  CHECK(report.switches[0].delta_ns.value() == 50 * ms);
  CHECK(report.switches[0].absolute_ns.value() == 329 * ms);
  // What the switch's span held can no longer be told apart.
  CHECK(in_ms(report.switches[0].parts_ns) == switch_parts{145, 0, 0, 0, 0, 100, 32, 0, 52});
}

TEST_CASE("switches: warm-up and lost blocks are counted, not timed") {
  recording run = test::sample_run();
  for (span& s : run.spans)
    if (s.id == run.blocks[3].span) s.flags |= span_warm_up;
  run.switches[1].span = 0;
  run.switches[1].block = 70;
  const switch_report report = switches_of(run);
  CHECK(report.switches.empty());
  CHECK(report.warm_up_switches == 1);
  CHECK(report.switches_without_block == 1);
}

TEST_CASE("switches: blocks after a switch are compared with the steady ones") {
  const median_comparison slower = switches_of(many_blocks(120)).after;
  CHECK(slower.n == 6);
  CHECK(slower.base_n == 29);
  CHECK(slower.verdict == comparison_verdict::slower);
  CHECK(slower.base_median_ns == 100.0 * ms);
  // Blocks 11 31 32 22 at 120, 12 and 21 at 122: median 120.
  CHECK(slower.difference_ns == 20.0 * ms);
  CHECK(slower.interval_low_ns.value() > 10.0 * ms);
  CHECK(slower.interval_high_ns.value() < 30.0 * ms);
  CHECK(switches_of(many_blocks(90)).after.verdict == comparison_verdict::faster);
  const median_comparison same = switches_of(many_blocks(100)).after;
  CHECK(same.verdict == comparison_verdict::no_difference);
  CHECK(same.interval_low_ns.value() <= 0);
  CHECK(same.interval_high_ns.value() >= 0);
}

TEST_CASE("switches: with few blocks the answer is that it cannot be told") {
  const median_comparison after = switches_of(test::sample_run()).after;
  CHECK(after.n == 2);       // blocks 4 and 6
  CHECK(after.base_n == 1);  // block 2
  CHECK(after.verdict == comparison_verdict::cannot_tell);
  CHECK_FALSE(after.interval_low_ns);
  CHECK(after.difference_ns == 0);
}

TEST_CASE("switches: a recording without switches gives an empty report") {
  recording run = test::sample_run();
  run.switches.clear();
  const switch_report report = switches_of(run);
  CHECK(report.switches.empty());
  CHECK(report.over_all.delta_ns.n == 0);
  CHECK(report.after.n == 0);
}

TEST_CASE(
    "switches: parts sum to their whole, and none of the absolute one's is negative, whatever the "
    "input") {
  CHECK(rc::check([](std::uint64_t seed) {
    for (const switch_timing& s : switches_of(test::absurd_run(seed)).switches) {
      for (const std::int64_t part : s.parts_ns) RC_ASSERT(part >= 0);
      RC_ASSERT(std::accumulate(s.parts_ns.begin(), s.parts_ns.end(), std::int64_t{0}) ==
                s.absolute_ns.value_or(0));
      RC_ASSERT(std::accumulate(s.delta_parts_ns.begin(), s.delta_parts_ns.end(),
                                std::int64_t{0}) == s.delta_ns.value_or(0));
    }
  }));
}

TEST_CASE("switches: the parts sum to the absolute latency when requests and pixels come anywhen") {
  CHECK(rc::check([](std::uint16_t request_ms, std::uint16_t complete_ms, bool second) {
    recording run = test::sample_run();
    prompt_switch& s = run.switches[second ? 1 : 0];
    s.request_ns = request_ms % 1400 * ms;
    for (pixel_frame& p : run.pixel_frames)
      if (p.index == s.first_pixel_frame) p.complete_ns = complete_ms % 1400 * ms;
    const switch_timing timed = switches_of(run).switches[second ? 1 : 0];
    if (!timed.absolute_ns) {
      RC_ASSERT(complete_ms % 1400 < std::max(request_ms % 1400, second ? 982 : 642));
      return;
    }
    RC_ASSERT(*timed.absolute_ns == (complete_ms % 1400 - request_ms % 1400) * ms);
    RC_ASSERT(std::accumulate(timed.parts_ns.begin(), timed.parts_ns.end(), std::int64_t{0}) ==
              *timed.absolute_ns);
  }));
}
