// One layer of the published size on the CUDA back end, against the CPU's fp32: tokens, heads and
// products as a real run has them, which the golden folders are too small for.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "pipeline_reference/checkpoint/weight_source.hpp"
#include "pipeline_reference/longlive/golden_difference.hpp"
#include "pipeline_reference/longlive/interactive_pipeline.hpp"
#include "pipeline_reference/ops/backend.hpp"
#include "pipeline_reference/ops/random.hpp"
#include "pipeline_reference/ops/transfer.hpp"

namespace {

struct outcome {
  std::vector<float> flow, keys, values;  // the flow of the only denoising step
};

class flow_keeper final : public longlive::generation_observer {
 public:
  flow_keeper(ops::memory& memory, std::vector<float>& flow) : memory_(memory), flow_(flow) {}
  void forward_finished(const longlive::forward_info& f, const ops::const_tensor& flow,
                        ops::stream s) override {
    if (f.index != 0) return;
    flow_.resize(static_cast<std::size_t>(flow.elements()));
    ops::download_floats(memory_, flow, flow_, s);
  }

 private:
  ops::memory& memory_;
  std::vector<float>& flow_;
};

// One block of a clip, under a prompt of 100 tokens.
outcome run(const std::string& device) {
  const auto backend = ops::make_backend(device);
  ops::memory& memory = backend->memory();
  longlive::dit_config dit_config;
  dit_config.layers = 1;
  longlive::generation_config g;
  g.latent_frames = 3;
  g.denoising_step_list = {500};
  longlive::causal_dit dit(dit_config, longlive::dit_options(g, false),
                           checkpoint::random_weights(6), memory, backend->transformer());
  longlive::interactive_pipeline pipeline(dit, g, longlive::kv_policy::ring, memory,
                                          backend->transformer());
  std::vector<float> rows(static_cast<std::size_t>(dit_config.text_len * dit_config.text_dim));
  for (std::size_t i = 0; i < static_cast<std::size_t>(100 * dit_config.text_dim); ++i)
    rows[i] = 0.1F * ops::random_normals(8, 0, i / 4)[i % 4];
  longlive::given_prompts prompts(memory, {{100, std::move(rows)}});
  outcome out;
  flow_keeper observer(memory, out.flow);
  pipeline.run({&prompts, {}, {}, 9}, observer);
  const auto written = [&](const ops::tensor& cache) {
    const ops::tensor block =
        cache.row_range(0, g.latent_frames * dit_config.tokens_per_latent_frame());
    std::vector<float> found(static_cast<std::size_t>(block.elements()));
    ops::download_floats(memory, block, found);
    return found;
  };
  out.keys = written(pipeline.self_cache().k(0));
  out.values = written(pipeline.self_cache().v(0));
  return out;
}

double distance(const std::vector<float>& found, const std::vector<float>& expected) {
  REQUIRE(!expected.empty());
  REQUIRE(found.size() == expected.size());
  return longlive::difference_of("", found, expected).relative_l2;
}

}  // namespace

TEST_CASE("full size on CUDA: one layer as in the CPU's fp32") {
  const outcome cuda = run("cuda"), cpu = run("cpu");
  CHECK(distance(cuda.flow, cpu.flow) < 1e-2);
  CHECK(distance(cuda.keys, cpu.keys) < 1e-2);
  CHECK(distance(cuda.values, cpu.values) < 1e-2);
}
