// Kernels behind one that lets them begin early and touches memory late: what they read, what they
// write, and what a third kernel reads behind them are as if each launch had been waited for.
#include "kernels/dependent_launch.cuh"

#include "kernels/activation/activation.hpp"
#include "kernels/layer_norm/layer_norm.hpp"
#include "kernels/patch/patch.hpp"
#include "kernels/qk_norm_rope/qk_norm_rope.hpp"
#include "kernels/random/random.hpp"
#include "kernels/renoise/renoise.hpp"
#include "kernels/rms_norm/rms_norm.hpp"
#include "kernels/timestep/timestep.hpp"
#include "tests/kernels/dependent_launch/late_memory.cuh"

using namespace kernels_test;

namespace {

constexpr int rows = 200, columns = 1536;
constexpr std::size_t elements = std::size_t{rows} * columns;

launch prepare_layer_norm(late_memory& m, bool residual) {
  kernels::layer_norm_params p;
  p.x = {m.add_bf16(elements), columns};
  p.out = {m.add_output<__nv_bfloat16>(elements), columns};
  if (residual) {
    p.y = {m.add_bf16(elements), columns};
    p.gate = {m.add_bf16(columns), columns};
  }
  p.scale = {m.add_bf16(columns), columns};
  p.shift = {m.add_bf16(columns), columns};
  p.rows = rows;
  p.columns = columns;
  return [p](cudaStream_t s) { kernels::layer_norm(p, s); };
}

launch prepare_rms_norm(late_memory& m) {
  const kernels::rms_norm_params p{{m.add_bf16(elements), columns},
                                   m.add_bf16(columns),
                                   {m.add_output<__nv_bfloat16>(elements), columns},
                                   rows,
                                   columns};
  return [p](cudaStream_t s) { kernels::rms_norm(p, s); };
}

launch prepare_qk_norm_rope(late_memory& m) {
  constexpr int patch_rows = 5, patch_columns = 8, frames = 3,
                of_frame = patch_rows * patch_columns;
  constexpr int tokens = frames * of_frame;
  kernels::qk_norm_rope_params p;
  p.qkv = {m.add_bf16(std::size_t{3} * tokens * columns), 3 * columns};
  p.q_weight = m.add_bf16(columns);
  p.k_weight = m.add_bf16(columns);
  p.time = {m.add_floats(8 * 22 * 2), 22};
  p.height = {m.add_floats(patch_rows * 21 * 2), 21};
  p.width = {m.add_floats(patch_columns * 21 * 2), 21};
  p.time_positions = m.add(std::vector<int>{3, 4, 5}, std::vector<int>{0, 1, 2});
  p.cache_rows = m.add(std::vector<int>{0, of_frame, 2 * of_frame},
                       std::vector<int>{2 * of_frame, 0, of_frame});
  p.q_out = {m.add_output<__nv_bfloat16>(std::size_t{tokens} * columns), columns};
  p.k_cache = {m.add_output<__nv_bfloat16>(std::size_t{tokens} * columns), columns};
  p.v_cache = {m.add_output<__nv_bfloat16>(std::size_t{tokens} * columns), columns};
  p.tokens = tokens;
  p.dim = columns;
  p.head_dim = 128;
  p.patch_columns = patch_columns;
  p.tokens_per_latent_frame = of_frame;
  return [p](cudaStream_t s) { kernels::qk_norm_rope(p, s); };
}

launch prepare_activation(late_memory& m, kernels::activation_function function) {
  kernels::activation_params p;
  p.x = {m.add_bf16(elements), columns};
  p.bias = m.add_bf16(columns);
  p.multiplier = {m.add_bf16(elements), columns};
  p.out = {m.add_output<__nv_bfloat16>(elements), columns};
  p.function = function;
  p.rows = rows;
  p.columns = columns;
  return [p](cudaStream_t s) { kernels::activation(p, s); };
}

constexpr kernels::patch_sizes sizes{3, 16, 10, 12};
constexpr std::size_t latent_values = std::size_t{3} * 16 * 20 * 24;

launch prepare_patchify(late_memory& m) {
  const kernels::patchify_params p{
      m.add_floats(latent_values), {m.add_output<__nv_bfloat16>(latent_values), 64}, sizes};
  return [p](cudaStream_t s) { kernels::patchify(p, s); };
}
launch prepare_unpatchify(late_memory& m) {
  const kernels::unpatchify_params p{
      {m.add_bf16(latent_values), 64}, m.add_output<float>(latent_values), sizes};
  return [p](cudaStream_t s) { kernels::unpatchify(p, s); };
}

launch prepare_renoise(late_memory& m, bool drawn) {
  kernels::renoise_params p;
  p.x_t = m.add_floats(latent_values);
  p.flow = m.add_floats(latent_values);
  if (!drawn) p.eps = m.add_floats(latent_values);
  p.x_next = m.add_output<float>(latent_values);
  p.count = latent_values;
  p.sigma = 0.9375F;
  p.sigma_next = 0.8333F;
  return [p](cudaStream_t s) { kernels::renoise(p, s); };
}

launch prepare_fill_normal(late_memory& m) {
  const kernels::fill_normal_params p{m.add_output<float>(latent_values), latent_values, {1, 2, 0}};
  return [p](cudaStream_t s) { kernels::fill_normal(p, s); };
}
launch prepare_fill_uniform(late_memory& m) {
  const kernels::fill_uniform_params p{
      m.add_output<__nv_bfloat16>(latent_values), latent_values, {1, 2, 0}, 0, 1};
  return [p](cudaStream_t s) { kernels::fill_uniform(p, s); };
}

launch prepare_timestep(late_memory& m) {
  const kernels::timestep_embedding_params p{
      m.add_floats(rows), {m.add_output<__nv_bfloat16>(std::size_t{rows} * 256), 256}, rows, 256};
  return [p](cudaStream_t s) { kernels::timestep_embedding(p, s); };
}

// What no kernel may be.
__global__ void careless_kernel(uint4* to, const uint4* from) {
  to[threadIdx.x] = from[threadIdx.x];
}
launch prepare_careless(late_memory& m) {
  auto* const from = reinterpret_cast<const uint4*>(m.add_bf16(8 * 32));
  auto* const to = reinterpret_cast<uint4*>(m.add_output<__nv_bfloat16>(8 * 32));
  return [=](cudaStream_t s) { kernels::launch_dependent(careless_kernel, 1, 32, s, to, from); };
}

}  // namespace

TEST_CASE("dependent_launch: a kernel that does not wait is caught") {
  if (!hopper()) return;
  const late_chain chain({"careless", prepare_careless});
  for (const hazard h : {hazard::reads_too_early, hazard::writes_too_early}) {
    CAPTURE(static_cast<int>(h));
    CHECK(chain.times_right(h, 10) < 10);
    CHECK(chain.times_right_replayed(h, 10) < 10);
  }
  // Whether a device lets the third kernel begin before the first is over is for it to decide.
  WARN(chain.times_right(hazard::is_over_too_early, 10) < 10);
  WARN(chain.times_right_replayed(hazard::is_over_too_early, 10) < 10);
}

TEST_CASE("dependent_launch: the kernels between products wait") {
  if (!hopper()) return;
  using kernels::activation_function;
  for (const late_operation& of : std::vector<late_operation>{
           {"layer_norm", [](late_memory& m) { return prepare_layer_norm(m, false); }},
           {"layer_norm, residual", [](late_memory& m) { return prepare_layer_norm(m, true); }},
           {"rms_norm", prepare_rms_norm},
           {"qk_norm_rope", prepare_qk_norm_rope},
           {"no activation",
            [](late_memory& m) { return prepare_activation(m, activation_function::none); }},
           {"gelu",
            [](late_memory& m) { return prepare_activation(m, activation_function::gelu_tanh); }},
           {"silu",
            [](late_memory& m) { return prepare_activation(m, activation_function::silu); }},
           {"patchify", prepare_patchify},
           {"unpatchify", prepare_unpatchify},
           {"renoise", [](late_memory& m) { return prepare_renoise(m, false); }},
           {"renoise, drawn", [](late_memory& m) { return prepare_renoise(m, true); }},
           {"fill_normal", prepare_fill_normal},
           {"fill_uniform", prepare_fill_uniform},
           {"timestep_embedding", prepare_timestep}})
    check_that_it_waits(of);
}

TEST_CASE("dependent_launch: copies, memsets, events and other streams are waited for as ever") {
  if (!hopper()) return;
  const late_chain chain({"rms_norm", prepare_rms_norm});
  const late_memory& m = chain.memory();
  cudaStream_t other = nullptr;
  cudaEvent_t between = nullptr, begun = nullptr, done = nullptr;
  CUDA_OK(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
  for (cudaEvent_t* e : {&between, &begun, &done}) CUDA_OK(cudaEventCreate(e));
  const device_buffer<int> scratch(1);
  for (const bool captured : {false, true}) {
    CAPTURE(captured);
    const auto check = [&](const char* what, const auto& launch_all) {
      CAPTURE(what);
      cudaGraph_t graph = nullptr;
      cudaGraphExec_t replay = nullptr;
      if (captured) {
        CUDA_OK(cudaStreamBeginCapture(chain.stream(), cudaStreamCaptureModeThreadLocal));
        launch_all();
        CUDA_OK(cudaStreamEndCapture(chain.stream(), &graph));
        CUDA_OK(cudaGraphInstantiate(&replay, graph, 0));
      }
      for (int i = 0; i < 10; ++i) {
        if (captured)
          CUDA_OK(cudaGraphLaunch(replay, chain.stream()));
        else
          launch_all();
        CUDA_OK(cudaStreamSynchronize(chain.stream()));
        CHECK(m.live() == chain.expected());
      }
      if (!captured) return;
      CUDA_OK(cudaGraphExecDestroy(replay));
      CUDA_OK(cudaGraphDestroy(graph));
    };
    check("a copy", [&] {
      m.make_live_stale(chain.stream());
      m.see_live_late(chain.stream());
      m.make_live_fresh(chain.stream());
      chain.run();
    });
    check("a memset", [&] {
      m.make_live_stale(chain.stream());
      m.make_live_fresh_late(chain.stream());
      CUDA_OK(cudaMemsetAsync(scratch.get(), 0, sizeof(int), chain.stream()));
      chain.run();
    });
    check("an event", [&] {
      m.make_live_stale(chain.stream());
      m.make_live_fresh_late(chain.stream());
      CUDA_OK(cudaEventRecordWithFlags(
          between, chain.stream(), captured ? cudaEventRecordExternal : cudaEventRecordDefault));
      chain.run();
    });
    check("another stream's kernel ahead, and one behind", [&] {
      m.make_live_stale(chain.stream());
      m.make_live_fresh_late(chain.stream());
      chain.run();
      CUDA_OK(cudaEventRecord(begun, chain.stream()));
      CUDA_OK(cudaStreamWaitEvent(other, begun, 0));
      m.see_live_late(other);  // the result
      m.make_live_fresh_late(other);
      CUDA_OK(cudaEventRecord(done, other));
      CUDA_OK(cudaStreamWaitEvent(chain.stream(), done, 0));
      chain.run();
    });
    CHECK(m.seen() == chain.expected());
  }
  for (cudaEvent_t e : {between, begun, done}) CUDA_OK(cudaEventDestroy(e));
  CUDA_OK(cudaStreamDestroy(other));
}
