#pragma once
// Starts the Hopper kernel in one configuration; each is instantiated in a file of its own.

#include "kernels/attention/attention_sm90.cuh"
#include "kernels/attention/consumer_sm90.cuh"
#include "kernels/attention/device_sm90.hpp"
#include "kernels/attention/tensor_maps_sm90.hpp"
#include "kernels/dependent_launch.cuh"

namespace kernels::sm90 {

inline cudaLaunchAttribute clusters_of(int blocks) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim = {static_cast<unsigned>(blocks), 1, 1};
  return attribute;
}

// How many clusters run at once, a block on each multiprocessor, on the device that was current
// when this was first asked for the configuration. `config` as for the launch, but for the grid.
template <class Config, class Kernel>
int resident_clusters(Kernel kernel, cudaLaunchConfig_t config) {
  if (Config::cluster == 1) return multiprocessors();
  static const int count = [&] {
    cudaLaunchAttribute attribute = clusters_of(Config::cluster);
    config.gridDim = Config::cluster;
    config.attrs = &attribute;
    config.numAttrs = 1;
    int found = 0;
    check(cudaOccupancyMaxActiveClusters(&found, kernel, &config), "clusters");
    return found;
  }();
  return count;
}

// Fills in what of the arguments follows from args.params and the workspace, and starts the kernel.
template <class Config, class Consumer, class Arguments>
void launch_kernel(Arguments args, const CUtensorMap& q, const CUtensorMap& k, const CUtensorMap& v,
                   cudaStream_t stream) {
  constexpr auto kernel = attention_kernel<Config, Consumer, Arguments>;
  constexpr int shared_bytes = sizeof(typename Config::shared), cluster = Config::cluster;
  allow_shared_memory<kernel>(shared_bytes);
  cudaLaunchConfig_t config{};
  config.blockDim = Config::threads;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;

  const attention_params& p = args.params;
  args.row_blocks = (p.tokens_q + Config::block_m - 1) / Config::block_m;
  const int groups = row_groups(args.row_blocks, cluster) * p.heads * p.batch;
  const int clusters = resident_clusters<Config>(kernel, config);
  bool may_split = false;
  if constexpr (Config::schedule::splits) {
    const int key_blocks = (p.tokens_kv + Config::block_n - 1) / Config::block_n;
    may_split =
        p.workspace != nullptr && Config::schedule::ranges(clusters, groups, key_blocks) > 0;
  }
  if (may_split) {
    const workspace_layout layout = layout_workspace(multiprocessors());
    auto* const start = static_cast<unsigned char*>(p.workspace);
    args.arrivals = reinterpret_cast<unsigned*>(start);
    args.partial_o = reinterpret_cast<float*>(start + layout.partial_o);
    args.partial_lse = reinterpret_cast<float*>(start + layout.partial_lse);
  } else {
    args.params.workspace = nullptr;
  }

  config.gridDim = (may_split || groups > clusters ? clusters : groups) * cluster;
  cudaLaunchAttribute attributes[2] = {};
  config.attrs = attributes;
  // Blocks that combine pieces wait for those that write them: all must run at once.
  if (may_split) {
    attributes[config.numAttrs].id = cudaLaunchAttributeCooperative;
    attributes[config.numAttrs++].val.cooperative = 1;
  } else if (kernels_wait) {
    attributes[config.numAttrs++] = begins_early();
  }
  if (cluster > 1) attributes[config.numAttrs++] = clusters_of(cluster);
  check(cudaLaunchKernelEx(&config, kernel, args, q, k, v), "launch");
}

template <class Config>
void launch(const attention_params& p, cudaStream_t stream) {
  constexpr int kv_slabs = Config::slabs / Config::cluster;  // that a block of the grid copies
  attention_arguments args{};
  args.params = p;
  launch_kernel<Config, attention_consumer<Config>>(
      args, map_of(p.q, p.batch, p.tokens_q, p.heads, p.head_dim, Config::block_m, Config::slabs),
      map_of(p.k, p.batch, p.tokens_kv, p.heads_kv, p.head_dim, Config::block_n, kv_slabs),
      map_of(p.v, p.batch, p.tokens_kv, p.heads_kv, p.head_dim, Config::block_n, kv_slabs), stream);
}

}  // namespace kernels::sm90
