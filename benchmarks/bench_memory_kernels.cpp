// How near the kernels between matrix products come to a copy that reads as many bytes and writes
// as many: when L2 is cold, what is read is waited for, and what is written is not. Each figure is
// the median over replays of a captured graph of 20 launches: "cold" rotates over buffers that
// together exceed L2 twice, or over 20 sets of them, "hot" stays on one set. The copy is captured
// the same way and takes its turn in every round, on buffers of its own.
//
//   bench_memory_kernels [--rounds 30] [--machine WORDS] [-o FILE]
#include <cuda_runtime.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <latency/error.hpp>
#include <latency/statistics.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "benchmarks/copy_kernel.hpp"
#include "benchmarks/cuda_ok.hpp"
#include "benchmarks/launch_graph.hpp"
#include "benchmarks/result_file.hpp"
#include "kernels/activation/activation.hpp"
#include "kernels/attention_fp8/layout.hpp"
#include "kernels/attention_fp8/quantize.hpp"
#include "kernels/layer_norm/layer_norm.hpp"
#include "kernels/patch/patch.hpp"
#include "kernels/qk_norm_rope/qk_norm_rope.hpp"
#include "kernels/random/random.hpp"
#include "kernels/renoise/renoise.hpp"
#include "kernels/rms_norm/rms_norm.hpp"

namespace {

constexpr int dim = 1536, ffn_dim = 8960, head_dim = 128;
constexpr int latent_frames = 3, patch_rows = 30, patch_columns = 52;
constexpr int tokens_per_latent_frame = patch_rows * patch_columns;
constexpr std::int64_t tokens = latent_frames * tokens_per_latent_frame;
constexpr int channels = 16;

// Random tensors of one set of buffers, freed together.
class arena {
 public:
  arena() = default;
  arena(const arena&) = delete;
  arena& operator=(const arena&) = delete;
  ~arena() {
    for (void* data : held_) cudaFree(data);
  }

  __nv_bfloat16* bf16(std::int64_t count) {
    auto* data = static_cast<__nv_bfloat16*>(made(count * 2));
    kernels::fill_uniform({data, count, {1, 1, 0}, 0, 1}, nullptr);
    return data;
  }
  float* floats(std::int64_t count) {
    auto* data = static_cast<float*>(made(count * 4));
    kernels::fill_normal({data, count, {1, 2, 0}}, nullptr);
    return data;
  }
  int* integers(const std::vector<int>& values) {
    auto* data = static_cast<int*>(made(static_cast<std::int64_t>(values.size()) * 4));
    CUDA_OK(cudaMemcpy(data, values.data(), values.size() * 4, cudaMemcpyHostToDevice));
    return data;
  }

 private:
  void* made(std::int64_t bytes) {
    void* data = nullptr;
    CUDA_OK(cudaMalloc(&data, static_cast<std::size_t>(bytes)));
    held_.push_back(data);
    return data;
  }
  std::vector<void*> held_;
};

using launch = std::function<void(cudaStream_t)>;

struct operation {
  const char* name;
  std::int64_t read_bytes, written_bytes;  // each once
  std::function<launch(arena&)> prepare;   // on buffers of its own
  bool lets_next_start = false;            // before it ends: then so does the copy beside it

  [[nodiscard]] std::int64_t bytes() const { return read_bytes + written_bytes; }
};

launch prepare_layer_norm(arena& a, bool residual, bool modulated) {
  kernels::layer_norm_params p;
  p.x = {a.bf16(tokens * dim), dim};
  p.out = {a.bf16(tokens * dim), dim};
  if (residual) p.y = {a.bf16(tokens * dim), dim};
  if (residual && modulated) p.gate = {a.bf16(dim), dim};
  if (modulated) {
    p.scale = {a.bf16(dim), dim};
    p.shift = {a.bf16(dim), dim};
  } else {
    p.weight = a.bf16(dim);
    p.bias = a.bf16(dim);
  }
  p.rows = tokens;
  p.columns = dim;
  return [p](cudaStream_t s) { kernels::layer_norm(p, s); };
}

launch prepare_rms_norm(arena& a) {
  auto* x = a.bf16(tokens * dim);
  const kernels::rms_norm_params p{{x, dim}, a.bf16(dim), {x, dim}, tokens, dim, 1e-6F};
  return [p](cudaStream_t s) { kernels::rms_norm(p, s); };
}

launch prepare_qk_norm_rope(arena& a) {
  kernels::qk_norm_rope_params p;
  p.qkv = {a.bf16(tokens * 3 * dim), 3 * dim};
  p.q_weight = a.bf16(dim);
  p.k_weight = a.bf16(dim);
  p.time = {a.floats(240 * 22 * 2), 22};
  p.height = {a.floats(patch_rows * 21 * 2), 21};
  p.width = {a.floats(patch_columns * 21 * 2), 21};
  p.time_positions = a.integers({100, 101, 102});
  p.cache_rows = a.integers({0, tokens_per_latent_frame, 2 * tokens_per_latent_frame});
  p.q_out = {a.bf16(tokens * dim), dim};
  p.k_cache = {a.bf16(tokens * dim), dim};
  p.v_cache = {a.bf16(tokens * dim), dim};
  p.tokens = tokens;
  p.dim = dim;
  p.head_dim = head_dim;
  p.patch_columns = patch_columns;
  p.tokens_per_latent_frame = tokens_per_latent_frame;
  return [p](cudaStream_t s) { kernels::qk_norm_rope(p, s); };
}

launch prepare_activation(arena& a) {
  kernels::activation_params p;
  p.x = {a.bf16(tokens * ffn_dim), ffn_dim};
  p.bias = a.bf16(ffn_dim);
  p.out = {a.bf16(tokens * ffn_dim), ffn_dim};
  p.rows = tokens;
  p.columns = ffn_dim;
  return [p](cudaStream_t s) { kernels::activation(p, s); };
}

// Queries or keys, or values that are transposed on the way, as FP8 attention wants them.
launch prepare_quantize(arena& a, bool transposed) {
  constexpr int heads = dim / head_dim, groups = kernels::fp8::groups(tokens);
  constexpr std::int64_t padded = groups * kernels::fp8::group_rows;
  const kernels::quantize_params p{{a.bf16(tokens * dim), 0, dim, head_dim},
                                   1,
                                   heads,
                                   tokens,
                                   a.integers(std::vector<int>(heads * groups))};
  auto* const to = reinterpret_cast<__nv_fp8_e4m3*>(a.bf16(padded * dim / 2));
  if (transposed)
    return [=](cudaStream_t s) {
      kernels::quantize_values(p, {to, 0, head_dim * padded, padded}, s);
    };
  return [=](cudaStream_t s) { kernels::quantize_rows(p, {to, 0, dim, head_dim}, s); };
}

constexpr kernels::patch_sizes sizes{latent_frames, channels, patch_rows, patch_columns};
constexpr std::int64_t latent_values = tokens * 4 * channels;

launch prepare_patchify(arena& a) {
  const kernels::patchify_params p{
      a.floats(latent_values), {a.bf16(latent_values), 4 * channels}, sizes};
  return [p](cudaStream_t s) { kernels::patchify(p, s); };
}

launch prepare_unpatchify(arena& a) {
  const kernels::unpatchify_params p{
      {a.bf16(latent_values), 4 * channels}, a.floats(latent_values), sizes};
  return [p](cudaStream_t s) { kernels::unpatchify(p, s); };
}

launch prepare_renoise(arena& a, bool drawn) {
  kernels::renoise_params p;
  p.x_t = p.x_next = a.floats(latent_values);
  p.flow = a.floats(latent_values);
  if (!drawn) p.eps = a.floats(latent_values);
  p.count = latent_values;
  p.sigma = 0.9375F;
  p.sigma_next = 0.8333F;
  return [p](cudaStream_t s) { kernels::renoise(p, s); };
}

constexpr std::int64_t values = tokens * dim;

const operation operations[] = {
    {"layer_norm, modulate", 2 * values, 2 * values,
     [](arena& a) { return prepare_layer_norm(a, false, true); }},
    {"residual, gate, layer_norm, modulate", 4 * values, 4 * values,
     [](arena& a) { return prepare_layer_norm(a, true, true); }},
    {"residual, layer_norm, affine", 4 * values, 4 * values,
     [](arena& a) { return prepare_layer_norm(a, true, false); }},
    {"rms_norm", 2 * values, 2 * values, prepare_rms_norm, true},
    {"qk_norm, rope, cache write", 6 * values, 6 * values, prepare_qk_norm_rope, true},
    {"bias, gelu", 2 * tokens* ffn_dim, 2 * tokens* ffn_dim, prepare_activation},
    {"bf16 to e4m3, rows", 2 * values, values, [](arena& a) { return prepare_quantize(a, false); }},
    {"bf16 to e4m3, values transposed", 2 * values, values,
     [](arena& a) { return prepare_quantize(a, true); }},
    {"patchify", 4 * latent_values, 2 * latent_values, prepare_patchify},
    {"unpatchify", 2 * latent_values, 4 * latent_values, prepare_unpatchify, true},
    {"x0, re-noise, noise given", 12 * latent_values, 4 * latent_values,
     [](arena& a) { return prepare_renoise(a, false); }, true},
    {"x0, re-noise, noise drawn", 8 * latent_values, 4 * latent_values,
     [](arena& a) { return prepare_renoise(a, true); }, true},
};

launch prepare_copy(arena& a, const operation& beside) {
  const auto read = static_cast<std::size_t>(beside.read_bytes),
             written = static_cast<std::size_t>(beside.written_bytes);
  void *from = a.bf16(beside.read_bytes / 2), *to = a.bf16(beside.written_bytes / 2);
  return [=, lets_next_start = beside.lets_next_start](cudaStream_t s) {
    benchmarks::launch_copy(to, written, from, read, lets_next_start, s);
  };
}

benchmarks::launch_graph captured(const std::vector<launch>& sets, cudaStream_t stream) {
  return {stream, [&](int i) { sets[static_cast<std::size_t>(i) % sets.size()](stream); }};
}

// Times an operation and a copy of its bytes in turn; adds their rows.
void measure(const operation& o, bool cold, int rounds, cudaStream_t stream,
             std::vector<benchmarks::row>& rows) {
  int device = 0, l2_bytes = 0;
  CUDA_OK(cudaGetDevice(&device));
  CUDA_OK(cudaDeviceGetAttribute(&l2_bytes, cudaDevAttrL2CacheSize, device));
  const int sets = cold ? static_cast<int>(std::min<std::int64_t>(
                              benchmarks::launch_graph::launches, 2 * l2_bytes / o.bytes() + 2))
                        : 1;
  arena memory;
  std::vector<launch> kernel, copy;
  for (int i = 0; i < sets; ++i) {
    kernel.push_back(o.prepare(memory));
    copy.push_back(prepare_copy(memory, o));
  }
  CUDA_OK(cudaDeviceSynchronize());
  benchmarks::launch_graph ours = captured(kernel, stream), theirs = captured(copy, stream);
  std::vector<double> ours_us, theirs_us;
  for (int round = -3; round < rounds; ++round) {
    const double us = ours.replay_us(), copy_us = theirs.replay_us();
    if (round < 0) continue;
    ours_us.push_back(us);
    theirs_us.push_back(copy_us);
  }
  benchmarks::row row = benchmarks::summarize(
      fmt::format("{}, {}", o.name, cold ? "L2-cold" : "L2-hot"), "us", ours_us);
  row.reference_name = "copy of as many bytes";
  row.reference_value = latency::percentile(theirs_us, 50);
  rows.push_back(row);
  fmt::print("{:<40} {:<5} {:>7.1f} MB {:>7.2f} us {:>6.0f} GB/s   copy {:>7.2f} us   {:>5.1f}%\n",
             o.name, cold ? "cold" : "hot", static_cast<double>(o.bytes()) / 1e6, row.value,
             static_cast<double>(o.bytes()) / row.value / 1e3, row.reference_value,
             100 * row.reference_value / row.value);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures the kernels between matrix products on this machine's GPU."};
  std::string output, machine;
  int rounds = 30;
  app.add_option("--rounds", rounds, "replays of each graph")->check(CLI::Range(3, 100000));
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("-o,--json", output, "result file to write");
  CLI11_PARSE(app, argc, argv);
  if (machine.empty()) machine = benchmarks::this_machine() + ", " + benchmarks::gpu_name();
  cudaStream_t stream = nullptr;
  CUDA_OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  std::vector<benchmarks::row> rows;
  for (const operation& o : operations)
    for (const bool cold : {true, false}) measure(o, cold, rounds, stream, rows);
  if (!output.empty())
    benchmarks::report(rows, machine, fmt::format("bench_memory_kernels --rounds {}", rounds),
                       output);
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_memory_kernels: %s\n", e.what());
  return 2;
}
