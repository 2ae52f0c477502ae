#pragma once
// Tensors of one problem of FP8 attention on both sides, before and after quantization.

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/attention_fp8/attention_fp8.hpp"
#include "kernels/attention_fp8/quantize_ref.hpp"
#include "tests/kernels/attention/poisoned_outputs.hpp"
#include "tests/kernels/device_buffer.hpp"

namespace kernels_test {

struct shape {
  int batch, heads, heads_kv, tokens_q, tokens_kv;
  int valid_rows = -1;  // in device memory, unless negative
};

inline std::string words(const shape& s) {
  return std::to_string(s.batch) + " x " + std::to_string(s.heads) + "/" +
         std::to_string(s.heads_kv) + " heads, " + std::to_string(s.tokens_q) + " x " +
         std::to_string(s.tokens_kv) +
         (s.valid_rows >= 0 ? ", " + std::to_string(s.valid_rows) + " valid" : "");
}

// A tensor of one problem: bf16 on both sides, e4m3 and exponents as the kernels wrote them and as
// the reference did. Rows lie with a gap behind each token, or, transposed, behind each dimension.
class quantized_tensor {
 public:
  quantized_tensor(int batch, int heads, int tokens, bool transposed, std::uint64_t seed)
      : batch_(batch),
        heads_(heads),
        tokens_(tokens),
        transposed_(transposed),
        row_((heads + 1) * 128),
        pitch_(kernels::fp8::groups(tokens) * kernels::fp8::group_rows + 32),
        bf16_(kernels_test::random_numbers(seed).bf16(static_cast<std::size_t>(batch) * tokens *
                                                      row_)),
        bf16_device_(bf16_),
        bytes_(static_cast<std::size_t>(batch) *
               (transposed ? heads * 128 * pitch_ : tokens * row_)),
        exponents_(static_cast<std::size_t>(batch) * heads * kernels::fp8::groups(tokens)),
        bytes_device_(bytes_.size()),
        exponents_device_(exponents_.size()) {
    // Sizes differ from group to group, so that a scale of the wrong group shows.
    for (std::size_t i = 0; i < bf16_.size(); ++i) {
      const int token = static_cast<int>(i / static_cast<std::size_t>(row_)) % tokens;
      const float by = std::ldexp(1.0f, token / kernels::fp8::group_rows % 3 - 1);
      bf16_[i] = __float2bfloat16(__bfloat162float(bf16_[i]) * by);
    }
    quantize();
  }

  void change(int token, int dim, float value) {  // of the first head
    bf16_[static_cast<std::size_t>(token) * row_ + dim] = __float2bfloat16(value);
  }
  // Both sides anew; poison between what is written stays.
  void quantize() {
    CUDA_OK(cudaMemcpy(bf16_device_.get(), bf16_.data(), bf16_.size() * 2, cudaMemcpyHostToDevice));
    std::memset(static_cast<void*>(bytes_.data()), 0xFF, bytes_.size());
    bytes_device_.fill_bytes(0xFF);
    exponents_device_.fill_bytes(0x55);
    const kernels::quantize_params host{rows(false), batch_, heads_, tokens_, exponents_.data()};
    const kernels::quantize_params device{rows(true), batch_, heads_, tokens_,
                                          exponents_device_.get()};
    if (transposed_) {
      kernels::quantize_values_ref(host,
                                   {bytes_.data(), heads_ * 128 * pitch_, 128 * pitch_, pitch_});
      kernels::quantize_values(
          device, {bytes_device_.get(), heads_ * 128 * pitch_, 128 * pitch_, pitch_}, nullptr);
    } else {
      kernels::quantize_rows_ref(host, {bytes_.data(), tokens_ * row_, row_, 128});
      kernels::quantize_rows(device, {bytes_device_.get(), tokens_ * row_, row_, 128}, nullptr);
    }
    CUDA_OK(cudaDeviceSynchronize());
  }

  [[nodiscard]] bool same_on_both_sides() const {
    const auto bytes = bytes_device_.values();
    return std::memcmp(bytes.data(), bytes_.data(), bytes.size()) == 0 &&
           exponents_device_.values() == exponents_;
  }
  [[nodiscard]] kernels::attention_tensor<const __nv_bfloat16> rows(bool on_device) const {
    return {on_device ? bf16_device_.get() : bf16_.data(), tokens_ * row_, row_, 128};
  }
  [[nodiscard]] kernels::attention_tensor<const __nv_fp8_e4m3> e4m3(bool on_device) const {
    return {on_device ? bytes_device_.get() : bytes_.data(), tokens_ * row_, row_, 128};
  }
  [[nodiscard]] kernels::transposed_tensor<const __nv_fp8_e4m3> values(bool on_device) const {
    return {on_device ? bytes_device_.get() : bytes_.data(), heads_ * 128 * pitch_, 128 * pitch_,
            pitch_};
  }
  [[nodiscard]] const int* exponents(bool on_device) const {
    return on_device ? exponents_device_.get() : exponents_.data();
  }

 private:
  int batch_, heads_, tokens_;
  bool transposed_;
  std::int64_t row_, pitch_;
  std::vector<__nv_bfloat16> bf16_;
  device_buffer<__nv_bfloat16> bf16_device_;
  std::vector<__nv_fp8_e4m3> bytes_;
  std::vector<int> exponents_;
  device_buffer<__nv_fp8_e4m3> bytes_device_;
  device_buffer<int> exponents_device_;
};

class problem : public poisoned_outputs {
 public:
  problem(const shape& s, std::uint64_t seed)
      : poisoned_outputs(static_cast<std::size_t>(s.batch) * s.tokens_q * (s.heads + 1) * 128,
                         static_cast<std::size_t>(s.batch) * s.heads * s.tokens_q),
        q(s.batch, s.heads, s.tokens_q, false, seed),
        k(s.batch, s.heads_kv, s.tokens_kv, false, seed + 1),
        v(s.batch, s.heads_kv, s.tokens_kv, true, seed + 2),
        shape_(s),
        valid_(std::vector<int>{s.valid_rows}),
        workspace_(kernels::attention_workspace_bytes()) {
    workspace_.fill_bytes(0);
  }

  [[nodiscard]] kernels::attention_fp8_params params(bool on_device) const {
    kernels::attention_fp8_params p;
    p.q = q.e4m3(on_device);
    p.k = k.e4m3(on_device);
    p.v = v.values(on_device);
    p.q_exponents = q.exponents(on_device);
    p.k_exponents = k.exponents(on_device);
    p.v_exponents = v.exponents(on_device);
    fill(p, on_device);
    return p;
  }
  // The same before quantization.
  [[nodiscard]] kernels::attention_params bf16_params(bool on_device) const {
    kernels::attention_params p;
    p.q = q.rows(on_device);
    p.k = k.rows(on_device);
    p.v = v.rows(on_device);
    fill(p, on_device);
    return p;
  }

  void run_fp8(bool with_workspace) {
    kernels::attention_fp8_params p = params(true);
    if (!with_workspace) p.workspace = nullptr;
    run([&] { kernels::attention_fp8(p, nullptr); });
  }

  [[nodiscard]] double o_at(int batch, int head, int query, int i) const {
    const std::int64_t at =
        (static_cast<std::int64_t>(batch) * shape_.tokens_q + query) * o_token() + head * 128 + i;
    return static_cast<double>(__bfloat162float(o[static_cast<std::size_t>(at)]));
  }
  [[nodiscard]] double lse_at(int batch, int head, int query) const {
    return static_cast<double>(
        lse[(static_cast<std::size_t>(batch) * shape_.heads + head) * shape_.tokens_q + query]);
  }
  [[nodiscard]] std::int64_t o_token() const { return (shape_.heads + 1) * 128; }

  quantized_tensor q, k, v;

 private:
  template <class Params>
  void fill(Params& p, bool on_device) const {
    const shape& s = shape_;
    p.o = {outputs_.get(), o_token() * s.tokens_q, o_token(), 128};
    p.lse = lses_.get();
    p.batch = s.batch;
    p.heads = s.heads;
    p.heads_kv = s.heads_kv;
    p.tokens_q = s.tokens_q;
    p.tokens_kv = s.tokens_kv;
    p.scale = 1 / std::sqrt(128.0f);
    if (s.valid_rows >= 0) p.valid_rows = on_device ? valid_.get() : &shape_.valid_rows;
    p.workspace = workspace_.get();
  }

  shape shape_;
  device_buffer<int> valid_;
  device_buffer<unsigned char> workspace_;
};

}  // namespace kernels_test
