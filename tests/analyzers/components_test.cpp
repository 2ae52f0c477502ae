#include "analyzers/analysis/components.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <map>
#include <string>
#include <tuple>

#include "tests/analyzers/random_run.hpp"
#include "tests/analyzers/sample_run.hpp"

using namespace latency;
using namespace latency::analysis;
using latency::test::ms;

namespace {

const component& row(const recording& run, const component_table& table, const std::string& name) {
  for (const component& c : table.rows)
    if (run.strings[c.name] == name) return c;
  FAIL("no row " << name);
  return table.rows.front();
}

// name path -> (count, inclusive, exclusive)
std::map<std::string, std::tuple<std::int64_t, std::int64_t, std::int64_t>> by_path(
    const recording& run, const hierarchy& tree) {
  std::map<std::string, std::tuple<std::int64_t, std::int64_t, std::int64_t>> result;
  std::vector<std::string> paths;
  for (const hierarchy_node& n : tree.nodes) {
    paths.push_back((n.parent ? paths[*n.parent] + "/" : "") + (n.handed_over ? "~" : "") +
                    run.strings[n.name]);
    result[paths.back()] = {n.count, n.inclusive_ns, n.exclusive_ns};
  }
  return result;
}

}  // namespace

TEST_CASE("components: counts, inclusive and exclusive times of the sample run") {
  const recording run = test::sample_run();
  const component_table table = components(run, span_tree(run));
  struct expected {
    const char* name;
    std::int64_t count, inclusive_ms, exclusive_ms;
  };
  // By hand from the comment of sample_run.hpp; the exclusive column sums to 1220, the root's
  // length.
  const expected rows[] = {{"diffusion_forward", 23, 674, 674},
                           {"interactive_vae_decode", 7, 210, 210},
                           {"build_random_weights", 1, 100, 100},
                           {"interactive_vae_postprocess", 7, 81, 81},
                           {"interactive_text_encoding", 3, 30, 30},
                           {"interactive_noise_scheduling", 7, 14, 14},
                           {"interactive_timestep_prep", 14, 14, 14},
                           {"temporal_block", 7, 780, 14},
                           {"interactive_inference", 1, 1220, 12},
                           {"interactive_block_input_prep", 7, 7, 7},
                           {"interactive_context_prep", 7, 7, 7},
                           {"interactive_denoising_step", 7, 265, 7},
                           {"interactive_denoising_step_final", 7, 251, 7},
                           {"interactive_kv_cache_update", 7, 140, 7},
                           {"interactive_output_recording", 7, 7, 7},
                           {"interactive_vae_input_prep", 7, 7, 7},
                           {"prompt_switch_recache_setup", 2, 6, 6},
                           {"prompt_switch_kv_reset", 2, 4, 4},
                           {"prompt_switch_recache", 2, 78, 4},
                           {"prompt_switch_total", 2, 96, 4},
                           {"prompt_switch_crossattn_reset", 2, 2, 2},
                           {"prompt_switch_final_reset", 2, 2, 2}};
  REQUIRE(table.rows.size() == std::size(rows));
  for (std::size_t i = 0; i < std::size(rows); ++i) {
    CHECK(run.strings[table.rows[i].name] == rows[i].name);  // the order is part of the claim
    CHECK(table.rows[i].count == rows[i].count);
    CHECK(table.rows[i].inclusive_ns == rows[i].inclusive_ms * ms);
    CHECK(table.rows[i].exclusive_ns == rows[i].exclusive_ms * ms);
    CHECK(table.rows[i].exclusive_share ==
          doctest::Approx(static_cast<double>(rows[i].exclusive_ms) / 1400));
  }
  CHECK(table.wall_ns == 1400 * ms);
  CHECK(table.thread_count == 1);
  CHECK(table.untracked_ns == 180 * ms);
  CHECK(table.untracked_share == doctest::Approx(180.0 / 1400));
  CHECK(table.warm_up_count == 0);
}

TEST_CASE("components: percentiles are of inclusive durations, P99 only from 100 spans") {
  const recording run = test::sample_run();
  const component_table table = components(run, span_tree(run));
  const summary& block = row(run, table, "temporal_block").duration_ns;
  // 82 92 102 102 102 148 152: mean 780/7; P95 at position 5.7 = 148 + 0.7 * 4.
  CHECK(block.n == 7);
  CHECK(block.mean == doctest::Approx(780.0 / 7 * ms));
  CHECK(block.p50 == doctest::Approx(102.0 * ms));
  CHECK(block.p95 == doctest::Approx(150.8 * ms));
  CHECK(block.max == doctest::Approx(152.0 * ms));
  CHECK_FALSE(block.p99_valid);
}

TEST_CASE("components: a span inside one of its own name adds nothing to inclusive") {
  test::recording_builder made(100);
  const span_id outer = made.span("f", 0, 0, 50);
  const span_id other = made.span("g", outer, 10, 40);
  made.span("f", other, 20, 30);
  made.span("f", 0, 60, 70);
  const component_table table = components(made.run(), span_tree(made.run()));
  const component& f = row(made.run(), table, "f");
  CHECK(f.count == 3);
  CHECK(f.inclusive_ns == 60 * ms);  // 50 + 10, not the inner 10
  CHECK(f.exclusive_ns == 40 * ms);  // 20 + 10 + 10
  CHECK(f.duration_ns.sum == 70.0 * ms);
}

TEST_CASE("components: a handed-over span of the same name is time of its own thread") {
  test::recording_builder made(100);
  const std::uint32_t worker = made.thread("worker");
  const span_id outer = made.span("f", 0, 0, 50);
  made.span("f", outer, 10, 40, {}, worker, span_handed_over);
  const component_table table = components(made.run(), span_tree(made.run()));
  CHECK(row(made.run(), table, "f").inclusive_ns == 80 * ms);
  CHECK(row(made.run(), table, "f").exclusive_ns == 80 * ms);
  CHECK(table.thread_wall_ns == 200 * ms);
  CHECK(table.untracked_ns == 120 * ms);
}

TEST_CASE("components: a thread without spans is not part of the whole") {
  test::recording_builder made(100);
  made.thread("idle");
  made.span("f", 0, 0, 50);
  const component_table table = components(made.run(), span_tree(made.run()));
  CHECK(table.thread_count == 1);
  CHECK(row(made.run(), table, "f").exclusive_share == doctest::Approx(0.5));
}

TEST_CASE("components: warm-up is in no row, counted, and its time stated") {
  test::recording_builder made(100);
  const span_id region = made.span("generate", 0, 0, 30, {}, 0, span_warm_up);
  made.span("f", region, 0, 10);
  const span_id counted = made.span("generate", 0, 40, 80);
  made.span("f", counted, 40, 45);
  const component_table table = components(made.run(), span_tree(made.run()));
  CHECK(row(made.run(), table, "f").count == 1);
  CHECK(row(made.run(), table, "f").warm_up_count == 1);
  CHECK(row(made.run(), table, "f").inclusive_ns == 5 * ms);
  CHECK(row(made.run(), table, "generate").inclusive_ns == 40 * ms);
  CHECK(table.warm_up_count == 2);
  CHECK(table.warm_up_exclusive_ns == 30 * ms);
  CHECK(table.warm_up_share == doctest::Approx(0.3));
  const hierarchy tree = hierarchy_of(made.run(), span_tree(made.run()));
  CHECK(tree.nodes.size() == 2);
  CHECK(tree.nodes[0].count == 1);
}

TEST_CASE("components: async spans have rows of their own and no share") {
  recording run = test::sample_run();
  recorded_async_span request;
  request.name = run.strings.add("prompt_switch");
  request.start_ns = 497 * ms;
  request.end_ns = 826 * ms;
  run.async_spans.push_back(request);
  const component_table table = components(run, span_tree(run));
  REQUIRE(table.async_rows.size() == 1);
  CHECK(table.async_rows[0].count == 1);
  CHECK(table.async_rows[0].duration_ns.max == 329.0 * ms);
  CHECK(table.untracked_ns == 180 * ms);
}

TEST_CASE(
    "hierarchy: paths of the sample run, with children after their parent by inclusive time") {
  const recording run = test::sample_run();
  const hierarchy tree = hierarchy_of(run, span_tree(run));
  auto paths = by_path(run, tree);
  using numbers = std::tuple<std::int64_t, std::int64_t, std::int64_t>;
  const std::string block = "interactive_inference/temporal_block";
  CHECK(paths["interactive_inference"] == numbers{1, 1220 * ms, 12 * ms});
  CHECK(paths[block] == numbers{7, 780 * ms, 14 * ms});
  CHECK(paths[block + "/interactive_denoising_step/diffusion_forward"] ==
        numbers{7, 237 * ms, 237 * ms});
  CHECK(paths[block + "/interactive_kv_cache_update/diffusion_forward"] ==
        numbers{7, 126 * ms, 126 * ms});
  CHECK(paths[block + "/prompt_switch_total/prompt_switch_recache/diffusion_forward"] ==
        numbers{2, 74 * ms, 74 * ms});
  for (std::size_t i = 1; i < tree.nodes.size(); ++i) {
    const hierarchy_node& n = tree.nodes[i];
    REQUIRE(n.parent);
    CHECK(*n.parent < i);
    CHECK(n.depth == tree.nodes[*n.parent].depth + 1);
    CHECK(n.depth <= tree.nodes[i - 1].depth + 1);
    for (std::size_t earlier = 0; earlier < i; ++earlier)
      if (tree.nodes[earlier].parent == n.parent)
        CHECK(tree.nodes[earlier].inclusive_ns >= n.inclusive_ns);
  }
}

TEST_CASE("hierarchy: a handed-over span has a path of its own under its parent") {
  test::recording_builder made(100);
  const std::uint32_t worker = made.thread("worker");
  const span_id outer = made.span("f", 0, 0, 50);
  made.span("g", outer, 10, 40, {}, worker, span_handed_over);
  made.span("g", outer, 10, 20);
  auto paths = by_path(made.run(), hierarchy_of(made.run(), span_tree(made.run())));
  using numbers = std::tuple<std::int64_t, std::int64_t, std::int64_t>;
  CHECK(paths["f"] == numbers{1, 50 * ms, 40 * ms});
  CHECK(paths["f/~g"] == numbers{1, 30 * ms, 30 * ms});
  CHECK(paths["f/g"] == numbers{1, 10 * ms, 10 * ms});
}

TEST_CASE("components: exclusive shares, warm-up and untracked add up to one") {
  CHECK(rc::check([](const std::vector<std::uint8_t>& script) {
    const recording run = test::sound_run(script);
    const component_table table = components(run, span_tree(run));
    std::int64_t exclusive_ns = 0;
    double shares = table.untracked_share + table.warm_up_share;
    for (const component& c : table.rows) {
      exclusive_ns += c.exclusive_ns;
      shares += c.exclusive_share;
      RC_ASSERT(c.exclusive_ns <= c.inclusive_ns || c.inclusive_ns == 0);
    }
    RC_ASSERT(exclusive_ns + table.warm_up_exclusive_ns + table.untracked_ns ==
              table.thread_wall_ns);
    if (table.thread_count > 0) RC_ASSERT(std::abs(shares - 1) < 1e-9);
  }));
}

TEST_CASE("hierarchy: its exclusive times are those of the components, per name") {
  CHECK(rc::check([](const std::vector<std::uint8_t>& script) {
    const recording run = test::sound_run(script);
    const span_tree tree(run);
    std::map<string_id, std::pair<std::int64_t, std::int64_t>> paths;
    std::map<string_id, std::pair<std::int64_t, std::int64_t>> names;
    for (const hierarchy_node& n : hierarchy_of(run, tree).nodes) {
      paths[n.name].first += n.count;
      paths[n.name].second += n.exclusive_ns;
    }
    for (const component& c : components(run, tree).rows) names[c.name] = {c.count, c.exclusive_ns};
    RC_ASSERT(paths == names);
  }));
}

TEST_CASE("components: a recording without spans has no rows and no shares") {
  test::recording_builder made(100);
  const component_table table = components(made.run(), span_tree(made.run()));
  CHECK(table.rows.empty());
  CHECK(table.thread_wall_ns == 0);
  CHECK(table.untracked_share == 0);
  CHECK(hierarchy_of(made.run(), span_tree(made.run())).nodes.empty());
}
