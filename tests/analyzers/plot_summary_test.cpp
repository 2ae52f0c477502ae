#include "analyzers/commands/plot_summary.hpp"

#include <doctest/doctest.h>

#include "analyzers/render/display.hpp"
#include "tests/analyzers/sample_run.hpp"

using namespace latency;
using namespace latency::commands;
using latency::test::ms;

namespace {

std::vector<std::string> sentences(const recording& run) {
  std::vector<std::string> result;
  for (const render::line& l : plot_summary(breakdown_report(run))) result.push_back(sentence(l));
  return result;
}

}  // namespace

// Figures: the head of sample_run.hpp. 81 pixel frames; without decoding 777 ms of blocks.
TEST_CASE("summary: pace and deadline, switches, where the time goes") {
  const recording run = test::sample_run();
  const std::vector<render::line> lines = plot_summary(breakdown_report(run));
  const std::vector<std::string> said = sentences(run);
  REQUIRE(said.size() == 3);
  CHECK(said[0].rfind("A steady block takes 102.0 ms in the median of 3 for 3 latent frames, and "
                      "pixel frames come at ",
                      0) == 0);
  CHECK(said[0].find(" with decoding; played at 25 per second, ") != std::string::npos);
  CHECK(said[1].rfind("After a prompt switch (2 recorded) the first new pixel frame takes ", 0) ==
        0);
  CHECK(said[1].find("its block takes 48.00 ms longer than the one before") != std::string::npos);
  CHECK(said[2].find("diffusion_forward (") != std::string::npos);
  CHECK(said[2].find("of the time lies outside every span.") != std::string::npos);
}

TEST_CASE("summary: late pixel frames are bad, none is good") {
  recording run = test::sample_run();
  for (pixel_frame& f : run.pixel_frames) f.complete_ns = f.index * 40 * ms;
  CHECK(plot_summary(breakdown_report(run))[0].colour == render::tone::good);
  run.pixel_frames.back().complete_ns += ms;
  const render::line late = plot_summary(breakdown_report(run))[0];
  CHECK(late.colour == render::tone::bad);
  CHECK(sentence(late).find("98.8 % of 81 are on time, 1 late, the worst by 1.00 ms") !=
        std::string::npos);
}

TEST_CASE("summary: without blocks the size of the recording, and the device") {
  test::recording_builder made(100);
  const span_id root = made.span("root", 0, 0, 80);
  made.span("leaf", root, 10, 70);
  recording& run = made.run();
  CHECK(sentences(run) ==
        std::vector<std::string>{
            "The recording is 100.0 ms long and has 2 spans of 2 components on 1 thread.",
            "Most of the time goes to leaf (60.0 %) and root (20.0 %), each without the spans "
            "inside it; 20.0 % of the time lies outside every span."});
  device_op op;
  op.start_ns = 20 * ms;
  op.end_ns = 60 * ms;
  op.span = root;
  op.name = run.strings.add("gemm");
  run.device_ops.push_back(op);
  const std::vector<std::string> said = sentences(run);
  REQUIRE(said.size() >= 3);
  CHECK(
      said[1] ==
      "The device is idle for 50.0 % of its 80.00 ms; the kernel with most of it is gemm, 50.0 %.");
  CHECK(said[2] ==
        "Most of the device's time goes to root (50.0 %), each without the spans inside it.");
}

TEST_CASE("summary: an empty run has nothing to say, and says so; a torn one is not trusted") {
  recording run;
  CHECK(sentences(run).back() == "No span took any time.");
  run.hygiene.dropped_spans = 3;
  CHECK(plot_summary(breakdown_report(run)).back().colour == render::tone::bad);
}
