// `latency explain`, run as a user runs it.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "latency/timing_file.hpp"
#include "schema_complaint.hpp"
#include "tests/analyzers/recording_builder.hpp"
#include "tests/analyzers/run_command.hpp"

namespace {

using latency_test::command_result;

const std::string example = std::string(LATENCY_TEST_DATA) + "/timing/two_segments.json";

command_result explain(const std::string& arguments) {
  return latency_test::run_latency("explain " + arguments);
}

}  // namespace

TEST_CASE("latency explain: the switch block's 40 ms are told in sentences") {
  const command_result r = explain(example);
  CHECK(r.status == 0);
  CHECK(r.err.empty());
  CHECK(r.out.find("1. Block 3 (switch)") != r.out.npos);
  CHECK(r.out.find("It took 170.0 ms with its decoding, 40.00 ms more") != r.out.npos);
  CHECK(r.out.find("diffusion_forward in prompt_switch_recache came on top: 24.00 ms") !=
        r.out.npos);
}

TEST_CASE("latency explain: the rows of the table add up to the difference") {
  const auto report = nlohmann::json::parse(explain(example + " --format json").out);
  CHECK(latency_test::schema_complaint("explain.schema.json", report) == "");
  std::int64_t sum = 0;
  for (const auto& row : report["sections"]["case_1"]["tables"]["changes"])
    sum += row["change_ns"].get<std::int64_t>();
  CHECK(sum == 40'000'000);
  CHECK(report["sections"]["case_1"]["lines"][0]["figures"]["excess_ns"] == 40'000'000);
}

TEST_CASE("latency explain: lateness is told for every rate of playout, and judged at --fps") {
  const auto summary = [](const std::string& arguments) {
    const auto report = nlohmann::json::parse(explain(example + arguments + " --format json").out);
    CHECK(latency_test::schema_complaint("explain.schema.json", report) == "");
    return report["sections"]["summary"];
  };
  const auto usual = summary("");
  CHECK(usual["lines"][0]["figures"]["judged_at_per_second"] == 25.0);
  CHECK(usual["lines"][0]["figures"]["late_pixel_frames"] == 0);
  CHECK(usual["tables"]["playouts"].size() == 4);
  const auto fast = summary(" --fps 1000");
  CHECK(fast["lines"][0]["figures"]["late_pixel_frames"] == fast["tables"]["playouts"][4]["late"]);
  CHECK(fast["tables"]["playouts"][4]["late"] > 0);
  CHECK(fast["tables"]["playouts"][4]["period_ns"] == 1'000'000);
}

// Seven spans of 100 ms, of which calls take 10; the fifth takes 60 more, all in its calls.
TEST_CASE("latency explain: a span that grew in launches is told from one that waited") {
  using latency::test::ms;
  const latency_test::temporary_folder folder;
  for (const auto& [kind, said] :
       {std::pair(latency::api_call_kind::launch, "mostly in launches and other API calls"),
        std::pair(latency::api_call_kind::synchronize, "mostly waiting for the device")}) {
    latency::test::recording_builder made(2000);
    for (int i = 0; i < 7; ++i) {
      const std::int64_t more = i == 4 ? 60 : 0;
      latency::api_call call;
      call.span = made.span("work", 0, 200 * i + 10, 200 * i + 110 + more);
      call.kind = kind;
      call.start_ns = (200 * i + 20) * ms;
      call.end_ns = call.start_ns + (10 + more) * ms;
      made.run().api_calls.push_back(call);
    }
    latency::write_timing_file(made.run(), folder / "run.json");
    const command_result r = explain(folder / "run.json");
    CHECK(r.out.find("1. work number 4") != r.out.npos);
    CHECK(r.out.find(std::string("work grew by 60.00 ms, ") + said) != r.out.npos);
  }
}

TEST_CASE("latency explain: bad requests are refused in one line") {
  for (const std::string& arguments :
       {std::string("missing.json"), example + " --span nothing", example + " --most 0",
        example + " --fps 0", std::string()}) {
    const command_result r = explain(arguments);
    CAPTURE(arguments);
    CHECK(r.status == 2);
    CHECK(r.out.empty());
    CHECK(latency_test::is_one_line(r.err));
  }
}

TEST_CASE("latency explain: every format can be printed, and --help has examples") {
  for (const char* format : {"table", "markdown", "csv", "json"})
    CHECK(explain(example + " --format " + format).out.size() > 300);
  CHECK(explain("--help").out.find("Examples:") != std::string::npos);
}

// Six blocks of 100 ms, but for block 4 of 600: its own time, while the kernel of its forward takes
// 500 more. A pixel frame is complete at the end of each: 120, 220, 320, 420, 1020, 1120 ms.
TEST_CASE(
    "latency explain: late pixel frames, blocks that came too late and device work are told") {
  using latency::test::ms;
  const latency_test::temporary_folder folder;
  latency::test::recording_builder made(2000);
  latency::recording& run = made.run();
  std::int64_t now = 20;
  for (int b = 0; b < 6; ++b) {
    const std::int64_t more = b == 4 ? 500 : 0;
    const auto block = made.span("temporal_block", 0, now, now + 100 + more);
    run.blocks.push_back({block, b, 0, b, 1, 3, 3, 0});
    latency::device_op op;
    op.span = made.span("forward", block, now + 10, now + 20);
    op.name = run.strings.add("attention");
    op.start_ns = (now + 20) * ms;
    op.end_ns = (now + 60 + more) * ms;
    run.device_ops.push_back(op);
    now += 100 + more;
    run.pixel_frames.push_back({now * ms, b, b});
  }
  latency::write_timing_file(run, folder / "run.json");
  const std::string at_5 = explain(folder / "run.json" + " --fps 5").out;  // 4 is due at 920 ms
  const auto says = [](const std::string& report, const char* sentence) {
    CAPTURE(report);
    CHECK(report.find(sentence) != report.npos);
  };
  says(at_5, "1 pixel frame was late, number 4, by 100.0 ms.");
  says(at_5,
       "It took 600.0 ms with its decoding, 500.0 ms more than the 100.0 ms of its median peer");
  says(at_5, "temporal_block grew by 500.0 ms, mostly on the host.");
  says(at_5, "forward in temporal_block launched work that took 500.0 ms more on the device.");
  const std::string at_8 = explain(folder / "run.json" + " --fps 8").out;  // 5 is due at 745 ms
  says(at_8, "1 pixel frame was late, number 5, by 375.0 ms.");
  says(at_8, "It took 100.0 ms with its decoding, no more than its median peer, block 3 (full)");
  says(at_8, "before it made it late.");
}
