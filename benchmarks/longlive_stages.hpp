#pragma once
// What stands before and after the transformer, at full size on the CUDA back end.

#include <vector>

#include "benchmarks/result_file.hpp"
#include "pipeline_reference/ops/cuda/cuda_backend.hpp"

namespace benchmarks {

// Decoding three latent frames to twelve pixel frames of 480 x 832, and their uint8 pixels; prints
// and adds a row. Throws latency::error when pixels are not finite.
void measure_video_decoder(ops::cuda::cuda_backend& backend, std::vector<row>& rows);

// Encoding a prompt of 512 tokens with UMT5-XXL; likewise.
void measure_text_encoder(ops::cuda::cuda_backend& backend, std::vector<row>& rows);

}  // namespace benchmarks
