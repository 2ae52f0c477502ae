#pragma once
// Low-rank additions (LoRA) to the matrices of a model: W' = W + scale * B A, with A [rank, in] and
// B [out, rank] per module, named <module>.lora_A.weight and <module>.lora_B.weight.

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "pipeline_reference/checkpoint/weight_source.hpp"
#include "pipeline_reference/ops/tensor.hpp"
#include "pipeline_reference/ops/transformer_ops.hpp"

namespace checkpoint {

// A linear layer, whose weight is <name>.weight [out, in].
struct linear_module {
  std::string name;
  std::int64_t out = 0, in = 0;
};

// A and B of every module, in this order.
[[nodiscard]] std::vector<expected_tensor> low_rank_tensors(
    const std::vector<linear_module>& modules, std::int64_t rank);

// A model with its additions merged: weights are summed in fp32 and rounded once to what they are
// read as. Other tensors are those of `base`. Cost: a product of fp32 matrices per read.
class merged_weights final : public weight_source {
 public:
  // Keeps references to all but the list. `host` computes in fp32 on memory that the host sees.
  // Throws latency::error unless `low_rank` holds A and B of all modules and nothing else.
  merged_weights(const weight_source& base, const weight_source& low_rank,
                 const std::vector<linear_module>& modules, std::int64_t rank, double scale,
                 ops::transformer_ops& host, ops::memory& host_memory);

  void expect(const std::vector<expected_tensor>& expected) const override {
    base_.expect(expected);
  }
  void read_rows(const std::string& name, std::span<const std::int64_t> shape, std::int64_t first,
                 std::span<float> out) const override;

 private:
  void add(const linear_module& module, std::int64_t first, std::span<float> out) const;
  // scale * A^T [in, rank] of the module; kept for the next rows of the same one.
  const std::vector<float>& scaled_transpose(const linear_module& module) const;

  const weight_source& base_;
  const weight_source& low_rank_;
  std::unordered_map<std::string, linear_module> by_weight_;  // by the name of its weight
  std::int64_t rank_;
  float scale_;
  ops::transformer_ops& host_;
  ops::buffer workspace_;
  mutable std::string transposed_name_;
  mutable std::vector<float> transposed_, b_rows_;
};

}  // namespace checkpoint
