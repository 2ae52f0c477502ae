#include "analyzers/analysis/host_calls.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "tests/analyzers/device_builder.hpp"
#include "tests/analyzers/sample_run.hpp"

using namespace latency;
using namespace latency::analysis;
using latency::test::accounted;
using latency::test::add_call;
using latency::test::add_op;

namespace {

const call_counts& calls_of(const recording& run, const call_table& table, std::string_view name) {
  for (const call_component& c : table.rows)
    if (run.strings[c.name] == name) return c.calls;
  FAIL("no row " << name);
  return table.all;
}

}  // namespace

TEST_CASE("host calls: counts and times by innermost span are those worked out by hand") {
  test::recording_builder made(1);
  recording& run = made.run();
  const span_id step = made.span("step", 0, 0, 1);
  const span_id layer = made.span("layer", step, 0, 1);
  const span_id warm = made.span("layer", 0, 0, 1, {}, 0, span_warm_up);
  add_call(run, api_call_kind::launch, step, 10, 13);
  add_call(run, api_call_kind::launch, layer, 20, 25);
  add_call(run, api_call_kind::launch, layer, 30, 29);  // ends before it starts
  add_call(run, api_call_kind::synchronize, step, 40, 140);
  add_call(run, api_call_kind::allocate, 0, 150, 157);
  add_call(run, api_call_kind::allocate, 999, 160, 161);  // of a span that is not there
  add_call(run, api_call_kind::launch, warm, 200, 202);
  add_call(run, api_call_kind::event_record, step, 300, 400);
  add_call(run, api_call_kind::stream_wait, step, 300, 400);
  const call_table table = host_calls(run, span_tree(run));
  REQUIRE(table.rows.size() == 2);
  CHECK(run.strings[table.rows[0].name] == "step");  // 103 against 5
  CHECK(calls_of(run, table, "step").launches.count == 1);
  CHECK(calls_of(run, table, "step").launches.time_ns == 3);
  CHECK(calls_of(run, table, "step").synchronizations.time_ns == 100);
  CHECK(calls_of(run, table, "layer").launches.count == 2);
  CHECK(calls_of(run, table, "layer").launches.time_ns == 5);
  CHECK(table.no_span.allocations.count == 2);
  CHECK(table.no_span.allocations.time_ns == 8);
  CHECK(table.warm_up.launches.time_ns == 2);
  CHECK(table.all.launches.count == 4);
  CHECK(table.all.launches.time_ns == 10);
}

TEST_CASE("host calls: totals count like calls") {
  recording run;
  run.span_paths = {{-1, run.strings.add("step")}};
  api_total total;
  total.path = 0;
  total.kind = api_call_kind::synchronize;
  total.count = 5;
  total.sum_ns = 50;
  run.api_totals.push_back(total);
  total.path = -1;
  run.api_totals.push_back(total);
  const call_table table = host_calls(run, span_tree(run));
  REQUIRE(table.rows.size() == 1);
  CHECK(table.rows[0].calls.synchronizations.count == 5);
  CHECK(table.no_span.synchronizations.time_ns == 50);
}

TEST_CASE("host calls: launches per latent frame, in the spans of blocks and below, by scenario") {
  recording run = test::sample_run();
  // Each block of 3 latent frames: 2 launches in its forwards, 1 of its own; VAE: not counted.
  for (const span& s : std::vector<span>(run.spans)) {
    const std::string& name = run.strings[s.name];
    if (name == "temporal_block") add_call(run, api_call_kind::launch, s.id, 0, 30);
    if (name == "interactive_denoising_step" || name == "interactive_denoising_step_final" ||
        name == "interactive_vae_decode") {
      add_call(run, api_call_kind::launch, s.id, 0, 6);
      add_op(run, "k", s.id, 0, 1);
    }
    if (name == "temporal_block") add_call(run, api_call_kind::synchronize, s.id, 0, 7);
  }
  const span_tree tree(run);
  const auto rows = launches_per_latent_frame(run, tree, generation(run, tree));
  REQUIRE(rows.size() == 4);
  CHECK(rows[0].kind == scenario::first);
  CHECK(rows[2].kind == scenario::full);
  CHECK(rows[2].blocks == 3);
  CHECK(rows[2].latent_frames == 9);
  CHECK(rows[2].launches.count == 9);
  CHECK(rows[2].launches.time_ns == 3 * (30 + 6 + 6));
  CHECK(rows[2].device_ops == 6);
  run.api_calls.clear();
  CHECK(launches_per_latent_frame(run, tree, generation(run, tree)).empty());
}

TEST_CASE("host calls: every call that is counted is in one row") {
  CHECK(rc::check([](std::uint64_t seed, bool absurd) {
    const recording run = test::random_device_run(seed, absurd);
    const call_table table = host_calls(run, span_tree(run));
    std::int64_t count = table.warm_up.launches.count + table.no_span.launches.count;
    for (const call_component& c : table.rows) count += c.calls.launches.count;
    RC_ASSERT(count == table.all.launches.count);
    std::int64_t expected = 0;
    for (const api_call& call : run.api_calls) expected += call.kind == api_call_kind::launch;
    RC_ASSERT(count == expected);
  }));
}
