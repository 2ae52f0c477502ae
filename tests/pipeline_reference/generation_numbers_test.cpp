#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "latency/error.hpp"
#include "pipeline_reference/longlive/dit_config.hpp"
#include "pipeline_reference/longlive/flow_matching_scheduler.hpp"

using longlive::dit_config;
using longlive::generation_config;

TEST_CASE("scheduler: the published timesteps and sigmas, to the last bit") {
  const longlive::flow_matching_scheduler scheduler(5.0);
  const auto timesteps = scheduler.timesteps({1000, 750, 500, 250}, true);
  CHECK(timesteps == std::vector<float>{1000.0F, 937.5F, 833.3333129882812F, 625.0F});
  CHECK(scheduler.sigma(1000.0F) == 1.0F);
  CHECK(scheduler.sigma(937.5F) == 0.9375F);
  CHECK(scheduler.sigma(833.3333129882812F) == 0.8333333134651184F);
  CHECK(scheduler.sigma(625.0F) == 0.625F);
  CHECK(scheduler.sigma(0.0F) ==
        doctest::Approx(0.00498).epsilon(1e-3));  // the last entry is the nearest
}

TEST_CASE("scheduler: unwarped steps are fed as they are; step 0 warps to timestep 0") {
  const longlive::flow_matching_scheduler scheduler(5.0);
  CHECK(scheduler.timesteps({1000, 500}, false) == std::vector<float>{1000.0F, 500.0F});
  CHECK(scheduler.timesteps({1000, 0}, true) == std::vector<float>{1000.0F, 0.0F});
}

TEST_CASE("dit_tensors: 825 tensors and 1,418,996,800 parameters for the published model") {
  const dit_config published;
  CHECK(longlive::dit_tensors(published).size() == 825);
  CHECK(longlive::parameter_count(published) == 1'418'996'800);
  CHECK(published.tokens_per_latent_frame() == 1560);
}

namespace {

template <class Config, class Change>
std::string refusal(Change change) {
  Config config;
  change(config);
  try {
    config.validate();
  } catch (const latency::error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("dit_config: names the value that is impossible") {
  const auto refused = [](auto change) { return refusal<dit_config>(change); };
  CHECK(refused([](dit_config&) {}) == "");
  CHECK(refused([](dit_config& c) { c.heads = 7; }) == "dim: 1536 is not divisible by 7 heads");
  CHECK(refused([](dit_config& c) { c.dim = 36; }) ==
        "dim: head size 3 is odd, rotary pairs need an even one");
  CHECK(refused([](dit_config& c) { c.latent_height = 61; }) ==
        "latent_height: must be even (2 x 2 patches), is 61");
  CHECK(refused([](dit_config& c) { c.latent_width = 3; }) ==
        "latent_width: must be even (2 x 2 patches), is 3");
  CHECK(refused([](dit_config& c) { c.layers = 0; }) == "num_layers: must be positive, is 0");
  CHECK(refused([](dit_config& c) { c.freq_dim = 5; }) == "freq_dim: must be even, is 5");
  CHECK(refused([](dit_config& c) { c.layers = std::int64_t{1} << 60; }) ==
        "num_layers: at most 256, is 1152921504606846976");
  CHECK(refused([](dit_config& c) { c.latent_height = 2050; }) ==
        "latent_height: at most 2048, is 2050");
}

TEST_CASE("generation_config: names the value that is impossible") {
  const auto refused = [](auto change) { return refusal<generation_config>(change); };
  CHECK(refused([](generation_config&) {}) == "");
  CHECK(refused([](generation_config& g) { g.latent_frames = 241; }) ==
        "num_output_frames: 241 is not divisible by num_frame_per_block 3");
  CHECK(refused([](generation_config& g) { g.latent_frames = 1026; }) ==
        "num_output_frames: at most 1024 (the rotary table's positions), is 1026");
  CHECK(refused([](generation_config& g) { g.window_latent_frames = 2; }) ==
        "local_attn_size: must be -1 or at least num_frame_per_block 3, is 2");
  CHECK(refused([](generation_config& g) { g.window_latent_frames = std::int64_t{1} << 40; }) ==
        "local_attn_size: at most 1024, is 1099511627776");
  CHECK(refused([](generation_config& g) { g.sink_latent_frames = 13; }) ==
        "sink_size: must be between 0 and the window's 12 latent frames, is 13");
  CHECK(refused([](generation_config& g) { g.denoising_step_list = {}; }) ==
        "denoising_step_list: is empty");
  CHECK(refused([](generation_config& g) {
          g.denoising_step_list = {500, 750};
        }) == "denoising_step_list: must descend, found 750 after 500");
  CHECK(refused([](generation_config& g) { g.denoising_step_list = {1001}; }) ==
        "denoising_step_list: steps lie in 0..1000, found 1001");
  CHECK(refused([](generation_config& g) { g.switch_latent_frames = {240}; }) ==
        "switch_frame_indices: 240 lies outside the clip's 240 latent frames");
  CHECK(refused([](generation_config& g) {
          g.switch_latent_frames = {9, 3};
        }) == "switch_frame_indices: must ascend");
}
