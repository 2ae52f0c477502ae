#include "pipeline_reference/ops/vae_ops.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "pipeline_reference/ops/cpu/cpu_memory.hpp"
#include "pipeline_reference/ops/cpu/cpu_vae_ops.hpp"

namespace {

using values = std::vector<float>;

// Small integers over 8: sums of products are exact in fp32 in any order.
values exact_numbers(std::int64_t count, std::uint32_t seed) {
  values out;
  for (std::int64_t i = 0; i < count; ++i) {
    seed = seed * 1664525U + 1013904223U;
    out.push_back(static_cast<float>(static_cast<int>(seed >> 24) % 17 - 8) / 8.0F);
  }
  return out;
}

struct frames {  // [T, H, W, C]
  std::int64_t t, h, w, c;
  values v;
  frames(std::int64_t t_, std::int64_t h_, std::int64_t w_, std::int64_t c_, float fill = 0)
      : t(t_), h(h_), w(w_), c(c_), v(static_cast<std::size_t>(t * h * w * c), fill) {}
  float& at(std::int64_t i, std::int64_t y, std::int64_t x, std::int64_t k) {
    return v[static_cast<std::size_t>(((i * h + y) * w + x) * c + k)];
  }
  float padded(std::int64_t i, std::int64_t y, std::int64_t x, std::int64_t k) {
    return i < 0 || y < 0 || x < 0 || y >= h || x >= w ? 0.0F : at(i, y, x, k);
  }
  ops::tensor view() { return {v.data(), ops::dtype::f32, {t, h, w, c}}; }
};

struct convolution {
  ops::conv_shape shape;
  values weight, bias, packed;

  convolution(const ops::conv_shape& s, ops::vae_ops& vae, std::uint32_t seed)
      : shape(s),
        weight(exact_numbers(s.out_channels * s.in_channels * s.kernel_t * s.kernel_h * s.kernel_w,
                             seed)),
        bias(exact_numbers(s.out_channels, seed + 1)),
        packed(static_cast<std::size_t>(vae.packed_conv_elements(s)), std::nanf("")) {
    vae.pack_conv({s, weight.data(), bias.data(), packed_view()}, {});
  }
  ops::tensor packed_view() {
    return {packed.data(), ops::dtype::f32, {static_cast<std::int64_t>(packed.size())}};
  }
  // Output channel o of frame t at (y, x), with zeros before the first frame and around each.
  float naive(frames& in, std::int64_t t, std::int64_t y, std::int64_t x, std::int64_t o) const {
    double sum = bias[static_cast<std::size_t>(o)];
    std::size_t i = static_cast<std::size_t>(o * shape.in_channels * shape.kernel_t *
                                             shape.kernel_h * shape.kernel_w);
    for (std::int64_t c = 0; c < shape.in_channels; ++c)
      for (std::int64_t a = 0; a < shape.kernel_t; ++a)
        for (std::int64_t b = 0; b < shape.kernel_h; ++b)
          for (std::int64_t d = 0; d < shape.kernel_w; ++d)
            sum += static_cast<double>(weight[i++]) * in.padded(t + a - (shape.kernel_t - 1),
                                                                y + b - shape.kernel_h / 2,
                                                                x + d - shape.kernel_w / 2, c);
    return static_cast<float>(sum);
  }
};

struct back_end {
  ops::cpu::thread_pool pool;
  ops::cpu::cpu_vae_ops vae{pool};
  values scratch;
  explicit back_end(int threads) : pool(threads) {}
  ops::workspace workspace(std::int64_t row_values, std::int64_t attended_pixels) {
    const std::int64_t bytes = vae.workspace_bytes(row_values, attended_pixels);
    scratch.assign(static_cast<std::size_t>(bytes / 4),
                   std::nanf(""));  // poisoned: must be written before it is read
    return {scratch.data(), bytes};
  }
};

constexpr float poison = 12345.0F;

}  // namespace

TEST_CASE("conv3d_causal: equals double loops at ragged sizes, fed in pieces through its cache") {
  struct size {
    std::int64_t in, out, kt, kh, kw, h, w;
  };
  for (const size& s :
       {size{16, 16, 3, 3, 3, 6, 8}, size{3, 5, 3, 3, 3, 1, 1}, size{7, 33, 3, 3, 3, 5, 13},
        size{20, 3, 3, 3, 3, 3, 29}, size{16, 48, 1, 1, 1, 4, 7}, size{5, 40, 3, 1, 1, 2, 15}}) {
    for (const int threads : {1, 3}) {
      CAPTURE(s.in);
      CAPTURE(s.out);
      back_end cpu(threads);
      const ops::conv_shape shape{s.in, s.out, s.kt, s.kh, s.kw, ops::conv_kind::plain};
      convolution conv(shape, cpu.vae, 7);
      frames clip(7, s.h, s.w, s.in), residual(7, s.h, s.w, s.out), out(7, s.h, s.w, s.out, poison);
      clip.v = exact_numbers(7 * s.h * s.w * s.in, 3);
      residual.v = exact_numbers(7 * s.h * s.w * s.out, 5);
      frames cache(s.kt - 1, s.h, s.w, s.in);
      std::int64_t t = 0;
      for (const std::int64_t piece : {1, 1, 4, 1}) {
        const std::int64_t in_frame = s.h * s.w * s.in, out_frame = s.h * s.w * s.out;
        cpu.vae.conv3d_causal(
            {shape,
             conv.packed_view(),
             {clip.v.data() + t * in_frame, ops::dtype::f32, {piece, s.h, s.w, s.in}},
             s.kt > 1 ? cache.view() : ops::tensor(),
             {residual.v.data() + t * out_frame, ops::dtype::f32, {piece, s.h, s.w, s.out}},
             {out.v.data() + t * out_frame, ops::dtype::f32, {piece, s.h, s.w, s.out}}},
            {}, cpu.workspace((s.w + 2) * s.in, 0));
        t += piece;
      }
      int wrong = 0;
      for (std::int64_t i = 0; i < 7; ++i)
        for (std::int64_t y = 0; y < s.h; ++y)
          for (std::int64_t x = 0; x < s.w; ++x)
            for (std::int64_t o = 0; o < s.out; ++o)
              wrong += out.at(i, y, x, o) != conv.naive(clip, i, y, x, o) + residual.at(i, y, x, o);
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("conv3d_causal: the residual may be the output's own memory") {
  back_end cpu(2);
  const ops::conv_shape shape{8, 20, 1, 1, 1, ops::conv_kind::plain};
  convolution conv(shape, cpu.vae, 1);
  frames in(2, 3, 9, 8), out(2, 3, 9, 20);
  in.v = exact_numbers(static_cast<std::int64_t>(in.v.size()), 2);
  out.v = exact_numbers(static_cast<std::int64_t>(out.v.size()), 3);
  frames before = out;
  cpu.vae.conv3d_causal({shape, conv.packed_view(), in.view(), {}, out.view(), out.view()}, {},
                        cpu.workspace(11 * 8, 0));
  int wrong = 0;
  for (std::int64_t t = 0; t < 2; ++t)
    for (std::int64_t y = 0; y < 3; ++y)
      for (std::int64_t x = 0; x < 9; ++x)
        for (std::int64_t o = 0; o < 20; ++o)
          wrong += out.at(t, y, x, o) != conv.naive(in, t, y, x, o) + before.at(t, y, x, o);
  CHECK(wrong == 0);
}

TEST_CASE("conv3d_causal: time pairs put the first half of the channels into even frames") {
  back_end cpu(2);
  for (const std::int64_t channels : {4, 20}) {  // halves that do and do not fill a panel
    const ops::conv_shape shape{channels, 2 * channels, 3, 1, 1, ops::conv_kind::time_pairs};
    convolution conv(shape, cpu.vae, 11);
    frames in(3, 2, 5, channels), out(6, 2, 5, channels, poison), cache(2, 2, 5, channels);
    in.v = exact_numbers(static_cast<std::int64_t>(in.v.size()), 4);
    cpu.vae.conv3d_causal({shape, conv.packed_view(), in.view(), cache.view(), {}, out.view()}, {},
                          cpu.workspace(7 * channels, 0));
    int wrong = 0;
    for (std::int64_t t = 0; t < 6; ++t)
      for (std::int64_t y = 0; y < 2; ++y)
        for (std::int64_t x = 0; x < 5; ++x)
          for (std::int64_t o = 0; o < channels; ++o)
            wrong += out.at(t, y, x, o) != conv.naive(in, t / 2, y, x, o + t % 2 * channels);
    CHECK(wrong == 0);
  }
}

TEST_CASE("upsample_conv: equals a 3x3 convolution of the enlarged frame") {
  for (const auto& [h, w] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {5, 7}, {8, 20}}) {
    back_end cpu(2);
    const ops::conv_shape shape{6, 19, 1, 3, 3, ops::conv_kind::upsample};
    convolution conv(shape, cpu.vae, 9);
    frames in(2, h, w, 6), large(2, 2 * h, 2 * w, 6), out(2, 2 * h, 2 * w, 19, poison);
    in.v = exact_numbers(static_cast<std::int64_t>(in.v.size()), 6);
    for (std::int64_t t = 0; t < 2; ++t)
      for (std::int64_t y = 0; y < 2 * h; ++y)
        for (std::int64_t x = 0; x < 2 * w; ++x)
          for (std::int64_t c = 0; c < 6; ++c) large.at(t, y, x, c) = in.at(t, y / 2, x / 2, c);
    cpu.vae.upsample_conv({shape, conv.packed_view(), in.view(), out.view()}, {},
                          cpu.workspace((w + 2) * 6, 0));
    int wrong = 0;
    for (std::int64_t t = 0; t < 2; ++t)
      for (std::int64_t y = 0; y < 2 * h; ++y)
        for (std::int64_t x = 0; x < 2 * w; ++x)
          for (std::int64_t o = 0; o < 19; ++o)
            wrong += out.at(t, y, x, o) != conv.naive(large, t, y, x, o);
    CHECK(wrong == 0);
  }
}

TEST_CASE(
    "rms_norm_silu: normalises each pixel over its channels, in place too; a zero pixel stays "
    "zero") {
  back_end cpu(2);
  constexpr std::int64_t channels = 13, pixels = 700;
  frames x(1, 7, 100, channels);
  values gamma(channels);
  for (std::size_t i = 0; i < x.v.size(); ++i) x.v[i] = std::sin(static_cast<float>(i)) * 3;
  for (std::size_t i = 0; i < gamma.size(); ++i) gamma[i] = 0.5F + static_cast<float>(i) / 8;
  std::fill_n(x.v.begin() + 50 * channels, channels, 0.0F);
  frames out = x;
  const ops::const_tensor gains(gamma.data(), ops::dtype::f32, {channels});
  for (const bool silu : {true, false}) {
    out.v = x.v;
    cpu.vae.rms_norm_silu({out.view(), gains, out.view(), silu}, {}, {});
    double worst = 0;
    for (std::size_t i = 0; i < pixels; ++i) {
      double squares = 0;
      for (std::size_t c = 0; c < channels; ++c) squares += std::pow(x.v[i * channels + c], 2.0);
      for (std::size_t c = 0; c < channels; ++c) {
        double y = x.v[i * channels + c] / std::max(std::sqrt(squares), 1e-12) * std::sqrt(13.0) *
                   gamma[c];
        if (silu) y /= 1 + std::exp(-y);
        worst = std::max(worst, std::abs(y - out.v[i * channels + c]));
      }
    }
    CHECK(worst < 2e-6);
    CHECK(out.v[50 * channels] == 0.0F);
  }
}

TEST_CASE("spatial_attention: equals softmax(q k^T / sqrt(C)) v of each frame alone") {
  back_end cpu(2);
  constexpr std::int64_t t = 2, pixels = 150, channels = 6;
  values qkv(static_cast<std::size_t>(t * pixels * 3 * channels)),
      out(static_cast<std::size_t>(t * pixels * channels), poison);
  for (std::size_t i = 0; i < qkv.size(); ++i)
    qkv[i] = 4 * std::sin(static_cast<float>(i * i % 1013));
  cpu.vae.spatial_attention({{qkv.data(), ops::dtype::f32, {t, pixels, 3 * channels}},
                             {out.data(), ops::dtype::f32, {t, pixels, channels}}},
                            {}, cpu.workspace(0, pixels));
  const auto element = [&](std::int64_t frame, std::int64_t i, std::int64_t part,
                           std::int64_t c) -> double {
    return qkv[static_cast<std::size_t>(((frame * pixels + i) * 3 + part) * channels + c)];
  };
  double worst = 0;
  for (std::int64_t f = 0; f < t; ++f) {
    for (std::int64_t q = 0; q < pixels; ++q) {
      std::array<double, channels> sum{};
      double total = 0;
      for (std::int64_t k = 0; k < pixels; ++k) {
        double dot = 0;
        for (std::int64_t c = 0; c < channels; ++c)
          dot += element(f, q, 0, c) * element(f, k, 1, c);
        const double weight = std::exp(dot / std::sqrt(6.0));
        total += weight;
        for (std::int64_t c = 0; c < channels; ++c)
          sum[static_cast<std::size_t>(c)] += weight * element(f, k, 2, c);
      }
      for (std::int64_t c = 0; c < channels; ++c)
        worst = std::max(worst,
                         std::abs(sum[static_cast<std::size_t>(c)] / total -
                                  out[static_cast<std::size_t>((f * pixels + q) * channels + c)]));
    }
  }
  CHECK(worst < 1e-5);
}

TEST_CASE(
    "denormalise: turns [T, C, H, W] into [T, H, W, C] with the mean and deviation of each "
    "channel") {
  back_end cpu(1);
  const values latents = exact_numbers(2 * 3 * 2 * 5, 8), mean{1, 2, 3}, deviation{0.5F, 2, 4};
  frames out(2, 2, 5, 3, poison);
  cpu.vae.denormalise({{latents.data(), ops::dtype::f32, {2, 3, 2, 5}},
                       {mean.data(), ops::dtype::f32, {3}},
                       {deviation.data(), ops::dtype::f32, {3}},
                       out.view()},
                      {}, {});
  int wrong = 0;
  for (std::int64_t t = 0; t < 2; ++t)
    for (std::int64_t y = 0; y < 2; ++y)
      for (std::int64_t x = 0; x < 5; ++x)
        for (std::int64_t c = 0; c < 3; ++c) {
          const auto channel = static_cast<std::size_t>(c);
          wrong += out.at(t, y, x, c) !=
                   latents[static_cast<std::size_t>(((t * 3 + c) * 2 + y) * 5 + x)] *
                           deviation[channel] +
                       mean[channel];
        }
  CHECK(wrong == 0);
}

TEST_CASE("to_pixels: clamps, drops the fraction, and turns NaN into black") {
  back_end cpu(2);
  const float infinity = std::numeric_limits<float>::infinity();
  const values x{-1, -1.5F, -infinity, 1, 1.5F, infinity, 0, std::nanf(""), 0.999F};
  std::vector<std::uint8_t> pixels(9, 77);
  cpu.vae.to_pixels(
      {{x.data(), ops::dtype::f32, {1, 1, 3, 3}}, {pixels.data(), ops::dtype::u8, {1, 1, 3, 3}}},
      {}, {});
  CHECK(pixels == std::vector<std::uint8_t>{0, 0, 0, 255, 255, 255, 127, 0, 254});
}
