#include "analyzers/analysis/device_components.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "tests/analyzers/device_builder.hpp"

using namespace latency;
using namespace latency::analysis;
using latency::test::accounted;
using latency::test::add_call;
using latency::test::add_copy;
using latency::test::add_op;
using latency::test::add_span;

namespace {

const device_component& row(const accounted& all, const device_component_table& table,
                            std::string_view name) {
  for (const device_component& c : table.rows)
    if (all.run.strings[c.name] == name) return c;
  FAIL("no row " << name);
  return table.rows.front();
}

// step 0..40 > attention 10..30, step 50..90 > attention 60..80, warm-up step 90..95: window 0..95.
//   stream 0: 10..20 and 60..70 of attention, 20..26 of the first step, 92..94 of the warm-up
//   stream 1: 14..24 outside of every span; a copy 30..36 of the first step
//   a replay 70..74 and 76..80 below the second step
recording two_steps() {
  test::recording_builder made(0);
  recording& run = made.run();
  run.wall_ns = 100;
  const span_id first = add_span(made, "step", 0, 0, 40);
  const span_id first_attention = add_span(made, "attention", first, 10, 30);
  const span_id second = add_span(made, "step", 0, 50, 90);
  const span_id second_attention = add_span(made, "attention", second, 60, 80);
  const span_id warm_up = add_span(made, "step", 0, 90, 95, span_warm_up);
  add_op(run, "k", first_attention, 10, 20).correlation = 1;
  add_op(run, "k", second_attention, 60, 70).correlation = 2;
  add_op(run, "k", first, 20, 26).correlation = 3;
  add_op(run, "k", warm_up, 92, 94);
  add_op(run, "k", 0, 14, 24, 1);
  add_copy(run, copy_direction::host_to_device, first, 30, 36, 10, 1);
  for (const std::int64_t start_ns : {70, 76}) {
    device_op& op = add_op(run, "k", second, start_ns, start_ns + 4);
    op.replay = 1;
    op.graph_node = static_cast<std::uint64_t>(start_ns);
  }
  add_call(run, api_call_kind::launch, first_attention, 2, 4, 1);
  add_call(run, api_call_kind::launch, second_attention, 54, 55, 2);
  add_call(run, api_call_kind::launch, first, 5, 6, 3);
  return std::move(run);
}

}  // namespace

TEST_CASE("device components: times without and with children are those worked out by hand") {
  const accounted all(two_steps());
  const device_component_table table = device_components(all.run, all.tree, all.devices);
  REQUIRE(table.rows.size() == 2);
  // attention: 10..14 alone, 14..20 shared by two; 60..70 alone.
  const device_component& attention = row(all, table, "attention");
  CHECK(attention.spans == 2);
  CHECK(attention.own.ops == 2);
  CHECK(attention.own.share_ns == 4 + 3 + 10);
  CHECK(attention.own.copy_exposed_ns == 0);
  CHECK(attention.subtree.sum_ns == 20);
  CHECK(attention.subtree.busy_ns == 20);
  CHECK(attention.subtree.window_ns == 20);
  CHECK(attention.subtree.queue_delay_max_ns == 8);  // 10 - 2 and 60 - 54
  CHECK(attention.subtree.queue_delay_sum_ns == 14);
  // step: 20..24 shared, 24..26 alone, the copy 6; the replay 8.
  const device_component& step = row(all, table, "step");
  CHECK(step.spans == 2);
  CHECK(step.own.ops == 4);
  CHECK(step.own.share_ns == 2 + 2 + 8);
  CHECK(step.own.copy_exposed_ns == 6);
  CHECK(step.own.time_ns() == 18);
  CHECK(step.subtree.ops == 6);
  CHECK(step.subtree.share_ns == 12 + 17);
  // Of the first, 10..36 with 10..26 and 30..36 busy; of the second 60..80 with 18.
  CHECK(step.subtree.window_ns == 26 + 20);
  CHECK(step.subtree.busy_ns == 22 + 18);
  CHECK(step.subtree.busy_with_others_ns == 0);
  CHECK(step.subtree.device_idle_ns() == 4 + 2);
  CHECK(table.warm_up.ops == 1);
  CHECK(table.warm_up.share_ns == 2);
  CHECK(table.no_span.ops == 1);
  CHECK(table.no_span.share_ns == 3 + 2);
  CHECK(table.window_ns == 95);
  CHECK(table.idle_ns == 95 - 17 - 18 - 2 - 5);
}

TEST_CASE("device components: of spans of one name inside each other the outermost counts") {
  test::recording_builder made(0);
  recording& run = made.run();
  run.wall_ns = 100;
  const span_id outer = add_span(made, "layer", 0, 0, 50);
  const span_id between = add_span(made, "block", outer, 0, 40);
  const span_id inner = add_span(made, "layer", between, 0, 30);
  add_op(run, "k", inner, 5, 15);
  add_op(run, "k", outer, 20, 25);
  const accounted all(std::move(run));
  const device_component_table table = device_components(all.run, all.tree, all.devices);
  const device_component& layer = row(all, table, "layer");
  CHECK(layer.spans == 2);
  CHECK(layer.own.share_ns == 15);
  CHECK(layer.subtree.ops == 2);
  CHECK(layer.subtree.window_ns == 20);
  CHECK(row(all, table, "block").own.ops == 0);
  CHECK(row(all, table, "block").subtree.sum_ns == 10);
}

TEST_CASE("device components: every nanosecond of the devices is in one row") {
  CHECK(rc::check([](std::uint64_t seed, bool absurd) {
    const accounted all(test::random_device_run(seed, absurd));
    const device_component_table table = device_components(all.run, all.tree, all.devices);
    std::int64_t total_ns = table.warm_up.time_ns() + table.no_span.time_ns() + table.idle_ns;
    std::int64_t ops = table.warm_up.ops + table.no_span.ops;
    for (const device_part& part : table.not_captured) {
      total_ns += part.time_ns();
      ops += part.ops;
    }
    for (const device_component& c : table.rows) {
      total_ns += c.own.time_ns();
      ops += c.own.ops;
      RC_ASSERT(c.subtree.busy_ns + c.subtree.busy_with_others_ns + c.subtree.device_idle_ns() ==
                c.subtree.window_ns);
    }
    RC_ASSERT(total_ns == table.window_ns);
    std::int64_t placed = 0;
    for (const device_op_account& op : all.devices.ops()) placed += op.placed() ? 1 : 0;
    RC_ASSERT(ops == placed);
  }));
}

TEST_CASE("device components: of totals, ops belong to the innermost span of their path") {
  recording run;
  run.span_paths = {{-1, run.strings.add("step")}, {0, run.strings.add("attention")}};
  const auto add = [&run](std::int32_t path, std::int64_t count, std::int64_t sum_ns) {
    device_total total;
    total.path = path;
    total.name = static_cast<string_id>(run.device_totals.size() % 2);
    total.count = count;
    total.sum_ns = sum_ns;
    run.device_totals.push_back(total);
  };
  add(0, 1, 10);
  add(1, 2, 30);
  add(1, 3, 20);
  add(-1, 4, 5);
  const auto rows = device_total_components(run);
  REQUIRE(rows.size() == 3);
  CHECK(run.strings[rows[0].name] == "attention");
  CHECK(rows[0].ops == 5);
  CHECK(rows[0].sum_ns == 50);
  CHECK(rows[1].ops == 1);
  CHECK_FALSE(rows[2].has_span);
  CHECK(rows[2].sum_ns == 5);
}
