#include <algorithm>
#include <cstring>

#include "pipeline_reference/ops/cpu/conv_row.hpp"
#include "pipeline_reference/ops/cpu/cpu_vae_ops.hpp"
#include "pipeline_reference/ops/cpu/cpu_views.hpp"

namespace ops::cpu {
namespace {

constexpr std::int64_t max_tap_rows = 9;  // kernel_t * kernel_h

// A convolution is computed as one or more variants: dense kernels whose outputs interleave.
// time_pairs: the even and the odd frame. upsample: a 3x3 kernel over repeated pixels sees only 2x2
// different ones, so each of the four positions of an output pixel inside an input pixel has a 2x2
// kernel made of summed weights, at 4/9 of the multiplications.
struct variants {
  explicit variants(const conv_shape& c)
      : count(c.kind == conv_kind::plain        ? 1
              : c.kind == conv_kind::time_pairs ? 2
                                                : 4),
        out_channels(c.kind == conv_kind::time_pairs ? c.out_channels / 2 : c.out_channels),
        tap_rows(c.kind == conv_kind::upsample ? 2 : c.kernel_t * c.kernel_h),
        tap_values((c.kind == conv_kind::upsample ? 2 : c.kernel_w) * c.in_channels),
        panels((out_channels + panel_channels - 1) / panel_channels) {}
  std::int64_t weight_values() const { return panels * tap_rows * tap_values * panel_channels; }
  std::int64_t bias_values() const { return panels * panel_channels; }

  std::int64_t count, out_channels, tap_rows, tap_values, panels;
};

conv_row row_of(const conv_shape& conv, const variants& v, const const_tensor& packed,
                std::int64_t variant) {
  conv_row r;
  r.row_count = static_cast<int>(v.tap_rows);
  r.in_channels = conv.in_channels;
  r.tap_values = v.tap_values;
  r.weight = floats(packed) + variant * v.weight_values();
  r.bias = floats(packed) + v.count * v.weight_values() + variant * v.bias_values();
  r.out_channels = v.out_channels;
  return r;
}

// One worker's copies of input rows with zeros at both ends. Rows y of one frame share kernel_h
// slots in turn, so walking down a frame copies each row once.
class padded_rows {
 public:
  padded_rows(float* slots, std::int64_t kernel_h, std::int64_t pad, std::int64_t height,
              std::int64_t width, std::int64_t channels)
      : slots_(slots),
        kernel_h_(kernel_h),
        pad_values_(pad * channels),
        height_(height),
        row_values_(width * channels) {}

  const float* slot(std::int64_t frame, std::int64_t y) const { return slot_of(frame, y); }
  // Brings row y of `pixels` [H, W, C] into its slot; rows outside the frame are zeros.
  void load(std::int64_t frame, std::int64_t y, const float* pixels) const {
    float* to = slot_of(frame, y);
    if (y < 0 || y >= height_) {
      std::fill_n(to, stride(), 0.0F);
      return;
    }
    std::fill_n(to, pad_values_, 0.0F);
    std::memcpy(to + pad_values_, pixels + y * row_values_,
                static_cast<std::size_t>(row_values_) * sizeof(float));
    std::fill_n(to + pad_values_ + row_values_, pad_values_, 0.0F);
  }

 private:
  std::int64_t stride() const { return row_values_ + 2 * pad_values_; }
  float* slot_of(std::int64_t frame, std::int64_t y) const {
    return slots_ + (frame * kernel_h_ + (y + kernel_h_) % kernel_h_) * stride();
  }

  float* slots_;
  std::int64_t kernel_h_, pad_values_, height_, row_values_;
};

// Frames cut into runs of rows: enough tasks to keep all threads busy to the end, few enough that
// the rows shared by neighbours are not copied often.
struct row_tasks {
  row_tasks(std::int64_t frame_count, std::int64_t height, int threads)
      : rows(height),
        per_frame(std::clamp<std::int64_t>((8 * threads + frame_count - 1) / frame_count, 1,
                                           (height + 1) / 2)),
        count(frame_count * per_frame) {}
  std::int64_t frame(std::int64_t task) const { return task / per_frame; }
  piece part(std::int64_t task) const { return piece_of(rows, per_frame, 1, task % per_frame); }

  std::int64_t rows, per_frame, count;
};

float* worker_scratch(workspace w, int worker, std::int64_t values) {
  return static_cast<float*>(w.data) + worker * values;
}

// The last kernel_t - 1 frames of (cache | x).
void advance_cache(const conv3d_causal_params& p) {
  const std::int64_t frames = p.x.shape[0], kept = p.cache.shape[0];
  const std::int64_t frame_values = p.x.elements() / frames;
  float* cache = floats(p.cache);
  const std::int64_t stay = std::max<std::int64_t>(kept - frames, 0);
  std::memmove(cache, cache + (kept - stay) * frame_values,
               static_cast<std::size_t>(stay * frame_values) * sizeof(float));
  std::memcpy(cache + stay * frame_values, floats(p.x) + (frames - kept + stay) * frame_values,
              static_cast<std::size_t>((kept - stay) * frame_values) * sizeof(float));
}

}  // namespace

std::int64_t cpu_vae_ops::packed_conv_elements(const conv_shape& conv) const {
  const variants v(conv);
  return v.count * (v.weight_values() + v.bias_values());
}

void cpu_vae_ops::pack_conv(const pack_conv_params& p, stream) {
  const conv_shape& c = p.conv;
  const variants v(c);
  if (v.tap_rows > max_tap_rows)
    throw latency::error("cpu back end: a convolution kernel has more than 9 rows of taps");
  float* packed = floats(p.packed);
  std::fill_n(packed, packed_conv_elements(c), 0.0F);
  for (std::int64_t variant = 0; variant < v.count; ++variant) {
    const bool upsample = c.kind == conv_kind::upsample;
    const std::int64_t first_channel = upsample ? 0 : variant * v.out_channels;
    float* weight = packed + variant * v.weight_values();
    float* bias = packed + v.count * v.weight_values() + variant * v.bias_values();
    for (std::int64_t o = 0; o < v.out_channels; ++o) {
      bias[o] = p.bias[first_channel + o];
      for (std::int64_t i = 0; i < c.in_channels; ++i) {
        for (std::int64_t row = 0; row < c.kernel_t * c.kernel_h; ++row) {
          for (std::int64_t column = 0; column < c.kernel_w; ++column) {
            // Taps 0, 1, 2 of an even output pixel see input pixels -1, 0, 0; of an odd one 0,
            // 0, 1.
            const std::int64_t to_row = upsample ? (row + 1 - variant / 2) / 2 : row;
            const std::int64_t to_column = upsample ? (column + 1 - variant % 2) / 2 : column;
            const std::int64_t k = to_row * v.tap_values + to_column * c.in_channels + i;
            weight[((o / panel_channels) * v.tap_rows * v.tap_values + k) * panel_channels +
                   o % panel_channels] +=
                p.weight[(((first_channel + o) * c.in_channels + i) * c.kernel_t * c.kernel_h +
                          row) *
                             c.kernel_w +
                         column];
          }
        }
      }
    }
  }
}

void cpu_vae_ops::conv3d_causal(const conv3d_causal_params& p, stream, workspace w) {
  const conv_shape& c = p.conv;
  const variants v(c);
  const std::int64_t frames = p.x.shape[0], height = p.x.shape[1], width = p.x.shape[2];
  const std::int64_t frame_values = height * width * c.in_channels;
  const std::int64_t pad = c.kernel_w / 2, reach = c.kernel_h / 2;
  const std::int64_t scratch_values = v.tap_rows * (width + 2 * pad) * c.in_channels;
  const std::int64_t cached = c.kernel_t - 1;
  const row_tasks tasks(frames, height, pool_.threads());

  pool_.parallel_for(tasks.count, [&](std::int64_t task, int worker) {
    const std::int64_t t = tasks.frame(task);
    const piece part = tasks.part(task);
    const padded_rows padded(worker_scratch(w, worker, scratch_values), c.kernel_h, pad, height,
                             width, c.in_channels);
    for (std::int64_t y = part.begin; y < part.end; ++y) {
      const float* rows[max_tap_rows];
      for (std::int64_t dt = 0; dt < c.kernel_t; ++dt) {
        const std::int64_t from = t + dt - cached;  // negative: a cached frame
        const float* pixels = from < 0 ? floats(p.cache) + (from + cached) * frame_values
                                       : floats(p.x) + from * frame_values;
        for (std::int64_t yy = y == part.begin ? y - reach : y + reach; yy <= y + reach; ++yy)
          padded.load(dt, yy, pixels);
        for (std::int64_t dy = 0; dy < c.kernel_h; ++dy)
          rows[dt * c.kernel_h + dy] = padded.slot(dt, y + dy - reach);
      }
      for (std::int64_t variant = 0; variant < v.count; ++variant) {
        conv_row r = row_of(c, v, p.packed, variant);
        const std::int64_t at = ((t * v.count + variant) * height + y) * width * v.out_channels;
        r.rows = rows;
        r.out = floats(p.out) + at;
        r.residual = p.residual ? floats(p.residual) + at : nullptr;
        r.out_step = v.out_channels;
        r.width = width;
        convolve_row(r);
      }
    }
  });
  if (p.cache) advance_cache(p);
}

void cpu_vae_ops::upsample_conv(const upsample_conv_params& p, stream, workspace w) {
  const conv_shape& c = p.conv;
  const variants v(c);
  const std::int64_t frames = p.x.shape[0], height = p.x.shape[1], width = p.x.shape[2];
  const std::int64_t scratch_values = 3 * (width + 2) * c.in_channels;
  const row_tasks tasks(frames, height, pool_.threads());

  pool_.parallel_for(tasks.count, [&](std::int64_t task, int worker) {
    const std::int64_t t = tasks.frame(task);
    const piece part = tasks.part(task);
    const float* pixels = floats(p.x) + t * height * width * c.in_channels;
    const padded_rows padded(worker_scratch(w, worker, scratch_values), 3, 1, height, width,
                             c.in_channels);
    for (std::int64_t y = part.begin; y < part.end; ++y) {
      for (std::int64_t yy = y == part.begin ? y - 1 : y + 1; yy <= y + 1; ++yy)
        padded.load(0, yy, pixels);
      for (std::int64_t variant = 0; variant < v.count; ++variant) {
        const std::int64_t down = variant / 2, right = variant % 2;
        const float* rows[2];
        for (std::int64_t dy = 0; dy < 2; ++dy)
          rows[dy] = padded.slot(0, y - 1 + down + dy) + right * c.in_channels;
        conv_row r = row_of(c, v, p.packed, variant);
        r.rows = rows;
        r.out =
            floats(p.out) + (((t * height + y) * 2 + down) * width * 2 + right) * c.out_channels;
        r.out_step = 2 * c.out_channels;
        r.width = width;
        convolve_row(r);
      }
    }
  });
}

}  // namespace ops::cpu
