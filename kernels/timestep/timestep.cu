// A block takes a timestep, a thread one frequency at a time. It runs once per clip at most, so
// double precision costs nothing that anyone would notice.
#include "kernels/timestep/timestep.hpp"

#include "kernels/dependent_launch.cuh"

namespace kernels {
namespace {

constexpr int threads = 128;

__global__ void __launch_bounds__(threads)
    timestep_embedding_kernel(const timestep_embedding_params p) {
  wait_for_previous_kernels();
  const std::int64_t row = blockIdx.x;
  const int half = p.columns / 2;
  __nv_bfloat16* const out = p.out.data + row * p.out.stride;
  for (int i = threadIdx.x; i < half; i += threads) {
    const double angle = static_cast<double>(p.timesteps[row]) *
                         pow(10000.0, -static_cast<double>(i) / static_cast<double>(half));
    out[i] = __double2bfloat16(cos(angle));
    out[half + i] = __double2bfloat16(sin(angle));
  }
}

}  // namespace

void timestep_embedding(const timestep_embedding_params& p, cudaStream_t stream) {
  constexpr const char* name = "timestep_embedding";
  if (p.columns < 2 || p.columns % 2 != 0) reject(name, "the number of columns is odd");
  if (p.rows == 0) return;
  launch_dependent(timestep_embedding_kernel, static_cast<unsigned>(p.rows), threads, stream, p);
  check_launch(name);
}

}  // namespace kernels
