#include <algorithm>

#include "kernels/attention/device_sm90.hpp"
#include "kernels/attention/few_keys_sm90.cuh"
#include "kernels/attention/launch_sm90.hpp"
#include "kernels/attention/tensor_maps_sm90.hpp"
#include "kernels/dependent_launch.cuh"

namespace kernels::sm90 {
namespace {

using config = few_keys_config;

__global__ void __launch_bounds__(config::threads, 1)
    few_keys_kernel(const __grid_constant__ attention_params p,
                    const __grid_constant__ CUtensorMap q, const __grid_constant__ CUtensorMap k,
                    const __grid_constant__ CUtensorMap v, const __grid_constant__ CUtensorMap o) {
  extern __shared__ __align__(1024) unsigned char storage[];
  auto& shared = *reinterpret_cast<config::shared*>(storage);
  if (threadIdx.x == 0) {
    ptx::prefetch_tensor_map(q);
    ptx::prefetch_tensor_map(k);
    ptx::prefetch_tensor_map(v);
    ptx::prefetch_tensor_map(o);
    for (int slot = 0; slot < config::slots; ++slot) {
      ptx::mbarrier_init(shared.kv_full[slot], 1);
      ptx::mbarrier_init(shared.kv_empty[slot], 4 * config::consumers);  // warps
    }
    for (int consumer = 0; consumer < config::consumers; ++consumer)
      for (int slot = 0; slot < config::q_slots; ++slot) {
        ptx::mbarrier_init(shared.q_full[consumer][slot], 1);
        ptx::mbarrier_init(shared.q_empty[consumer][slot], 1);
      }
    ptx::fence_mbarrier_init();
  }
  const unit_counts counts{p.tokens_q, p.heads, p.batch};
  const few_keys_walk walk(counts, grid_position::here());
  __syncthreads();
  wait_for_previous_kernels();

  const int valid = p.valid_rows == nullptr ? p.tokens_kv : *p.valid_rows;
  const int blocks = (valid + config::block_n - 1) / config::block_n;
  if (threadIdx.x < 128) {
    ptx::registers_release<32>();
    if (threadIdx.x == 0) produce(shared, p, counts, walk, blocks, q, k, v);
  } else {
    ptx::registers_acquire<160>();
    few_keys_consumer(shared, p, o, valid).compute(counts, walk);
  }
}

}  // namespace

void launch_128_few_keys(const attention_params& p, cudaStream_t stream) {
  constexpr int shared_bytes = sizeof(config::shared), slabs = config::slabs;
  check(cudaFuncSetAttribute(few_keys_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             shared_bytes),
        "shared memory");
  const int units = unit_counts{p.tokens_q, p.heads, p.batch}.all();
  const int useful = (units + config::consumers - 1) / config::consumers;
  const int blocks = std::min(useful, multiprocessors());
  launch_dependent(
      few_keys_kernel, blocks, config::threads, std::size_t{shared_bytes}, stream, p,
      map_of(p.q, p.batch, p.tokens_q, p.heads, p.head_dim, config::block_m, slabs),
      map_of(p.k, p.batch, p.tokens_kv, p.heads_kv, p.head_dim, config::block_n, slabs),
      map_of(p.v, p.batch, p.tokens_kv, p.heads_kv, p.head_dim, config::block_n, slabs),
      map_of(p.o, p.batch, p.tokens_q, p.heads, p.head_dim, config::block_m, slabs));
  check(cudaGetLastError(), "launch");
}

}  // namespace kernels::sm90
