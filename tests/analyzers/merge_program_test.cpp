// `latency merge`, run as a user runs it.
#include <doctest/doctest.h>

#include <algorithm>
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
using latency_test::read_file;
using latency_test::run_latency;
using latency_test::temporary_folder;

// Two ranks; the second one's clock is 200 ms behind.
class two_ranks {
 public:
  explicit two_ranks(std::int64_t barrier_ms) {
    for (int rank = 0; rank < 2; ++rank) {
      recording_builder made(1000);
      const std::int64_t behind = 200 * rank;
      for (int step = 0; step < 3; ++step) {
        const std::int64_t start = 300 + 100 * step - behind;
        made.span("work", 0, start, start + 40);
        made.span("barrier", 0, start + 50, start + 50 + barrier_ms);
      }
      made.run().clock.origin_unix_ns += 190 * ms * rank;
      latency::write_timing_file(made.run(), file(rank));
    }
  }
  std::string file(int rank) const { return folder_ / ("rank" + std::to_string(rank) + ".json"); }
  std::string files() const { return file(0) + " " + file(1); }
  std::string path(const std::string& name) const { return folder_ / name; }
  bool has(const std::string& name) const {
    const auto names = folder_.names();
    return std::find(names.begin(), names.end(), name) != names.end();
  }

 private:
  temporary_folder folder_;
};

}  // namespace

TEST_CASE("latency merge: the ranks stand on one clock, and breakdown reads the file") {
  const two_ranks ranks(4);
  const command_result r = run_latency("merge " + ranks.files() + " -o " + ranks.path("run.json"));
  CHECK(r.err == "");
  CHECK(r.status == 0);
  CHECK(r.out.find("two ranks are off by 4.00 ms at most") != r.out.npos);
  const auto merged = nlohmann::json::parse(read_file(ranks.path("run.json")));
  CHECK(latency_test::schema_complaint("timing.schema.json", merged) == "");
  CHECK(merged["spans"]["start_ns"][0] == 300 * ms);
  CHECK(merged["spans"]["start_ns"][6] == 300 * ms);
  CHECK(merged["run"]["merged_ranks"] == 2);
  CHECK(merged["wall_ns"] == 1200 * ms);
  const command_result breakdown = run_latency("breakdown --format json " + ranks.path("run.json"));
  CHECK(breakdown.status == 0);
  const auto proof = nlohmann::json::parse(breakdown.out)["sections"]["proof"]["lines"][0];
  CHECK(proof["figures"]["threads"] == 2);
  CHECK(proof["figures"]["exclusive_ns"] == 6 * (40 + 4) * ms);
  CHECK(proof["text"].get<std::string>().find("exactly") != std::string::npos);
}

TEST_CASE("latency merge: the report says how each rank was aligned, in every format") {
  const two_ranks ranks(4);
  const std::string command = "merge " + ranks.files() + " -o " + ranks.path("run.json");
  const auto report = nlohmann::json::parse(run_latency(command + " --format json").out);
  CHECK(latency_test::schema_complaint("merge.schema.json", report) == "");
  const auto rows = report["sections"]["alignment"]["tables"]["ranks"];
  CHECK(rows[1]["method"] == "synchronization");
  CHECK(rows[1]["points"] == 3);
  CHECK(rows[1]["offset_ns"] == 200 * ms);
  CHECK(rows[1]["uncertainty_ns"] == 4 * ms);
  CHECK(rows[1]["drift_ppm"].is_null());  // three barriers do not show any
  CHECK(rows[1]["wall_clock_difference_ns"] == -10 * ms);
  for (const char* format : {"table", "markdown", "csv"})
    CHECK(run_latency(command + " --format " + format).out.size() > 200);
  CHECK(run_latency("merge --help").out.find("Examples:") != std::string::npos);
}

TEST_CASE(
    "latency merge: refused, and nothing written, when it is less certain than spans are long") {
  const two_ranks ranks(45);  // median of 40 and 45: 42.5
  const std::string command = "merge " + ranks.files() + " -o " + ranks.path("run.json");
  const command_result r = run_latency(command);
  CHECK(r.status == 2);
  CHECK(r.out.empty());
  CHECK(r.err.find("can be aligned to 45.00 ms only") != r.err.npos);
  CHECK_FALSE(ranks.has("run.json"));
  const command_result forced = run_latency(command + " --force");
  CHECK(forced.status == 0);
  CHECK(forced.out.find("MERGED BY FORCE") != forced.out.npos);
  CHECK(ranks.has("run.json"));
}

TEST_CASE("latency merge: bad requests are refused in one line") {
  const two_ranks ranks(4);
  const std::string output = " -o " + ranks.path("run.json");
  for (const std::string& arguments :
       {ranks.files(), ranks.file(0) + output, ranks.file(0) + " missing.json" + output,
        ranks.files() + output + " --wall-clock-uncertainty soon"}) {
    const command_result r = run_latency("merge " + arguments);
    CAPTURE(arguments);
    CHECK(r.status == 2);
    CHECK(r.out.empty());
    CHECK(latency_test::is_one_line(r.err));
    CHECK_FALSE(ranks.has("run.json"));
  }
}
