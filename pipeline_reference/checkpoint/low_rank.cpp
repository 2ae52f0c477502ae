#include "pipeline_reference/checkpoint/low_rank.hpp"

#include <span>

namespace checkpoint {

std::vector<expected_tensor> low_rank_tensors(const std::vector<linear_module>& modules,
                                              std::int64_t rank) {
  std::vector<expected_tensor> tensors;
  for (const linear_module& module : modules) {
    tensors.push_back({module.name + ".lora_A.weight", {rank, module.in}});
    tensors.push_back({module.name + ".lora_B.weight", {module.out, rank}});
  }
  return tensors;
}

merged_weights::merged_weights(const weight_source& base, const weight_source& low_rank,
                               const std::vector<linear_module>& modules, std::int64_t rank,
                               double scale, ops::transformer_ops& host, ops::memory& host_memory)
    : base_(base),
      low_rank_(low_rank),
      rank_(rank),
      scale_(static_cast<float>(scale)),
      host_(host),
      workspace_(host_memory, ops::dtype::u8, {host.workspace_bytes()}) {
  low_rank_.expect(low_rank_tensors(modules, rank));
  for (const linear_module& module : modules) by_weight_.emplace(module.name + ".weight", module);
}

void merged_weights::read_rows(const std::string& name, std::span<const std::int64_t> shape,
                               std::int64_t first, std::span<float> out) const {
  base_.read_rows(name, shape, first, out);
  const auto module = by_weight_.find(name);
  if (module != by_weight_.end() && !out.empty()) add(module->second, first, out);
}

void merged_weights::add(const linear_module& module, std::int64_t first,
                         std::span<float> out) const {
  const std::int64_t rows = static_cast<std::int64_t>(out.size()) / module.in;
  b_rows_.resize(static_cast<std::size_t>(rows * rank_));
  low_rank_.read_rows(module.name + ".lora_B.weight", tensor_shape{module.out, rank_}, first,
                      b_rows_);
  ops::gemm_params p;
  p.x = {b_rows_.data(), ops::dtype::f32, {rows, rank_}};
  p.weight = {scaled_transpose(module).data(), ops::dtype::f32, {module.in, rank_}};
  p.out = {out.data(), ops::dtype::f32, {rows, module.in}};
  p.residual = p.out;
  host_.gemm(p, {}, workspace_.as_workspace());
}

const std::vector<float>& merged_weights::scaled_transpose(const linear_module& module) const {
  if (transposed_name_ == module.name) return transposed_;
  std::vector<float> a(static_cast<std::size_t>(rank_ * module.in));
  low_rank_.read(module.name + ".lora_A.weight", tensor_shape{rank_, module.in}, a);
  transposed_.resize(a.size());
  for (std::int64_t r = 0; r < rank_; ++r)
    for (std::int64_t i = 0; i < module.in; ++i)
      transposed_[static_cast<std::size_t>(i * rank_ + r)] =
          scale_ * a[static_cast<std::size_t>(r * module.in + i)];
  transposed_name_ = module.name;
  return transposed_;
}

}  // namespace checkpoint
