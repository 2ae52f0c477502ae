// The programs with weights in files as they are published.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <regex>
#include <string>

#include "pipeline_reference/checkpoint/low_rank.hpp"
#include "pipeline_reference/longlive/dit_checkpoint.hpp"
#include "pipeline_reference/longlive/vae_weights.hpp"
#include "pipeline_reference/ops/cpu/cpu_backend.hpp"
#include "tests/pipeline_reference/checkpoint/written_checkpoints.hpp"
#include "tests/pipeline_reference/tiny_run.hpp"

using checkpoint::random_weights;
using checkpoint::testing::state_dict;
using longlive_tests::interactive;
using longlive_tests::largest_difference;
using longlive_tests::program_result;
using longlive_tests::tiny_run;

namespace {

constexpr std::int64_t rank = 4;
constexpr double alpha = 6;

// The sizes of tiny_run.
longlive::dit_config tiny_run_dit() {
  longlive::dit_config c;
  c.dim = 32;
  c.heads = 2;
  c.layers = 2;
  c.ffn_dim = 48;
  c.freq_dim = 16;
  c.text_dim = 16;
  c.text_len = 8;
  return c;
}

// The same model as published files, as one safetensors file with the LoRA merged, and its decoder.
struct written_model {
  const tiny_run& run;
  random_weights base{11}, additions{12}, decoder{13};

  explicit written_model(const tiny_run& where) : run(where) {
    const longlive::dit_config c = tiny_run_dit();
    const auto modules = longlive::adapted_modules(c);
    checkpoint::testing::write_pytorch(
        run / "base.pt", {{"generator", {longlive::dit_tensors(c), &base, "model."}}});
    const auto lora_tensors = checkpoint::low_rank_tensors(modules, rank);
    checkpoint::testing::write_pytorch(
        run / "lora.pt", {{"generator_lora", {lora_tensors, &additions, "base_model.model."}},
                          {"critic_lora", {lora_tensors, &base, "base_model.model."}}});
    ops::cpu::cpu_backend host(1);
    const checkpoint::merged_weights merged(base, additions, modules, rank, alpha / rank,
                                            host.transformer(), host.memory());
    checkpoint::testing::write_safetensors_dict(run / "merged.safetensors",
                                                {longlive::dit_tensors(c), &merged, ""});
    std::vector<checkpoint::expected_tensor> vae = longlive::vae_decoder_tensors(2);
    vae.push_back({"encoder.conv1.weight", {2, 3}});
    checkpoint::testing::write_pytorch(run / "vae.pth", {{"", {vae, &decoder, ""}}});
  }

  // The video that this configuration makes, and what the program said.
  program_result generate(const std::string& own, const std::string& published,
                          const std::string& video) const {
    run.configure(4, own + published + "seed: 3\n");
    return run.run({interactive, "--config_path", run.config(), "--output_video", run / video,
                    "--enable_timing", "--timing_output_dir", run / "out", "--overwrite"});
  }
};

}  // namespace

TEST_CASE("published files: base and LoRA give the video of the merged weights in safetensors") {
  const tiny_run run;
  const written_model model(run);
  const auto file = [&](const char* name) { return run / name; };
  const std::string vae = "  vae_weights: " + file("vae.pth") + "\n";
  const std::string published =
      fmt::format("generator_ckpt: {}\nlora_ckpt: {}\nadapter: {{rank: {}, alpha: {}}}\n",
                  file("base.pt"), file("lora.pt"), rank, alpha);
  const program_result merged = model.generate(vae, published, "a.y4m");
  REQUIRE_MESSAGE(merged.exit_code == 0, merged.err);
  const program_result converted =
      model.generate(vae + "  weights: " + file("merged.safetensors") + "\n", "", "b.y4m");
  REQUIRE_MESSAGE(converted.exit_code == 0, converted.err);
  const program_result unmerged = model.generate(vae + "  lora: unmerged\n", published, "c.y4m");
  REQUIRE_MESSAGE(unmerged.exit_code == 0, unmerged.err);
  const program_result base = model.generate(vae + "  lora: none\n", published, "d.y4m");
  REQUIRE_MESSAGE(base.exit_code == 0, base.err);
  const std::string video = latency_test::read_file(file("a.y4m"));
  CHECK(video.size() > 1000);
  CHECK(largest_difference(video, latency_test::read_file(file("b.y4m"))) == 0);
  CHECK(largest_difference(video, latency_test::read_file(file("c.y4m"))) <= 1);
  CHECK(largest_difference(video, latency_test::read_file(file("d.y4m"))) > 20);
}

TEST_CASE("published files: what was loaded is printed and stands in the timing file") {
  const tiny_run run;
  const written_model model(run);
  const program_result result = model.generate(
      "  vae_weights: " + (run / "vae.pth") + "\n",
      fmt::format("generator_ckpt: {}\nlora_ckpt: {}\nadapter: {{rank: 4, alpha: 6}}\n",
                  run / "base.pt", run / "lora.pt"),
      "v.y4m");
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  const auto tensors = longlive::dit_tensors(tiny_run_dit());
  const std::string rate = ", F32, 0\\.00 GB in [0-9.]+ s, [0-9.]+ GB/s\n";
  CHECK(std::regex_search(
      result.out, std::regex(fmt::format(
                      "Loaded transformer: {} \\(PyTorch\\): {} tensors, {} parameters{}"
                      "Loaded LoRA: {} \\(PyTorch\\): 40 tensors, [0-9]+ parameters{}"
                      "Loaded VAE decoder: {} \\(PyTorch\\): 108 tensors, [0-9]+ parameters{}"
                      "LoRA: 20 modules merged, rank 4, scale 1.5\n",
                      run / "base.pt", tensors.size(), checkpoint::element_count(tensors), rate,
                      run / "lora.pt", rate, run / "vae.pth", rate))));
  CHECK(result.err.find("loading") == std::string::npos);  // a bar is for terminals
  const nlohmann::json described = run.timing_file()["run"];
  CHECK(described["transformer_weights_path"] == run / "base.pt");
  CHECK(described["transformer_weights_format"] == "PyTorch");
  CHECK(described["transformer_weights_tensors"] == tensors.size());
  CHECK(described["transformer_weights_parameters"] == checkpoint::element_count(tensors));
  CHECK(described["transformer_weights_dtypes"] == "F32");
  CHECK(described["transformer_weights_read_bytes"] == 4 * checkpoint::element_count(tensors));
  CHECK(described["transformer_weights_load_ms"].get<double>() > 0);
  CHECK(described["transformer_weights_gb_per_s"].get<double>() > 0);
  CHECK(described["lora_weights_tensors"] == 40);
  CHECK(described["vae_decoder_weights_tensors"] == 108);
  CHECK(described["lora"] == "20 modules merged, rank 4, scale 1.5");
}

TEST_CASE("published files: a LoRA of another rank is refused before anything is generated") {
  const tiny_run run;
  const written_model model(run);
  const program_result result =
      model.generate("",
                     fmt::format("generator_ckpt: {}\nlora_ckpt: {}\nadapter: {{rank: 8}}\n",
                                 run / "base.pt", run / "lora.pt"),
                     "v.y4m");
  CHECK(result.exit_code == 2);
  CHECK(result.err == fmt::format("interactive_inference_with_timing: {}: holds a LoRA of rank 4, "
                                  "but adapter.rank is 8\n",
                                  run / "lora.pt"));
}
