#include <cstring>

#include "pipeline_reference/ops/cpu/cpu_transformer_ops.hpp"
#include "pipeline_reference/ops/cpu/cpu_views.hpp"

namespace ops::cpu {
namespace {

// Calls body(token, f, c, dh, dw, position of that element in the latent) for all of them.
template <class Body>
void for_patch_elements(const shape& latent, const Body& body) {
  const std::int64_t channels = latent[1], height = latent[2], width = latent[3];
  std::int64_t token = 0;
  for (std::int64_t f = 0; f < latent[0]; ++f)
    for (std::int64_t i = 0; i < height; i += 2)
      for (std::int64_t j = 0; j < width; j += 2, ++token)
        for (std::int64_t c = 0; c < channels; ++c)
          for (std::int64_t dh = 0; dh < 2; ++dh)
            for (std::int64_t dw = 0; dw < 2; ++dw)
              body(token, c, dh, dw, ((f * channels + c) * height + i + dh) * width + j + dw);
}

}  // namespace

void cpu_transformer_ops::patchify(const patchify_params& p, stream, workspace) {
  const float* latent = floats(p.latent);
  float* rows = floats(p.rows);
  for_patch_elements(p.latent.shape, [&](std::int64_t token, std::int64_t c, std::int64_t dh,
                                         std::int64_t dw, std::int64_t position) {
    rows[token * p.rows.row_stride + (c * 2 + dh) * 2 + dw] = latent[position];
  });
}

void cpu_transformer_ops::unpatchify(const unpatchify_params& p, stream, workspace) {
  const float* rows = floats(p.rows);
  float* latent = floats(p.latent);
  const std::int64_t channels = p.latent.shape[1];
  for_patch_elements(p.latent.shape, [&](std::int64_t token, std::int64_t c, std::int64_t dh,
                                         std::int64_t dw, std::int64_t position) {
    latent[position] = rows[token * p.rows.row_stride + (dh * 2 + dw) * channels + c];
  });
}

void cpu_transformer_ops::block_mask(const block_mask_params& p, stream, workspace) {
  const std::int64_t n = p.mask.shape[0];
  auto* const mask = p.mask.as<std::uint8_t>();
  pool_.parallel_for(n, [&](std::int64_t query, int) {
    const std::int64_t end =
        query < p.tokens ? std::min((query / p.tokens_per_block + 1) * p.tokens_per_block, p.tokens)
                         : 0;
    for (std::int64_t key = 0; key < n; ++key)
      mask[query * n + key] =
          static_cast<std::uint8_t>((key < end && key >= end - p.window_tokens) || key == query);
  });
}

void cpu_transformer_ops::move_rows(const move_rows_params& p, stream, workspace) {
  if (p.count <= 0) return;
  float* rows = floats(p.rows);
  const std::int64_t n = p.rows.columns();
  if (p.rows.contiguous()) {
    std::memmove(rows + p.to * n, rows + p.from * n,
                 static_cast<std::size_t>(p.count * n) * sizeof(float));
    return;
  }
  for (std::int64_t i = 0; i < p.count; ++i) {
    const std::int64_t row =
        p.to < p.from ? i : p.count - 1 - i;  // never over rows still to be moved
    std::memmove(rows + (p.to + row) * p.rows.row_stride, rows + (p.from + row) * p.rows.row_stride,
                 static_cast<std::size_t>(n) * sizeof(float));
  }
}

}  // namespace ops::cpu
