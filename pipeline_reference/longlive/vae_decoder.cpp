#include "pipeline_reference/longlive/vae_decoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "latency/error.hpp"
#include "latency/scope.hpp"
#include "pipeline_reference/longlive/vae_weights.hpp"

namespace longlive {
namespace {

// Published statistics of the latents, per channel.
constexpr std::array<float, vae_latent_channels> latent_mean = {
    -0.7571F, -0.7089F, -0.9113F, 0.1075F,  -0.1745F, 0.9653F,  -0.1517F, 1.5508F,
    0.4134F,  -0.0715F, 0.5517F,  -0.3632F, -0.1922F, -0.9497F, 0.2503F,  -0.2921F};
constexpr std::array<float, vae_latent_channels> latent_std = {
    2.8184F, 1.4541F, 2.3275F, 2.6558F, 1.2196F, 1.7708F, 2.6052F, 2.0743F,
    3.2687F, 2.1526F, 2.8652F, 1.5579F, 1.6382F, 1.1253F, 2.8251F, 1.9160F};

ops::buffer uploaded(ops::memory& memory, const std::array<float, vae_latent_channels>& values) {
  ops::buffer out(memory, ops::dtype::f32, {vae_latent_channels});
  memory.upload(out.view().data, values.data(), out.view().bytes(), {});
  return out;
}

const vae_config& checked(const vae_config& config) {
  const auto check = [](const char* what, std::int64_t value, std::int64_t most) {
    if (value < 1 || value > most)
      throw latency::error(fmt::format("vae: {} is {}, expected 1 to {}", what, value, most));
  };
  check("dim", config.dim, 4096);
  check("latent_height", config.latent_height, 4096);
  check("latent_width", config.latent_width, 4096);
  check("samples", config.samples, 1024);
  return config;
}

// The largest activation is at full resolution, or the latents' own level when `dim` is tiny.
std::int64_t activation_elements(const vae_config& c) {
  const std::int64_t per_latent_pixel =
      std::max(vae_decoder::most_pixel_frames * 64 * c.dim, vae_latent_channels);
  return c.latent_height * c.latent_width * per_latent_pixel;
}

// The widest padded row: 4 dim channels at twice the latent width, 2 dim at four times, dim at
// eight times.
std::int64_t row_values(const vae_config& c) {
  const std::int64_t channels_per_column = std::max(8 * c.dim, vae_latent_channels);
  return channels_per_column * c.latent_width + 2 * std::max(4 * c.dim, vae_latent_channels);
}

}  // namespace

vae_decoder::vae_decoder(const vae_config& config, const checkpoint::weight_source& weights,
                         ops::vae_ops& vae, ops::memory& memory)
    : vae_decoder(checked(config), vae_builder{weights, vae, memory, config.samples}) {}

vae_decoder::vae_decoder(const vae_config& c, const vae_builder& from)
    : config_(c),
      vae_(from.vae),
      memory_(from.memory),
      activations_(from.vae, from.memory, activation_elements(c),
                   from.vae.workspace_bytes(row_values(c), c.latent_height * c.latent_width)),
      mean_(uploaded(from.memory, latent_mean)),
      std_(uploaded(from.memory, latent_std)),
      conv2_(from, "conv2", {vae_latent_channels, vae_latent_channels, 1, 1, 1}, c.latent_height,
             c.latent_width),
      conv1_(from, "decoder.conv1", {4 * c.dim, vae_latent_channels, 3, 3, 3}, c.latent_height,
             c.latent_width),
      middle_0_(from, "decoder.middle.0", 4 * c.dim, 4 * c.dim, c.latent_height, c.latent_width),
      middle_1_(from, "decoder.middle.1", 4 * c.dim, c.latent_height, c.latent_width),
      middle_2_(from, "decoder.middle.2", 4 * c.dim, 4 * c.dim, c.latent_height, c.latent_width),
      head_gain_(from.gains("decoder.head.0.gamma", {c.dim, 1, 1, 1})),
      head_(from, "decoder.head.2", {3, c.dim, 3, 3, 3}, pixel_height(), pixel_width()) {
  struct level {
    std::int64_t in, out;
    bool upsample_in_time;
  };
  const std::array<level, 4> levels = {{{4 * c.dim, 4 * c.dim, true},
                                        {2 * c.dim, 4 * c.dim, true},
                                        {2 * c.dim, 2 * c.dim, false},
                                        {c.dim, c.dim, false}}};
  std::int64_t height = c.latent_height, width = c.latent_width;
  int module = 0;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    for (int block = 0; block < 3; ++block)
      blocks_.emplace_back(from, fmt::format("decoder.upsamples.{}", module++),
                           block == 0 ? levels[i].in : levels[i].out, levels[i].out, height, width);
    if (i + 1 == levels.size()) break;
    upsamples_.emplace_back(from, fmt::format("decoder.upsamples.{}", module++), levels[i].out,
                            height, width, levels[i].upsample_in_time);
    height *= 2;
    width *= 2;
  }
  clear_cache({});
}

template <class Visit>
void vae_decoder::each_conv(const Visit& visit) const {
  visit(conv1_);
  middle_0_.each_conv(visit);
  middle_2_.each_conv(visit);
  for (const vae_residual_block& block : blocks_) block.each_conv(visit);
  for (const vae_upsample& upsample : upsamples_) upsample.each_conv(visit);
  visit(head_);
}

void vae_decoder::clear_cache(ops::stream stream) {
  each_conv([&](const vae_conv& conv) { conv.clear_cache(memory_, stream); });
  clip_begun_.assign(static_cast<std::size_t>(config_.samples), false);
}

std::int64_t vae_decoder::cache_bytes() const {
  std::int64_t bytes = 0;
  each_conv([&](const vae_conv& conv) { bytes += conv.cache_bytes(); });
  return bytes;
}

std::int64_t vae_decoder::pixel_frames(std::int64_t latent_frames, std::int64_t sample) const {
  if (latent_frames == 0) return 0;
  const bool begun = clip_begun_[static_cast<std::size_t>(sample)];
  return most_pixel_frames * latent_frames - (begun ? 0 : most_pixel_frames - 1);
}

void vae_decoder::prepare_input(ops::const_tensor latents, ops::tensor prepared,
                                ops::stream stream) {
  vae_.denormalise({latents, mean_.view(), std_.view(), prepared}, stream,
                   activations_.workspace());
}

void vae_decoder::decode(ops::const_tensor prepared, ops::tensor rgb, ops::stream stream,
                         std::int64_t sample) {
  const vae_call call{vae_, memory_, activations_, stream, sample};
  std::int64_t done_pixel_frames = 0;
  for (std::int64_t i = 0; i < prepared.shape[0]; ++i) {
    const std::int64_t count = pixel_frames(1, sample);
    ops::tensor out = rgb[done_pixel_frames];
    out.shape = {count, pixel_height(), pixel_width(), 3};
    decode_latent_frame(prepared[i], out, call);
    done_pixel_frames += count;
    clip_begun_[static_cast<std::size_t>(sample)] = true;
  }
}

void vae_decoder::decode_latent_frame(ops::const_tensor latent_frame, ops::tensor rgb,
                                      const vae_call& call) {
  using slot = vae_activations;
  const std::int64_t h = config_.latent_height, w = config_.latent_width, dim = config_.dim;
  latent_frame.shape = {1, h, w, vae_latent_channels};
  const ops::tensor mixed = activations_.view(slot::a, latent_frame.shape);
  std::optional<latency::scope> span;
  if (config_.level_spans) span.emplace("vae_middle");
  conv2_.forward(call, latent_frame, mixed);
  conv1_.forward(call, mixed, activations_.view(slot::x, {1, h, w, 4 * dim}));
  middle_0_.forward(call, 1);
  middle_1_.forward(call, 1);
  middle_2_.forward(call, 1);
  const bool is_first = !clip_begun_[static_cast<std::size_t>(call.sample)];
  std::int64_t frames = 1;
  for (std::size_t block = 0; block < blocks_.size(); ++block) {
    if (config_.level_spans && block % 3 == 0) {
      span.reset();
      span.emplace("vae_level", latency::attribute{"level", block / 3});
    }
    if (block > 0 && block % 3 == 0)
      frames = upsamples_[block / 3 - 1].forward(call, frames, is_first);
    blocks_[block].forward(call, frames);
  }
  span.reset();
  if (config_.level_spans) span.emplace("vae_head");
  const ops::tensor x = activations_.view(slot::x, {frames, pixel_height(), pixel_width(), dim});
  vae_.rms_norm_silu({x, head_gain_.view(), x}, call.stream, activations_.workspace());
  head_.forward(call, x, rgb);
}

void vae_decoder::to_pixels(ops::const_tensor rgb, ops::tensor pixels, ops::stream stream) {
  vae_.to_pixels({rgb, pixels}, stream, activations_.workspace());
}

}  // namespace longlive
