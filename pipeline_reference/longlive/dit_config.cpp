#include "pipeline_reference/longlive/dit_config.hpp"

#include <fmt/format.h>

#include "latency/error.hpp"

namespace longlive {
namespace {

void check(bool holds, const std::string& name, const std::string& message) {
  if (!holds) throw latency::error("", name, message);
}

void positive(const char* name, std::int64_t number) {
  check(number > 0, name, fmt::format("must be positive, is {}", number));
}

}  // namespace

void dit_config::validate() const {
  struct bounded {
    const char* name;
    std::int64_t number, most;
  };
  for (const bounded& b : {bounded{"dim", dim, most_dim},
                           {"num_heads", heads, most_heads},
                           {"num_layers", layers, most_layers},
                           {"ffn_dim", ffn_dim, most_ffn_dim},
                           {"freq_dim", freq_dim, most_freq_dim},
                           {"text_dim", text_dim, most_text_dim},
                           {"text_len", text_len, most_text_len},
                           {"channels", channels, most_channels},
                           {"latent_height", latent_height, patch * rope_positions},
                           {"latent_width", latent_width, patch * rope_positions}}) {
    positive(b.name, b.number);
    check(b.number <= b.most, b.name, fmt::format("at most {}, is {}", b.most, b.number));
  }
  check(dim % heads == 0, "dim", fmt::format("{} is not divisible by {} heads", dim, heads));
  check(head_dim() % 2 == 0, "dim",
        fmt::format("head size {} is odd, rotary pairs need an even one", head_dim()));
  check(freq_dim % 2 == 0, "freq_dim", fmt::format("must be even, is {}", freq_dim));
  check(latent_height % patch == 0, "latent_height",
        fmt::format("must be even (2 x 2 patches), is {}", latent_height));
  check(latent_width % patch == 0, "latent_width",
        fmt::format("must be even (2 x 2 patches), is {}", latent_width));
}

void generation_config::validate() const {
  positive("num_output_frames", latent_frames);
  positive("num_frame_per_block", latent_frames_per_block);
  check(latent_frames % latent_frames_per_block == 0, "num_output_frames",
        fmt::format("{} is not divisible by num_frame_per_block {}", latent_frames,
                    latent_frames_per_block));
  check(latent_frames <= rope_positions, "num_output_frames",
        fmt::format("at most {} (the rotary table's positions), is {}", rope_positions,
                    latent_frames));
  check(window_latent_frames == -1 || window_latent_frames >= latent_frames_per_block,
        "local_attn_size",
        fmt::format("must be -1 or at least num_frame_per_block {}, is {}", latent_frames_per_block,
                    window_latent_frames));
  check(window_latent_frames <= rope_positions, "local_attn_size",
        fmt::format("at most {}, is {}", rope_positions, window_latent_frames));
  check(sink_latent_frames >= 0 && sink_latent_frames <= cached_latent_frames(), "sink_size",
        fmt::format("must be between 0 and the window's {} latent frames, is {}",
                    cached_latent_frames(), sink_latent_frames));
  check(samples >= 1, "num_samples", fmt::format("must be positive, is {}", samples));
  check(!denoising_step_list.empty(), "denoising_step_list", "is empty");
  for (std::size_t i = 0; i < denoising_step_list.size(); ++i) {
    const std::int64_t step = denoising_step_list[i];
    check(step >= 0 && step <= 1000, "denoising_step_list",
          fmt::format("steps lie in 0..1000, found {}", step));
    check(i == 0 || step < denoising_step_list[i - 1], "denoising_step_list",
          fmt::format("must descend, found {} after {}", step,
                      i == 0 ? 0 : denoising_step_list[i - 1]));
  }
  check(timestep_shift > 0 && timestep_shift <= 1000, "timestep_shift",
        fmt::format("must be positive and at most 1000, is {}", timestep_shift));
  check(context_noise >= 0 && context_noise <= 1000, "context_noise",
        fmt::format("must lie in 0..1000, is {}", context_noise));
  check(!takes_requests || switch_latent_frames.empty(), "switch_frame_indices",
        "prompts are asked for while the clip is generated");
  for (std::size_t i = 0; i < switch_latent_frames.size(); ++i) {
    const std::int64_t at = switch_latent_frames[i];
    check(at >= 0 && at < latent_frames, "switch_frame_indices",
          fmt::format("{} lies outside the clip's {} latent frames", at, latent_frames));
    check(i == 0 || at >= switch_latent_frames[i - 1], "switch_frame_indices", "must ascend");
  }
}

std::vector<checkpoint::expected_tensor> dit_tensors(const dit_config& c) {
  std::vector<checkpoint::expected_tensor> all;
  const auto linear = [&](const std::string& name, std::int64_t out, std::int64_t in) {
    all.push_back({name + ".weight", {out, in}});
    all.push_back({name + ".bias", {out}});
  };
  all.push_back(
      {"patch_embedding.weight", {c.dim, c.channels, 1, dit_config::patch, dit_config::patch}});
  all.push_back({"patch_embedding.bias", {c.dim}});
  linear("text_embedding.0", c.dim, c.text_dim);
  linear("text_embedding.2", c.dim, c.dim);
  linear("time_embedding.0", c.dim, c.freq_dim);
  linear("time_embedding.2", c.dim, c.dim);
  linear("time_projection.1", 6 * c.dim, c.dim);
  for (std::int64_t layer = 0; layer < c.layers; ++layer) {
    const std::string block = "blocks." + std::to_string(layer) + ".";
    for (const char* attention : {"self_attn.", "cross_attn."}) {
      for (const char* projection : {"q", "k", "v", "o"})
        linear(block + attention + projection, c.dim, c.dim);
      all.push_back({block + attention + "norm_q.weight", {c.dim}});
      all.push_back({block + attention + "norm_k.weight", {c.dim}});
    }
    all.push_back({block + "norm3.weight", {c.dim}});
    all.push_back({block + "norm3.bias", {c.dim}});
    linear(block + "ffn.0", c.ffn_dim, c.dim);
    linear(block + "ffn.2", c.dim, c.ffn_dim);
    all.push_back({block + "modulation", {1, 6, c.dim}});
  }
  linear("head.head", c.patch_features(), c.dim);
  all.push_back({"head.modulation", {1, 2, c.dim}});
  return all;
}

std::int64_t parameter_count(const dit_config& config) {
  return checkpoint::element_count(dit_tensors(config));
}

}  // namespace longlive
