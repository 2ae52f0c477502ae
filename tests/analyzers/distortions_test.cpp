#include "analyzers/analysis/distortions.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "latency/timing_file.hpp"
#include "schema_complaint.hpp"
#include "tests/analyzers/run_command.hpp"
#include "tests/analyzers/sample_run.hpp"
#include "tests/temporary_folder.hpp"

using latency::distortion;
using latency::measured_time;
using latency::recording;
using latency::analysis::distortions_of;
using latency::analysis::overhead_tier_of;
using latency_test::run_command;

namespace {

const std::string program = LATENCY_TOOL;

recording run_of_tier(const std::string& tier) {
  recording run = latency::test::sample_run();
  run.run["tier"] = tier;
  return run;
}

void tell(recording& run, const distortion& d) {
  for (const auto& [name, ratio] : overhead_entries(d)) run.overhead[name] = ratio;
}

// A run of the tier "spans" of which that is told.
recording told_run(const std::vector<distortion>& told) {
  recording run = run_of_tier("host");
  for (const distortion& d : told) tell(run, d);
  return run;
}

std::string hygiene_text(const recording& run) {
  const latency_test::temporary_folder folder;
  latency::write_timing_file(run, folder / "timing.json");
  const std::string all = run_command(program + " breakdown " + (folder / "timing.json")).out;
  const std::size_t from = all.find("Hygiene"), to = all.find("\nRun\n");
  REQUIRE(from != std::string::npos);
  REQUIRE(to != std::string::npos);
  std::istringstream words(all.substr(from, to - from));  // wherever the terminal wraps them
  std::string text;
  for (std::string word; words >> word;) text += word + ' ';
  return text;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("distortions: a recording's tier is the highest of what it holds") {
  CHECK(overhead_tier_of(latency::test::sample_run()) == "spans");
  CHECK(overhead_tier_of(run_of_tier("host")) == "spans");
  recording run = run_of_tier("events");
  CHECK(overhead_tier_of(run) == "events");
  run.event_windows.emplace_back();
  CHECK(overhead_tier_of(run) == "events");
  run.event_windows.emplace_back().replay = 7;
  CHECK(overhead_tier_of(run) == "graph_events");
  run.event_windows.back().replay = 0;
  run.event_windows.back().last_replay = 1;
  CHECK(overhead_tier_of(run) == "graph_events");
  run.run["tier"] = std::string("kernels");
  CHECK(overhead_tier_of(run) == "kernels");
  run.device_totals.emplace_back();
  CHECK(overhead_tier_of(run) == "kernel_totals");
}

TEST_CASE("distortions: only what is told of the recording's own tier counts") {
  recording run = run_of_tier("events");
  for (const char* tier : {"spans", "events", "graph_events", "kernel_totals", "kernels"})
    for (const measured_time of : {measured_time::host, measured_time::device})
      tell(run, {"decode", tier, of, 1.5, 1.25, 2});
  const std::vector<distortion> found = distortions_of(run);
  REQUIRE(found.size() == 2);
  CHECK(found[0].tier == "events");
  CHECK(found[1].tier == "events");
  CHECK(found[1].of == measured_time::device);
  run.run["tier"] = std::string("host");  // shows no device times that could be distorted
  REQUIRE(distortions_of(run).size() == 1);
  CHECK(distortions_of(run)[0].tier == "spans");
  run.overhead.clear();
  CHECK(distortions_of(run).empty());
}

TEST_CASE(
    "latency breakdown: warns where the interval lies beyond 2 %, and says when it cannot tell") {
  const auto text = [](double ratio, double low, double high) {
    return hygiene_text(told_run({{"decode", "spans", measured_time::host, ratio, low, high}}));
  };
  CHECK(holds(text(1.0352, 1.0225, 1.05),
              "measuring (spans) changes the host time of decode by 3.5 % "
              "(95 % interval 2.2 % to 5.0 %): MORE THAN 2 %"));
  CHECK(holds(text(0.9, 0.85, 0.95), "by -10.0 % (95 % interval -15.0 % to -5.0 %): MORE THAN"));
  CHECK(holds(text(1.03, 1.01, 1.05), "cannot tell whether by more than 2 %"));
  CHECK_FALSE(holds(text(1.03, 1.01, 1.05), "MORE THAN"));
  CHECK(holds(text(1.01, 1.005, 1.015), "measuring (spans) changes no time by more than 2 %"));
  CHECK_FALSE(holds(text(1.01, 1.005, 1.015), "decode"));
  CHECK_FALSE(holds(hygiene_text(run_of_tier("host")), "measuring"));
}

TEST_CASE("latency breakdown: each loop has its line, and hostile names do no harm") {
  const std::string text = hygiene_text(told_run({
      {"a\x1b[2Jb", "spans", measured_time::host, 1.5, 1.25, 2},
      {"decode", "spans", measured_time::host, 1.01, 1, 1.015},
      {"prefill", "spans", measured_time::host, 1.02, 1, 1.04},
  }));
  CHECK(holds(text, "of a?[2Jb by 50.0 %"));
  CHECK(holds(text, "of prefill by 2.0 %"));
  CHECK_FALSE(holds(text, "decode"));
  CHECK_FALSE(holds(text, "changes no time"));
}

TEST_CASE("latency breakdown, latency plot: JSON and the page warn, too") {
  const latency_test::temporary_folder folder;
  const recording run = told_run({{"decode", "spans", measured_time::host, 1.5, 1.25, 2}});
  latency::write_timing_file(run, folder / "timing.json");
  const auto json = nlohmann::json::parse(
      run_command(program + " breakdown --format json " + (folder / "timing.json")).out);
  CHECK(latency_test::schema_complaint("breakdown.schema.json", json) == "");
  const auto figures = json["sections"]["hygiene"]["lines"].back()["figures"];
  CHECK(figures == nlohmann::json{{"tier", "spans"},
                                  {"loop", "decode"},
                                  {"host_change_ratio", 0.5},
                                  {"low_ratio", 0.25},
                                  {"high_ratio", 1.0}});
  CHECK(run_command(program + " plot " + (folder / "timing.json") + " -o " + (folder / "out"))
            .status == 0);
  CHECK(holds(latency_test::read_file(folder / "out/report.html"), "MORE THAN 2 %"));
}

TEST_CASE("latency compare, latency explain: warn of what lies beyond 2 %, and of nothing else") {
  const latency_test::temporary_folder folder;
  latency::write_timing_file(told_run({{"decode", "spans", measured_time::host, 1.5, 1.25, 2},
                                       {"prefill", "spans", measured_time::host, 1.03, 1.01, 1.05},
                                       {"encode", "spans", measured_time::host, 1, 0.99, 1.01}}),
                             folder / "distorted.json");
  latency::write_timing_file(run_of_tier("host"), folder / "plain.json");
  const auto warnings = [&](const std::string& command, const std::string& section) {
    const auto json = nlohmann::json::parse(run_command(program + " " + command).out);
    std::vector<nlohmann::json> found;
    for (const auto& line : json["sections"][section]["lines"])
      if (holds(line["text"], "MORE THAN 2 %")) found.push_back(line["figures"]);
    return found;
  };
  nlohmann::json figures{{"tier", "spans"},
                         {"loop", "decode"},
                         {"host_change_ratio", 0.5},
                         {"low_ratio", 0.25},
                         {"high_ratio", 1.0}};
  const std::string distorted = folder / "distorted.json", plain = folder / "plain.json";
  CHECK(warnings("explain --format json " + distorted, "summary") == std::vector{figures});
  CHECK(warnings("explain --format json " + plain, "summary").empty());
  figures["file"] = distorted;
  for (const std::string& files : {plain + " " + distorted, distorted + " " + plain})
    CHECK(warnings("compare --format json " + files, "verdict") == std::vector{figures});
  CHECK(warnings("compare --format json " + plain + " " + plain, "verdict").empty());
}
