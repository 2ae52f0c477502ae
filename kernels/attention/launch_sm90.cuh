#pragma once
// Starts the Hopper kernel in one configuration; each is instantiated in a file of its own.

#include "kernels/attention/attention_sm90.cuh"
#include "kernels/attention/consumer_sm90.cuh"
#include "kernels/attention/device_sm90.hpp"
#include "kernels/ptx/tensor_map.hpp"

namespace kernels::sm90 {

// [batch, tokens, heads, head_dim] as boxes of `rows` tokens of one head, in slabs of 64 elements.
template <class Element>
CUtensorMap map_of(const attention_tensor<Element>& tensor, int batch, int tokens, int heads,
                   int head_dim, int rows) {
  ptx::tensor_view view;
  view.data = tensor.data;
  view.sizes = {64, static_cast<std::uint64_t>(tokens), static_cast<std::uint64_t>(head_dim / 64),
                static_cast<std::uint64_t>(heads), static_cast<std::uint64_t>(batch)};
  // The stride of a dimension of one element is never used, but the driver checks it.
  view.strides = {tensor.token_stride, 64, heads > 1 ? tensor.head_stride : 64,
                  batch > 1 ? tensor.batch_stride : 64};
  view.box = {64, static_cast<std::uint32_t>(rows), static_cast<std::uint32_t>(head_dim / 64), 1,
              1};
  return ptx::make_bf16_tensor_map(view);
}

// Fills in what of the arguments follows from args.params and the workspace, and starts the kernel.
template <class Config, class Consumer, class Arguments>
void launch_kernel(Arguments args, const CUtensorMap& q, const CUtensorMap& k, const CUtensorMap& v,
                   cudaStream_t stream) {
  const attention_params& p = args.params;
  const int grid_limit = multiprocessors();
  args.row_blocks = (p.tokens_q + Config::block_m - 1) / Config::block_m;
  if (p.workspace != nullptr) {
    const workspace_layout layout = layout_workspace(grid_limit);
    auto* const start = static_cast<unsigned char*>(p.workspace);
    args.arrivals = reinterpret_cast<unsigned*>(start);
    args.partial_o = reinterpret_cast<float*>(start + layout.partial_o);
    args.partial_lse = reinterpret_cast<float*>(start + layout.partial_lse);
  }

  constexpr auto kernel = attention_kernel<Config, Consumer, Arguments>;
  constexpr int shared_bytes = sizeof(typename Config::shared);
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes),
        "shared memory");
  const int tiles = args.row_blocks * p.heads * p.batch;
  const int key_blocks = (p.tokens_kv + Config::block_n - 1) / Config::block_n;
  const bool may_split = Config::schedule::splits && p.workspace != nullptr &&
                         attention_schedule::ranges(grid_limit, tiles % grid_limit, key_blocks) > 0;
  if (!may_split) args.params.workspace = nullptr;
  cudaLaunchConfig_t config{};
  config.gridDim = may_split || tiles > grid_limit ? grid_limit : tiles;
  config.blockDim = Config::threads;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  // Blocks that combine pieces wait for those that write them: all must run at once.
  cudaLaunchAttribute cooperative{};
  cooperative.id = cudaLaunchAttributeCooperative;
  cooperative.val.cooperative = 1;
  config.attrs = &cooperative;
  config.numAttrs = may_split ? 1 : 0;
  check(cudaLaunchKernelEx(&config, kernel, args, q, k, v), "launch");
}

template <class Config>
void launch(const attention_params& p, cudaStream_t stream) {
  attention_arguments args{};
  args.params = p;
  launch_kernel<Config, attention_consumer<Config>>(
      args, map_of(p.q, p.batch, p.tokens_q, p.heads, p.head_dim, Config::block_m),
      map_of(p.k, p.batch, p.tokens_kv, p.heads_kv, p.head_dim, Config::block_n),
      map_of(p.v, p.batch, p.tokens_kv, p.heads_kv, p.head_dim, Config::block_n), stream);
}

}  // namespace kernels::sm90
