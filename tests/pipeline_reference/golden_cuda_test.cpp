// The golden folders on the CUDA back end, which stores bf16: a run within 1e-2. The video decoder
// rounds some forty times one after the other, and the text encoder does not scale its scores, so
// that a rounding of q and k moves the softmax.
#include <doctest/doctest.h>

#include <string>

#include "pipeline_reference/longlive/golden_case.hpp"
#include "pipeline_reference/longlive/golden_run.hpp"
#include "pipeline_reference/longlive/golden_umt5_encoder.hpp"
#include "pipeline_reference/longlive/golden_vae_decoder.hpp"
#include "pipeline_reference/ops/backend.hpp"

namespace {

std::string golden(const std::string& name) {
  return std::string(LATENCY_SOURCE_DIR) + "/tests/data/longlive/" + name;
}

void check(const longlive::golden_result& result, double tolerance) {
  CHECK(!result.differences.empty());
  CHECK(result.mismatches.empty());
  CHECK(result.not_compared.empty());
  for (const longlive::golden_difference& d : result.differences) {
    CAPTURE(d.tensor);
    CHECK(d.relative_l2 < tolerance);
  }
}

}  // namespace

TEST_CASE("golden on CUDA: both runs of the published code, by both cache policies") {
  const auto backend = ops::make_backend("cuda");
  for (const char* name : {"dit_global_sink", "dit_recache_sink"})
    for (const auto policy : {longlive::kv_policy::roll, longlive::kv_policy::ring}) {
      CAPTURE(name);
      const std::string folder = golden(name);
      check(longlive::compare_golden_run(folder, longlive::read_golden_case(folder), policy,
                                         backend->transformer(), backend->memory()),
            1e-2);
    }
}

TEST_CASE("golden on CUDA: the video decoder and the text encoder") {
  const auto backend = ops::make_backend("cuda");
  const std::string vae = golden("vae_decoder"), text = golden("umt5_encoder");
  check(longlive::compare_golden_vae_decoder(vae, longlive::read_golden_case(vae), backend->vae(),
                                             backend->memory()),
        2e-2);
  check(longlive::compare_golden_umt5_encoder(text, longlive::read_golden_case(text),
                                              backend->transformer(), backend->memory()),
        5e-2);
}
