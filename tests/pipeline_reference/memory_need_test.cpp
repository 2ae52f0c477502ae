#include "pipeline_reference/longlive/memory_need.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "latency/error.hpp"
#include "pipeline_reference/ops/cpu/cpu_memory.hpp"
#include "tests/pipeline_reference/message_of.hpp"

namespace {

longlive::config small(const std::string& more = "") {
  return longlive::parse_config(
      "denoising_step_list: [1000, 500]\n"
      "num_frame_per_block: 3\n"
      "num_output_frames: 18\n"
      "switch_frame_indices: 9\n"
      "model_kwargs: {local_attn_size: 12, sink_size: 3}\n"
      "data_path: p.jsonl\n"
      "adapter: {rank: 4, alpha: 4}\n"
      "pipeline_reference:\n"
      "  model: {dim: 48, num_heads: 2, num_layers: 3, ffn_dim: 80, freq_dim: 16, text_dim: 16, "
      "text_len: 8}\n"
      "  latent_hw: [4, 6]\n"
      "  vae_dim: 4\n" +
          more,
      "c.yaml");
}

// The CPU's memory with a count of what is allocated.
class counted_memory final : public ops::cpu::cpu_memory {
 public:
  std::int64_t peak_bytes = 0;

  [[nodiscard]] void* allocate(std::int64_t bytes) override {
    void* const data = cpu_memory::allocate(bytes);
    sizes_[data] = bytes;
    bytes_ += bytes;
    peak_bytes = std::max(peak_bytes, bytes_);
    return data;
  }
  void release(void* data) noexcept override {
    bytes_ -= sizes_[data];
    cpu_memory::release(data);
  }

 private:
  std::unordered_map<void*, std::int64_t> sizes_;
  std::int64_t bytes_ = 0;
};

// A CPU that counts, and that says it is a GPU of some memory.
class watched_backend final : public ops::backend {
 private:
  std::unique_ptr<ops::backend> cpu_ = ops::make_backend("cpu", 1);

 public:
  counted_memory counted;
  std::int64_t free_bytes = 0;

  [[nodiscard]] ops::memory& memory() override { return counted; }
  [[nodiscard]] ops::transformer_ops& transformer() override { return cpu_->transformer(); }
  [[nodiscard]] ops::vae_ops& vae() override { return cpu_->vae(); }
  [[nodiscard]] ops::device_facts facts() const override {
    return {"cuda", "toy GPU", "", 1, free_bytes, std::int64_t{8} << 30};
  }
};

}  // namespace

TEST_CASE("device_memory_bytes: is what making the model and generating a clip allocate") {
  for (const char* more :
       {"", "  vae_mode: whole_clip\n", "  lora: unmerged\n", "num_samples: 3\n"}) {
    const longlive::config c = small(more);
    watched_backend backend;
    const std::int64_t planned =
        longlive::device_memory_bytes(c, longlive::loop_kind::interactive, backend);
    CHECK(backend.counted.peak_bytes == 0);  // planning takes nothing from the device
    longlive::generation_engine engine(c, longlive::loop_kind::interactive, backend,
                                       {"prep", "decode", "post"});
    CHECK(backend.counted.peak_bytes == planned);
    std::vector<longlive::prompt_embedding> prompts(2);
    for (auto& prompt : prompts) prompt.rows.resize(8 * 16);
    longlive::given_prompts given(backend.memory(), prompts);
    longlive::generation_observer nobody;
    engine.run(given, 1, nobody);
    CHECK(backend.counted.peak_bytes == planned);
  }
}

TEST_CASE(
    "least_memory_bytes: no more than making the model takes, and much of what samples take") {
  watched_backend backend;
  const auto made = [&](const longlive::config& c) {
    return longlive::device_memory_bytes(c, longlive::loop_kind::interactive, backend);
  };
  const longlive::config one = small(), many = small("num_samples: 64\n");
  const std::int64_t least_one = longlive::least_memory_bytes(one),
                     least_many = longlive::least_memory_bytes(many);
  CHECK(least_one <= made(one));
  CHECK(least_many <= made(many));
  CHECK(4 * (least_many - least_one) > made(many) - made(one));
}

TEST_CASE("require_device_memory: says what is needed, what is free, and what would fit") {
  const longlive::config c = small();
  watched_backend backend;
  const auto bytes = [&](const longlive::config& wanted) {
    return longlive::device_memory_bytes(wanted, longlive::loop_kind::interactive, backend);
  };
  const auto complaint = [&](std::int64_t model_bytes) {
    backend.free_bytes = model_bytes + (std::int64_t{1} << 29);  // the driver's
    return latency_test::message_of(
        [&] { longlive::require_device_memory(c, longlive::loop_kind::interactive, backend); });
  };
  longlive::config smaller = c;
  smaller.generation.window_latent_frames = 9;
  REQUIRE(bytes(smaller) < bytes(c));
  CHECK(complaint(bytes(c)) == "");
  CHECK(complaint(bytes(c) - 1) ==
        "c.yaml: pipeline_reference: model: needs 0.5 GiB of memory, the toy GPU has 0.5 of 8.0 "
        "GiB free; local_attn_size: 9 would fit");
  CHECK(complaint(0).ends_with("only a smaller model, latent_hw or vae_dim would fit"));
}

TEST_CASE("setting_that_fits: what costs no quality first, then the window, a block at a time") {
  longlive::config c = small("  vae_mode: whole_clip\n");
  c.reference.prompt_embeddings = "encoded";
  const auto fits_from = [&](int tries) {
    return longlive::setting_that_fits(c, [&](const longlive::config&) { return tries-- == 0; });
  };
  const std::string both = "prompt_embeddings: seeded, vae_mode: streaming";
  CHECK(fits_from(0) == "prompt_embeddings: seeded");
  CHECK(fits_from(1) == both);
  CHECK(fits_from(2) == both + ", local_attn_size: 9");
  CHECK(fits_from(3) == both + ", local_attn_size: 6");
  CHECK(fits_from(4) == "");  // a window of 3 would be all sink
  c.generation.window_latent_frames = 11;
  CHECK(fits_from(2) == both + ", local_attn_size: 9");
  c.generation.window_latent_frames = -1;  // of 18 latent frames
  CHECK(fits_from(2) == both + ", local_attn_size: 15");
  c.generation.samples = 3;
  CHECK(fits_from(2) == both + ", num_samples: 2");
  CHECK(fits_from(4) == both + ", num_samples: 1, local_attn_size: 15");
}
