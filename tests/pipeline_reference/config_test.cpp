#include "pipeline_reference/longlive/config.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "latency/error.hpp"
#include "pipeline_reference/longlive/config_mapping.hpp"
#include "pipeline_reference/longlive/prompts.hpp"
#include "pipeline_reference/longlive/yaml_document.hpp"
#include "tests/pipeline_reference/config_lines.hpp"
#include "tests/pipeline_reference/source_dir.hpp"

using longlive::parse_config;
using longlive_tests::good;
using longlive_tests::with_line;

TEST_CASE("config: values arrive where they belong, in every published spelling") {
  const longlive::config c = parse_config(with_line(6, "switch_frame_indices: [7, 12]"), "c.yaml");
  CHECK(c.generation.denoising_step_list == std::vector<std::int64_t>{1000, 500});
  CHECK(c.generation.switch_latent_frames == std::vector<std::int64_t>{7, 12});
  CHECK(parse_config(good, "c.yaml").generation.switch_latent_frames ==
        std::vector<std::int64_t>{7, 12});
  CHECK(parse_config(with_line(6, "switch_frame_indices: \"7, 12\""), "c.yaml")
            .generation.switch_latent_frames == std::vector<std::int64_t>{7, 12});
  CHECK(parse_config(with_line(6, "switch_frame_indices: 7"), "c.yaml")
            .generation.switch_latent_frames == std::vector<std::int64_t>{7});
  CHECK(c.generation.latent_frames == 21);
  CHECK(c.generation.window_latent_frames == 9);
  CHECK(c.generation.sink_latent_frames == 3);
  CHECK(c.dit.dim == 64);
  CHECK(c.dit.heads == 2);
  CHECK(c.dit.latent_height == 4);
  CHECK(c.dit.latent_width == 6);
  CHECK(c.dit.text_dim == 4096);
  CHECK(c.adapter.rank == 8);
  CHECK(c.data_path == "prompts.jsonl");
  const longlive::config policies =
      parse_config(with_line(11, "  kv_policy: roll\n  vae_mode: whole_clip"), "c.yaml");
  CHECK(policies.reference.kv == longlive::kv_policy::roll);
  CHECK(policies.reference.vae == longlive::vae_mode::whole_clip);
}

TEST_CASE("config: which files the weights come from, and when LoRA is applied") {
  struct weight_case {
    std::string lines, weights;
    longlive::lora_mode mode;
    std::string lora_weights;
    std::vector<std::string> notes;
  };
  using mode = longlive::lora_mode;
  const std::string both = "lora_ckpt: l.pt\ngenerator_ckpt: g.pt\n";
  for (const weight_case& expected :
       {weight_case{"", "random", mode::none, "", {"adapter has no effect: there is no lora_ckpt"}},
        {"generator_ckpt: g.pt",
         "g.pt",
         mode::none,
         "",
         {"adapter has no effect: there is no lora_ckpt"}},
        {both, "g.pt", mode::merged, "l.pt", {}},
        {"  lora: unmerged\n" + both, "g.pt", mode::unmerged, "l.pt", {}},
        {"  lora: none\n" + both,
         "g.pt",
         mode::none,
         "",
         {"lora_ckpt is not read: pipeline_reference: lora is none"}},
        {"  weights: merged.safetensors\n" + both,
         "merged.safetensors",
         mode::none,
         "",
         {"lora_ckpt is not read: pipeline_reference: weights names a file of its own; lora: "
          "merged would apply it"}},
        {"  weights: b.pth\n  lora: merged\n" + both, "b.pth", mode::merged, "l.pt", {}},
        {"  weights: random\n" + both,
         "random",
         mode::none,
         "",
         {"generator_ckpt and lora_ckpt are not read: pipeline_reference: weights is random"}},
        {"  weights: random\n  lora: unmerged\n", "random", mode::unmerged, "random", {}}}) {
    CAPTURE(expected.lines);
    const longlive::config c = parse_config(with_line(11, expected.lines), "c.yaml");
    CHECK(c.reference.weights == expected.weights);
    CHECK(c.reference.lora == expected.mode);
    CHECK(c.reference.lora_weights == expected.lora_weights);
    CHECK(c.notes == expected.notes);
  }
  const auto without_adapter = [](const std::string& lines) {
    return good.substr(0, good.find("adapter")) + good.substr(good.find("pipeline_reference")) +
           lines;
  };
  CHECK(parse_config(without_adapter(both), "c.yaml").notes ==
        std::vector<std::string>{"lora_ckpt is not read: there is no adapter"});
  CHECK_THROWS_WITH_AS(
      static_cast<void>(parse_config(without_adapter("  lora: merged\n" + both), "c.yaml")),
      "c.yaml: line 10: pipeline_reference.lora: needs adapter: its rank and alpha",
      latency::error);
}

TEST_CASE("config: prompts are encoded when there is a text encoder, unless it says otherwise") {
  const auto with = [](const std::string& lines) {
    return parse_config(with_line(11, lines), "c.yaml");
  };
  CHECK_FALSE(parse_config(good, "c.yaml").reference.encodes_prompts());
  const longlive::config defaults = with("  text_encoder: {weights: t5.safetensors}");
  CHECK(defaults.reference.encodes_prompts());
  const longlive::text_encoder_settings& t = defaults.reference.text_encoder;
  CHECK(umt5::parameter_count(t.model) == 5'680'910'336);
  CHECK(t.weights == "t5.safetensors");
  CHECK(t.tokenizer == "wan_models/Wan2.1-T2V-1.3B/google/umt5-xxl/spiece.model");
  CHECK(with("  prompt_embeddings: encoded").reference.text_encoder.weights == "random");

  const longlive::config sized = with(
      "  text_encoder: {tokenizer: t.model, model: {vocab: 9, dim_attn: 6, dim_ffn: 5, "
      "num_heads: 3, num_layers: 2, num_buckets: 8}}");
  const umt5::encoder_config& m = sized.reference.text_encoder.model;
  CHECK(std::vector<std::int64_t>{m.vocabulary_size, m.dim, m.attention_dim, m.ffn_dim, m.heads,
                                  m.layers, m.buckets, m.text_len} ==
        std::vector<std::int64_t>{9, 4096, 6, 5, 3, 2, 8, 512});
  CHECK(sized.reference.text_encoder.tokenizer == "t.model");

  const longlive::config unused = with("  text_encoder: {}\n  prompt_embeddings: seeded");
  CHECK_FALSE(unused.reference.encodes_prompts());
  CHECK(std::find(unused.notes.begin(), unused.notes.end(),
                  "text_encoder is not used: prompt_embeddings is seeded") != unused.notes.end());
}

TEST_CASE("config: published settings without effect are noted, not refused") {
  const longlive::config c = parse_config(
      with_line(11, "model_name: Wan2.1-T2V-1.3B\nindependent_first_frame: false"), "c.yaml");
  CHECK(c.notes == std::vector<std::string>{"adapter has no effect: there is no lora_ckpt",
                                            "no effect here: model_name, independent_first_frame"});
}

TEST_CASE("config: the bundled configurations are valid and their prompts fit their switches") {
  const std::string folder = longlive_tests::source_dir() + "/pipeline_reference/configs/";
  for (const char* name : {"longlive_inference", "longlive_interactive_inference",
                           "longlive_inference_small", "longlive_interactive_small"}) {
    CAPTURE(name);
    const longlive::config c = longlive::read_config(folder + name + ".yaml");
    const auto lines = longlive::read_prompts(longlive::resolve_path(c, c.data_path));
    CHECK(lines.front().prompts.size() == c.generation.switch_latent_frames.size() + 1);
  }
}

TEST_CASE("config: the published configurations hold the published values") {
  const std::string folder = longlive_tests::source_dir() + "/pipeline_reference/configs/";
  const auto interactive = longlive::read_config(folder + "longlive_interactive_inference.yaml");
  CHECK(interactive.generation.latent_frames == 240);
  CHECK(interactive.generation.switch_latent_frames ==
        std::vector<std::int64_t>{40, 80, 120, 160, 200});
  CHECK(interactive.generation.seed == 1);
  const auto single = longlive::read_config(folder + "longlive_inference.yaml");
  CHECK(single.generation.latent_frames == 120);
  CHECK(single.generation.switch_latent_frames.empty());
  CHECK(single.generation.seed == 0);
  for (const auto& c : {interactive, single}) {
    CHECK(c.generation.denoising_step_list == std::vector<std::int64_t>{1000, 750, 500, 250});
    CHECK(c.generation.warp_denoising_step);
    CHECK(c.generation.latent_frames_per_block == 3);
    CHECK(c.generation.window_latent_frames == 12);
    CHECK(c.generation.sink_latent_frames == 3);
    CHECK(c.generation.timestep_shift == 5.0);
    CHECK(c.generation.global_sink);
    CHECK(c.generation.context_noise == 0);
    CHECK_FALSE(c.use_ema);
    CHECK(c.inference_iter == -1);
    CHECK(c.generator_ckpt == "longlive_models/models/longlive_base.pt");
    CHECK(c.lora_ckpt == "longlive_models/models/lora.pt");
    CHECK(c.adapter.rank == 256);
    CHECK(c.adapter.alpha == 256);
  }
}

TEST_CASE("resolve_path: a name too long for the system stays as it is") {
  const longlive::config c = parse_config(good, "folder/c.yaml");
  const std::string name(5000, 'x');
  CHECK(longlive::resolve_path(c, name) == name);
}

TEST_CASE("edit_distance: counts insertions, deletions and replacements") {
  CHECK(longlive::edit_distance("", "abc") == 3);
  CHECK(longlive::edit_distance("sink_size", "sink_size") == 0);
  CHECK(longlive::edit_distance("kitten", "sitting") == 3);
  CHECK(longlive::edit_distance("abc", "") == 3);
}
