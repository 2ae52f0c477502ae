#pragma once
// The tensors of the Wan VAE decoder under their published names, and a generator that stands in
// for them.

#include <cstdint>
#include <vector>

#include "pipeline_reference/checkpoint/file_weights.hpp"

namespace longlive {

inline constexpr std::int64_t vae_latent_channels = 16;

// Every tensor that a decoder of width `dim` (96 as published) reads. The published file also holds
// tensors that begin with "encoder." and "conv1.", which text-to-video does not need.
std::vector<checkpoint::expected_tensor> vae_decoder_tensors(std::int64_t dim);

// The decoder's weights in `path`, checked against vae_decoder_tensors(dim). Throws latency::error
// naming the file and the tensors.
checkpoint::file_weights open_vae_weights(const std::string& path, std::int64_t dim);

}  // namespace longlive
