// A thread makes the four numbers of one group.
#include "kernels/dependent_launch.cuh"
#include "kernels/random/philox.hpp"
#include "kernels/random/random.hpp"
#include "kernels/rows.hpp"

namespace kernels {
namespace {

constexpr int threads = 256;

__global__ void __launch_bounds__(threads) fill_normal_kernel(const fill_normal_params p) {
  wait_for_previous_kernels();
  const std::int64_t element = 4 * (std::int64_t{blockIdx.x} * threads + threadIdx.x);
  if (element >= p.count) return;
  const std::uint64_t group = (p.numbers.first + static_cast<std::uint64_t>(element)) / 4;
  const auto normals = random_normals(p.numbers.seed, p.numbers.sequence, group);
  if (element + 4 <= p.count) {
    *reinterpret_cast<float4*>(p.out + element) =
        make_float4(normals[0], normals[1], normals[2], normals[3]);
    return;
  }
#pragma unroll
  for (int i = 0; i < 4; ++i)
    if (element + i < p.count) p.out[element + i] = normals[i];
}

__global__ void __launch_bounds__(threads) fill_uniform_kernel(const fill_uniform_params p) {
  wait_for_previous_kernels();
  const std::int64_t element = 4 * (std::int64_t{blockIdx.x} * threads + threadIdx.x);
  if (element >= p.count) return;
  const std::uint64_t group = (p.numbers.first + static_cast<std::uint64_t>(element)) / 4;
  const philox_words words = random_words(p.numbers.seed, p.numbers.sequence, group);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float unit = static_cast<float>(words[i] >> 8) * 0x1p-23F - 1.0F;
    // In two steps, as a host without fused multiply-add rounds.
    const float value = __fadd_rn(p.centre, __fmul_rn(p.spread, unit));
    if (element + i < p.count) p.out[element + i] = __float2bfloat16(value);
  }
}

unsigned blocks_for(const char* name, std::int64_t count, const random_sequence& numbers,
                    const void* out) {
  if (numbers.first % 4 != 0) reject(name, "the first number is not a multiple of 4");
  if (reinterpret_cast<std::uintptr_t>(out) % 16 != 0) reject(name, "the output is not aligned");
  return static_cast<unsigned>((count + 4 * threads - 1) / (4 * threads));
}

}  // namespace

void fill_normal(const fill_normal_params& p, cudaStream_t stream) {
  const unsigned blocks = blocks_for("fill_normal", p.count, p.numbers, p.out);
  if (blocks == 0) return;
  launch_dependent(fill_normal_kernel, blocks, threads, stream, p);
  check_launch("fill_normal");
}

void fill_uniform(const fill_uniform_params& p, cudaStream_t stream) {
  const unsigned blocks = blocks_for("fill_uniform", p.count, p.numbers, p.out);
  if (blocks == 0) return;
  launch_dependent(fill_uniform_kernel, blocks, threads, stream, p);
  check_launch("fill_uniform");
}

}  // namespace kernels
