#include "benchmarks/timed_ops.hpp"

#include <fmt/format.h>

#include <initializer_list>

#include "benchmarks/cuda_ok.hpp"

namespace benchmarks {
namespace {

double bytes_of(std::initializer_list<ops::const_tensor> tensors) {
  double bytes = 0;
  for (const ops::const_tensor& t : tensors)
    if (t) bytes += static_cast<double>(t.bytes());
  return bytes;
}

}  // namespace

timed_ops::~timed_ops() {
  for (const entry& e : entries_) cudaEventDestroy(e.end);
  for (cudaEvent_t event : spare_) cudaEventDestroy(event);
  if (begin_ != nullptr) cudaEventDestroy(begin_);
}

cudaEvent_t timed_ops::next_event() {
  cudaEvent_t event = nullptr;
  if (spare_.empty()) {
    CUDA_OK(cudaEventCreate(&event));
  } else {
    event = spare_.back();
    spare_.pop_back();
  }
  CUDA_OK(cudaEventRecord(event, stream_));
  return event;
}

void timed_ops::start(cudaStream_t stream) {
  stream_ = stream;
  recording_ = true;
  if (begin_ != nullptr) spare_.push_back(begin_);
  begin_ = next_event();
}

std::map<std::string, operation_time> timed_ops::stop() {
  recording_ = false;
  CUDA_OK(cudaStreamSynchronize(stream_));
  std::map<std::string, operation_time> by_label;
  cudaEvent_t before = begin_;
  for (const entry& e : entries_) {
    float ms = 0;
    CUDA_OK(cudaEventElapsedTime(&ms, before, e.end));
    operation_time& sum = by_label[e.label];
    ++sum.calls;
    sum.ms += static_cast<double>(ms);
    sum.flops += e.flops;
    sum.bytes += e.bytes;
    before = e.end;
  }
  for (const entry& e : entries_) spare_.push_back(e.end);
  entries_.clear();
  return by_label;
}

void timed_ops::note(std::string label, double flops, double bytes) {
  if (recording_) entries_.push_back({std::move(label), flops, bytes, next_event()});
}

void timed_ops::gemm(const ops::gemm_params& p, ops::stream s, ops::workspace w) {
  inner_.gemm(p, s, w);
  if (!recording_) return;
  const auto m = p.out.rows(), n = p.out.columns(), k = p.x.columns();
  note(fmt::format("gemm {} x {} x {}{}", m, n, k,
                   p.epilogue == ops::activation::gelu_tanh ? ", gelu" : ""),
       2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k),
       bytes_of({p.x, p.weight, p.bias, p.residual, p.out}));
}

void timed_ops::attention(const ops::attention_params& p, ops::stream s, ops::workspace w) {
  inner_.attention(p, s, w);
  if (!recording_) return;
  const std::int64_t keys = p.keys[0].count() + p.keys[1].count();
  const double per_tensor = static_cast<double>(p.q.bytes());
  note(fmt::format("attention {} x {}", p.q.rows(), keys),
       4.0 * static_cast<double>(p.q.rows()) * static_cast<double>(keys) *
           static_cast<double>(p.q.columns()),
       2 * per_tensor * (1 + static_cast<double>(keys) / static_cast<double>(p.q.rows())));
}

void timed_ops::layer_norm_modulate(const ops::layer_norm_modulate_params& p, ops::stream s,
                                    ops::workspace w) {
  inner_.layer_norm_modulate(p, s, w);
  note("layer_norm, modulate", 0, bytes_of({p.x, p.out}));
}
void timed_ops::residual_gate_norm_modulate(const ops::residual_gate_norm_modulate_params& p,
                                            ops::stream s, ops::workspace w) {
  inner_.residual_gate_norm_modulate(p, s, w);
  note("residual, gate, layer_norm", 0, bytes_of({p.x, p.x, p.y, p.out}));
}
void timed_ops::rms_norm(const ops::rms_norm_params& p, ops::stream s, ops::workspace w) {
  inner_.rms_norm(p, s, w);
  note("rms_norm", 0, bytes_of({p.x, p.out}));
}
void timed_ops::qk_norm_rope_cache_write(const ops::qk_norm_rope_cache_write_params& p,
                                         ops::stream s, ops::workspace w) {
  inner_.qk_norm_rope_cache_write(p, s, w);
  note("qk_norm, rope, cache write", 0, bytes_of({p.qkv, p.qkv}));
}
void timed_ops::patchify(const ops::patchify_params& p, ops::stream s, ops::workspace w) {
  inner_.patchify(p, s, w);
  note("patchify", 0, bytes_of({p.latent, p.rows}));
}
void timed_ops::unpatchify(const ops::unpatchify_params& p, ops::stream s, ops::workspace w) {
  inner_.unpatchify(p, s, w);
  note("unpatchify", 0, bytes_of({p.latent, p.rows}));
}
void timed_ops::timestep_embedding(const ops::timestep_embedding_params& p, ops::stream s,
                                   ops::workspace w) {
  inner_.timestep_embedding(p, s, w);
  note("timestep_embedding", 0, bytes_of({p.out}));
}
void timed_ops::activate(const ops::activate_params& p, ops::stream s, ops::workspace w) {
  inner_.activate(p, s, w);
  note("activate", 0, bytes_of({p.x, p.out}));
}
void timed_ops::gated_activation(const ops::gated_activation_params& p, ops::stream s,
                                 ops::workspace w) {
  inner_.gated_activation(p, s, w);
  note("gated_activation", 0, bytes_of({p.gate, p.x, p.out}));
}
void timed_ops::relative_bias(const ops::relative_bias_params& p, ops::stream s, ops::workspace w) {
  inner_.relative_bias(p, s, w);
  note("relative_bias", 0, bytes_of({p.out}));
}
void timed_ops::broadcast_add(const ops::broadcast_add_params& p, ops::stream s, ops::workspace w) {
  inner_.broadcast_add(p, s, w);
  note("broadcast_add", 0, bytes_of({p.table, p.rows, p.out}));
}
void timed_ops::fill_normal(const ops::fill_normal_params& p, ops::stream s, ops::workspace w) {
  inner_.fill_normal(p, s, w);
  note("fill_normal", 0, bytes_of({p.out}));
}
void timed_ops::x0_renoise(const ops::x0_renoise_params& p, ops::stream s, ops::workspace w) {
  inner_.x0_renoise(p, s, w);
  note("x0, re-noise", 0, bytes_of({p.x_t, p.flow, p.x0, p.x_next, p.eps}));
}
void timed_ops::block_mask(const ops::block_mask_params& p, ops::stream s, ops::workspace w) {
  inner_.block_mask(p, s, w);
  note("block_mask", 0, bytes_of({p.mask}));
}
void timed_ops::move_rows(const ops::move_rows_params& p, ops::stream s, ops::workspace w) {
  inner_.move_rows(p, s, w);
  note("move_rows", 0,
       2.0 * static_cast<double>(p.count * p.rows.columns() * ops::size_bytes(p.rows.type)));
}

}  // namespace benchmarks
