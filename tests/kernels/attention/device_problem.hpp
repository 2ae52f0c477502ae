#pragma once
// Tensors of one problem of attention on both sides.

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/attention/attention.hpp"
#include "tests/kernels/attention/poisoned_outputs.hpp"
#include "tests/kernels/device_buffer.hpp"

namespace kernels_test {

enum class bias_kind { none, per_key, per_score };

struct shape {
  int batch, heads, heads_kv, tokens_q, tokens_kv, head_dim;
  bool causal = false;
  int valid_rows = -1;  // in device memory, unless negative
  bias_kind bias = bias_kind::none;
  float last_key_count = 1;
};

inline std::string words(const shape& s) {
  return std::to_string(s.batch) + " x " + std::to_string(s.heads) + "/" +
         std::to_string(s.heads_kv) + " heads of " + std::to_string(s.head_dim) + ", " +
         std::to_string(s.tokens_q) + " x " + std::to_string(s.tokens_kv) +
         (s.causal ? ", causal" : "") +
         (s.valid_rows >= 0 ? ", " + std::to_string(s.valid_rows) + " valid" : "") +
         (s.last_key_count == 1 ? "" : ", the last " + std::to_string(s.last_key_count) + " times");
}

// Queries, keys and values lie in one buffer, a token's heads one after the other, as a fused
// projection writes them; the output has a token stride of its own.
class problem : public poisoned_outputs {
 public:
  problem(const shape& s, std::uint64_t seed)
      : poisoned_outputs(
            static_cast<std::size_t>(s.batch) * s.tokens_q * (s.heads + 1) * s.head_dim,
            static_cast<std::size_t>(s.batch) * s.heads * s.tokens_q),
        shape_(s),
        token_(static_cast<std::int64_t>(s.heads + 2 * s.heads_kv) * s.head_dim),
        rows_(std::max(s.tokens_q, s.tokens_kv)),
        values_(random_numbers(seed).bf16(static_cast<std::size_t>(token_ * rows_ * s.batch))),
        inputs_(values_),
        o_token_((s.heads + 1) * s.head_dim),
        valid_(std::vector<int>{s.valid_rows}),
        workspace_(kernels::attention_workspace_bytes()),
        bias_values_(random_bias(s, seed)),
        bias_(bias_values_) {
    workspace_.fill_bytes(0);
  }

  void change(std::size_t index, float value) { values_[index] = __float2bfloat16(value); }
  void copy(int from, int to) { values_[to] = values_[from]; }
  void upload() {
    CUDA_OK(cudaMemcpy(inputs_.get(), values_.data(), values_.size() * 2, cudaMemcpyHostToDevice));
  }

  [[nodiscard]] kernels::attention_params params(bool on_device) const {
    const shape& s = shape_;
    const __nv_bfloat16* const at = on_device ? inputs_.get() : values_.data();
    kernels::attention_params p;
    p.q = {at, token_ * rows_, token_, s.head_dim};
    p.k = {at + s.heads * s.head_dim, token_ * rows_, token_, s.head_dim};
    p.v = {at + (s.heads + s.heads_kv) * s.head_dim, token_ * rows_, token_, s.head_dim};
    p.o = {outputs_.get(), o_token_ * s.tokens_q, o_token_, s.head_dim};
    p.lse = lses_.get();
    p.batch = s.batch;
    p.heads = s.heads;
    p.heads_kv = s.heads_kv;
    p.tokens_q = s.tokens_q;
    p.tokens_kv = s.tokens_kv;
    p.head_dim = s.head_dim;
    p.scale = 1 / std::sqrt(static_cast<float>(s.head_dim));
    p.causal = s.causal;
    if (s.valid_rows >= 0) p.valid_rows = on_device ? valid_.get() : &shape_.valid_rows;
    p.workspace = workspace_.get();
    p.last_key_count = s.last_key_count;
    if (s.bias != bias_kind::none) p.bias = on_device ? bias_.get() : bias_values_.data();
    if (s.bias == bias_kind::per_score) {
      p.bias_query_stride = s.tokens_kv;
      p.bias_head_stride = static_cast<std::int64_t>(s.tokens_q) * s.tokens_kv;
    }
    return p;
  }

  using poisoned_outputs::run;
  void run(const kernels::attention_params& p, kernels::attention_path path) {
    run([&] { kernels::attention(p, path, nullptr); });
  }

  [[nodiscard]] std::size_t o_at(int batch, int head, int query, int i) const {
    return static_cast<std::size_t>((static_cast<std::int64_t>(batch) * shape_.tokens_q + query) *
                                        o_token_ +
                                    head * shape_.head_dim + i);
  }
  [[nodiscard]] std::size_t lse_at(int batch, int head, int query) const {
    return (static_cast<std::size_t>(batch) * shape_.heads + head) * shape_.tokens_q + query;
  }

 private:
  // About normal; the first third of the keys of every second row are hidden by -infinity.
  static std::vector<float> random_bias(const shape& s, std::uint64_t seed) {
    const int rows = s.bias == bias_kind::none      ? 0
                     : s.bias == bias_kind::per_key ? 1
                                                    : s.heads * s.tokens_q;
    random_numbers random(seed + 1);
    std::vector<float> values;
    for (int row = 0; row < rows; ++row)
      for (int key = 0; key < s.tokens_kv; ++key)
        values.push_back(row % 2 == 0 && key < s.tokens_kv / 3
                             ? -std::numeric_limits<float>::infinity()
                             : random.next());
    return values;
  }

  shape shape_;
  std::int64_t token_, rows_;
  std::vector<__nv_bfloat16> values_;
  device_buffer<__nv_bfloat16> inputs_;
  std::int64_t o_token_;
  device_buffer<int> valid_;
  device_buffer<unsigned char> workspace_;
  std::vector<float> bias_values_;
  device_buffer<float> bias_;
};

}  // namespace kernels_test
