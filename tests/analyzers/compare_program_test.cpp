// `latency compare`, run as a user runs it.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "latency/timing_file.hpp"
#include "schema_complaint.hpp"
#include "tests/analyzers/recording_builder.hpp"
#include "tests/analyzers/run_command.hpp"
#include "tests/temporary_folder.hpp"

namespace {

using latency::test::ms;
using latency::test::recording_builder;
using latency_test::command_result;
using latency_test::temporary_folder;

class comparing {
 public:
  // A run of 30 "fast" spans of 10 ms and 30 "slow" of 20 ms, times `factor` each.
  std::string file(const std::string& name, double fast_factor, double slow_factor,
                   std::int64_t frames = 21) {
    recording_builder made(2000);
    std::int64_t now_us = 1000;
    const auto add = [&](const char* span, double length_us) {
      made.span(span, 0, 0, 0);
      made.run().spans.back().start_ns = now_us * 1000;
      now_us += std::lround(length_us);
      made.run().spans.back().end_ns = now_us * 1000;
    };
    for (int i = 0; i < 30; ++i) {
      add("fast", 10'000 * fast_factor);
      add("slow", 20'000 * slow_factor);
    }
    made.run().run["latent_frames"] = frames;
    latency::write_timing_file(made.run(), folder_ / name);
    return folder_ / name;
  }

  command_result compare(const std::string& arguments) {
    return latency_test::run_latency("compare " + arguments);
  }

  nlohmann::json report(const std::string& arguments) {
    return nlohmann::json::parse(compare(arguments + " --format json").out);
  }

  std::string three(const std::string& side, double fast, double slow) {
    return file(side + "1", fast, slow) + " " + file(side + "2", fast * 1.001, slow * 0.999) + " " +
           file(side + "3", fast * 0.999, slow * 1.001);
  }

 private:
  temporary_folder folder_;
};

nlohmann::json row(const nlohmann::json& report, const std::string& name) {
  for (const auto& entry : report["sections"]["components"]["tables"]["durations"])
    if (entry["component"] == name) return entry;
  FAIL("no row " << name);
  return {};
}

}  // namespace

TEST_CASE("latency compare: what became slower is named, and the exit status is 1") {
  comparing c;
  const std::string sides = "--base " + c.three("a", 1, 1) + " --candidate " + c.three("b", 1, 1.1);
  const command_result text = c.compare(sides);
  CHECK(text.status == 1);
  CHECK(text.err.empty());
  CHECK(text.out.find("SLOWER: 1 of 2 rows by more than 2 %") != text.out.npos);
  const auto report = c.report(sides);
  CHECK(latency_test::schema_complaint("compare.schema.json", report) == "");
  CHECK(row(report, "slow")["verdict"] == "slower");
  CHECK(row(report, "slow")["candidate_over_base_ratio"] == doctest::Approx(1.1));
  CHECK(row(report, "slow")["over_threshold"] == "yes");
  CHECK(row(report, "fast")["verdict"] == "same");
  const auto change = report["sections"]["components"]["tables"]["exclusive_change"];
  CHECK(change[0]["component"] == "slow");
  CHECK(change[0]["change_ns"] == doctest::Approx(60.0 * ms).epsilon(1e-4));
}

TEST_CASE("latency compare: exit status 0 when nothing is slower, also when something is faster") {
  comparing c;
  const std::string base = "--base " + c.three("a", 1, 1);
  CHECK(c.compare(base + " --candidate " + c.three("b", 1, 1)).status == 0);
  const command_result faster = c.compare(base + " --candidate " + c.three("b", 1, 0.8));
  CHECK(faster.status == 0);
  CHECK(faster.out.find("faster") != faster.out.npos);
}

TEST_CASE("latency compare: one run on each side cannot tell 1 %, and says how many would") {
  comparing c;
  const std::string files = c.file("a", 1, 1) + " " + c.file("b", 1, 1.01);
  const command_result r = c.compare(files);
  CHECK(r.status == 3);
  CHECK(r.out.find("CANNOT TELL") != r.out.npos);
  CHECK(r.out.find("more runs on each") != r.out.npos);
  CHECK(row(c.report(files), "slow")["more_runs"] > 0);
  CHECK(c.compare(files + " --threshold 8%").status == 0);
  CHECK(c.compare(files + " --run-to-run 0.05%").status == 0);
  CHECK(c.compare(files + " --run-to-run 0.05% --threshold 0.5%").status == 1);
  CHECK(c.compare(files + " --run-to-run 0.05% --threshold 0.5% --component fast").status == 0);
}

TEST_CASE("latency compare: too few values for any interval are no reason to pass") {
  comparing c;
  const std::string example = std::string(LATENCY_TEST_DATA) + "/timing/two_segments.json";
  CHECK(c.compare(example + " " + example + " --component temporal_block").status == 3);
}

TEST_CASE("latency compare: different workloads are refused unless forced") {
  comparing c;
  const std::string files = c.file("a", 1, 1) + " " + c.file("b", 1, 1, 42);
  const command_result refused = c.compare(files);
  CHECK(refused.status == 2);
  CHECK(refused.out.empty());
  CHECK(refused.err.find("latent_frames: is 42, but 21 in ") != refused.err.npos);
  const command_result forced = c.compare(files + " --force");
  CHECK(forced.status == 3);
  CHECK(forced.out.find("latent_frames") != forced.out.npos);
}

TEST_CASE("latency compare: bad requests are refused in one line") {
  comparing c;
  const std::string a = c.file("a", 1, 1);
  for (const std::string& arguments :
       {a, a + " " + a + " --threshold fast", a + " " + a + " --threshold 0%",
        a + " " + a + " --threshold 2", a + " " + a + " --run-to-run -1%",
        a + " " + a + " --component nothing", a + " " + a + " --base " + a, "--base " + a,
        "--candidate " + a, a + " missing.json"}) {
    const command_result r = c.compare(arguments);
    CAPTURE(arguments);
    CHECK(r.status == 2);
    CHECK(r.out.empty());
    CHECK(latency_test::is_one_line(r.err));
  }
}

TEST_CASE("latency compare: every format can be printed, and --help has examples") {
  comparing c;
  const std::string files = c.file("a", 1, 1) + " " + c.file("b", 1, 1);
  for (const char* format : {"table", "markdown", "csv", "json"})
    CHECK(c.compare(files + " --format " + format).out.size() > 500);
  CHECK(c.compare("--help").out.find("Examples:") != std::string::npos);
}
