#include "analyzers/analysis/generation.hpp"

#include <doctest/doctest.h>

#include "tests/analyzers/sample_run.hpp"
#include "tests/analyzers/whole_clip_run.hpp"

using namespace latency;
using namespace latency::analysis;
using latency::test::ms;

namespace {

generation_report generation_of(const recording& run) {
  return generation(run, span_tree(run));
}

double seconds(std::int64_t milliseconds) {
  return static_cast<double>(milliseconds) / 1000;
}

}  // namespace

TEST_CASE("generation: every block has its scenario, time, VAE time and pixel frames") {
  const generation_report report = generation_of(test::sample_run());
  struct expected {
    scenario kind;
    std::int64_t start_ms, block_ms, vae_ms, pixel_frames;
  };
  const expected blocks[] = {
      {scenario::first, 240, 82, 40, 9},  {scenario::filling, 362, 92, 43, 12},
      {scenario::full, 497, 102, 43, 12}, {scenario::switched, 642, 152, 43, 12},
      {scenario::full, 837, 102, 43, 12}, {scenario::switched, 982, 148, 43, 12},
      {scenario::full, 1173, 102, 43, 12}};
  REQUIRE(report.blocks.size() == 7);
  for (std::size_t i = 0; i < 7; ++i) {
    CHECK(report.blocks[i].row == i);
    CHECK(report.blocks[i].kind == blocks[i].kind);
    CHECK(report.blocks[i].start_ns == blocks[i].start_ms * ms);
    CHECK(report.blocks[i].block_ns == blocks[i].block_ms * ms);
    CHECK(report.blocks[i].vae_ns == blocks[i].vae_ms * ms);
    CHECK(report.blocks[i].pixel_frames == blocks[i].pixel_frames);
    CHECK(report.blocks[i].per_latent_frame_ns ==
          doctest::Approx(static_cast<double>(blocks[i].block_ms * ms) / 3));
  }
  CHECK(report.clips == 1);
  CHECK(report.serial);
}

TEST_CASE("generation: steady latency is that of full blocks, per latent and per pixel frame") {
  const generation_report report = generation_of(test::sample_run());
  CHECK(report.steady_per_latent_frame_ns.n == 3);
  CHECK(report.steady_per_latent_frame_ns.mean == doctest::Approx(34.0 * ms));
  // Blocks 2, 4 and 6: a gap of 134 to the frame before, then 11 of 1.
  CHECK(report.steady_per_pixel_frame_ns.n == 36);
  CHECK(report.steady_per_pixel_frame_ns.mean == doctest::Approx(435.0 / 36 * ms));
  CHECK(report.steady_per_pixel_frame_ns.max == 134.0 * ms);
}

TEST_CASE("generation: scenarios are rows, in order, with their own statistics") {
  const generation_report report = generation_of(test::sample_run());
  REQUIRE(report.scenarios.size() == 4);
  const std::int64_t n[] = {1, 1, 3, 2};
  const double mean_ms[] = {82, 92, 102, 150};
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(report.scenarios[i].kind == static_cast<scenario>(i));
    CHECK(report.scenarios[i].block_ns.n == n[i]);
    CHECK(report.scenarios[i].latent_frames == 3 * n[i]);
    CHECK(report.scenarios[i].block_ns.mean == doctest::Approx(mean_ms[i] * ms));
    CHECK(report.scenarios[i].per_latent_frame_ns.mean == doctest::Approx(mean_ms[i] / 3 * ms));
  }
  REQUIRE(report.gaps.size() == 2);
  CHECK(report.gaps[0].kind == scenario::within_block);
  CHECK(report.gaps[0].gap_ns.n == 74);
  CHECK(report.gaps[0].gap_ns.max == 1.0 * ms);
  CHECK(report.gaps[1].kind == scenario::block_boundary);
  CHECK(report.gaps[1].gap_ns.n == 6);
  // 124 134 184 134 180 134
  CHECK(report.gaps[1].gap_ns.mean == doctest::Approx(890.0 / 6 * ms));
  CHECK(report.gaps[1].gap_ns.p50 == 134.0 * ms);
  CHECK(report.pixel_frame_gaps_ns.n == 80);
}

TEST_CASE("generation: frame rates with and without VAE, in all and per segment") {
  const generation_report report = generation_of(test::sample_run());
  CHECK(report.rate.latent_frames == 21);
  CHECK(report.rate.pixel_frames == 81);
  CHECK(report.rate.without_vae_ns == 780 * ms);
  CHECK(report.rate.with_vae_ns == 1078 * ms);
  CHECK(report.rate.latent_fps_without_vae == doctest::Approx(21 / seconds(780)));
  CHECK(report.rate.pixel_fps_without_vae == doctest::Approx(81 / seconds(780)));
  CHECK(report.rate.latent_fps_with_vae.value() == doctest::Approx(21 / seconds(1078)));
  CHECK(report.rate.pixel_fps_with_vae.value() == doctest::Approx(81 / seconds(1078)));

  REQUIRE(report.segments.size() == 3);
  const std::int64_t blocks[] = {3, 2, 2};
  const std::int64_t pixel_frames[] = {33, 24, 24};
  const std::int64_t without_ms[] = {276, 254, 250};
  const std::int64_t with_ms[] = {402, 340, 336};
  for (std::size_t i = 0; i < 3; ++i) {
    const segment_row& row = report.segments[i];
    CHECK(row.segment == static_cast<std::int32_t>(i));
    CHECK(row.blocks == blocks[i]);
    CHECK(row.rate.latent_frames == 3 * blocks[i]);
    CHECK(row.rate.pixel_frames == pixel_frames[i]);
    CHECK(row.rate.without_vae_ns == without_ms[i] * ms);
    CHECK(row.rate.with_vae_ns == with_ms[i] * ms);
    CHECK(row.rate.pixel_fps_with_vae.value() ==
          doctest::Approx(static_cast<double>(pixel_frames[i]) / seconds(with_ms[i])));
    CHECK(row.steady_per_latent_frame_ns.n == 1);
  }
}

TEST_CASE("generation: without VAE spans there is no rate with VAE") {
  recording run = test::sample_run();
  std::erase_if(run.spans,
                [&](const span& s) { return run.name_of(s).find("vae") != std::string::npos; });
  const generation_report report = generation_of(run);
  CHECK_FALSE(report.rate.latent_fps_with_vae);
  CHECK_FALSE(report.segments[0].rate.pixel_fps_with_vae);
  CHECK(report.rate.with_vae_ns == report.rate.without_vae_ns);
}

TEST_CASE("generation: time to the first pixel frame, from the root and from the block") {
  const generation_report report = generation_of(test::sample_run());
  CHECK(report.first_pixel_frame_from_root_ns.value() == 254 * ms);   // 354 - 100
  CHECK(report.first_pixel_frame_from_block_ns.value() == 114 * ms);  // 354 - 240
}

TEST_CASE("generation: a run that keeps ahead is on time, while raw gaps exceed the period") {
  const generation_report report = generation_of(test::sample_run());
  REQUIRE(report.deadlines.size() == 4);
  CHECK(report.deadlines[0].period_ns == 62'500'000);
  CHECK(report.deadlines[3].period_ns == 33'333'333);
  for (const deadline_row& d : report.deadlines) {
    CHECK(d.expected == 81);
    CHECK(d.late == 0);
    CHECK(d.hit_rate == 1);
    CHECK(d.gaps_over_period == 6);
  }
  CHECK(report.late_at_25_fps.empty());
}

TEST_CASE("generation: a stall makes the pixel frames after it late, with block and scenario") {
  recording run = test::sample_run();
  for (pixel_frame& p : run.pixel_frames)
    if (p.block >= 3) p.complete_ns += 2000 * ms;
  const generation_report report = generation_of(run);
  // At 40 ms, held 12 ahead, frame 32 is ready at due(20) = 354 + 800 = 1154. Frame 33 comes
  // 2184 after it, at 3338; due at 354 + 33 * 40 = 1674: 1664 late. Frame 80 is still 276 late.
  const deadline_row& at_40_ms = report.deadlines[2];
  CHECK(at_40_ms.period_ns == 40 * ms);
  CHECK(at_40_ms.late == 48);
  CHECK(at_40_ms.worst_lateness_ns == 1664 * ms);
  CHECK(at_40_ms.hit_rate == doctest::Approx(33.0 / 81));
  REQUIRE(report.late_at_25_fps.size() == 48);
  const late_pixel_frame& first = report.late_at_25_fps.front();
  CHECK(first.index == 33);
  CHECK(first.block == 3);
  CHECK(first.kind == scenario::switched);
  CHECK(first.lateness_ns == 1664 * ms);
  CHECK(report.late_at_25_fps.back().index == 80);
  CHECK(report.late_at_25_fps.back().kind == scenario::full);
  CHECK(report.late_at_25_fps.back().lateness_ns == 276 * ms);
}

TEST_CASE("generation: an unlimited window never fills") {
  recording run = test::sample_run();
  for (block& b : run.blocks) b.window_latent_frames = 0;
  const generation_report report = generation_of(run);
  CHECK(report.steady_per_latent_frame_ns.n == 0);
  CHECK(report.blocks[4].kind == scenario::filling);
}

TEST_CASE("generation: warm-up blocks are left out and counted, with their pixel frames") {
  recording run = test::sample_run();
  for (span& s : run.spans)
    if (s.id == run.blocks[0].span) s.flags |= span_warm_up;
  const generation_report report = generation_of(run);
  CHECK(report.warm_up_blocks == 1);
  CHECK(report.blocks.size() == 6);
  CHECK(report.blocks[0].kind == scenario::first);  // the first that counts
  CHECK(report.rate.pixel_frames == 72);
  CHECK(report.deadlines[0].expected == 72);
  CHECK(report.rate.with_vae_ns == (1078 - 82 - 40) * ms);
}

TEST_CASE("generation: a block whose span was dropped is counted and left out") {
  recording run = test::sample_run();
  run.blocks[2].span = 12345;
  const generation_report report = generation_of(run);
  CHECK(report.blocks_without_span == 1);
  CHECK(report.blocks.size() == 6);
  CHECK(report.rate.without_vae_ns == 678 * ms);
}

TEST_CASE(
    "generation: a VAE span that overlaps a block makes the run not serial, and counts once") {
  recording run = test::sample_run();
  for (span& s : run.spans)
    if (run.name_of(s) == "interactive_vae_postprocess" && s.end_ns == 642 * ms) {
      s.end_ns = 652 * ms;  // 10 into block 3
      s.thread = 1;
    }
  run.threads.push_back({"decoder", 7});
  const generation_report report = generation_of(run);
  CHECK_FALSE(report.serial);
  CHECK(report.rate.with_vae_ns == 1078 * ms);
  CHECK(report.blocks[2].vae_ns == 53 * ms);
}

TEST_CASE("generation: without recorded pixel frames their number follows from the latent frames") {
  recording run = test::sample_run();
  run.pixel_frames.clear();
  const generation_report report = generation_of(run);
  CHECK(report.rate.pixel_frames == 81);  // 1 + 4 * 20
  CHECK(report.blocks[0].pixel_frames == 9);
  CHECK(report.deadlines.empty());
}

TEST_CASE("generation: a whole-clip decode belongs to the clip, not to a block") {
  for (const bool names_latent_frames : {false, true}) {
    const generation_report report = generation_of(test::whole_clip_run(names_latent_frames));
    CHECK(report.blocks[6].vae_ns == 0);
    CHECK(report.rate.with_vae_ns == 820 * ms);
    CHECK_FALSE(report.segments[2].rate.latent_fps_with_vae);
  }
}

TEST_CASE("generation: pixel frames without blocks still have gaps and deadlines") {
  recording run = test::sample_run();
  run.blocks.clear();
  const generation_report report = generation_of(run);
  CHECK(report.blocks.empty());
  CHECK(report.pixel_frame_gaps_ns.n == 80);
  CHECK(report.deadlines.size() == 4);
  CHECK(report.deadlines[0].expected == 81);
  CHECK_FALSE(report.first_pixel_frame_from_root_ns);
}

TEST_CASE("generation: each pixel frame with its gap, and whether a block began before it") {
  const generation_report report = generation_of(test::sample_run());
  REQUIRE(report.pixel_frames.size() == 81);
  CHECK_FALSE(report.pixel_frames[0].gap_ns);
  CHECK(report.pixel_frames[8].gap_ns == 1 * ms);
  CHECK_FALSE(report.pixel_frames[8].block_boundary);
  const pixel_frame_timing& boundary = report.pixel_frames[33];
  CHECK(boundary.gap_ns == (826 - 642) * ms);
  CHECK(boundary.block_boundary);
  CHECK(boundary.kind == scenario::switched);
  CHECK(boundary.at_25_fps.complete_ns == 826 * ms);
  CHECK(boundary.at_25_fps.due_ns == (354 + 33 * 40) * ms);
  double sum = 0;
  for (const pixel_frame_timing& p : report.pixel_frames)
    sum += static_cast<double>(p.gap_ns.value_or(0));
  CHECK(sum == report.pixel_frame_gaps_ns.sum);
}
