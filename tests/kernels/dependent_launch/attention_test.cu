// Attention behind a kernel that lets it begin early and touches memory late.
#include "kernels/attention/attention.hpp"

#include <memory>

#include "kernels/attention_fp8/attention_fp8.hpp"
#include "kernels/attention_fp8/layout.hpp"
#include "kernels/attention_fp8/quantize.hpp"
#include "tests/kernels/dependent_launch/late_memory.cuh"

using namespace kernels_test;

namespace {

struct attention_shape {
  int heads, tokens_q, tokens_kv, head_dim;
  bool causal = false, split = false;
  kernels::attention_path path = kernels::attention_path::hopper;
};

launch prepare_attention(late_memory& m, const attention_shape& shape) {
  const int row = shape.heads * shape.head_dim;
  const auto q_values = static_cast<std::size_t>(shape.tokens_q) * row;
  const auto kv_values = static_cast<std::size_t>(shape.tokens_kv) * row;
  kernels::attention_params p;
  p.q = {m.add_bf16(q_values), 0, row, shape.head_dim};
  p.k = {m.add_bf16(kv_values), 0, row, shape.head_dim};
  p.v = {m.add_bf16(kv_values), 0, row, shape.head_dim};
  p.o = {m.add_output<__nv_bfloat16>(q_values), 0, row, shape.head_dim};
  p.lse = m.add_output<float>(static_cast<std::size_t>(shape.heads) * shape.tokens_q);
  p.valid_rows =
      m.add(std::vector<int>{shape.tokens_kv - 3}, std::vector<int>{shape.tokens_kv / 2});
  p.heads = p.heads_kv = shape.heads;
  p.tokens_q = shape.tokens_q;
  p.tokens_kv = shape.tokens_kv;
  p.head_dim = shape.head_dim;
  p.scale = 0.1F;
  p.causal = shape.causal;
  std::shared_ptr<device_buffer<unsigned char>> workspace;
  if (shape.split) {
    workspace =
        std::make_shared<device_buffer<unsigned char>>(kernels::attention_workspace_bytes());
    workspace->fill_bytes(0);
    p.workspace = workspace->get();
  }
  return [p, path = shape.path, workspace](cudaStream_t s) { kernels::attention(p, path, s); };
}

// Finite numbers of e4m3 about 1.
std::vector<__nv_fp8_e4m3> e4m3_values(std::size_t count, unsigned seed) {
  std::vector<__nv_fp8_e4m3> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t bits = (i + seed) * 2654435761u >> 7;
    values[i].__x = static_cast<unsigned char>(0x28 + bits % 24 + (bits & 64 ? 0x80 : 0));
  }
  return values;
}

launch prepare_attention_fp8(late_memory& m) {
  constexpr int heads = 2, tokens_q = 300, tokens_kv = 1000, row = heads * 128;
  constexpr int q_groups = kernels::fp8::groups(tokens_q),
                kv_groups = kernels::fp8::groups(tokens_kv), kv_padded = kv_groups * 128;
  const auto e4m3 = [&](std::size_t count) {
    return m.add(e4m3_values(count, 1), e4m3_values(count, 77));
  };
  const auto exponents = [&](int groups) {
    const auto count = static_cast<std::size_t>(heads * groups);
    return m.add(std::vector<int>(count, -1), std::vector<int>(count, -2));
  };
  kernels::attention_fp8_params p;
  p.q = {e4m3(std::size_t{tokens_q} * row), 0, row, 128};
  p.k = {e4m3(std::size_t{tokens_kv} * row), 0, row, 128};
  p.v = {e4m3(std::size_t{row} * kv_padded), 0, 128 * kv_padded, kv_padded};
  p.q_exponents = exponents(q_groups);
  p.k_exponents = exponents(kv_groups);
  p.v_exponents = exponents(kv_groups);
  p.o = {m.add_output<__nv_bfloat16>(std::size_t{tokens_q} * row), 0, row, 128};
  p.heads = p.heads_kv = heads;
  p.tokens_q = tokens_q;
  p.tokens_kv = tokens_kv;
  p.scale = 0.1F;
  p.valid_rows = m.add(std::vector<int>{900}, std::vector<int>{500});
  return [p](cudaStream_t s) { kernels::attention_fp8(p, s); };
}

launch prepare_quantize(late_memory& m, bool transposed) {
  constexpr int heads = 2, tokens = 300, row = heads * 128;
  constexpr int groups = kernels::fp8::groups(tokens), padded = groups * 128;
  const kernels::quantize_params p{{m.add_bf16(std::size_t{tokens} * row), 0, row, 128},
                                   1,
                                   heads,
                                   tokens,
                                   m.add_output<int>(heads * groups)};
  auto* const to = m.add_output<__nv_fp8_e4m3>(std::size_t{row} * padded);
  if (transposed)
    return [=](cudaStream_t s) { kernels::quantize_values(p, {to, 0, 128 * padded, padded}, s); };
  return [=](cudaStream_t s) { kernels::quantize_rows(p, {to, 0, row, 128}, s); };
}

}  // namespace

TEST_CASE("dependent_launch: attention waits, in clusters and in pieces, too") {
  if (!hopper()) return;
  using kernels::attention_path;
  const auto of = [](const char* name, const attention_shape& shape) {
    check_that_it_waits({name, [=](late_memory& m) { return prepare_attention(m, shape); }});
  };
  of("few keys", {4, 640, 121, 128});
  of("many keys", {2, 640, 2000, 128});
  of("in pieces", {2, 640, 2000, 128, false, true});
  of("clusters", {1, 8192, 1024, 128});
  of("clusters, in pieces", {1, 8192, 4000, 128, false, true});
  of("causal", {2, 640, 2000, 128, true});
  of("causal, clusters", {1, 8192, 8192, 128, true});
  of("heads of 64", {4, 640, 2000, 64});
  of("heads of 64, causal", {4, 640, 2000, 64, true});
  of("plain", {2, 100, 200, 128, false, false, attention_path::plain});
  check_that_it_waits({"e4m3", prepare_attention_fp8});
  check_that_it_waits({"quantize_rows", [](late_memory& m) { return prepare_quantize(m, false); }});
  check_that_it_waits(
      {"quantize_values", [](late_memory& m) { return prepare_quantize(m, true); }});
}
