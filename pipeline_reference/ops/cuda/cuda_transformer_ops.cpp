#include "pipeline_reference/ops/cuda/cuda_transformer_ops.hpp"

#include <algorithm>

#include "kernels/activation/activation.hpp"
#include "kernels/attention/attention.hpp"
#include "kernels/layer_norm/layer_norm.hpp"
#include "kernels/patch/patch.hpp"
#include "kernels/qk_norm_rope/qk_norm_rope.hpp"
#include "kernels/random/random.hpp"
#include "kernels/renoise/renoise.hpp"
#include "kernels/rms_norm/rms_norm.hpp"
#include "kernels/timestep/timestep.hpp"
#include "pipeline_reference/ops/cuda/kernel_views.hpp"
#include "pipeline_reference/ops/cuda/small_kernels.hpp"

namespace ops::cuda {
namespace {

// For the product that a gate is applied to after it.
constexpr std::int64_t gated_product_bytes = 32 << 20;

kernels::activation_function function_of(activation a) {
  switch (a) {
    case activation::gelu_tanh:
      return kernels::activation_function::gelu_tanh;
    case activation::silu:
      return kernels::activation_function::silu;
    case activation::none:
      break;
  }
  return kernels::activation_function::none;
}

kernels::random_sequence sequence_of(const random_numbers& n) {
  return {n.seed, n.sequence, n.first};
}

// The norm and its place in the parameters of the kernel.
void describe(kernels::layer_norm_params& to, const norm_output& norm, const tensor& out) {
  to.out = rows(out);
  to.scale = rows(norm.scale);
  to.shift = rows(norm.shift);
  to.weight = bf16s(norm.weight);
  to.bias = bf16s(norm.bias);
  to.rows = out.rows();
  to.columns = static_cast<int>(out.columns());
  to.rows_per_latent_frame = norm.rows_per_latent_frame;
  to.eps = norm.eps;
}

kernels::patch_sizes sizes_of(const shape& latent) {
  return {static_cast<int>(latent[0]), static_cast<int>(latent[1]), static_cast<int>(latent[2] / 2),
          static_cast<int>(latent[3] / 2)};
}

}  // namespace

std::int64_t cuda_transformer_ops::workspace_bytes() const noexcept {
  return matrix_products::workspace_bytes + gated_product_bytes;
}

void cuda_transformer_ops::gemm(const gemm_params& p, stream s, workspace w) {
  const cudaStream_t on = own_.of(s);
  if (p.gate) return gated_gemm(p, on, w);
  product_params product;
  product.x = p.x;
  product.weight = p.weight;
  product.bias = p.bias;
  product.residual = p.residual;
  product.out = p.out;
  product.gelu = p.epilogue == activation::gelu_tanh;
  products_.multiply(product, on, w);
  if (p.epilogue == activation::silu) {
    kernels::activation_params silu;
    silu.x = rows(const_tensor(p.out));
    silu.out = rows(p.out);
    silu.function = kernels::activation_function::silu;
    silu.rows = p.out.rows();
    silu.columns = static_cast<int>(p.out.columns());
    kernels::activation(silu, on);
  }
}

// cuBLASLt has no epilogue with a factor per column: the product waits in the workspace, as many
// rows at a time as fit.
void cuda_transformer_ops::gated_gemm(const gemm_params& p, cudaStream_t s, workspace w) {
  const std::int64_t m = p.out.rows(), n = p.out.columns();
  if (p.residual.data != p.out.data)
    check(cudaMemcpy2DAsync(p.out.data, static_cast<std::size_t>(p.out.row_stride) * 2,
                            p.residual.data, static_cast<std::size_t>(p.residual.row_stride) * 2,
                            static_cast<std::size_t>(n) * 2, static_cast<std::size_t>(m),
                            cudaMemcpyDeviceToDevice, s),
          "copying a residual");
  if (w.bytes < workspace_bytes())
    throw latency::error("cuda back end: the workspace is smaller than workspace_bytes()");
  void* const memory = static_cast<char*>(w.data) + matrix_products::workspace_bytes;
  // Whole latent frames, or parts of one, so that a piece begins where its gate's row does.
  const std::int64_t fit = gated_product_bytes / 2 / n;
  for (std::int64_t first = 0; first < m;) {
    const std::int64_t in_frame = first % p.rows_per_latent_frame;
    const std::int64_t count = std::min({fit, m - first, p.rows_per_latent_frame - in_frame});
    product_params product;
    product.x = p.x.row_range(first, count);
    product.weight = p.weight;
    product.bias = p.bias;
    product.out = tensor(memory, dtype::bf16, {count, n});
    products_.multiply(product, s, w);
    kernels::layer_norm_params add;
    add.x = rows(p.out.row_range(first, count));
    add.y = rows(const_tensor(product.out));
    add.gate = rows(p.gate.row_range(first / p.rows_per_latent_frame, 1));
    add.rows = count;
    add.columns = static_cast<int>(n);
    kernels::layer_norm(add, s);
    first += count;
  }
}

void cuda_transformer_ops::layer_norm_modulate(const layer_norm_modulate_params& p, stream s,
                                               workspace) {
  kernels::layer_norm_params k;
  // Read only: there is no residual.
  k.x = {const_cast<__nv_bfloat16*>(bf16s(p.x)), p.x.row_stride};
  describe(k, p.norm, p.out);
  kernels::layer_norm(k, own_.of(s));
}

void cuda_transformer_ops::residual_gate_norm_modulate(const residual_gate_norm_modulate_params& p,
                                                       stream s, workspace) {
  kernels::layer_norm_params k;
  k.x = rows(p.x);
  k.y = rows(p.y);
  k.gate = rows(p.gate);
  describe(k, p.norm, p.out);
  kernels::layer_norm(k, own_.of(s));
}

void cuda_transformer_ops::rms_norm(const rms_norm_params& p, stream s, workspace) {
  kernels::rms_norm(
      {rows(p.x), bf16s(p.weight), rows(p.out), p.x.rows(), static_cast<int>(p.x.columns()), p.eps},
      own_.of(s));
}

void cuda_transformer_ops::qk_norm_rope_cache_write(const qk_norm_rope_cache_write_params& p,
                                                    stream s, workspace) {
  const auto axis = [](const const_tensor& table) {
    return kernels::rope_axis{floats(table), static_cast<int>(table.shape[1])};
  };
  require_type(p.time_positions, dtype::i32);
  require_type(p.cache_rows, dtype::i32);
  kernels::qk_norm_rope_params k;
  k.qkv = rows(p.qkv);
  k.q_weight = bf16s(p.q_weight);
  k.k_weight = bf16s(p.k_weight);
  k.time = axis(p.rope.time);
  k.height = axis(p.rope.height);
  k.width = axis(p.rope.width);
  k.time_positions = p.time_positions.as<int>();
  k.cache_rows = p.cache_rows.as<int>();
  k.q_out = rows(p.q_out);
  k.k_cache = rows(p.k_cache);
  k.v_cache = rows(p.v_cache);
  k.tokens = p.qkv.rows();
  k.dim = static_cast<int>(p.q_out.columns());
  k.head_dim = static_cast<int>(p.q_out.columns() / p.heads);
  k.patch_columns = static_cast<int>(p.rope.width.shape[0]);
  k.tokens_per_latent_frame = static_cast<int>(p.rows_per_latent_frame);
  k.eps = p.eps;
  kernels::qk_norm_rope(k, own_.of(s));
}

void* cuda_transformer_ops::attention_workspace(cudaStream_t s) {
  const std::lock_guard guard(lock_);
  for (const stream_memory& known : attention_memory_)
    if (known.stream == s) return known.memory.view().data;
  const auto bytes = static_cast<std::int64_t>(kernels::attention_workspace_bytes());
  if (bytes == 0) return nullptr;
  buffer made(memory_, dtype::u8, {bytes});
  memory_.zero(made.view().data, bytes, {s});
  attention_memory_.push_back({s, std::move(made)});
  return attention_memory_.back().memory.view().data;
}

void cuda_transformer_ops::attention(const attention_params& p, stream s, workspace) {
  row_range keys = p.keys[0];
  if (keys.count() == 0) keys = p.keys[1];
  if (p.keys[0].count() > 0 && p.keys[1].count() > 0) {
    if (p.keys[0].end != p.keys[1].begin)
      throw latency::error("cuda back end: attention to two ranges of keys that do not touch");
    keys.end = p.keys[1].end;
  }
  const std::int64_t queries = p.q.rows() / p.samples, rows_of_sample = p.k.rows() / p.samples;
  const std::int64_t head_dim = p.q.columns() / p.heads;
  const auto with_heads = [&](const auto& t, std::int64_t first_row, std::int64_t rows) {
    return kernels::attention_tensor<std::remove_pointer_t<decltype(bf16s(t))>>{
        bf16s(t.row_range(first_row, 1)), rows * t.row_stride, t.row_stride, head_dim};
  };
  kernels::attention_params k;
  k.q = with_heads(p.q, 0, queries);
  k.k = with_heads(p.k, keys.begin, rows_of_sample);
  k.v = with_heads(p.v, keys.begin, rows_of_sample);
  k.o = with_heads(p.out, 0, queries);
  k.batch = static_cast<int>(p.samples);
  k.heads = k.heads_kv = static_cast<int>(p.heads);
  k.tokens_q = static_cast<int>(queries);
  k.tokens_kv = static_cast<int>(keys.count());
  k.head_dim = static_cast<int>(head_dim);
  k.scale = p.scale;
  if (p.bias) {
    k.bias = floats(p.bias);
    k.bias_head_stride = p.bias.shape[1] * p.bias.shape[2];
    k.bias_query_stride = p.bias.shape[1] > 1 ? p.bias.shape[2] : 0;
  }
  k.last_key_count = static_cast<float>(p.last_key_count);
  k.workspace = attention_workspace(own_.of(s));
  kernels::attention(k, own_.of(s));
}

void cuda_transformer_ops::block_mask(const block_mask_params& p, stream s, workspace) {
  launch_block_mask(p.mask.as<std::uint8_t>(), p.mask.shape[0], p.tokens, p.tokens_per_block,
                    p.window_tokens, own_.of(s));
}

void cuda_transformer_ops::patchify(const patchify_params& p, stream s, workspace) {
  kernels::patchify({floats(p.latent), rows(p.rows), sizes_of(p.latent.shape)}, own_.of(s));
}

void cuda_transformer_ops::unpatchify(const unpatchify_params& p, stream s, workspace) {
  kernels::unpatchify({rows(p.rows), floats(p.latent), sizes_of(p.latent.shape)}, own_.of(s));
}

void cuda_transformer_ops::timestep_embedding(const timestep_embedding_params& p, stream s,
                                              workspace) {
  kernels::timestep_embedding(
      {floats(p.timesteps), rows(p.out), p.out.rows(), static_cast<int>(p.out.columns())},
      own_.of(s));
}

void cuda_transformer_ops::activate(const activate_params& p, stream s, workspace) {
  kernels::activation_params k;
  k.x = rows(p.x);
  k.out = rows(p.out);
  k.function = function_of(p.function);
  k.rows = p.x.rows();
  k.columns = static_cast<int>(p.x.columns());
  kernels::activation(k, own_.of(s));
}

void cuda_transformer_ops::gated_activation(const gated_activation_params& p, stream s, workspace) {
  kernels::activation_params k;
  k.x = rows(p.gate);
  k.multiplier = rows(p.x);
  k.out = rows(p.out);
  k.function = function_of(p.function);
  k.rows = p.out.rows();
  k.columns = static_cast<int>(p.out.columns());
  kernels::activation(k, own_.of(s));
}

void cuda_transformer_ops::relative_bias(const relative_bias_params& p, stream s, workspace) {
  launch_relative_bias(floats(p.by_distance), p.by_distance.columns(), floats(p.out),
                       p.out.shape[0], p.out.columns(), own_.of(s));
}

void cuda_transformer_ops::broadcast_add(const broadcast_add_params& p, stream s, workspace) {
  launch_broadcast_add(bf16s(p.table), p.table.row_stride, bf16s(p.rows), p.rows.row_stride,
                       bf16s(p.out), p.table.rows(), p.rows.rows(), p.rows.columns(), own_.of(s));
}

void cuda_transformer_ops::fill_normal(const fill_normal_params& p, stream s, workspace) {
  kernels::fill_normal({floats(p.out), p.out.elements(), sequence_of(p.numbers)}, own_.of(s));
}

void cuda_transformer_ops::x0_renoise(const x0_renoise_params& p, stream s, workspace) {
  kernels::renoise_params k;
  k.x_t = floats(p.x_t);
  k.flow = floats(p.flow);
  k.x0 = floats(p.x0);
  k.x_next = floats(p.x_next);
  k.eps = floats(p.eps);
  k.numbers = sequence_of(p.numbers);
  k.count = p.x_t.elements();
  k.sigma = p.sigma;
  k.sigma_next = p.sigma_next;
  kernels::renoise(k, own_.of(s));
}

// Rows that move by less than their count overlap: they go in pieces as long as the way that they
// go, the ones at the destination first, so that no piece lands on rows still to be moved.
void cuda_transformer_ops::move_rows(const move_rows_params& p, stream s, workspace) {
  if (p.count <= 0 || p.from == p.to) return;
  const std::int64_t way = p.to < p.from ? p.from - p.to : p.to - p.from;
  const std::size_t pitch = static_cast<std::size_t>(p.rows.row_stride * size_bytes(p.rows.type));
  const std::size_t width = static_cast<std::size_t>(p.rows.columns() * size_bytes(p.rows.type));
  for (std::int64_t done = 0; done < p.count; done += way) {
    const std::int64_t count = std::min(way, p.count - done);
    const std::int64_t first = p.to < p.from ? done : p.count - done - count;
    void* const to = p.rows.row_range(p.to + first, count).data;
    const void* const from = p.rows.row_range(p.from + first, count).data;
    const auto height = static_cast<std::size_t>(count);
    if (pitch == width)  // one run of bytes is moved faster than rows
      check(cudaMemcpyAsync(to, from, pitch * height, cudaMemcpyDeviceToDevice, own_.of(s)),
            "moving rows");
    else
      check(cudaMemcpy2DAsync(to, pitch, from, pitch, width, height, cudaMemcpyDeviceToDevice,
                              own_.of(s)),
            "moving rows");
  }
}

}  // namespace ops::cuda
