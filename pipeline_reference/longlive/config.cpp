#include "pipeline_reference/longlive/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "pipeline_reference/longlive/config_mapping.hpp"
#include "pipeline_reference/longlive/weight_settings.hpp"
#include "pipeline_reference/longlive/yaml_document.hpp"

namespace longlive {
namespace {

// Published keys of training, of other pipelines or of the launcher; inference does not read them.
constexpr const char* keys_without_effect[] = {"model_name",
                                               "independent_first_frame",
                                               "distributed",
                                               "i2v",
                                               "causal",
                                               "height",
                                               "width",
                                               "num_frames",
                                               "ckpt_step",
                                               "prompt_name",
                                               "prompt_path",
                                               "eval_first_n",
                                               "last_step_only",
                                               "same_step_across_blocks",
                                               "num_training_frames",
                                               "gc_interval",
                                               "weight_decay",
                                               "low_memory",
                                               "num_train_timestep",
                                               "negative_prompt",
                                               "guidance_scale",
                                               "mixed_precision",
                                               "text_encoder_ckpt",
                                               "discriminator_lr_multiplier"};

void check_steps(const std::vector<std::int64_t>& steps, const config_mapping& root) {
  if (steps.empty()) root.fail("denoising_step_list", "must name at least one step");
  for (std::size_t i = 1; i < steps.size(); ++i)
    if (steps[i] >= steps[i - 1])
      root.fail("denoising_step_list", fmt::format("must fall from step to step, but {} follows {}",
                                                   steps[i], steps[i - 1]));
}

// A switch takes effect at the first block that starts at or after its latent frame, one per block.
void check_switches(const generation_config& g, const config_mapping& root) {
  const std::int64_t block = g.latent_frames_per_block;
  std::int64_t next_free_start = 0;
  for (std::size_t i = 0; i < g.switch_latent_frames.size(); ++i) {
    const std::int64_t index = g.switch_latent_frames[i];
    if (i > 0 && index <= g.switch_latent_frames[i - 1])
      root.fail("switch_frame_indices",
                fmt::format("must rise from switch to switch, but {} follows {}", index,
                            g.switch_latent_frames[i - 1]));
    const std::int64_t start = std::max((index + block - 1) / block * block, next_free_start);
    if (start >= g.latent_frames)
      root.fail(
          "switch_frame_indices",
          fmt::format("the switch at latent frame {} would take effect at {}, but the last block "
                      "starts at {}",
                      index, start, g.latent_frames - block));
    next_free_start = start + block;
  }
}

void read_window(generation_config& g, config_mapping& root) {
  config_mapping kwargs = root.mapping("model_kwargs");
  if (kwargs.boolean("use_infinite_attention", false))
    kwargs.fail("use_infinite_attention", "is not supported; positions are absolute here");
  g.window_latent_frames = kwargs.integer("local_attn_size", -1, -1, rope_positions);
  g.sink_latent_frames = kwargs.integer("sink_size", 0, 0, rope_positions);
  g.timestep_shift = kwargs.real("timestep_shift", g.timestep_shift, 0.01, 1000.0);
  kwargs.accept("model_name");
  kwargs.refuse_unknown();
  if (g.window_latent_frames == 0)
    kwargs.fail("local_attn_size", "must be -1 (unlimited) or a number of latent frames, found 0");
  if (g.window_latent_frames > 0 &&
      g.window_latent_frames < g.sink_latent_frames + g.latent_frames_per_block)
    kwargs.fail(
        "local_attn_size",
        fmt::format("a window of {} latent frames cannot hold sink_size {} and a block of {}",
                    g.window_latent_frames, g.sink_latent_frames, g.latent_frames_per_block));
  if (g.sink_latent_frames > g.cached_latent_frames())
    kwargs.fail("sink_size", fmt::format("is {}, but the clip has only {} latent frames",
                                         g.sink_latent_frames, g.latent_frames));
}

generation_config read_generation(config_mapping& root) {
  generation_config g;
  g.denoising_step_list = root.integers("denoising_step_list", 0, 1000);
  g.warp_denoising_step = root.boolean("warp_denoising_step", true);
  g.latent_frames_per_block = root.integer("num_frame_per_block", 3, 1, rope_positions);
  g.latent_frames = root.integer("num_output_frames", 0, 1, rope_positions);
  g.switch_latent_frames = root.integers("switch_frame_indices", 0, rope_positions);
  g.global_sink = root.boolean("global_sink", false);
  g.context_noise = root.real("context_noise", 0, 0, 1000);
  g.samples = root.integer("num_samples", 1, 1, 1024);
  g.seed = static_cast<std::uint64_t>(
      root.integer("seed", 0, 0, std::numeric_limits<std::int64_t>::max()));
  check_steps(g.denoising_step_list, root);
  if (g.latent_frames % g.latent_frames_per_block != 0)
    root.fail("num_output_frames",
              fmt::format("{} latent frames are not a whole number of blocks of {}",
                          g.latent_frames, g.latent_frames_per_block));
  check_switches(g, root);
  read_window(g, root);
  return g;
}

dit_config read_model(config_mapping& own) {
  config_mapping model = own.mapping("model");
  dit_config m;
  m.dim = model.integer("dim", m.dim, 8, dit_config::most_dim);
  m.heads = model.integer("num_heads", m.heads, 1, dit_config::most_heads);
  m.layers = model.integer("num_layers", m.layers, 1, dit_config::most_layers);
  m.ffn_dim = model.integer("ffn_dim", m.ffn_dim, 1, dit_config::most_ffn_dim);
  m.freq_dim = model.integer("freq_dim", m.freq_dim, 2, dit_config::most_freq_dim);
  m.text_dim = model.integer("text_dim", m.text_dim, 1, dit_config::most_text_dim);
  m.text_len = model.integer("text_len", m.text_len, 1, dit_config::most_text_len);
  model.refuse_unknown();
  if (m.dim % m.heads != 0)
    model.fail("num_heads", fmt::format("dim {} is not divisible by {} heads", m.dim, m.heads));
  if (m.head_dim() % 2 != 0 || m.head_dim() < 6)
    model.fail("num_heads",
               fmt::format("dim {} over {} heads gives heads of {}; rotary positions need an "
                           "even size of at least 6",
                           m.dim, m.heads, m.head_dim()));
  if (m.freq_dim % 2 != 0)
    model.fail("freq_dim", fmt::format("must be even, found {}", m.freq_dim));

  const std::vector<std::int64_t> latent = own.integers("latent_hw", 2, 2 * rope_positions);
  if (!latent.empty()) {
    if (latent.size() != 2)
      own.fail("latent_hw",
               fmt::format("expects height and width, found {} values", latent.size()));
    m.latent_height = latent[0];
    m.latent_width = latent[1];
  }
  if (m.latent_height % 2 != 0 || m.latent_width % 2 != 0)
    own.fail("latent_hw", fmt::format("patches are 2x2, so both must be even, found {}x{}",
                                      m.latent_height, m.latent_width));
  return m;
}

text_encoder_settings read_text_encoder(config_mapping& own, const dit_config& dit) {
  using umt5::encoder_config;
  config_mapping encoder = own.mapping("text_encoder");
  config_mapping model = encoder.mapping("model");
  text_encoder_settings out;
  encoder_config& m = out.model;
  m.vocabulary_size =
      model.integer("vocab", m.vocabulary_size, 1, encoder_config::most_vocabulary_size);
  m.dim = model.integer("dim", dit.text_dim, 1, encoder_config::most_dim);
  m.attention_dim = model.integer("dim_attn", m.dim, 1, encoder_config::most_attention_dim);
  m.ffn_dim = model.integer("dim_ffn", m.ffn_dim, 1, encoder_config::most_ffn_dim);
  m.heads = model.integer("num_heads", m.heads, 1, encoder_config::most_heads);
  m.layers = model.integer("num_layers", m.layers, 1, encoder_config::most_layers);
  m.buckets = model.integer("num_buckets", m.buckets, 4, encoder_config::most_buckets);
  m.text_len = dit.text_len;
  model.refuse_unknown();
  if (m.dim != dit.text_dim)
    model.fail("dim", fmt::format("is {}, but the transformer's model.text_dim is {}", m.dim,
                                  dit.text_dim));
  if (m.attention_dim % m.heads != 0)
    model.fail("num_heads",
               fmt::format("dim_attn {} is not divisible by {} heads", m.attention_dim, m.heads));
  if (m.buckets % 2 != 0)
    model.fail("num_buckets", fmt::format("must be even, found {}", m.buckets));
  out.weights = encoder.text("weights", out.weights);
  out.tokenizer =
      encoder.text("tokenizer", "wan_models/Wan2.1-T2V-1.3B/google/umt5-xxl/spiece.model");
  encoder.refuse_unknown();
  for (const auto& [key, value] :
       {std::pair{"weights", &out.weights}, {"tokenizer", &out.tokenizer}})
    if (value->empty()) encoder.fail(key, "expects a file, found an empty text");
  return out;
}

dead_work read_dead_work(config_mapping& own) {
  config_mapping skip = own.mapping("skip");
  dead_work w;
  for (const dead_work_switch& s : dead_work_switches) w.*s.left_out = skip.boolean(s.name, true);
  skip.refuse_unknown();
  return w;
}

void read_reference(config& c, config_mapping& root) {
  config_mapping own = root.mapping("pipeline_reference");
  reference_settings& r = c.reference;
  c.dit = read_model(own);
  r.vae_dim = own.integer("vae_dim", r.vae_dim, 1, 1024);
  r.vae = own.choice("vae_mode", "streaming", {"streaming", "whole_clip"}) == "streaming"
              ? vae_mode::streaming
              : vae_mode::whole_clip;
  r.kv = own.choice("kv_policy", "ring", {"ring", "roll"}) == "ring" ? kv_policy::ring
                                                                     : kv_policy::roll;
  read_weight_settings(c, root, own);
  const bool has_encoder = own.accept("text_encoder");
  r.prompt_embeddings = own.text("prompt_embeddings", has_encoder ? "encoded" : "seeded");
  if (has_encoder || r.encodes_prompts()) r.text_encoder = read_text_encoder(own, c.dit);
  if (has_encoder && !r.encodes_prompts())
    c.notes.push_back("text_encoder is not used: prompt_embeddings is " + r.prompt_embeddings);
  c.generation.skips = read_dead_work(own);
  r.layer_spans = own.boolean("layer_spans", false);
  r.pixel_fps = own.real("pixel_fps", r.pixel_fps, 0.1, 1000);
  own.refuse_unknown();
}

void note_settings_without_effect(config& c, config_mapping& root) {
  std::string named;
  for (const char* key : keys_without_effect)
    if (root.accept(key)) named += (named.empty() ? "" : ", ") + std::string(key);
  if (!named.empty()) c.notes.push_back("no effect here: " + named);
}

config check(const yaml_node& document, const std::string& path) {
  config_mapping root(document, path, "");
  for (const char* key :
       {"denoising_step_list", "num_frame_per_block", "num_output_frames", "data_path"})
    root.require(key);

  config c;
  c.path = path;
  c.generation = read_generation(root);
  c.switch_line = root.line("switch_frame_indices");
  c.save_with_index = root.boolean("save_with_index", true);
  c.inference_iter = root.integer("inference_iter", -1, -1, 1'000'000'000);
  c.data_path = root.text("data_path", "");
  c.output_folder = root.text("output_folder", "videos");
  read_reference(c, root);
  note_settings_without_effect(c, root);
  root.refuse_unknown();

  if (c.data_path.empty()) root.fail("data_path", "expects a file, found an empty text");
  return c;
}

}  // namespace

config parse_config(const std::string& text, const std::string& path) {
  return check(parse_yaml(text, path), path);
}

config read_config(const std::string& path) {
  return check(read_yaml(path), path);
}

std::string resolve_path(const config& settings, const std::string& path) {
  // What cannot be looked up (a name that is too long, a folder that is closed) is not there:
  // whoever opens the path says why.
  std::error_code ignored;
  const std::filesystem::path from_here(path);
  if (from_here.is_absolute() || std::filesystem::exists(from_here, ignored)) return path;
  const std::filesystem::path beside =
      std::filesystem::path(settings.path).parent_path() / from_here;
  return std::filesystem::exists(beside, ignored) ? beside.string() : path;
}

}  // namespace longlive
