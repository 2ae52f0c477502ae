#include "pipeline_reference/longlive/golden_vae_decoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/tensor_file.hpp"
#include "pipeline_reference/longlive/golden_case.hpp"
#include "pipeline_reference/longlive/vae_decoder.hpp"
#include "pipeline_reference/longlive/vae_weights.hpp"
#include "pipeline_reference/ops/transfer.hpp"

namespace longlive {
namespace {

struct golden_case {
  vae_config config;
  std::int64_t latent_frames = 0;
  std::vector<std::int64_t> chunks, chunk_pixel_frames;
};

golden_case read_case(const std::string& folder, const nlohmann::json& json) {
  golden_case out;
  try {
    const nlohmann::json& config = json.at("config");
    out.config.dim = whole_number(config.at("dim"), "dim");
    out.config.latent_height = whole_number(config.at("latent_hw").at(0), "latent_hw");
    out.config.latent_width = whole_number(config.at("latent_hw").at(1), "latent_hw");
    out.latent_frames = whole_number(config.at("frames"), "frames");
    out.chunks = whole_numbers(config.at("chunks"), "chunks");
    out.chunk_pixel_frames = whole_numbers(json.at("chunk_frames"), "chunk_frames");
  } catch (const std::exception& e) {  // nlohmann's, or ours without the file's name
    throw latency::error(folder + "/case.json", "", e.what());
  }
  const auto within = [](std::int64_t value, std::int64_t most) {
    return value >= 1 && value <= most;
  };
  constexpr std::int64_t most_channels = 4096, most_rows = 4096, most_latent_frames = 1 << 20;
  if (!within(out.config.dim, most_channels) || !within(out.config.latent_height, most_rows) ||
      !within(out.config.latent_width, most_rows) || !within(out.latent_frames, most_latent_frames))
    throw latency::error(folder + "/case.json", "config",
                         fmt::format("expected dim and latent_hw of 1 to {} and frames of 1 to {}",
                                     most_channels, most_latent_frames));
  const bool possible = std::all_of(out.chunks.begin(), out.chunks.end(),
                                    [&](std::int64_t n) { return within(n, out.latent_frames); });
  if (!possible || out.chunks.size() > static_cast<std::size_t>(out.latent_frames) ||
      std::accumulate(out.chunks.begin(), out.chunks.end(), std::int64_t{0}) != out.latent_frames ||
      out.chunks.size() != out.chunk_pixel_frames.size())
    throw latency::error(folder + "/case.json", "chunks",
                         fmt::format("expected positive counts that add up to {} latent frames, "
                                     "each with its entry in chunk_frames",
                                     out.latent_frames));
  return out;
}

// The two outer dimensions exchanged: [A, B, inner] -> [B, A, inner].
std::vector<float> exchange_outer(const std::vector<float>& in, std::int64_t a, std::int64_t b,
                                  std::int64_t inner) {
  std::vector<float> out(in.size());
  for (std::int64_t i = 0; i < a; ++i)
    for (std::int64_t j = 0; j < b; ++j)
      std::copy_n(in.begin() + (i * b + j) * inner, inner, out.begin() + (j * a + i) * inner);
  return out;
}

}  // namespace

golden_result compare_golden_vae_decoder(const std::string& folder, const nlohmann::json& case_json,
                                         ops::vae_ops& vae, ops::memory& memory) {
  const golden_case c = read_case(folder, case_json);
  const std::int64_t h = c.config.latent_height, w = c.config.latent_width,
                     frames = c.latent_frames;
  const std::int64_t pixel_frames = 4 * frames - 3;
  const checkpoint::file_weights weights =
      open_vae_weights(folder + "/weights.safetensors", c.config.dim);
  const checkpoint::tensor_file tensors =
      checkpoint::tensor_file::open(folder + "/tensors.safetensors");
  const std::vector<float> golden =
      tensors.read_f32("pixels", checkpoint::tensor_shape{3, pixel_frames, 8 * h, 8 * w});
  const std::vector<float> latents = exchange_outer(
      tensors.read_f32("latents", checkpoint::tensor_shape{vae_latent_channels, frames, h, w}),
      vae_latent_channels, frames, h * w);

  vae_decoder decoder(c.config, weights, vae, memory);
  const ops::buffer input(memory, ops::dtype::f32, {frames, vae_latent_channels, h, w});
  const ops::buffer prepared(memory, vae.storage(), {frames, h, w, vae_latent_channels});
  const ops::buffer rgb(memory, vae.storage(), {pixel_frames, 8 * h, 8 * w, 3});
  memory.upload(input.view().data, latents.data(), input.view().bytes(), {});
  decoder.prepare_input(input.view(), prepared.view(), {});

  golden_result result;
  const auto decode = [&](const std::string& name, const std::vector<std::int64_t>& pieces,
                          const std::vector<std::int64_t>& piece_pixel_frames) {
    decoder.clear_cache({});
    std::int64_t latent_frame = 0, pixel_frame = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const std::int64_t count = decoder.pixel_frames(pieces[i]);
      ++result.exact_values;
      if (count != piece_pixel_frames[i])
        result.mismatches.push_back(fmt::format("{}: piece {}: expected {} pixel frames, found {}",
                                                name, i, piece_pixel_frames[i], count));
      ops::tensor from = prepared.view()[latent_frame], to = rgb.view()[pixel_frame];
      from.shape = {pieces[i], h, w, vae_latent_channels};
      to.shape = {count, 8 * h, 8 * w, 3};
      decoder.decode(from, to, {});
      latent_frame += pieces[i];
      pixel_frame += count;
    }
    std::vector<float> found(golden.size());
    ops::download_floats(memory, rgb.view(), found);
    for (float& value : found) value = std::clamp(value, -1.0F, 1.0F);  // as the golden ones are
    result.differences.push_back(
        difference_of(name, exchange_outer(found, pixel_frames * 64 * h * w, 3, 1), golden));
  };
  decode("pixels (in chunks)", c.chunks, c.chunk_pixel_frames);
  decode("pixels (whole clip)", {frames}, {pixel_frames});
  return result;
}

}  // namespace longlive
