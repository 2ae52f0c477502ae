#include "pipeline_reference/ops/cpu/cpu_transformer_ops.hpp"
#include "pipeline_reference/ops/cpu/cpu_views.hpp"

namespace ops::cpu {
namespace {

constexpr std::int64_t rows_per_task = 32;

const_array_map frame_row(const const_tensor& per_latent_frame, std::int64_t row,
                          std::int64_t rows_per_latent_frame) {
  return {floats(per_latent_frame) + row / rows_per_latent_frame * per_latent_frame.row_stride,
          per_latent_frame.columns()};
}

// LayerNorm of x (two passes, so that a large mean costs no precision), then norm_output.
void normalise(const const_array_map& x, array_map out, const norm_output& norm, std::int64_t row) {
  const float mean = x.mean();
  const float variance = (x - mean).square().mean();
  out = (x - mean) * (1.0F / std::sqrt(variance + norm.eps));
  if (norm.scale) out *= 1.0F + frame_row(norm.scale, row, norm.rows_per_latent_frame);
  if (norm.shift) out += frame_row(norm.shift, row, norm.rows_per_latent_frame);
  if (norm.weight) out *= const_array_map(floats(norm.weight), out.size());
  if (norm.bias) out += const_array_map(floats(norm.bias), out.size());
}

// Calls body(row) for every row, on all threads.
template <class Body>
void for_rows(thread_pool& pool, std::int64_t rows, const Body& body) {
  pool.parallel_for((rows + rows_per_task - 1) / rows_per_task, [&](std::int64_t task, int) {
    for (std::int64_t row = task * rows_per_task; row < std::min(rows, (task + 1) * rows_per_task);
         ++row)
      body(row);
  });
}

}  // namespace

void cpu_transformer_ops::layer_norm_modulate(const layer_norm_modulate_params& p, stream,
                                              workspace) {
  const std::int64_t n = p.x.columns();
  for_rows(pool_, p.x.rows(), [&](std::int64_t row) {
    normalise({floats(p.x) + row * p.x.row_stride, n}, {floats(p.out) + row * p.out.row_stride, n},
              p.norm, row);
  });
}

void cpu_transformer_ops::residual_gate_norm_modulate(const residual_gate_norm_modulate_params& p,
                                                      stream, workspace) {
  const std::int64_t n = p.x.columns();
  for_rows(pool_, p.x.rows(), [&](std::int64_t row) {
    array_map x(floats(p.x) + row * p.x.row_stride, n);
    const const_array_map y(floats(p.y) + row * p.y.row_stride, n);
    if (p.gate)
      x += y * frame_row(p.gate, row, p.norm.rows_per_latent_frame);
    else
      x += y;
    normalise({x.data(), n}, {floats(p.out) + row * p.out.row_stride, n}, p.norm, row);
  });
}

void cpu_transformer_ops::rms_norm(const rms_norm_params& p, stream, workspace) {
  const std::int64_t n = p.x.columns();
  const const_array_map weight(floats(p.weight), n);
  for_rows(pool_, p.x.rows(), [&](std::int64_t row) {
    const const_array_map x(floats(p.x) + row * p.x.row_stride, n);
    const float factor = 1.0F / std::sqrt(x.square().mean() + p.eps);
    array_map(floats(p.out) + row * p.out.row_stride, n) = x * factor * weight;
  });
}

}  // namespace ops::cpu
