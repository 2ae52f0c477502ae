#pragma once
// Latents to rows of patches and back: fp32 [F, C, 2 ph, 2 pw] and bf16 [F * ph * pw, 4 * C].

#include "kernels/rows.hpp"

namespace kernels {

// Sizes of both directions. channels: a multiple of 8, at most 4096.
struct patch_sizes {
  int latent_frames = 0, channels = 0, patch_rows = 0, patch_columns = 0;
};

// rows[(f * ph + i) * pw + j][(c * 2 + dh) * 2 + dw] = latent[f][c][2i + dh][2j + dw]
struct patchify_params {
  const float* latent = nullptr;
  rows_of<__nv_bfloat16> rows;
  patch_sizes sizes;
};

// latent[f][c][2i + dh][2j + dw] = rows[(f * ph + i) * pw + j][(dh * 2 + dw) * C + c]
struct unpatchify_params {
  rows_of<const __nv_bfloat16> rows;
  float* latent = nullptr;
  patch_sizes sizes;
};

// Launch on `stream`, may be captured in a graph, and wait for nothing. Throw std::invalid_argument
// for sizes and alignments that the kernels do not take, std::runtime_error when a launch fails.
void patchify(const patchify_params& params, cudaStream_t stream);
void unpatchify(const unpatchify_params& params, cudaStream_t stream);

}  // namespace kernels
