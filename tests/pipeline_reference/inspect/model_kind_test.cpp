// Which models files look like.

#include "pipeline_reference/inspect/model_kind.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "pipeline_reference/checkpoint/tensor_file.hpp"
#include "pipeline_reference/longlive/dit_checkpoint.hpp"
#include "pipeline_reference/longlive/dit_config.hpp"
#include "pipeline_reference/umt5/encoder_config.hpp"

using checkpoint::expected_tensor;
using checkpoint::tensor_entry;
using inspect::find_models;
using inspect::found_model;

namespace {

std::vector<tensor_entry> entries_of(const std::vector<expected_tensor>& tensors,
                                     const std::string& key) {
  std::vector<tensor_entry> entries;
  for (const expected_tensor& t : tensors) {
    tensor_entry entry;
    entry.name = key + t.name;
    entry.dtype = checkpoint::tensor_dtype::f32;
    entry.shape = t.shape;
    entry.elements = checkpoint::element_count(t.shape);
    entries.push_back(entry);
  }
  return entries;
}

std::int64_t size_of(const found_model& model, const std::string& name) {
  for (const auto& [key, size] : model.sizes)
    if (key == name) return size;
  FAIL("no size ", name);
  return 0;
}

std::vector<found_model> models_of_fixture(const std::string& name) {
  return find_models(
      checkpoint::tensor_file::open(TEST_DATA_FOLDER "/longlive/" + name + "/weights.safetensors")
          .entries());
}

}  // namespace

TEST_CASE("find_models: the published transformer, under its key and behind wrappers") {
  std::vector<tensor_entry> entries =
      entries_of(longlive::dit_tensors({}), "generator.model._fsdp_wrapped_module.");
  for (std::size_t i = 0; i < entries.size(); i += 2) {
    const std::size_t at = entries[i].name.find("blocks.");
    if (at != std::string::npos) entries[i].name.insert(at + 7, "_fsdp_wrapped_module.");
  }
  const std::vector<found_model> found = find_models(entries);
  REQUIRE(found.size() == 1);
  CHECK(found[0].kind == "diffusion transformer (Wan2.1, LongLive)");
  CHECK(found[0].key == "generator.model.");
  CHECK(found[0].tensors == 825);
  CHECK(found[0].parameters == 1'418'996'800);
  CHECK(size_of(found[0], "dim") == 1536);
  CHECK(size_of(found[0], "layers") == 30);
  CHECK(size_of(found[0], "ffn_dim") == 8960);
  CHECK(size_of(found[0], "freq_dim") == 256);
  CHECK(size_of(found[0], "text_dim") == 4096);
  CHECK(size_of(found[0], "latent channels") == 16);
}

TEST_CASE("find_models: the published text encoder") {
  const std::vector<found_model> found = find_models(entries_of(umt5::encoder_tensors({}), ""));
  REQUIRE(found.size() == 1);
  CHECK(found[0].kind == "UMT5 text encoder");
  CHECK(found[0].key.empty());
  CHECK(found[0].tensors == 242);
  CHECK(found[0].parameters == 5'680'910'336);
  const std::map<std::string, std::int64_t> expected{
      {"vocabulary_size", 256384}, {"dim", 4096},  {"attention_dim", 4096}, {"heads", 64},
      {"ffn_dim", 10240},          {"layers", 24}, {"buckets", 32}};
  CHECK(found[0].sizes.size() == expected.size());
  for (const auto& one : expected)
    CHECK_MESSAGE(size_of(found[0], one.first) == one.second, one.first);
}

TEST_CASE("find_models: two sets of low-rank additions in one file") {
  longlive::dit_config config;
  config.layers = 2;
  std::vector<expected_tensor> tensors;
  for (const checkpoint::linear_module& m : longlive::adapted_modules(config)) {
    tensors.push_back({"base_model.model." + m.name + ".lora_A.weight", {8, m.in}});
    tensors.push_back({"base_model.model." + m.name + ".lora_B.weight", {m.out, 8}});
  }
  std::vector<tensor_entry> entries = entries_of(tensors, "generator_lora.");
  const std::vector<tensor_entry> critic = entries_of(tensors, "critic_lora.");
  entries.insert(entries.end(), critic.begin(), critic.end());
  const std::vector<found_model> found = find_models(entries);
  REQUIRE(found.size() == 2);
  CHECK(found[0].key == "critic_lora.");
  CHECK(found[1].key == "generator_lora.");
  for (const found_model& model : found) {
    CHECK(model.kind == "low-rank additions (LoRA)");
    CHECK(model.tensors == 40);
    CHECK(size_of(model, "rank") == 8);
    CHECK(size_of(model, "adapted modules") == 20);
  }
}

TEST_CASE("find_models: the video decoder, and a file of other tensors") {
  const std::vector<found_model> found = models_of_fixture("vae_decoder");
  REQUIRE(found.size() == 1);
  CHECK(found[0].kind == "video VAE (Wan2.1)");
  CHECK(size_of(found[0], "vae_dim") == 16);
  CHECK(size_of(found[0], "latent channels") == 16);
  CHECK(size_of(found[0], "with encoder") == 0);
  CHECK(find_models(entries_of({{"noise", {3, 16, 8, 12}}, {"latents", {3}}}, "")).empty());
  CHECK(find_models({}).empty());
}

TEST_CASE("find_models: a U-Net language model of two stages") {
  const auto block = [](const std::string& place, std::int64_t dim) {
    return expected_tensor{place + ".attn.c_q.weight", {dim, dim}};
  };
  const std::vector<found_model> found =
      find_models(entries_of({{"wte.weight", {320, 64}},
                              block("encoder.transformer_0.0", 64),
                              block("encoder.transformer_0.1", 64),
                              block("encoder.transformer_1.0", 128),
                              block("decoder.transformer_0.0", 64),
                              block("decoder.transformer_1.0", 128),
                              block("decoder.transformer_1.1", 128)},
                             ""));
  REQUIRE(found.size() == 1);
  CHECK(found[0].kind == "U-Net language model");
  const std::vector<std::pair<std::string, std::int64_t>> expected{
      {"vocabulary_size", 320},      {"stage 0 dim", 64},  {"stage 0 encoder layers", 2},
      {"stage 0 decoder layers", 1}, {"stage 1 dim", 128}, {"stage 1 encoder layers", 1},
      {"stage 1 decoder layers", 2}};
  CHECK(found[0].sizes == expected);
}

TEST_CASE("find_models: a name that only ends like one, and scalars in place of matrices") {
  CHECK(find_models(entries_of({{"xwte.weight", {1}}, {"blocks.0.modulation", {1}}}, "")).empty());
  const std::vector<found_model> found =
      find_models(entries_of({{"patch_embedding.weight", {}}, {"blocks.0.modulation", {}}}, ""));
  REQUIRE(found.size() == 1);
  CHECK(size_of(found[0], "dim") == 0);
  CHECK(size_of(found[0], "layers") == 1);
}

TEST_CASE("find_models: a file with very many keys is looked at for a few") {
  std::vector<expected_tensor> tensors;
  for (int i = 0; i < 100; ++i) {
    tensors.push_back({std::to_string(i) + ".wte.weight", {2, 2}});
    tensors.push_back({std::to_string(i) + ".encoder.transformer_0.0.attn.c_q.weight", {2, 2}});
  }
  CHECK(find_models(entries_of(tensors, "")).size() == 16);
}
