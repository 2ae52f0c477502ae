#include "pipeline_reference/ops/cuda/cuda_vae_ops.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "pipeline_reference/ops/bf16.hpp"
#include "pipeline_reference/ops/cuda/kernel_views.hpp"
#include "pipeline_reference/ops/cuda/vae_kernels.hpp"

namespace ops::cuda {
namespace {

// The workspace: that of the products, gathered patches, then outputs of padded channels.
constexpr std::int64_t patch_bytes = std::int64_t{1} << 30;
constexpr std::int64_t padded_bytes = 64 << 20;

std::int64_t padded(std::int64_t channels) {
  return (channels + 7) / 8 * 8;
}

std::int64_t taps(const conv_shape& c) {
  return c.kernel_t * c.kernel_h * c.kernel_w;
}

// The packed weight [padded out, taps * in] and bias [padded out].
struct packed_conv {
  const_tensor weight, bias;

  packed_conv(const conv_shape& c, const const_tensor& packed) {
    const std::int64_t out = padded(c.out_channels), in = taps(c) * c.in_channels;
    const auto* data = static_cast<const __nv_bfloat16*>(packed.data);
    weight = {data, dtype::bf16, {out, in}};
    bias = {data + out * in, dtype::bf16, {out}};
  }
};

// Channels [first, first + count) of the output of a convolution.
const_tensor part(const const_tensor& bias, std::int64_t first, std::int64_t count) {
  return {bias.as<__nv_bfloat16>() + first, bias.type, {count}};
}

const_tensor pixel_rows(const const_tensor& frames, std::int64_t frame) {
  const const_tensor one = frames[frame];
  return one.reshaped({one.elements() / one.columns(), one.columns()});
}
tensor pixel_rows(const tensor& frames, std::int64_t frame) {
  const tensor one = frames[frame];
  return one.reshaped({one.elements() / one.columns(), one.columns()});
}

}  // namespace

std::int64_t cuda_vae_ops::packed_conv_elements(const conv_shape& c) const {
  if (c.in_channels % 8 != 0)
    throw latency::error("cuda back end: a convolution of " + std::to_string(c.in_channels) +
                         " channels, expected a multiple of 8");
  return padded(c.out_channels) * (taps(c) * c.in_channels + 1);
}

std::int64_t cuda_vae_ops::workspace_bytes(std::int64_t, std::int64_t attended_pixels) const {
  const std::int64_t attention = attended_pixels * padded(attended_pixels) *
                                 (size_bytes(dtype::f32) + size_bytes(dtype::bf16));
  return matrix_products::workspace_bytes + std::max(patch_bytes + padded_bytes, attention);
}

void cuda_vae_ops::pack_conv(const pack_conv_params& p, stream s) {
  const conv_shape& c = p.conv;
  const std::int64_t out = padded(c.out_channels), all_taps = taps(c);
  std::vector<std::uint16_t> values(static_cast<std::size_t>(packed_conv_elements(c)), 0);
  for (std::int64_t o = 0; o < c.out_channels; ++o) {
    for (std::int64_t i = 0; i < c.in_channels; ++i)
      for (std::int64_t tap = 0; tap < all_taps; ++tap)
        values[static_cast<std::size_t>((o * all_taps + tap) * c.in_channels + i)] =
            to_bf16(p.weight[(o * c.in_channels + i) * all_taps + tap]);
    values[static_cast<std::size_t>(out * all_taps * c.in_channels + o)] = to_bf16(p.bias[o]);
  }
  memory_.upload(p.packed.data, values.data(), p.packed.bytes(), s);
  memory_.synchronize(s);
}

void cuda_vae_ops::convolve(const frame_conv& f, cudaStream_t s, workspace w) {
  const conv_shape& c = f.conv;
  const packed_conv packed(c, f.packed);
  const std::int64_t inner = taps(c) * c.in_channels, pixels = f.out.rows();
  char* const patches = static_cast<char*>(w.data) + matrix_products::workspace_bytes;
  const std::int64_t channels = padded(f.channels);
  const bool narrow = channels != f.channels;  // through memory of padded rows
  std::int64_t piece = patch_bytes / (inner * size_bytes(dtype::bf16));
  if (narrow) piece = std::min(piece, padded_bytes / (channels * size_bytes(dtype::bf16)));
  for (std::int64_t first = 0; first < pixels; first += piece) {
    const std::int64_t count = std::min(piece, pixels - first);
    product_params product;
    product.weight = packed.weight.row_range(f.first_channel, channels);
    product.bias = part(packed.bias, f.first_channel, channels);
    if (taps(c) == 1) {
      product.x = pixel_rows(f.x, f.frame).row_range(first, count);
    } else {
      gather_patches_params g;
      g.x = bf16s(f.x);
      g.cache = bf16s(f.cache);
      g.patches = reinterpret_cast<__nv_bfloat16*>(patches);
      g.frame = f.frame;
      g.height = static_cast<int>(f.x.shape[1]);
      g.width = static_cast<int>(f.x.shape[2]);
      g.channels = static_cast<int>(c.in_channels);
      g.kernel_t = static_cast<int>(c.kernel_t);
      g.kernel_h = static_cast<int>(c.kernel_h);
      g.kernel_w = static_cast<int>(c.kernel_w);
      g.enlarge = c.kind == conv_kind::upsample ? 2 : 1;
      g.first_pixel = first;
      g.pixels = count;
      gather_patches(g, s);
      product.x = const_tensor(patches, dtype::bf16, {count, inner});
    }
    if (!narrow) {
      product.out = f.out.row_range(first, count);
      if (f.residual) product.residual = f.residual.row_range(first, count);
      products_.multiply(product, s, w);
      continue;
    }
    if (f.residual) throw latency::error("cuda back end: a residual of a few channels");
    product.out = tensor(patches + patch_bytes, dtype::bf16, {count, channels});
    products_.multiply(product, s, w);
    pack_columns(bf16s(product.out), channels, bf16s(f.out.row_range(first, count)), count,
                 f.channels, s);
  }
}

void cuda_vae_ops::conv3d_causal(const conv3d_causal_params& p, stream s, workspace w) {
  const cudaStream_t on = own_.of(s);
  const bool pairs = p.conv.kind == conv_kind::time_pairs;
  const std::int64_t halves = pairs ? 2 : 1, channels = p.conv.out_channels / halves;
  for (std::int64_t t = 0; t < p.x.shape[0]; ++t)
    for (std::int64_t half = 0; half < halves; ++half) {
      frame_conv f{p.conv, p.packed, p.x, p.cache, t, half * channels, channels, {}, {}};
      f.out = pixel_rows(p.out, halves * t + half);
      if (p.residual) f.residual = pixel_rows(p.residual, t);
      convolve(f, on, w);
    }
  if (p.conv.kernel_t > 1) keep_last_frames(p, s);
}

// The cache and x in a row, of which the last kernel_t - 1 frames stay.
void cuda_vae_ops::keep_last_frames(const conv3d_causal_params& p, stream s) {
  const std::int64_t kept = p.conv.kernel_t - 1, frames = p.x.shape[0];
  for (std::int64_t i = 0; i < kept; ++i) {
    const std::int64_t from = frames + i;  // in that row
    const const_tensor frame = from < kept ? const_tensor(p.cache[from]) : p.x[from - kept];
    memory_.copy(p.cache[i].data, frame.data, frame.bytes(), s);
  }
}

void cuda_vae_ops::upsample_conv(const upsample_conv_params& p, stream s, workspace w) {
  for (std::int64_t t = 0; t < p.x.shape[0]; ++t)
    convolve({p.conv, p.packed, p.x, {}, t, 0, p.conv.out_channels, {}, pixel_rows(p.out, t)},
             own_.of(s), w);
}

void cuda_vae_ops::rms_norm_silu(const rms_norm_silu_params& p, stream s, workspace) {
  pixel_norm(bf16s(p.x), floats(p.gamma), bf16s(p.out), p.x.rows(), p.x.columns(), p.silu,
             own_.of(s));
}

void cuda_vae_ops::spatial_attention(const spatial_attention_params& p, stream s, workspace w) {
  const std::int64_t pixels = p.qkv.shape[1], channels = p.out.columns();
  char* const memory = static_cast<char*>(w.data) + matrix_products::workspace_bytes;
  const tensor scores(memory, dtype::f32, {pixels, pixels});
  const tensor probabilities(memory + pixels * padded(pixels) * size_bytes(dtype::f32), dtype::bf16,
                             {pixels, pixels}, padded(pixels));
  for (std::int64_t t = 0; t < p.qkv.shape[0]; ++t) {
    const const_tensor qkv = p.qkv[t];
    product_params similarity;
    similarity.x = qkv.column_range(0, channels);
    similarity.weight = qkv.column_range(channels, channels);
    similarity.out = scores;
    similarity.scale = 1.0F / std::sqrt(static_cast<float>(channels));
    products_.multiply(similarity, own_.of(s), w);
    softmax_rows(floats(scores), bf16s(probabilities), probabilities.row_stride, pixels, pixels,
                 own_.of(s));
    product_params mixed;
    mixed.x = probabilities;
    mixed.weight = qkv.column_range(2 * channels, channels);
    mixed.weight_by_rows_of_k = true;
    mixed.out = p.out[t];
    products_.multiply(mixed, own_.of(s), w);
  }
}

void cuda_vae_ops::denormalise(const denormalise_params& p, stream s, workspace) {
  const shape& latents = p.latents.shape;
  denormalise_latents(floats(p.latents), floats(p.mean), floats(p.std), bf16s(p.out), latents[0],
                      latents[1], latents[2] * latents[3], own_.of(s));
}

void cuda_vae_ops::to_pixels(const to_pixels_params& p, stream s, workspace) {
  pixels_from_values(bf16s(p.x), p.pixels.as<std::uint8_t>(), p.x.elements(), own_.of(s));
}

}  // namespace ops::cuda
