#include "benchmarks/spanned_ops.hpp"

#include <fmt/format.h>

#include <initializer_list>
#include <utility>

#include "latency/scope.hpp"

namespace benchmarks {
namespace {

double bytes_of(std::initializer_list<ops::const_tensor> tensors) {
  double bytes = 0;
  for (const ops::const_tensor& t : tensors)
    if (t) bytes += static_cast<double>(t.bytes());
  return bytes;
}

operation product(const ops::gemm_params& p) {
  const auto m = p.out.rows(), n = p.out.columns(), k = p.x.columns();
  return {fmt::format("gemm {} x {} x {}{}{}", m, n, k,
                      p.epilogue == ops::activation::gelu_tanh ? ", gelu" : "",
                      p.residual ? ", residual" : ""),
          2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k),
          bytes_of({p.x, p.weight, p.bias, p.residual, p.out})};
}

// The last key once, however often it counts.
operation attended(const ops::attention_params& p) {
  const std::int64_t keys = p.keys[0].count() + p.keys[1].count();
  const std::int64_t queries = p.q.rows() / p.samples;
  const std::string batch = p.samples > 1 ? fmt::format("{} x ", p.samples) : "";
  const auto of_queries = static_cast<double>(p.q.bytes());
  return {fmt::format("attention {}{} x {}", batch, queries, keys),
          4.0 * static_cast<double>(p.q.rows()) * static_cast<double>(keys) *
              static_cast<double>(p.q.columns()),
          2 * of_queries * (1 + static_cast<double>(keys) / static_cast<double>(queries))};
}

operation moved(const ops::move_rows_params& p) {
  const std::int64_t bytes = p.count * p.rows.columns() * ops::size_bytes(p.rows.type);
  return {"move_rows", 0, 2.0 * static_cast<double>(bytes)};
}

// Calls within a span, and notes what it was when somebody records it.
template <class Call, class Describe>
void within(const char* name, std::map<latency::span_id, operation>& operations, const Call& call,
            const Describe& describe) {
  const latency::scope span{name};
  call();
  if (span.id() != 0) operations.emplace(span.id(), describe());
}

}  // namespace

void spanned_ops::gemm(const ops::gemm_params& p, ops::stream s, ops::workspace w) {
  within(
      "gemm", operations_, [&] { inner_.gemm(p, s, w); }, [&] { return product(p); });
}
void spanned_ops::attention(const ops::attention_params& p, ops::stream s, ops::workspace w) {
  within(
      "attention", operations_, [&] { inner_.attention(p, s, w); }, [&] { return attended(p); });
}
void spanned_ops::move_rows(const ops::move_rows_params& p, ops::stream s, ops::workspace w) {
  within(
      "move_rows", operations_, [&] { inner_.move_rows(p, s, w); }, [&] { return moved(p); });
}
void spanned_ops::layer_norm_modulate(const ops::layer_norm_modulate_params& p, ops::stream s,
                                      ops::workspace w) {
  within(
      "layer_norm_modulate", operations_, [&] { inner_.layer_norm_modulate(p, s, w); },
      [&] {
        return operation{"layer_norm, modulate", 0, bytes_of({p.x, p.out})};
      });
}
void spanned_ops::residual_gate_norm_modulate(const ops::residual_gate_norm_modulate_params& p,
                                              ops::stream s, ops::workspace w) {
  within(
      "residual_gate_norm_modulate", operations_,
      [&] { inner_.residual_gate_norm_modulate(p, s, w); },
      [&] {
        return operation{"residual, gate, layer_norm", 0, bytes_of({p.x, p.x, p.y, p.out})};
      });
}
void spanned_ops::rms_norm(const ops::rms_norm_params& p, ops::stream s, ops::workspace w) {
  within(
      "rms_norm", operations_, [&] { inner_.rms_norm(p, s, w); },
      [&] {
        return operation{"rms_norm", 0, bytes_of({p.x, p.out})};
      });
}
void spanned_ops::qk_norm_rope_cache_write(const ops::qk_norm_rope_cache_write_params& p,
                                           ops::stream s, ops::workspace w) {
  within(
      "qk_norm_rope_cache_write", operations_, [&] { inner_.qk_norm_rope_cache_write(p, s, w); },
      [&] {
        return operation{"qk_norm, rope, cache write", 0, bytes_of({p.qkv, p.qkv})};
      });
}
void spanned_ops::patchify(const ops::patchify_params& p, ops::stream s, ops::workspace w) {
  within(
      "patchify", operations_, [&] { inner_.patchify(p, s, w); },
      [&] {
        return operation{"patchify", 0, bytes_of({p.latent, p.rows})};
      });
}
void spanned_ops::unpatchify(const ops::unpatchify_params& p, ops::stream s, ops::workspace w) {
  within(
      "unpatchify", operations_, [&] { inner_.unpatchify(p, s, w); },
      [&] {
        return operation{"unpatchify", 0, bytes_of({p.latent, p.rows})};
      });
}
void spanned_ops::timestep_embedding(const ops::timestep_embedding_params& p, ops::stream s,
                                     ops::workspace w) {
  within(
      "timestep_embedding", operations_, [&] { inner_.timestep_embedding(p, s, w); },
      [&] {
        return operation{"timestep_embedding", 0, bytes_of({p.out})};
      });
}
void spanned_ops::activate(const ops::activate_params& p, ops::stream s, ops::workspace w) {
  within(
      "activate", operations_, [&] { inner_.activate(p, s, w); },
      [&] {
        return operation{"activate", 0, bytes_of({p.x, p.out})};
      });
}
void spanned_ops::gated_activation(const ops::gated_activation_params& p, ops::stream s,
                                   ops::workspace w) {
  within(
      "gated_activation", operations_, [&] { inner_.gated_activation(p, s, w); },
      [&] {
        return operation{"gated_activation", 0, bytes_of({p.gate, p.x, p.out})};
      });
}
void spanned_ops::relative_bias(const ops::relative_bias_params& p, ops::stream s,
                                ops::workspace w) {
  within(
      "relative_bias", operations_, [&] { inner_.relative_bias(p, s, w); },
      [&] {
        return operation{"relative_bias", 0, bytes_of({p.out})};
      });
}
void spanned_ops::broadcast_add(const ops::broadcast_add_params& p, ops::stream s,
                                ops::workspace w) {
  within(
      "broadcast_add", operations_, [&] { inner_.broadcast_add(p, s, w); },
      [&] {
        return operation{"broadcast_add", 0, bytes_of({p.table, p.rows, p.out})};
      });
}
void spanned_ops::fill_normal(const ops::fill_normal_params& p, ops::stream s, ops::workspace w) {
  within(
      "fill_normal", operations_, [&] { inner_.fill_normal(p, s, w); },
      [&] {
        return operation{"fill_normal", 0, bytes_of({p.out})};
      });
}
void spanned_ops::x0_renoise(const ops::x0_renoise_params& p, ops::stream s, ops::workspace w) {
  within(
      "x0_renoise", operations_, [&] { inner_.x0_renoise(p, s, w); },
      [&] {
        return operation{"x0, re-noise", 0, bytes_of({p.x_t, p.flow, p.x0, p.x_next, p.eps})};
      });
}
void spanned_ops::block_mask(const ops::block_mask_params& p, ops::stream s, ops::workspace w) {
  within(
      "block_mask", operations_, [&] { inner_.block_mask(p, s, w); },
      [&] {
        return operation{"block_mask", 0, bytes_of({p.mask})};
      });
}

}  // namespace benchmarks
