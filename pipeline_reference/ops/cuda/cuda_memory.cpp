#include "pipeline_reference/ops/cuda/cuda_memory.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/random/random.hpp"

namespace ops::cuda {
namespace {

constexpr double gib = 1 << 30;

std::size_t size(std::int64_t bytes) {
  return static_cast<std::size_t>(std::max<std::int64_t>(bytes, 0));
}

}  // namespace

device_facts current_device_facts() {
  int device = 0;
  cudaDeviceProp properties{};
  std::size_t free_bytes = 0, total_bytes = 0;
  check(cudaGetDevice(&device), "asking for the device");
  check(cudaGetDeviceProperties(&properties, device), "asking what the device is");
  check(cudaMemGetInfo(&free_bytes, &total_bytes), "asking for free memory");
  return {"cuda",
          properties.name,
          "kernels/attention, bf16",
          1,
          static_cast<std::int64_t>(free_bytes),
          static_cast<std::int64_t>(total_bytes)};
}

void* cuda_memory::allocate(std::int64_t bytes) {
  void* data = nullptr;
  const cudaError_t code = cudaMalloc(&data, std::max<std::size_t>(size(bytes), 1));
  if (code == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());  // this error does not stick to later calls
    std::size_t free_bytes = 0, total_bytes = 0;
    check(cudaMemGetInfo(&free_bytes, &total_bytes), "asking for free memory");
    throw latency::error(fmt::format(
        "out of memory: {:.2f} GiB more are needed, {:.2f} of {:.2f} GiB of the GPU are free",
        static_cast<double>(bytes) / gib, static_cast<double>(free_bytes) / gib,
        static_cast<double>(total_bytes) / gib));
  }
  check(code, "allocating memory");
  return data;
}

void cuda_memory::release(void* data) noexcept {
  cudaFree(data);
}

void cuda_memory::upload(void* to, const void* from_host, std::int64_t bytes, stream s) {
  // From pageable memory: the driver has taken a copy when the call returns.
  check(cudaMemcpyAsync(to, from_host, size(bytes), cudaMemcpyHostToDevice, own_.of(s)), "upload");
}

void cuda_memory::download(void* to_host, const void* from, std::int64_t bytes, stream s) {
  check(cudaMemcpyAsync(to_host, from, size(bytes), cudaMemcpyDeviceToHost, own_.of(s)),
        "download");
  synchronize(s);
}

void cuda_memory::copy(void* to, const void* from, std::int64_t bytes, stream s) {
  check(cudaMemcpyAsync(to, from, size(bytes), cudaMemcpyDeviceToDevice, own_.of(s)), "copy");
}

void cuda_memory::zero(void* to, std::int64_t bytes, stream s) {
  if (bytes > 0) check(cudaMemsetAsync(to, 0, size(bytes), own_.of(s)), "zeroing memory");
}

void cuda_memory::synchronize(stream s) {
  check(cudaStreamSynchronize(own_.of(s)), "waiting for a stream");
}

bool cuda_memory::fill_uniform(const tensor& to, const uniform_numbers& numbers, stream s) {
  if (to.type != dtype::bf16 || !to.contiguous()) return false;
  kernels::fill_uniform({static_cast<__nv_bfloat16*>(to.data),
                         to.elements(),
                         {numbers.seed, numbers.sequence, 0},
                         numbers.centre,
                         numbers.spread},
                        own_.of(s));
  return true;
}

}  // namespace ops::cuda
