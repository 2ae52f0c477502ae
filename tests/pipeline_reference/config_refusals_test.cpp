#include <doctest/doctest.h>

#include <string>

#include "latency/error.hpp"
#include "pipeline_reference/longlive/config.hpp"
#include "pipeline_reference/longlive/config_mapping.hpp"
#include "pipeline_reference/longlive/yaml_document.hpp"
#include "tests/pipeline_reference/config_lines.hpp"

using longlive::parse_config;
using longlive_tests::with_line;

namespace {

std::string refusal(const std::string& text) {
  try {
    static_cast<void>(parse_config(text, "c.yaml"));
  } catch (const latency::error& e) {
    return e.what();
  }
  return "accepted";
}

struct bad_line {
  int line;
  const char* text;
  const char* expected;
};

const bad_line bad_lines[] = {
    {1, "", "c.yaml: line 2: denoising_step_list: is missing"},
    {1, "denoising_step_list: []",
     "c.yaml: line 1: denoising_step_list: must name at least one step"},
    {1, "denoising_step_list: [500, 1000]",
     "c.yaml: line 1: denoising_step_list: must fall from step to step, but 1000 follows 500"},
    {1, "denoising_step_list: [500, 500]",
     "c.yaml: line 1: denoising_step_list: must fall from step to step, but 500 follows 500"},
    {1, "denoising_step_list: [1000, -1]",
     "c.yaml: line 1: denoising_step_list: must be between 0 and 1000, found -1"},
    {1, "denoising_step_list: [1001]",
     "c.yaml: line 1: denoising_step_list: must be between 0 and 1000, found 1001"},
    {1, "denoising_step_list: [a]",
     "c.yaml: line 1: denoising_step_list: expects an integer, found 'a'"},
    {1, "denoising_step_list: [[1]]",
     "c.yaml: line 1: denoising_step_list: expects a list of integers, found a list"},
    {1, "denoising_step_list: {a: 1}",
     "c.yaml: line 1: denoising_step_list: expects a list of integers, found a mapping"},
    {1, "denoising_step_list: ['1000']",
     "c.yaml: line 1: denoising_step_list: expects a list of integers, found the text '1000' in "
     "it"},
    {1, "denoising_step_lst: [1000]", "c.yaml: line 1: denoising_step_list: is missing"},
    {2, "num_frame_per_block: 0",
     "c.yaml: line 2: num_frame_per_block: must be between 1 and 1024, found 0"},
    {2, "num_frame_per_block: three",
     "c.yaml: line 2: num_frame_per_block: expects an integer, found 'three'"},
    {2, "num_frame_per_block: 3.0",
     "c.yaml: line 2: num_frame_per_block: expects an integer, found '3.0'"},
    {2, "num_frame_per_block: '3'",
     "c.yaml: line 2: num_frame_per_block: expects an integer, found the text '3'"},
    {2, "num_frame_per_block: [3]",
     "c.yaml: line 2: num_frame_per_block: expects an integer, found a list"},
    {2, "num_frame_per_block: 99999999999999999999",
     "c.yaml: line 2: num_frame_per_block: must be between 1 and 1024, found 99999999999999999999"},
    {2, "num_frame_per_block:", "c.yaml: line 2: num_frame_per_block: is missing"},
    {3, "num_output_frames: 20",
     "c.yaml: line 3: num_output_frames: 20 latent frames are not a whole number of blocks of 3"},
    {3, "num_output_frames: -3",
     "c.yaml: line 3: num_output_frames: must be between 1 and 1024, found -3"},
    {3, "num_output_frames: 1920",
     "c.yaml: line 3: num_output_frames: must be between 1 and 1024, found 1920"},
    {4, "", "c.yaml: line 1: data_path: is missing"},
    {4, "data_path: ''", "c.yaml: line 4: data_path: expects a file, found an empty text"},
    {4, "data_path: [a, b]", "c.yaml: line 4: data_path: expects a text, found a list"},
    {4, "data_path: \"a\\nb\"",
     "c.yaml: line 4: data_path: must not contain line breaks or control characters"},
    {5, "model_kwargs: {local_attn_size: 5, sink_size: 3}",
     "c.yaml: line 5: model_kwargs.local_attn_size: a window of 5 latent frames cannot hold "
     "sink_size 3 "
     "and a block of 3"},
    {5, "model_kwargs: {local_attn_size: 0}",
     "c.yaml: line 5: model_kwargs.local_attn_size: must be -1 (unlimited) or a number of latent "
     "frames, "
     "found 0"},
    {5, "model_kwargs: {local_attn_size: -2}",
     "c.yaml: line 5: model_kwargs.local_attn_size: must be between -1 and 1024, found -2"},
    {5, "model_kwargs: {sink_size: -1}",
     "c.yaml: line 5: model_kwargs.sink_size: must be between 0 and 1024, found -1"},
    {5, "model_kwargs: {sink_size: 22}",
     "c.yaml: line 5: model_kwargs.sink_size: is 22, but the clip has only 21 latent frames"},
    {5, "model_kwargs: {timestep_shift: 0}",
     "c.yaml: line 5: model_kwargs.timestep_shift: must be between 0.01 and 1000, found 0"},
    {5, "model_kwargs: {timestep_shift: nan}",
     "c.yaml: line 5: model_kwargs.timestep_shift: must be between 0.01 and 1000, found nan"},
    {5, "model_kwargs: {timestep_shift: five}",
     "c.yaml: line 5: model_kwargs.timestep_shift: expects a number, found 'five'"},
    {5, "model_kwargs: {use_infinite_attention: true}",
     "c.yaml: line 5: model_kwargs.use_infinite_attention: is not supported; positions are "
     "absolute here"},
    {5, "model_kwargs: {local_atn_size: 9}",
     "c.yaml: line 5: model_kwargs.local_atn_size: unknown key; the nearest known one is "
     "model_kwargs.local_attn_size"},
    {5, "model_kwargs: 9", "c.yaml: line 5: model_kwargs: expects a mapping, found '9'"},
    {6, "switch_frame_indices: 12, 7",
     "c.yaml: line 6: switch_frame_indices: must rise from switch to switch, but 7 follows 12"},
    {6, "switch_frame_indices: 7, 7",
     "c.yaml: line 6: switch_frame_indices: must rise from switch to switch, but 7 follows 7"},
    {6, "switch_frame_indices: 19",
     "c.yaml: line 6: switch_frame_indices: the switch at latent frame 19 would take effect at 21, "
     "but the "
     "last block starts at 18"},
    {6, "switch_frame_indices: 17, 18",  // one switch per block: the second is pushed past the end
     "c.yaml: line 6: switch_frame_indices: the switch at latent frame 18 would take effect at 21, "
     "but the "
     "last block starts at 18"},
    {6, "switch_frame_indices: 40",
     "c.yaml: line 6: switch_frame_indices: the switch at latent frame 40 would take effect at 42, "
     "but the "
     "last block starts at 18"},
    {6, "switch_frame_indices: 7, x",
     "c.yaml: line 6: switch_frame_indices: expects an integer, found 'x'"},
    {6, "switch_frame_indices: 7,,9",
     "c.yaml: line 6: switch_frame_indices: expects an integer, found ''"},
    {6, "switch_frame_indices: -1",
     "c.yaml: line 6: switch_frame_indices: must be between 0 and 1024, found -1"},
    {7, "adapter: {type: dora}", "c.yaml: line 7: adapter.type: expects one of lora, found 'dora'"},
    {7, "adapter: {rank: 0}", "c.yaml: line 7: adapter.rank: must be between 1 and 65536, found 0"},
    {7, "adapter: {rnk: 8}",
     "c.yaml: line 7: adapter.rnk: unknown key; the nearest known one is adapter.rank"},
    {9, "  model: {dim: 64, num_heads: 3}",
     "c.yaml: line 9: pipeline_reference.model.num_heads: dim 64 is not divisible by 3 heads"},
    {9, "  model: {dim: 14, num_heads: 2}",
     "c.yaml: line 9: pipeline_reference.model.num_heads: dim 14 over 2 heads gives heads of 7; "
     "rotary "
     "positions need an even size of at least 6"},
    {9, "  model: {freq_dim: 5}",
     "c.yaml: line 9: pipeline_reference.model.freq_dim: must be even, found 5"},
    {9, "  model: {num_layers: 0}",
     "c.yaml: line 9: pipeline_reference.model.num_layers: must be between 1 and 256, found 0"},
    {9, "  model: {layers: 2}",
     "c.yaml: line 9: pipeline_reference.model.layers: unknown key; the nearest known one is "
     "pipeline_reference.model.num_layers"},
    {10, "  latent_hw: [4, 5]",
     "c.yaml: line 10: pipeline_reference.latent_hw: patches are 2x2, so both must be even, found "
     "4x5"},
    {10, "  latent_hw: [4]",
     "c.yaml: line 10: pipeline_reference.latent_hw: expects height and width, found 1 values"},
    {11, "  kv_policy: rolling",
     "c.yaml: line 11: pipeline_reference.kv_policy: expects one of ring, roll, found 'rolling'"},
    {11, "  vae_mode: chunked",
     "c.yaml: line 11: pipeline_reference.vae_mode: expects one of streaming, whole_clip, found "
     "'chunked'"},
    {11, "  skip: {repeated_flow: true}",
     "c.yaml: line 11: pipeline_reference.skip.repeated_flow: unknown key; the nearest known one "
     "is "
     "pipeline_reference.skip.unread_flow"},
    {11, "  skip: {unread_flow: 3}",
     "c.yaml: line 11: pipeline_reference.skip.unread_flow: expects true or false, found '3'"},
    {11, "  layer_spans: 2",
     "c.yaml: line 11: pipeline_reference.layer_spans: expects true or false, found '2'"},
    {11, "  weights: ''",
     "c.yaml: line 11: pipeline_reference.weights: expects random or a file, found an empty text"},
    {11, "  vae_weights: ''",
     "c.yaml: line 11: pipeline_reference.vae_weights: expects random or a file, found an empty "
     "text"},
    {11, "  lora: fused",
     "c.yaml: line 11: pipeline_reference.lora: expects one of none, merged, unmerged, found "
     "'fused'"},
    {11, "  weights: base.pt\n  lora: merged",
     "c.yaml: line 12: pipeline_reference.lora: needs lora_ckpt, a file with the LoRA"},
    {11, "  text_encoder: 5",
     "c.yaml: line 11: pipeline_reference.text_encoder: expects a mapping, found '5'"},
    {11, "  text_encoder: {tokeniser: x}",
     "c.yaml: line 11: pipeline_reference.text_encoder.tokeniser: unknown key; the nearest known "
     "one is pipeline_reference.text_encoder.tokenizer"},
    {11, "  text_encoder: {tokenizer: ''}",
     "c.yaml: line 11: pipeline_reference.text_encoder.tokenizer: expects a file, found an empty "
     "text"},
    {11, "  text_encoder: {model: {dim: 64}}",
     "c.yaml: line 11: pipeline_reference.text_encoder.model.dim: is 64, but the transformer's "
     "model.text_dim is 4096"},
    {11, "  text_encoder: {model: {num_heads: 3}}",
     "c.yaml: line 11: pipeline_reference.text_encoder.model.num_heads: dim_attn 4096 is not "
     "divisible by 3 heads"},
    {11, "  text_encoder: {model: {num_buckets: 5}}",
     "c.yaml: line 11: pipeline_reference.text_encoder.model.num_buckets: must be even, found 5"},
    {11, "  text_encoder: {model: {vocab: 0}}",
     "c.yaml: line 11: pipeline_reference.text_encoder.model.vocab: must be between 1 and 4194304, "
     "found 0"},
    {11, "  pixel_fps: 0",
     "c.yaml: line 11: pipeline_reference.pixel_fps: must be between 0.1 and 1000, found 0"},
    {11, "seed: -1", "c.yaml: line 11: seed: must be between 0 and 9223372036854775807, found -1"},
    {11, "num_samples: 0", "c.yaml: line 11: num_samples: must be between 1 and 1024, found 0"},
    {11, "inference_iter: -2",
     "c.yaml: line 11: inference_iter: must be between -1 and 1000000000, found -2"},
    {11, "context_noise: 1001",
     "c.yaml: line 11: context_noise: must be between 0 and 1000, found 1001"},
    {11, "use_ema: maybe", "c.yaml: line 11: use_ema: expects true or false, found 'maybe'"},
    {11, "global_sink: 'true'",
     "c.yaml: line 11: global_sink: expects true or false, found the text 'true'"},
    {11, "global_snk: true",
     "c.yaml: line 11: global_snk: unknown key; the nearest known one is global_sink"},
    {11, "num_output_frames: 21", "c.yaml: line 11: num_output_frames: given twice"},
    {11, "\"a\\nb\": 1", "c.yaml: line 11: a\\x0ab: unknown key; the nearest known one is i2v"},
    {11, "[a, b]: 1", "c.yaml: line 11: a key must be a single word"},
    {11, "output_folder: &a x", "c.yaml: line 11: anchors (&name) are not supported"},
    {11, "output_folder: *a", "c.yaml: line 11: not YAML: the referenced anchor is not defined"},
    {11, "output_folder: [x", "c.yaml: line 12: not YAML: end of sequence flow not found"},
};

}  // namespace

TEST_CASE("config: every bad line is refused with one line that names it") {
  for (const bad_line& bad : bad_lines) {
    CAPTURE(bad.text);
    CHECK(refusal(with_line(bad.line, bad.text)) == bad.expected);
  }
}

TEST_CASE("config: files that are no mapping of keys are refused") {
  CHECK(refusal("") == "c.yaml: is empty");
  CHECK(refusal("# only a comment\n") == "c.yaml: is empty");
  CHECK(refusal("[1, 2]") == "c.yaml: line 1: must be a mapping of keys to values");
  CHECK(refusal("text") == "c.yaml: line 1: must be a mapping of keys to values");
  CHECK(refusal("a: 1\n---\nb: 1\n") == "c.yaml: holds more than one document");
  CHECK(refusal(std::string("a: \0", 4)) == "c.yaml: byte 3: not a text file");
  CHECK_THROWS_WITH_AS(static_cast<void>(longlive::read_config("no_such.yaml")),
                       "no_such.yaml: no such file", latency::error);
  CHECK_THROWS_WITH_AS(static_cast<void>(longlive::read_config("/")), "/: not a regular file",
                       latency::error);
}

TEST_CASE("config: a hostile file costs nothing before it is refused") {
  CHECK(refusal(std::string(longlive::yaml_max_bytes + 1, ' ')) ==
        "c.yaml: 262145 bytes, more than the limit of 262144");
  CHECK(refusal("a: " + std::string(16, '[') + std::string(16, ']')) ==
        "c.yaml: line 1: nested deeper than 16 levels");
  CHECK(refusal("a: " + std::string(200000, '[')) != "accepted");
  CHECK(refusal("a: " + std::string(200000, '{')) != "accepted");
  std::string bomb = "a: &a [x]\n";
  for (char c = 'b'; c <= 'z'; ++c)
    bomb += std::string(1, c) + ": &" + c + " [*" + char(c - 1) + "]\n";
  CHECK(refusal(bomb) == "c.yaml: line 1: anchors (&name) are not supported");
  std::string many = "a: [";
  for (std::size_t i = 0; i <= longlive::yaml_max_nodes; ++i) many += "1,";
  CHECK(refusal(many + "]") == "c.yaml: line 1: more than 4000 values");
}
