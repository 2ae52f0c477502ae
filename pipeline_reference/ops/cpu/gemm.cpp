#include "pipeline_reference/ops/bf16.hpp"
#include "pipeline_reference/ops/cpu/activations.hpp"
#include "pipeline_reference/ops/cpu/cpu_transformer_ops.hpp"
#include "pipeline_reference/ops/cpu/cpu_views.hpp"

namespace ops::cpu {
namespace {

// A tile's part of the scratch memory: a piece of a product that waits for its residual, and a
// piece of a bf16 weight in fp32.
constexpr std::int64_t product_rows = 64, product_columns = 256;
constexpr std::int64_t panel_rows = 64, panel_columns = 1024;
static_assert(product_rows * product_columns + panel_rows * panel_columns <= scratch_floats);

void widen(const std::uint16_t* from, float* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = from_bf16(from[i]);
}

// product = x * weight^T for some rows and columns of the result.
void multiply(const gemm_params& p, piece rows, piece columns, const tensor& product,
              float* scratch_memory) {
  const auto x = matrix(p.x).middleRows(rows.begin, rows.count());
  matrix_map out = matrix(product);
  if (p.weight.type != dtype::bf16) {
    out.noalias() = x * matrix(p.weight).middleRows(columns.begin, columns.count()).transpose();
    return;
  }
  const auto* weight = p.weight.as<std::uint16_t>();
  const std::int64_t k = p.x.columns();
  float* panel_memory = scratch_memory + product_rows * product_columns;
  for (std::int64_t c = 0; c < columns.count(); c += panel_rows) {
    const std::int64_t n = std::min(panel_rows, columns.count() - c);
    auto out_columns = out.middleCols(c, n);
    out_columns.setZero();
    for (std::int64_t first = 0; first < k; first += panel_columns) {
      const std::int64_t count = std::min(panel_columns, k - first);
      const matrix_map panel(panel_memory, n, count, row_stride(count));
      for (std::int64_t i = 0; i < n; ++i)
        widen(weight + (columns.begin + c + i) * p.weight.row_stride + first,
              panel_memory + i * count, count);
      out_columns.noalias() += x.middleCols(first, count) * panel.transpose();
    }
  }
}

// out = activation(x * weight^T + bias) for some rows and columns of the result.
void plain_tile(const gemm_params& p, piece rows, piece columns, float* scratch_memory) {
  const tensor out =
      p.out.row_range(rows.begin, rows.count()).column_range(columns.begin, columns.count());
  multiply(p, rows, columns, out, scratch_memory);
  if (!p.bias && p.epilogue == activation::none) return;
  for (std::int64_t r = 0; r < rows.count(); ++r) {
    array_map row(floats(out) + r * out.row_stride, columns.count());
    if (p.bias) row += const_array_map(floats(p.bias) + columns.begin, columns.count());
    apply(p.epilogue, row);
  }
}

// out = residual + gate * (x * weight^T + bias): the product waits in scratch, a piece at a time.
void residual_tile(const gemm_params& p, piece rows, piece columns, float* scratch_memory) {
  for (std::int64_t c = columns.begin; c < columns.end; c += product_columns) {
    const std::int64_t n = std::min(product_columns, columns.end - c);
    for (std::int64_t r = rows.begin; r < rows.end; r += product_rows) {
      const std::int64_t m = std::min(product_rows, rows.end - r);
      const tensor product(scratch_memory, dtype::f32, {m, n});
      multiply(p, {r, r + m}, {c, c + n}, product, scratch_memory);
      for (std::int64_t i = 0; i < m; ++i) {
        array_map y(scratch_memory + i * n, n);
        if (p.bias) y += const_array_map(floats(p.bias) + c, n);
        if (p.gate)
          y *= const_array_map(
              floats(p.gate) + (r + i) / p.rows_per_latent_frame * p.gate.row_stride + c, n);
        array_map(floats(p.out) + (r + i) * p.out.row_stride + c, n) =
            const_array_map(floats(p.residual) + (r + i) * p.residual.row_stride + c, n) + y;
      }
    }
  }
}

}  // namespace

void cpu_transformer_ops::gemm(const gemm_params& p, stream, workspace w) {
  // Cut along the longer side: every tile packs all of the other operand once.
  const std::int64_t m = p.out.rows(), n = p.out.columns();
  const std::int64_t work = m * n * p.x.columns();
  const std::int64_t tiles = work < 32 * 1024 ? 1 : 2 * pool_.threads();
  pool_.parallel_for(tiles, [&](std::int64_t task, int worker) {
    const piece rows = m > n ? piece_of(m, tiles, 16, task) : piece{0, m};
    const piece columns = m > n ? piece{0, n} : piece_of(n, tiles, 16, task);
    if (rows.count() == 0 || columns.count() == 0) return;
    if (p.residual)
      residual_tile(p, rows, columns, scratch(w, worker));
    else
      plain_tile(p, rows, columns, scratch(w, worker));
  });
}

}  // namespace ops::cpu
