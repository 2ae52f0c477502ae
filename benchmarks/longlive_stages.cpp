#include "benchmarks/longlive_stages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>

#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/weight_source.hpp"
#include "pipeline_reference/longlive/vae_decoder.hpp"
#include "pipeline_reference/ops/transfer.hpp"
#include "pipeline_reference/umt5/encoder.hpp"

namespace benchmarks {
namespace {

constexpr int warm_up = 2, runs = 5;

// Host time of calls that end with the device idle: milliseconds, so the few microseconds of the
// wait do not matter.
void measure(const char* name, ops::memory& memory, const std::function<void()>& call,
             std::vector<row>& rows) {
  std::vector<double> ms;
  for (int i = -warm_up; i < runs; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    call();
    memory.synchronize({});
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    if (i >= 0) ms.push_back(took.count());
  }
  rows.push_back(summarize(name, "ms", ms));
  fmt::print("{:<60} {:>8.2f} ms, n {}\n", name, rows.back().value, runs);
}

void require_finite(const char* what, ops::memory& memory, const ops::const_tensor& t) {
  std::vector<float> values(static_cast<std::size_t>(t.elements()));
  ops::download_floats(memory, t, values);
  if (!std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); }))
    throw latency::error("bench_longlive", what, "are not finite");
}

}  // namespace

void measure_video_decoder(ops::cuda::cuda_backend& backend, std::vector<row>& rows) {
  constexpr std::int64_t latent_frames = 3, channels = 16, most_pixel_frames = 12;
  const longlive::vae_config config;
  ops::memory& memory = backend.memory();
  longlive::vae_decoder decoder(config, checkpoint::random_weights(2), backend.vae(), memory);
  const std::int64_t h = config.latent_height, w = config.latent_width;
  const ops::buffer latents(memory, ops::dtype::f32, {latent_frames, channels, h, w});
  const ops::buffer prepared(memory, ops::dtype::bf16, {latent_frames, h, w, channels});
  const ops::buffer rgb(memory, ops::dtype::bf16, {most_pixel_frames, 8 * h, 8 * w, 3});
  const ops::buffer pixels(memory, ops::dtype::u8, {most_pixel_frames, 8 * h, 8 * w, 3});
  backend.transformer().fill_normal({latents.view(), {3, 0, 0}}, {}, {});
  measure(
      "video decoder, plain: 3 latent frames to 12 pixel frames", memory,
      [&] {
        decoder.prepare_input(latents.view(), prepared.view(), {});
        ops::tensor out = rgb.view(), out_pixels = pixels.view();
        out.shape.size[0] = out_pixels.shape.size[0] = decoder.pixel_frames(latent_frames);
        decoder.decode(prepared.view(), out, {});
        decoder.to_pixels(out, out_pixels, {});
      },
      rows);
  require_finite("pixels", memory, rgb.view());
}

void measure_text_encoder(ops::cuda::cuda_backend& backend, std::vector<row>& rows) {
  const umt5::encoder_config config;
  ops::memory& memory = backend.memory();
  umt5::encoder encoder(config, std::make_unique<checkpoint::random_weights>(4), memory,
                        backend.transformer());
  const ops::buffer context(memory, ops::dtype::bf16, {config.text_len, config.dim});
  std::vector<std::int32_t> ids(static_cast<std::size_t>(config.text_len));
  std::iota(ids.begin(), ids.end(), 100);
  measure(
      "text encoder, plain attention: 512 tokens, embedding rows made on the host", memory,
      [&] { encoder.encode(ids, context.view(), {}); }, rows);
  require_finite("text rows", memory, context.view());
}

}  // namespace benchmarks
