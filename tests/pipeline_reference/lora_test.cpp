// LoRA merged into the weights and beside them come to the same, and to a plain sum.

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "pipeline_reference/checkpoint/low_rank.hpp"
#include "pipeline_reference/longlive/dit_checkpoint.hpp"
#include "tests/pipeline_reference/tiny_model.hpp"

using checkpoint::random_weights;

namespace {

constexpr std::int64_t rank = 6;
constexpr double scale = 0.75;

class silent final : public longlive::generation_observer {};

using build = std::function<longlive::causal_dit(ops::cpu::cpu_backend&)>;

// Latents of a clip with a prompt switch, so that every kind of layer runs in every kind of pass.
std::vector<float> latents_of(const build& make) {
  longlive::generation_config g = longlive_tests::tiny_generation();
  g.switch_latent_frames = {9};
  g.global_sink = false;
  ops::cpu::cpu_backend backend(2);
  longlive::causal_dit dit = make(backend);
  longlive::interactive_pipeline pipeline(dit, g, longlive::kv_policy::ring, backend.memory(),
                                          backend.transformer());
  longlive::given_prompts prompts(backend.memory(),
                                  longlive_tests::tiny_prompts(dit.config(), g.segments()));
  silent observer;
  pipeline.run({&prompts, {}, {}, 17}, observer);
  std::vector<float> latents(static_cast<std::size_t>(pipeline.latents().elements()));
  ops::download_floats(backend.memory(), pipeline.latents(), latents);
  return latents;
}

longlive::causal_dit::options options() {
  longlive::generation_config g = longlive_tests::tiny_generation();
  g.switch_latent_frames = {9};
  return longlive::dit_options(g, false);
}

double relative_l2(const std::vector<float>& found, const std::vector<float>& expected) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference += std::pow(double{found[i]} - expected[i], 2);
    norm += std::pow(double{expected[i]}, 2);
  }
  return std::sqrt(difference / norm);
}

}  // namespace

TEST_CASE("lora: unmerged generates what merged does, and both differ from the base") {
  const longlive::dit_config c = longlive_tests::tiny_dit();
  const random_weights base(1), additions(2);
  const auto merged = latents_of([&](ops::cpu::cpu_backend& backend) {
    const checkpoint::merged_weights weights(base, additions, longlive::adapted_modules(c), rank,
                                             scale, backend.transformer(), backend.memory());
    return longlive::causal_dit(c, options(), weights, backend.memory(), backend.transformer());
  });
  const auto unmerged = latents_of([&](ops::cpu::cpu_backend& backend) {
    const longlive::unmerged_lora lora{additions, rank, scale};
    return longlive::causal_dit(c, options(), base, backend.memory(), backend.transformer(), &lora);
  });
  const auto without = latents_of([&](ops::cpu::cpu_backend& backend) {
    return longlive::causal_dit(c, options(), base, backend.memory(), backend.transformer());
  });
  CHECK(relative_l2(unmerged, merged) < 1e-5);
  CHECK(relative_l2(without, merged) > 0.05);
}

TEST_CASE("lora: each adapted module takes part, also unmerged") {
  // Additions of one module only: B of the others is zero.
  class one_module final : public checkpoint::weight_source {
   public:
    explicit one_module(std::string name) : name_(std::move(name)) {}
    void expect(const std::vector<checkpoint::expected_tensor>&) const override {}
    void read_rows(const std::string& name, std::span<const std::int64_t> shape, std::int64_t first,
                   std::span<float> out) const override {
      random_.read_rows(name, shape, first, out);
      if (!name.starts_with(name_)) std::fill(out.begin(), out.end(), 0.0F);
    }

   private:
    random_weights random_{2};
    std::string name_;
  };
  longlive::dit_config c = longlive_tests::tiny_dit();
  c.layers = 1;
  const random_weights base(1);
  for (const checkpoint::linear_module& module : longlive::adapted_modules(c)) {
    CAPTURE(module.name);
    const one_module additions(module.name + ".");
    const auto merged = latents_of([&](ops::cpu::cpu_backend& backend) {
      const checkpoint::merged_weights weights(base, additions, longlive::adapted_modules(c), rank,
                                               scale, backend.transformer(), backend.memory());
      return longlive::causal_dit(c, options(), weights, backend.memory(), backend.transformer());
    });
    const auto unmerged = latents_of([&](ops::cpu::cpu_backend& backend) {
      const longlive::unmerged_lora lora{additions, rank, scale};
      return longlive::causal_dit(c, options(), base, backend.memory(), backend.transformer(),
                                  &lora);
    });
    const auto without = latents_of([&](ops::cpu::cpu_backend& backend) {
      return longlive::causal_dit(c, options(), base, backend.memory(), backend.transformer());
    });
    CHECK(relative_l2(unmerged, merged) < 1e-5);
    CHECK(relative_l2(without, merged) > 1e-4);
  }
}
