#include <algorithm>
#include <cmath>

#include "pipeline_reference/ops/cpu/cpu_vae_ops.hpp"
#include "pipeline_reference/ops/cpu/cpu_views.hpp"

namespace ops::cpu {
namespace {

// Of the elementwise operations: a task's pixels stay in the first-level cache.
constexpr std::int64_t pixels_per_task = 256;
constexpr std::int64_t queries_per_task = 32;
// Eigen copies the operands of a product: pieces of this many keys fit its stack, so nothing is
// allocated.
constexpr std::int64_t keys_per_product = 64;

std::int64_t task_count(std::int64_t items, std::int64_t per_task) {
  return (items + per_task - 1) / per_task;
}

}  // namespace

std::int64_t cpu_vae_ops::workspace_bytes(std::int64_t row_values,
                                          std::int64_t attended_pixels) const {
  constexpr std::int64_t tap_rows = 9;
  const std::int64_t values = std::max(tap_rows * row_values, queries_per_task * attended_pixels);
  return values * static_cast<std::int64_t>(sizeof(float)) * pool_.threads();
}

void cpu_vae_ops::rms_norm_silu(const rms_norm_silu_params& p, stream, workspace) {
  const std::int64_t channels = p.x.columns(), pixels = p.x.rows();
  const float root = std::sqrt(static_cast<float>(channels));
  const const_array_map gamma(floats(p.gamma), channels);
  pool_.parallel_for(task_count(pixels, pixels_per_task), [&](std::int64_t task, int) {
    const std::int64_t begin = task * pixels_per_task,
                       end = std::min(pixels, begin + pixels_per_task);
    for (std::int64_t i = begin; i < end; ++i) {
      const const_array_map x(floats(p.x) + i * channels, channels);
      const float scale = root / std::max(std::sqrt(x.square().sum()), 1e-12F);
      array_map(floats(p.out) + i * channels, channels) = x * scale * gamma;
    }
    if (!p.silu) return;
    array_map y(floats(p.out) + begin * channels, (end - begin) * channels);
    y = y / (1.0F + (-y).exp());
  });
}

void cpu_vae_ops::spatial_attention(const spatial_attention_params& p, stream, workspace w) {
  const std::int64_t frames = p.qkv.shape[0], pixels = p.qkv.shape[1], channels = p.out.columns();
  const float scale = 1.0F / std::sqrt(static_cast<float>(channels));
  const std::int64_t blocks = task_count(pixels, queries_per_task);
  pool_.parallel_for(frames * blocks, [&](std::int64_t task, int worker) {
    const std::int64_t t = task / blocks, first = task % blocks * queries_per_task;
    const std::int64_t queries = std::min(queries_per_task, pixels - first);
    const auto qkv = matrix(p.qkv[t]);
    matrix_map scores(static_cast<float*>(w.data) + worker * queries_per_task * pixels, queries,
                      pixels, row_stride(pixels));
    const auto q = qkv.block(first, 0, queries, channels);
    for (std::int64_t k = 0; k < pixels; k += keys_per_product) {
      const std::int64_t keys = std::min(keys_per_product, pixels - k);
      scores.middleCols(k, keys).noalias() = q * qkv.block(k, channels, keys, channels).transpose();
    }
    for (std::int64_t i = 0; i < queries; ++i) {
      auto row = scores.row(i).array();
      row = ((row - row.maxCoeff()) * scale).exp();
      row /= row.sum();
    }
    auto out = matrix(p.out[t]).middleRows(first, queries);
    out.setZero();
    for (std::int64_t k = 0; k < pixels; k += keys_per_product) {
      const std::int64_t keys = std::min(keys_per_product, pixels - k);
      out.noalias() += scores.middleCols(k, keys) * qkv.block(k, 2 * channels, keys, channels);
    }
  });
}

void cpu_vae_ops::denormalise(const denormalise_params& p, stream, workspace) {
  const std::int64_t frames = p.latents.shape[0], channels = p.latents.shape[1];
  const std::int64_t pixels = p.latents.shape[2] * p.latents.shape[3];
  for (std::int64_t t = 0; t < frames; ++t) {
    for (std::int64_t c = 0; c < channels; ++c) {
      const float mean = floats(p.mean)[c], std = floats(p.std)[c];
      const float* in = floats(p.latents) + (t * channels + c) * pixels;
      float* out = floats(p.out) + t * pixels * channels + c;
      for (std::int64_t i = 0; i < pixels; ++i) out[i * channels] = in[i] * std + mean;
    }
  }
}

void cpu_vae_ops::to_pixels(const to_pixels_params& p, stream, workspace) {
  const std::int64_t values = p.x.elements();
  constexpr std::int64_t per_task = 16384;
  pool_.parallel_for(task_count(values, per_task), [&](std::int64_t task, int) {
    const float* in = floats(p.x);
    auto* out = p.pixels.as<std::uint8_t>();
    for (std::int64_t i = task * per_task; i < std::min(values, (task + 1) * per_task); ++i) {
      // Written so that NaN fails the first comparison.
      const float unit = in[i] >= -1.0F ? std::min(in[i], 1.0F) * 0.5F + 0.5F : 0.0F;
      out[i] = static_cast<std::uint8_t>(unit * 255.0F);
    }
  });
}

}  // namespace ops::cpu
