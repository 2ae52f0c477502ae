// Several samples made together on a GPU are what they are made one by one, as nearly as bf16 says:
// products of other sizes are summed in another order.
#include <doctest/doctest.h>

#include <vector>

#include "pipeline_reference/checkpoint/weight_source.hpp"
#include "pipeline_reference/longlive/golden_difference.hpp"
#include "pipeline_reference/longlive/interactive_pipeline.hpp"
#include "pipeline_reference/ops/backend.hpp"
#include "pipeline_reference/ops/transfer.hpp"
#include "tests/pipeline_reference/tiny_model.hpp"

namespace {

std::vector<float> latents(std::int64_t samples, std::uint64_t seed, longlive::kv_policy policy,
                           bool skips_dead_work) {
  longlive::dit_config c;
  c.dim = 256;
  c.heads = 2;
  c.layers = 2;
  c.ffn_dim = 512;
  c.text_dim = 64;
  c.text_len = 40;
  c.latent_height = 12;
  c.latent_width = 20;
  longlive::generation_config g = longlive_tests::tiny_generation();
  g.samples = samples;
  g.switch_latent_frames = {9};
  if (skips_dead_work) g.skips = longlive::dead_work::all();
  const auto backend = ops::make_backend("cuda");
  longlive::causal_dit dit(c, longlive::dit_options(g, false), checkpoint::random_weights(1),
                           backend->memory(), backend->transformer());
  longlive::interactive_pipeline pipeline(dit, g, policy, backend->memory(),
                                          backend->transformer());
  longlive::given_prompts prompts(backend->memory(), longlive_tests::tiny_prompts(c, 2));
  longlive::generation_observer nobody;
  pipeline.run({&prompts, {}, {}, seed}, nobody);
  std::vector<float> out(static_cast<std::size_t>(pipeline.latents().elements()));
  ops::download_floats(backend->memory(), pipeline.latents(), out);
  return out;
}

double distance(const float* found, const std::vector<float>& expected) {
  return longlive::difference_of("", {found, expected.size()}, expected).relative_l2;
}

}  // namespace

TEST_CASE("batch on CUDA: samples are the clips of one, of seeds one apart, by both policies") {
  for (const auto policy : {longlive::kv_policy::ring, longlive::kv_policy::roll})
    for (const bool skips : {true, false}) {
      CAPTURE(skips);
      const std::vector<float> batch = latents(3, 5, policy, skips);
      for (std::uint64_t i = 0; i < 3; ++i) {
        const std::vector<float> one = latents(1, 5 + i, policy, skips);
        const float* const sample = batch.data() + i * one.size();
        CHECK(distance(sample, one) < 1e-2);
        CHECK(distance(sample, latents(1, 9, policy, skips)) > 0.5);  // what others come to
      }
    }
}
