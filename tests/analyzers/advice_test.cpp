#include "analyzers/analysis/advice.hpp"

#include <doctest/doctest.h>

#include <optional>

#include "analyzers/analysis/requirement.hpp"
#include "tests/analyzers/sample_run.hpp"

using namespace latency;
using namespace latency::analysis;
using latency::test::ms;

namespace {

std::vector<advice> advice_on(const recording& run) {
  const span_tree tree(run);
  const generation_report generated = generation(run, tree);
  return advise(run, hygiene(run, tree, make_proof(run, tree, device_accounting(run, tree))),
                components(run, tree), generated, switches(run, tree, generated),
                kv_cache(run, tree));
}

std::optional<advice> line(const recording& run, advice_rule rule) {
  for (const advice& a : advice_on(run))
    if (a.rule == rule) return a;
  return std::nullopt;
}

}  // namespace

TEST_CASE("advice: what the sample run's figures support, in order, and nothing else") {
  const std::vector<advice> lines = advice_on(test::sample_run());
  REQUIRE(lines.size() == 4);
  CHECK(lines[0].rule == advice_rule::untracked_time);
  CHECK(lines[0].because[0].value == doctest::Approx(180.0 / 1400));
  CHECK(lines[1].rule == advice_rule::switch_off_boundary);
  CHECK(lines[1].because[0].value == doctest::Approx(145.0 / 329));
  CHECK(lines[1].because[1].value == 145.0 * ms);
  CHECK(lines[1].because[2].value == 1);  // the second switch is at a block's first latent frame
  CHECK(lines[2].rule == advice_rule::vae_share);
  CHECK(lines[2].because[0].value == doctest::Approx(298.0 / 1078));
  CHECK(lines[3].rule == advice_rule::attention_window);
  CHECK(lines[3].because[0].value == doctest::Approx(5.0 / 9));
  for (const advice& a : lines) CHECK(a.because[0].value > a.threshold);
}

TEST_CASE("advice: an empty recording gets none") {
  test::recording_builder made(0);
  CHECK(advice_on(made.run()).empty());
}

TEST_CASE("advice: a run that was killed is not told to raise its capacity") {
  recording run = test::sample_run();
  run.hygiene.open_spans = 2;
  const auto suggestion = [&run] { return std::string(advice_on(run).at(0).suggestion); };
  CHECK(suggestion().find("LATENCY_CAPACITY") != std::string::npos);
  run.hygiene.incomplete = true;
  CHECK(suggestion().find("did not end") != std::string::npos);
}

TEST_CASE("advice: untracked time is named only above its limit") {
  recording run = test::sample_run();
  run.wall_ns = 1284 * ms;  // cuts the root at 1284; 100 before it is 7.8 %
  CHECK(line(run, advice_rule::untracked_time));
  for (span& s : run.spans)
    if (s.parent == 0) s.start_ns = 0;
  CHECK_FALSE(line(run, advice_rule::untracked_time));
}

TEST_CASE("advice: lost records are named with their number") {
  recording run = test::sample_run();
  CHECK_FALSE(line(run, advice_rule::dropped_records));
  run.hygiene.dropped_spans = 5;
  CHECK(line(run, advice_rule::dropped_records)->because[0].value == 5);
}

TEST_CASE("advice: late pixel frames are named with how many and how late") {
  recording run = test::sample_run();
  for (pixel_frame& p : run.pixel_frames)
    if (p.block >= 3) p.complete_ns += 2000 * ms;
  const auto late = line(run, advice_rule::late_pixel_frames);
  REQUIRE(late);
  CHECK(late->because[0].value == 48);
  CHECK(late->because[1].value == 81);
  CHECK(late->because[2].value == 24);  // of blocks 3 and 5
  CHECK(late->because[3].value == 1664.0 * ms);
}

TEST_CASE("advice: a switch point at a block boundary has nothing to save") {
  recording run = test::sample_run();
  run.switches[0].requested_latent_frame = 9;
  run.switches[0].request_ns = 642 * ms;
  CHECK_FALSE(line(run, advice_rule::switch_off_boundary));
}

TEST_CASE("advice: the recache is named when it is much of the switch") {
  recording run = test::sample_run();
  CHECK_FALSE(line(run, advice_rule::recache_share));
  // Asked for as the recache began: 5 before it, 40 of it, then 136 to the pixels; 84 / 361.
  run.switches[0].request_ns = 646 * ms;
  CHECK_FALSE(line(run, advice_rule::recache_share));
  for (pixel_frame& p : run.pixel_frames)
    if (p.index == 33 || p.index == 57) p.complete_ns -= 30 * ms;
  const auto recache = line(run, advice_rule::recache_share);
  REQUIRE(recache);
  CHECK(recache->because[0].value == doctest::Approx(84.0 / 300));
  CHECK(recache->because[1].value == 84.0 * ms);
  CHECK(recache->because[2].value == 2);
}

TEST_CASE("advice: segments of very different length are named") {
  recording run = test::sample_run();
  CHECK_FALSE(line(run, advice_rule::segment_balance));
  for (block& b : run.blocks) b.segment = b.index == 6 ? 1 : 0;
  const auto balance = line(run, advice_rule::segment_balance);
  REQUIRE(balance);
  CHECK(balance->because[0].value == 6);
  CHECK(balance->because[1].value == 18);
  CHECK(balance->because[2].value == 3);
}

TEST_CASE("requirement: every metric of a span name") {
  const recording run = test::sample_run();
  const component_table table = components(run, span_tree(run));
  const auto value = [&](const char* name) {
    const metric_result result = evaluate(run, table, metric_named(name).value(), "temporal_block");
    CHECK(result.state == metric_state::known);
    CHECK(result.n == 7);
    return result.value;
  };
  CHECK(value("mean") == doctest::Approx(780.0 / 7 * ms));
  CHECK(value("p50") == 102.0 * ms);
  CHECK(value("p95") == doctest::Approx(150.8 * ms));
  CHECK(value("max") == 152.0 * ms);
  CHECK(value("min") == 82.0 * ms);
  CHECK(value("count") == 7);
  CHECK(value("sum") == 780.0 * ms);
  CHECK(value("share") == doctest::Approx(14.0 / 1400));
  CHECK_FALSE(metric_named("p98"));
}

TEST_CASE(
    "requirement: P99 of few spans is their maximum; a name that never occurred has no value") {
  recording run = test::sample_run();
  const component_table table = components(run, span_tree(run));
  CHECK(evaluate(run, table, metric::p99, "temporal_block").state == metric_state::maximum);
  CHECK(evaluate(run, table, metric::p99, "temporal_block").value == 152.0 * ms);
  CHECK(evaluate(run, table, metric::max, "no_such").state == metric_state::no_such_span);
  CHECK(evaluate(run, table, metric::count, "no_such").state == metric_state::known);
  CHECK(evaluate(run, table, metric::count, "no_such").value == 0);
  // A text of the recording that is no span's name.
  CHECK(evaluate(run, table, metric::max, "attended_tokens").state == metric_state::no_such_span);

  test::recording_builder made(1000);
  for (int i = 0; i < 101; ++i) made.span("f", 0, 5 * i, 5 * i + (i == 100 ? 4 : 2));
  const component_table many = components(made.run(), span_tree(made.run()));
  const metric_result p99 = evaluate(made.run(), many, metric::p99, "f");
  CHECK(p99.state == metric_state::known);
  CHECK(p99.value == 2.0 * ms);  // position 99 of 0..100
}
