#pragma once
// The inner loop of every convolution: one row of output pixels, accumulated in registers.
// Included only by the CPU back end's .cpp files.

#include <Eigen/Core>
#include <cstdint>
#include <cstring>

namespace ops::cpu {

// Packed weights come in panels of 16 output channels: [panel][tap row][tap column, input
// channel][16], the last panel filled up with zeros.
inline constexpr std::int64_t panel_channels = 16;

struct conv_row {
  const float* const* rows =
      nullptr;  // one per tap row: input pixels from the first tap of output pixel 0 on
  int row_count = 0;
  std::int64_t in_channels = 0;
  std::int64_t tap_values =
      0;  // tap columns * in_channels: dense in a row, because channels are last
  const float* weight = nullptr;  // panels
  const float* bias = nullptr;    // [panels * 16]
  std::int64_t out_channels = 0;
  float* out = nullptr;
  const float* residual = nullptr;  // laid out as `out`, or null
  std::int64_t out_step = 0;        // values between neighbouring output pixels
  std::int64_t width = 0;
};

namespace detail {

// The widest vector of the instruction set that this file is compiled for.
inline constexpr int lanes = Eigen::internal::packet_traits<float>::size;
inline constexpr int panel_vectors = static_cast<int>(panel_channels) / lanes;
typedef float vector __attribute__((vector_size(lanes * sizeof(float))));
// Pixels per tile: pixels x panel_vectors accumulators, weights and one broadcast fit the
// registers.
inline constexpr int tile_pixels = lanes == 16 ? 14 : 6;

inline vector load(const float* from) {
  vector v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

// `Vectors` of the panel's channels are wanted: fewer than all where a last panel is nearly empty.
template <int Pixels, int Vectors>
void convolve_tile(const conv_row& r, std::int64_t x, std::int64_t panel) {
  vector sum[Pixels][Vectors];
  for (int v = 0; v < Vectors; ++v) {
    const vector bias = load(r.bias + panel * panel_channels + v * lanes);
    for (int p = 0; p < Pixels; ++p) sum[p][v] = bias;
  }
  const float* weight = r.weight + panel * r.row_count * r.tap_values * panel_channels;
  for (int row = 0; row < r.row_count; ++row) {
    const float* in = r.rows[row] + x * r.in_channels;
    for (std::int64_t k = 0; k < r.tap_values; ++k, weight += panel_channels) {
      vector w[Vectors];
      for (int v = 0; v < Vectors; ++v) w[v] = load(weight + v * lanes);
      for (int p = 0; p < Pixels; ++p)
        for (int v = 0; v < Vectors; ++v) sum[p][v] += in[p * r.in_channels + k] * w[v];
    }
  }
  const std::int64_t first = panel * panel_channels;
  const std::int64_t channels =
      r.out_channels - first < panel_channels ? r.out_channels - first : panel_channels;
  for (int p = 0; p < Pixels; ++p) {
    const std::int64_t at = (x + p) * r.out_step + first;
    float values[Vectors * lanes];
    std::memcpy(values, sum[p], sizeof sum[p]);
    if (r.residual != nullptr)
      for (std::int64_t c = 0; c < channels; ++c) values[c] += r.residual[at + c];
    std::memcpy(r.out + at, values, static_cast<std::size_t>(channels) * sizeof(float));
  }
}

template <int Pixels, int Vectors>
void convolve_tile_of(int pixels, int vectors, const conv_row& r, std::int64_t x,
                      std::int64_t panel) {
  if (pixels == Pixels && vectors == Vectors) return convolve_tile<Pixels, Vectors>(r, x, panel);
  if constexpr (Pixels > 1) {
    if (pixels < Pixels) return convolve_tile_of<Pixels - 1, Vectors>(pixels, vectors, r, x, panel);
  }
  if constexpr (Vectors > 1) convolve_tile_of<Pixels, Vectors - 1>(pixels, vectors, r, x, panel);
}

}  // namespace detail

inline void convolve_row(const conv_row& r) {
  const std::int64_t tiles = (r.width + detail::tile_pixels - 1) / detail::tile_pixels;
  for (std::int64_t first = 0; first < r.out_channels; first += panel_channels) {
    // A panel's weights stay in the second-level cache while the tiles of the row use them.
    const std::int64_t channels =
        r.out_channels - first < panel_channels ? r.out_channels - first : panel_channels;
    const int vectors = (static_cast<int>(channels) + detail::lanes - 1) / detail::lanes;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {  // of nearly equal size: no short last one
      const std::int64_t x = r.width * tile / tiles, end = r.width * (tile + 1) / tiles;
      detail::convolve_tile_of<detail::tile_pixels, detail::panel_vectors>(
          static_cast<int>(end - x), vectors, r, x, first / panel_channels);
    }
  }
}

}  // namespace ops::cpu
