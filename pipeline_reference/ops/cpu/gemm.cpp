#include "pipeline_reference/ops/cpu/activations.hpp"
#include "pipeline_reference/ops/cpu/cpu_transformer_ops.hpp"
#include "pipeline_reference/ops/cpu/cpu_views.hpp"

namespace ops::cpu {
namespace {

// out = activation(x * weight^T + bias) for some rows and columns of the result.
void plain_tile(const gemm_params& p, piece rows, piece columns) {
  const std::int64_t m = rows.count(), n = columns.count();
  auto out = matrix(p.out).block(rows.begin, columns.begin, m, n);
  out.noalias() = matrix(p.x).middleRows(rows.begin, m) *
                  matrix(p.weight).middleRows(columns.begin, n).transpose();
  if (!p.bias && p.epilogue == activation::none) return;
  for (std::int64_t r = 0; r < m; ++r) {
    array_map row(&out(r, 0), n);
    if (p.bias) row += const_array_map(floats(p.bias) + columns.begin, n);
    apply(p.epilogue, row);
  }
}

// out = residual + gate * (x * weight^T + bias): the product waits in scratch, a piece at a time.
void residual_tile(const gemm_params& p, piece rows, piece columns, float* product_memory) {
  constexpr std::int64_t most_rows = 64, most_columns = 1024;
  static_assert(most_rows * most_columns <= scratch_floats);
  for (std::int64_t c = columns.begin; c < columns.end; c += most_columns) {
    const std::int64_t n = std::min(most_columns, columns.end - c);
    for (std::int64_t r = rows.begin; r < rows.end; r += most_rows) {
      const std::int64_t m = std::min(most_rows, rows.end - r);
      matrix_map product(product_memory, m, n, row_stride(n));
      product.noalias() =
          matrix(p.x).middleRows(r, m) * matrix(p.weight).middleRows(c, n).transpose();
      for (std::int64_t i = 0; i < m; ++i) {
        array_map y(&product(i, 0), n);
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
      plain_tile(p, rows, columns);
  });
}

}  // namespace ops::cpu
