#include "benchmarks/attention_launches.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "kernels/attention/attention.hpp"
#include "kernels/attention_fp8/layout.hpp"
#include "kernels/attention_fp8/quantize.hpp"

namespace benchmarks {

namespace {

// Normal numbers, made once; tensors are filled from it again and again.
const std::vector<__nv_bfloat16>& noise() {
  static const std::vector<__nv_bfloat16> values = [] {
    std::mt19937_64 random(1);
    std::normal_distribution<float> normal;
    std::vector<__nv_bfloat16> made((std::size_t{1} << 22) + 12345);
    for (__nv_bfloat16& x : made) x = __float2bfloat16(normal(random));
    return made;
  }();
  return values;
}

device_memory random_tensor(std::size_t count) {
  device_memory tensor(count * 2);
  for (std::size_t done = 0; done < count; done += noise().size())
    CUDA_OK(cudaMemcpy(tensor.as<__nv_bfloat16>() + done, noise().data(),
                       std::min(noise().size(), count - done) * 2, cudaMemcpyHostToDevice));
  return tensor;
}

// Of one token, all heads; of all tokens of one batch.
std::int64_t row_of(const attention_shape& s) {
  return static_cast<std::int64_t>(s.heads) * s.head_dim;
}
std::size_t count_of(const attention_shape& s, int tokens) {
  return static_cast<std::size_t>(row_of(s)) * tokens * s.batch;
}

template <class Params>
void set_sizes(Params& p, const attention_shape& s, void* workspace) {
  p.batch = s.batch;
  p.heads = p.heads_kv = s.heads;
  p.tokens_q = s.tokens_q;
  p.tokens_kv = s.tokens_kv;
  p.scale = 1 / std::sqrt(static_cast<float>(s.head_dim));
  p.workspace = workspace;
}

}  // namespace

attention_launches::attention_launches(const attention_shape& s)
    : workspace_(kernels::attention_workspace_bytes()) {
  CUDA_OK(cudaMemset(workspace_.as<void>(), 0, kernels::attention_workspace_bytes()));
  int device = 0, l2_bytes = 0;
  CUDA_OK(cudaGetDevice(&device));
  CUDA_OK(cudaDeviceGetAttribute(&l2_bytes, cudaDevAttrL2CacheSize, device));
  const bool e4m3 = s.format == attention_format::e4m3;
  const std::size_t q_bytes = (e4m3 ? 3 : 4) * count_of(s, s.tokens_q);  // with the output
  const std::size_t kv_bytes = (e4m3 ? 2 : 4) * count_of(s, s.tokens_kv);
  const std::size_t sets = 2 * static_cast<std::size_t>(l2_bytes) / (q_bytes + kv_bytes) + 2;
  for (std::size_t i = 0; i < sets; ++i) e4m3 ? add_e4m3(s) : add_bf16(s);
}

void attention_launches::add_bf16(const attention_shape& s) {
  const std::int64_t row = row_of(s);
  const auto tensor = [&](int tokens) {
    memory_.push_back(random_tensor(count_of(s, tokens)));
    return kernels::attention_tensor<__nv_bfloat16>{memory_.back().as<__nv_bfloat16>(),
                                                    row * tokens, row, s.head_dim};
  };
  const auto constant = [](const kernels::attention_tensor<__nv_bfloat16>& t) {
    return kernels::attention_tensor<const __nv_bfloat16>{t.data, t.batch_stride, t.token_stride,
                                                          t.head_stride};
  };
  kernels::attention_params p;
  p.q = constant(tensor(s.tokens_q));
  p.k = constant(tensor(s.tokens_kv));
  p.v = constant(tensor(s.tokens_kv));
  p.o = tensor(s.tokens_q);
  p.head_dim = s.head_dim;
  p.causal = s.causal;
  set_sizes(p, s, workspace_.as<void>());
  path_ = kernels::describe(kernels::choose_attention_path(p));
  turns_.emplace_back([p](cudaStream_t stream) { kernels::attention(p, stream); });
}

void attention_launches::add_e4m3(const attention_shape& s) {
  const std::int64_t row = row_of(s);
  const auto bytes = [&](std::size_t count) {
    memory_.emplace_back(count);
    return memory_.back().as<void>();
  };
  const auto exponents = [&](int tokens) {
    return static_cast<int*>(bytes(sizeof(int) * static_cast<std::size_t>(s.batch) * s.heads *
                                   static_cast<std::size_t>(kernels::fp8::groups(tokens))));
  };
  // Quantizes fresh numbers, which are not needed any more then.
  const auto quantized = [&](int tokens, int* to_exponents, const auto& quantize) {
    const device_memory numbers = random_tensor(count_of(s, tokens));
    quantize(kernels::quantize_params{{numbers.as<__nv_bfloat16>(), row * tokens, row, s.head_dim},
                                      s.batch,
                                      s.heads,
                                      tokens,
                                      to_exponents});
    CUDA_OK(cudaDeviceSynchronize());
  };
  const auto rows = [&](int tokens, const int*& of) {
    int* const made = exponents(tokens);
    of = made;
    const kernels::attention_tensor<__nv_fp8_e4m3> to{
        static_cast<__nv_fp8_e4m3*>(bytes(count_of(s, tokens))), row * tokens, row, s.head_dim};
    quantized(tokens, made, [&](const auto& from) { kernels::quantize_rows(from, to, nullptr); });
    return kernels::attention_tensor<const __nv_fp8_e4m3>{to.data, to.batch_stride, to.token_stride,
                                                          to.head_stride};
  };
  kernels::attention_fp8_params p;
  p.q = rows(s.tokens_q, p.q_exponents);
  p.k = rows(s.tokens_kv, p.k_exponents);
  const std::int64_t pitch = kernels::fp8::groups(s.tokens_kv) * kernels::fp8::group_rows;
  const kernels::transposed_tensor<__nv_fp8_e4m3> v{
      static_cast<__nv_fp8_e4m3*>(bytes(static_cast<std::size_t>(row * pitch) * s.batch)),
      row * pitch, s.head_dim * pitch, pitch};
  int* const v_exponents = exponents(s.tokens_kv);
  quantized(s.tokens_kv, v_exponents,
            [&](const auto& from) { kernels::quantize_values(from, v, nullptr); });
  p.v = {v.data, v.batch_stride, v.head_stride, v.dim_stride};
  p.v_exponents = v_exponents;
  p.o = {static_cast<__nv_bfloat16*>(bytes(2 * count_of(s, s.tokens_q))), row * s.tokens_q, row,
         s.head_dim};
  set_sizes(p, s, workspace_.as<void>());
  path_ = "fp8, sm_90a";
  turns_.emplace_back([p](cudaStream_t stream) { kernels::attention_fp8(p, stream); });
}

}  // namespace benchmarks
