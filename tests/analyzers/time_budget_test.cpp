#include "analyzers/analysis/time_budget.hpp"

#include <doctest/doctest.h>

#include <string_view>

#include "tests/analyzers/sample_run.hpp"
#include "tests/analyzers/whole_clip_run.hpp"

namespace latency::analysis {

using test::ms;

namespace {

time_budgets budgets_of(const recording& run) {
  const span_tree tree(run);
  return budgets(run, tree, generation(run, tree));
}

double part(const recording& run, const time_budget& of, std::string_view name) {
  for (const budget_part& p : of.parts)
    if (run.strings[p.name] == name) return p.mean_ns;
  return 0;
}

double sum_of(const time_budget& of) {
  double sum = 0;
  for (const budget_part& p : of.parts) sum += p.mean_ns;
  return sum;
}

}  // namespace

TEST_CASE("time budget: a pixel frame of full blocks, with its part of the VAE") {
  const recording run = test::sample_run();
  const time_budget& one = budgets_of(run).pixel_frame;
  CHECK(one.blocks == 3);  // 2, 4 and 6
  CHECK(one.count == 36);
  // Each block 102 and its VAE 43, for 12 pixel frames.
  CHECK(one.total_ns == doctest::Approx(145.0 / 12 * ms));
  CHECK(sum_of(one) == doctest::Approx(one.total_ns));
  CHECK(part(run, one, "diffusion_forward") == doctest::Approx(90.0 / 12 * ms));
  CHECK(part(run, one, "interactive_vae_decode") == doctest::Approx(30.0 / 12 * ms));
  CHECK(part(run, one, "interactive_vae_postprocess") == doctest::Approx(1.0 * ms));
  CHECK(part(run, one, "temporal_block") == doctest::Approx(2.0 / 12 * ms));
  CHECK(part(run, one, "prompt_switch_recache") == 0);
  CHECK(run.strings[one.parts.front().name] == "diffusion_forward");
}

TEST_CASE("time budget: a denoising step of full blocks") {
  const recording run = test::sample_run();
  const time_budget one = budgets_of(run).denoising_step;
  CHECK(one.count == 6);
  CHECK(one.total_ns == doctest::Approx(39.0 * ms));  // 40 and 38
  CHECK(sum_of(one) == doctest::Approx(one.total_ns));
  CHECK(part(run, one, "diffusion_forward") == doctest::Approx(36.0 * ms));
  CHECK(part(run, one, "interactive_noise_scheduling") == doctest::Approx(1.0 * ms));
  CHECK(part(run, one, "interactive_kv_cache_update") == 0);
}

TEST_CASE("time budget: a decode of the whole clip is in none") {
  const recording run = test::whole_clip_run(true);
  const time_budgets all = budgets_of(run);
  CHECK(all.pixel_frame.count == 36);
  CHECK(all.pixel_frame.total_ns == doctest::Approx(102.0 / 12 * ms));
}

TEST_CASE("time budget: without a full block, of those that fill the window") {
  recording run = test::sample_run();
  for (block& b : run.blocks) b.window_latent_frames = 0;  // unlimited: never full
  const time_budgets all = budgets_of(run);
  CHECK(all.of == scenario::filling);
  CHECK(all.pixel_frame.blocks == 4);  // 1, 2, 4 and 6
  CHECK(all.pixel_frame.total_ns == doctest::Approx((92.0 + 3 * 102 + 4 * 43) / 48 * ms));
}

TEST_CASE("time budget: steps without blocks, warm-up apart, and nothing of nothing") {
  test::recording_builder made(100);
  made.span("denoising_step", 0, 0, 30, {{"step", 0}}, 0, span_warm_up);
  const span_id step = made.span("denoising_step", 0, 40, 60, {{"step", 0}});
  made.span("layer", step, 45, 55, {{"step", 0}});  // inside the one that counts
  const time_budgets all = budgets_of(made.run());
  CHECK(all.pixel_frame.count == 0);
  CHECK(all.denoising_step.count == 1);
  CHECK(all.denoising_step.total_ns == doctest::Approx(20.0 * ms));
  CHECK(budgets_of(recording()).denoising_step.count == 0);
}

}  // namespace latency::analysis
