// A thread takes four values, for which one group of the generator gives the noise. Drawing it
// needs no memory: it is done while the kernel ahead still runs.
#include "kernels/dependent_launch.cuh"
#include "kernels/random/philox.hpp"
#include "kernels/renoise/renoise.hpp"
#include "kernels/rows.hpp"

namespace kernels {
namespace {

constexpr int threads = 128;  // few, so that multiprocessors get nearly the same number of warps

// Four values from `element` on; fewer at the end of the tensor, one at a time.
__global__ void __launch_bounds__(threads) renoise_kernel(const renoise_params p) {
  const std::int64_t element = 4 * (std::int64_t{blockIdx.x} * threads + threadIdx.x);
  float x[4] = {}, flow[4] = {}, eps[4] = {};
  if (p.x_next != nullptr && p.eps == nullptr) {
    const auto normals =
        random_normals(p.numbers.seed, p.numbers.sequence,
                       (p.numbers.first + static_cast<std::uint64_t>(element)) / 4);
#pragma unroll
    for (int i = 0; i < 4; ++i) eps[i] = normals[i];
  }
  wait_for_previous_kernels();
  let_next_kernel_start();  // which draws, too, where it is that of the next sample
  if (element >= p.count) return;
  const bool all_four = p.count - element >= 4;
  const auto read = [&](const float* from, float(&to)[4]) {
    if (all_four) {
      const float4 four = *reinterpret_cast<const float4*>(from + element);
      to[0] = four.x, to[1] = four.y, to[2] = four.z, to[3] = four.w;
      return;
    }
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (element + i < p.count) to[i] = from[element + i];
  };
  const auto write = [&](const float(&from)[4], float* to) {
    if (all_four) {
      *reinterpret_cast<float4*>(to + element) = make_float4(from[0], from[1], from[2], from[3]);
      return;
    }
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (element + i < p.count) to[element + i] = from[i];
  };
  read(p.x_t, x);
  read(p.flow, flow);
  if (p.x_next != nullptr && p.eps != nullptr) read(p.eps, eps);
#pragma unroll
  for (int i = 0; i < 4; ++i) x[i] = fmaf(-p.sigma, flow[i], x[i]);
  if (p.x0 != nullptr) write(x, p.x0);
  if (p.x_next == nullptr) return;
#pragma unroll
  for (int i = 0; i < 4; ++i) x[i] = (1 - p.sigma_next) * x[i] + p.sigma_next * eps[i];
  write(x, p.x_next);
}

}  // namespace

void renoise(const renoise_params& p, cudaStream_t stream) {
  constexpr const char* name = "renoise";
  for (const void* tensor : {static_cast<const void*>(p.x_t), static_cast<const void*>(p.flow),
                             static_cast<const void*>(p.x0), static_cast<const void*>(p.x_next),
                             static_cast<const void*>(p.eps)})
    if (reinterpret_cast<std::uintptr_t>(tensor) % 16 != 0) reject(name, "a tensor is not aligned");
  if (p.numbers.first % 4 != 0) reject(name, "the first number is not a multiple of 4");
  if (p.x0 == nullptr && p.x_next == nullptr) reject(name, "nothing to write");
  if (p.count == 0) return;
  const auto blocks = static_cast<unsigned>((p.count + 4 * threads - 1) / (4 * threads));
  launch_dependent(renoise_kernel, blocks, threads, stream, p);
  check_launch(name);
}

}  // namespace kernels
