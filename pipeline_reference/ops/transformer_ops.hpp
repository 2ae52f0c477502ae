#pragma once
// The operations of the transformer, at the granularity at which a back end can fuse them. Models
// are written once over this interface; each back end implements it.
//
// Rules for every operation:
// - it is enqueued on the stream, reads and writes back-end memory only, and returns nothing;
//   reading a result goes through memory::download. On the CPU it has finished when it returns;
// - it allocates nothing; scratch comes from the workspace (workspace_bytes() is enough for all);
// - shapes are checked by the caller (the model), which builds its tensors once; a back end throws
//   latency::error for dtypes that it does not support;
// - inputs and outputs do not overlap unless the comment says so;
// - `m` rows are tokens; row r belongs to latent frame r / rows_per_latent_frame of the call.
// One thread at a time may use one stream; the object itself has no mutable state.

#include <cstdint>

#include "pipeline_reference/ops/tensor.hpp"

namespace ops {

enum class activation : std::uint8_t { none, gelu_tanh, silu };

// out = activation(x * weight^T + bias), or with a residual
// out = residual + gate * (x * weight^T + bias).
struct gemm_params {
  const_tensor x;       // [m, k], any row stride
  const_tensor weight;  // [n, k], of storage() or another dtype that multiplies()
  const_tensor bias;    // [n], optional
  tensor out;           // [m, n], any row stride
  activation epilogue = activation::none;
  const_tensor residual;  // [m, n], optional, may be `out`; only with activation::none
  const_tensor gate;      // [latent frames, n], optional; only with a residual
  std::int64_t rows_per_latent_frame = 0;  // with a gate
};

// What follows a normalisation: per latent frame `* (1 + scale) + shift`, or `* weight + bias`,
// or nothing when all four are absent.
struct norm_output {
  const_tensor shift, scale;               // [latent frames, n], any row stride
  const_tensor weight, bias;               // [n]
  std::int64_t rows_per_latent_frame = 0;  // with shift and scale
  float eps = 1e-6F;
};

// out = LayerNorm(x) * ..., over the n values of a row (biased variance).
struct layer_norm_modulate_params {
  const_tensor x;  // [m, n]
  tensor out;      // [m, n]
  norm_output norm;
};

// x += y * gate; out = LayerNorm(x) * ...
struct residual_gate_norm_modulate_params {
  tensor x;           // [m, n], updated
  const_tensor y;     // [m, n]
  const_tensor gate;  // [latent frames, n], optional (absent: 1)
  tensor out;         // [m, n]; may be the memory of y
  norm_output norm;   // rows_per_latent_frame also serves the gate
};

// out = x / sqrt(mean(x^2) + eps) * weight, over the n values of a row.
struct rms_norm_params {
  const_tensor x;       // [m, n], any row stride
  const_tensor weight;  // [n]
  tensor out;           // [m, n], may be x
  float eps = 1e-6F;
};

// cos and sin of position * frequency for the three axes of a token, as [positions, pairs, 2].
// Pairs are the adjacent elements (2i, 2i + 1) of a head: first those of time, then those of
// height, then those of width.
struct rope_tables {
  const_tensor time;    // f32 [latent frames of a clip, time pairs, 2]
  const_tensor height;  // f32 [patch rows, height pairs, 2]
  const_tensor width;   // f32 [patch columns, width pairs, 2]
};

// Splits packed q, k, v; RMS-normalises q and k over their full width; rotates them; leaves q in
// `q_out` and writes k and v into the cache. The token of latent frame f of the call, patch row i,
// patch column j sits at time position time_positions[f]. Its cache row is
// cache_rows[f] + i * patch columns + j; nothing is written when cache_rows[f] is -1.
// Latent frames of several samples stand one after another. Positions are read from back-end
// memory, so a captured call serves a whole run.
struct qk_norm_rope_cache_write_params {
  const_tensor qkv;                 // [m, 3 * dim]: q | k | v
  const_tensor q_weight, k_weight;  // [dim], RMSNorm gains
  rope_tables rope;
  const_tensor time_positions;  // i32 [latent frames of the call], in back-end memory
  const_tensor cache_rows;      // likewise
  tensor q_out;                 // [m, dim]
  tensor k_cache, v_cache;      // [rows, dim]
  std::int64_t heads = 0;
  std::int64_t rows_per_latent_frame = 0;
  float eps = 1e-6F;
};

// Half-open range of cache rows.
struct row_range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  [[nodiscard]] constexpr std::int64_t count() const { return end - begin; }
};

// out = softmax(q * k^T * scale + bias) * v per head, unmasked, over the rows of both ranges in
// order (the second may be empty). Head h owns columns [h * head_dim, (h + 1) * head_dim).
struct attention_params {
  const_tensor q;     // [samples * m, heads * head_dim], any row stride
  const_tensor k, v;  // [samples * rows, heads * head_dim], any row stride
  row_range keys[2];  // of every sample; disjoint, inside [0, rows); not both empty
  const_tensor bias;  // optional f32 [heads, m or 1, attended rows], contiguous
  // The last attended row counts this many times, as if it stood there so often; not with a bias.
  std::int64_t last_key_count = 1;
  tensor out;  // [samples * m, heads * head_dim]
  std::int64_t heads = 0;
  float scale = 1.0F;
  std::int64_t samples = 1;  // queries see the keys of their own sample; 1 with a bias
};

// rows[(f * ph + i) * pw + j][(c * 2 + dh) * 2 + dw] = latent[f][c][2i + dh][2j + dw]
struct patchify_params {
  const_tensor latent;  // [F, C, 2 * ph, 2 * pw]
  tensor rows;          // [F * ph * pw, 4 * C]
};

// latent[f][c][2i + dh][2j + dw] = rows[(f * ph + i) * pw + j][(dh * 2 + dw) * C + c]
struct unpatchify_params {
  const_tensor rows;  // [F * ph * pw, 4 * C]
  tensor latent;      // f32 [F, C, 2 * ph, 2 * pw]
};

// out[i] = [cos(t_i * w) | sin(t_i * w)], w_j = 10000^(-j / (n / 2)), evaluated in double.
struct timestep_embedding_params {
  const_tensor timesteps;  // f32 [m]
  tensor out;              // [m, n], n even
};

// out = activation(x), elementwise.
struct activate_params {
  const_tensor x;  // any shape, contiguous
  tensor out;      // same shape, may be x
  activation function = activation::silu;
};

// out = activation(gate) * x, elementwise.
struct gated_activation_params {
  const_tensor gate, x;  // [m, n], any row stride
  tensor out;            // [m, n], any row stride; may be x or gate
  activation function = activation::gelu_tanh;
};

// A bias that depends on how far the key lies behind the query, for attention_params::bias:
// out[h][i][j] = by_distance[h][most + j - i], of 2 * most + 1 distances.
struct relative_bias_params {
  const_tensor by_distance;  // f32 [heads, 2 * most + 1], contiguous
  tensor out;                // f32 [heads, m, m], contiguous, m <= most + 1
};

// out[g][r] = table[g] + rows[r]: the modulation of every layer for every timestep.
struct broadcast_add_params {
  const_tensor table;  // [groups, n]
  const_tensor rows;   // [m, n]
  tensor out;          // [groups, m, n]
};

// Standard normal numbers from the counter-based generator of ops/random.hpp: element e of the
// tensor is normal number `first + e` of (seed, sequence). Equal on every back end.
struct random_numbers {
  std::uint64_t seed = 0;
  std::uint32_t sequence = 0;
  std::uint64_t first = 0;  // multiple of 4
};

struct fill_normal_params {
  tensor out;  // f32, contiguous
  random_numbers numbers;
};

// x0 = x_t - sigma * flow (rounded once);
// x_next = (1 - sigma_next) * x0 + sigma_next * eps, eps given or drawn.
struct x0_renoise_params {
  const_tensor x_t;   // f32 [F, C, H, W]
  const_tensor flow;  // f32, same shape
  tensor x0;          // f32, same shape, may be x_t; optional when there is x_next
  tensor x_next;      // f32, same shape, may be x_t; absent after the last step
  const_tensor eps;   // f32, same shape; absent: drawn from `numbers`
  random_numbers numbers;
  float sigma = 0;
  float sigma_next = 0;
};

// Rows [from, from + count) move to [to, to + count); the ranges may overlap.
struct move_rows_params {
  tensor rows;  // [rows, n]
  std::int64_t from = 0, to = 0, count = 0;
};

// The mask that the published code builds for a recache and does not use: query i may see the keys
// of the `window_tokens` before the end of its own block, and itself. Rows and columns from
// `tokens` on are padding, which sees itself only.
struct block_mask_params {
  tensor mask;  // u8 [n, n], contiguous
  std::int64_t tokens = 0;
  std::int64_t tokens_per_block = 0;
  std::int64_t window_tokens = 0;
};

class transformer_ops {
 public:
  virtual ~transformer_ops() = default;

  // dtype of weights, activations and caches. Latents, flows, noise and tables are f32.
  [[nodiscard]] virtual dtype storage() const noexcept = 0;
  // Whether gemm takes weights of this dtype; true for storage(). Products are summed in fp32.
  [[nodiscard]] virtual bool multiplies(dtype weight) const noexcept = 0;
  [[nodiscard]] virtual std::int64_t workspace_bytes() const noexcept = 0;

  virtual void gemm(const gemm_params& p, stream s, workspace w) = 0;
  virtual void layer_norm_modulate(const layer_norm_modulate_params& p, stream s, workspace w) = 0;
  virtual void residual_gate_norm_modulate(const residual_gate_norm_modulate_params& p, stream s,
                                           workspace w) = 0;
  virtual void rms_norm(const rms_norm_params& p, stream s, workspace w) = 0;
  virtual void qk_norm_rope_cache_write(const qk_norm_rope_cache_write_params& p, stream s,
                                        workspace w) = 0;
  virtual void attention(const attention_params& p, stream s, workspace w) = 0;
  virtual void patchify(const patchify_params& p, stream s, workspace w) = 0;
  virtual void unpatchify(const unpatchify_params& p, stream s, workspace w) = 0;
  virtual void timestep_embedding(const timestep_embedding_params& p, stream s, workspace w) = 0;
  virtual void activate(const activate_params& p, stream s, workspace w) = 0;
  virtual void gated_activation(const gated_activation_params& p, stream s, workspace w) = 0;
  virtual void relative_bias(const relative_bias_params& p, stream s, workspace w) = 0;
  virtual void broadcast_add(const broadcast_add_params& p, stream s, workspace w) = 0;
  virtual void fill_normal(const fill_normal_params& p, stream s, workspace w) = 0;
  virtual void x0_renoise(const x0_renoise_params& p, stream s, workspace w) = 0;
  virtual void move_rows(const move_rows_params& p, stream s, workspace w) = 0;
  virtual void block_mask(const block_mask_params& p, stream s, workspace w) = 0;
};

}  // namespace ops
