// The back end's own kernels behind one that lets them begin early and touches memory late.
#include "pipeline_reference/ops/cuda/small_kernels.hpp"
#include "pipeline_reference/ops/cuda/vae_kernels.hpp"
#include "tests/kernels/dependent_launch/late_memory.cuh"

using namespace kernels_test;

namespace {

constexpr int height = 10, width = 12, channels = 64, frames = 2;
constexpr std::size_t pixels = std::size_t{height} * width;

launch prepare_gather_patches(late_memory& m) {
  ops::cuda::gather_patches_params p;
  p.kernel_t = p.kernel_h = p.kernel_w = 3;
  p.x = m.add_bf16(frames * pixels * channels);
  p.cache = m.add_bf16(2 * pixels * channels);
  p.patches = m.add_output<__nv_bfloat16>(pixels * 27 * channels);
  p.frame = 1;
  p.height = height;
  p.width = width;
  p.channels = channels;
  p.pixels = pixels;
  return [p](cudaStream_t s) { ops::cuda::gather_patches(p, s); };
}

launch prepare_pack_columns(late_memory& m) {
  const auto* const from = m.add_bf16(pixels * 8);
  auto* const to = m.add_output<__nv_bfloat16>(pixels * 3);
  return [=](cudaStream_t s) { ops::cuda::pack_columns(from, 8, to, pixels, 3, s); };
}

launch prepare_pixel_norm(late_memory& m) {
  const auto* const x = m.add_bf16(pixels * channels);
  const auto* const gamma = m.add_floats(channels);
  auto* const out = m.add_output<__nv_bfloat16>(pixels * channels);
  return [=](cudaStream_t s) { ops::cuda::pixel_norm(x, gamma, out, pixels, channels, true, s); };
}

launch prepare_softmax(late_memory& m) {
  const auto* const scores = m.add_floats(pixels * pixels);
  auto* const to = m.add_output<__nv_bfloat16>(pixels * pixels);
  return [=](cudaStream_t s) { ops::cuda::softmax_rows(scores, to, pixels, pixels, pixels, s); };
}

launch prepare_denormalise(late_memory& m) {
  const auto* const latents = m.add_floats(frames * 16 * pixels);
  const auto* const mean = m.add_floats(16);
  const auto* const deviation = m.add_floats(16);
  auto* const out = m.add_output<__nv_bfloat16>(frames * 16 * pixels);
  return [=](cudaStream_t s) {
    ops::cuda::denormalise_latents(latents, mean, deviation, out, frames, 16, pixels, s);
  };
}

launch prepare_pixels(late_memory& m) {
  const auto* const x = m.add_bf16(pixels * 3);
  auto* const out = m.add_output<std::uint8_t>(pixels * 3);
  return [=](cudaStream_t s) { ops::cuda::pixels_from_values(x, out, pixels * 3, s); };
}

launch prepare_relative_bias(late_memory& m) {
  const auto* const by_distance = m.add_floats(4 * 63);
  auto* const out = m.add_output<float>(4 * 32 * 32);
  return [=](cudaStream_t s) { ops::cuda::launch_relative_bias(by_distance, 63, out, 4, 32, s); };
}

launch prepare_broadcast_add(late_memory& m) {
  const auto* const table = m.add_bf16(6 * 256);
  const auto* const rows = m.add_bf16(3 * 256);
  auto* const out = m.add_output<__nv_bfloat16>(6 * 3 * 256);
  return [=](cudaStream_t s) {
    ops::cuda::launch_broadcast_add(table, 256, rows, 256, out, 6, 3, 256, s);
  };
}

launch prepare_block_mask(late_memory& m) {
  auto* const mask = m.add_output<std::uint8_t>(100 * 100);
  return [=](cudaStream_t s) { ops::cuda::launch_block_mask(mask, 100, 90, 30, 60, s); };
}

}  // namespace

TEST_CASE("cuda back end: its own kernels wait for the kernel ahead") {
  if (!hopper()) return;
  for (const late_operation& of :
       std::vector<late_operation>{{"gather_patches", prepare_gather_patches},
                                   {"pack_columns", prepare_pack_columns},
                                   {"pixel_norm", prepare_pixel_norm},
                                   {"softmax", prepare_softmax},
                                   {"denormalise", prepare_denormalise},
                                   {"pixels", prepare_pixels},
                                   {"relative_bias", prepare_relative_bias},
                                   {"broadcast_add", prepare_broadcast_add},
                                   {"block_mask", prepare_block_mask}})
    check_that_it_waits(of);
}
