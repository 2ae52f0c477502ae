#include <algorithm>

#include "kernels/attention/device_sm90.hpp"
#include "kernels/attention/few_keys_producer_sm90.cuh"
#include "kernels/attention/few_keys_sm90.cuh"
#include "kernels/attention/launch_sm90.hpp"
#include "kernels/attention/tensor_maps_sm90.hpp"
#include "kernels/dependent_launch.cuh"

namespace kernels::sm90 {
namespace {

using config = few_keys_config;

// One thread: lanes that share the work wait for each other's fences, a thousand cycles in all.
__device__ __forceinline__ void init_barriers(config::shared& shared) {
  for (int slot = 0; slot < config::slots; ++slot) {
    ptx::mbarrier_init(shared.kv_full[slot], 1);
    ptx::mbarrier_init(shared.kv_empty[slot], warps_of_slot<config>);
  }
  for (int consumer = 0; consumer < config::consumers; ++consumer)
    for (int slot = 0; slot < config::q_slots; ++slot) {
      ptx::mbarrier_init(shared.q_full[consumer][slot], 1);
      ptx::mbarrier_init(shared.q_empty[consumer][slot], 1);
    }
  ptx::fence_mbarrier_init();
}

// Until the first queries and keys are there no unit of the chip has anything to do: the first
// copies start before anything that can wait, and everything before them is short.
__global__ void __launch_bounds__(config::threads, 1)
    few_keys_kernel(const __grid_constant__ few_keys_arguments args,
                    const __grid_constant__ CUtensorMap q, const __grid_constant__ CUtensorMap k,
                    const __grid_constant__ CUtensorMap v, const __grid_constant__ CUtensorMap o) {
  extern __shared__ __align__(1024) unsigned char storage[];
  auto& shared = *reinterpret_cast<config::shared*>(storage);
  const attention_params& p = args.params;
  if (threadIdx.x == 0) {
    ptx::prefetch_tensor_map(q);
    ptx::prefetch_tensor_map(k);
    ptx::prefetch_tensor_map(v);
    ptx::prefetch_tensor_map(o);
  }
  if (threadIdx.x == 32) init_barriers(shared);
  few_keys_walk walk(args.shares, static_cast<int>(blockIdx.x));
  __syncthreads();
  wait_for_previous_kernels();

  const int valid = p.valid_rows == nullptr ? p.tokens_kv : *p.valid_rows;
  const int blocks = (valid + config::block_n - 1) / config::block_n;
  few_keys_producer producer(shared, args, q, k, v);
  if (threadIdx.x < 128) {
    unit_pass pass;
    walk.next(args.shares, pass);  // each block has a unit
    if (threadIdx.x == 0) producer.begin(pass, blocks);
    ptx::registers_release<32>();
    if (threadIdx.x != 0) return;
    producer.finish(pass, blocks);
    while (walk.next(args.shares, pass)) {
      producer.begin(pass, blocks);
      producer.finish(pass, blocks);
    }
  } else {
    ptx::registers_acquire<160>();
    few_keys_consumer(shared, p, o, valid).compute(args.shares, walk);
  }
}

}  // namespace

void launch_128_few_keys(const attention_params& p, cudaStream_t stream) {
  constexpr int shared_bytes = sizeof(config::shared), slabs = config::slabs;
  allow_shared_memory<few_keys_kernel>(shared_bytes);
  const int units = unit_shares::units_of(p.tokens_q) * p.heads * p.batch;
  const int useful = (units + config::consumers - 1) / config::consumers;
  const int blocks = std::min(useful, multiprocessors());
  // All blocks want their first queries from memory at once: a first pass of fewer begins sooner.
  // Where a pass is only one block of keys long, more queries on their way matter more.
  const bool smaller_first = p.tokens_kv > config::block_n;
  const few_keys_arguments args{
      p, unit_shares::of(p.tokens_q, p.heads, p.batch, blocks, smaller_first),
      p.heads / p.heads_kv};
  launch_dependent(
      few_keys_kernel, blocks, config::threads, std::size_t{shared_bytes}, stream, args,
      map_of(p.q, p.batch, p.tokens_q, p.heads, p.head_dim, config::block_m, slabs),
      map_of(p.k, p.batch, p.tokens_kv, p.heads_kv, p.head_dim, config::block_n, slabs),
      map_of(p.v, p.batch, p.tokens_kv, p.heads_kv, p.head_dim, config::block_n, slabs),
      map_of(p.o, p.batch, p.tokens_q, p.heads, p.head_dim, config::block_m, slabs));
  check(cudaGetLastError(), "launch");
}

}  // namespace kernels::sm90
