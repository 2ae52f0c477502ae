#include "analyzers/timeline/stage_log_recording.hpp"

#include <doctest/doctest.h>

#include <string>

#include "latency/span_tree.hpp"

using latency::recording;
using latency::span;
using latency::timeline::parse_stage_log;
using latency::timeline::recording_of;

namespace {

recording read(const std::string& log) {
  return recording_of(parse_stage_log(log, "t.log"));
}

const span& named(const recording& run, const std::string& name) {
  for (const span& s : run.spans)
    if (run.name_of(s) == name) return s;
  FAIL("no span " << name);
  return run.spans.front();
}

}  // namespace

TEST_CASE("stage_log_recording: rounds hold stages, stages hold samples, end to end") {
  const std::string round =
      "[Text] Starting execution\n[Text] Execution completed in 2 ms\n"
      "[Denoise] Starting execution\n>>>> VSA time: 0.003 ms\n>>>> VSA time: 0.004 ms\n"
      "[Denoise] Execution completed in 10 ms\n";
  const recording run = read(round + round);
  CHECK(run.wall_ns == 24'000'000);
  CHECK(run.spans.size() == 10);
  const latency::span_tree tree(run);
  std::int64_t denoise_exclusive_ns = 0;
  for (std::size_t i = 0; i < run.spans.size(); ++i) {
    CHECK(tree.nodes()[i].problems == 0);
    if (run.name_of(run.spans[i]) == "Denoise")
      denoise_exclusive_ns += tree.nodes()[i].exclusive_ns;
  }
  CHECK(denoise_exclusive_ns == 2 * 3'000'000);
  CHECK(named(run, "VSA").parent == named(run, "Denoise").id);
  CHECK(named(run, "Denoise").parent == named(run, "round").id);
  CHECK(std::get<std::int64_t>(run.run.at("rounds")) == 2);
  CHECK(std::get<std::string>(run.run.at("samples_1")).find("are read as s") != std::string::npos);
  CHECK(run.hygiene.open_spans == 0);
}

TEST_CASE("stage_log_recording: stages stand in the stage that was open, in the order of lines") {
  const recording run = read(
      "[Outer] Starting execution\n>>>> K time: 1 ms\n[Inner] Starting execution\n"
      "[Inner] Execution completed in 4 ms\n>>>> L time: 2 ms\n"
      "[Outer] Execution completed in 9 ms\n>>>> M time: 3 ms\n");
  CHECK(named(run, "Inner").parent == named(run, "Outer").id);
  CHECK(named(run, "K").end_ns == named(run, "Inner").start_ns);
  CHECK(named(run, "Inner").end_ns == named(run, "L").start_ns);
  CHECK(named(run, "M").parent == 0);
  CHECK(run.wall_ns == 12'000'000);
}

TEST_CASE("stage_log_recording: a stage that never completed lasts as long as what is in it") {
  const recording run = read(
      "[A] Starting execution\n[A] Execution completed in 5 ms\n[B] Starting execution\n"
      ">>>> K time: 2 ms\n");
  CHECK(named(run, "B").end_ns - named(run, "B").start_ns == 2'000'000);
  CHECK(run.hygiene.open_spans == 1);
  CHECK(std::get<std::string>(run.run.at("remarks")) ==
        "1, the first: line 3: B began and never completed");
}
