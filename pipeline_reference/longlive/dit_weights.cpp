#include "pipeline_reference/longlive/dit_weights.hpp"

#include <initializer_list>
#include <string>
#include <vector>

#include "pipeline_reference/checkpoint/low_rank.hpp"
#include "pipeline_reference/checkpoint/upload_weight.hpp"
#include "pipeline_reference/longlive/dit_checkpoint.hpp"
#include "pipeline_reference/ops/transfer.hpp"

namespace longlive {
namespace {

class loader {
 public:
  // `lora` may be null.
  loader(const checkpoint::weight_source& source, const unmerged_lora* lora, ops::memory& memory,
         ops::dtype storage)
      : source_(source), lora_(lora), memory_(memory), storage_(storage) {}

  // Tensors of one shape stacked along their first dimension, kept as `as`.
  ops::buffer stacked(const std::vector<std::string>& names, const checkpoint::tensor_shape& shape,
                      const ops::shape& as) {
    return stacked(source_, names, shape, as);
  }
  ops::buffer vector(const std::string& name, std::int64_t n) { return stacked({name}, {n}, {n}); }
  // Linear layers of one shape [out, in], as one whose outputs follow each other.
  linear_weights linear(const std::vector<std::string>& names, std::int64_t out, std::int64_t in) {
    linear_weights w;
    w.parts = static_cast<std::int64_t>(names.size());
    w.weight = stacked(with(names, ".weight"), {out, in}, {w.parts * out, in});
    w.bias = stacked(with(names, ".bias"), {out}, {w.parts * out});
    return w;
  }
  // The same with their low-rank additions.
  linear_weights adapted(const std::vector<std::string>& names, std::int64_t out, std::int64_t in) {
    linear_weights w = linear(names, out, in);
    if (lora_ == nullptr) return w;
    const std::int64_t rank = lora_->rank;
    w.lora_a =
        stacked(lora_->weights, with(names, ".lora_A.weight"), {rank, in}, {w.parts * rank, in});
    w.lora_b = ops::buffer(memory_, storage_, {w.parts * out, rank});
    std::vector<float> b(static_cast<std::size_t>(out * rank));
    for (std::int64_t i = 0; i < w.parts; ++i) {
      lora_->weights.read(names[static_cast<std::size_t>(i)] + ".lora_B.weight",
                          checkpoint::tensor_shape{out, rank}, b);
      for (float& value : b) value *= static_cast<float>(lora_->scale);
      ops::upload_floats(memory_, w.lora_b.view().row_range(i * out, out), b);
    }
    return w;
  }

 private:
  static std::vector<std::string> with(std::vector<std::string> names, const char* suffix) {
    for (std::string& name : names) name += suffix;
    return names;
  }
  ops::buffer stacked(const checkpoint::weight_source& source,
                      const std::vector<std::string>& names, const checkpoint::tensor_shape& shape,
                      const ops::shape& as) {
    ops::buffer out(memory_, storage_, as);
    const auto parts = static_cast<std::int64_t>(names.size());
    const ops::tensor flat = out.view().reshaped({parts, as.elements() / parts});
    for (std::int64_t i = 0; i < parts; ++i)
      checkpoint::upload_weight(source, names[static_cast<std::size_t>(i)], shape, memory_,
                                flat.row_range(i, 1));
    return out;
  }

  const checkpoint::weight_source& source_;
  const unmerged_lora* lora_;
  ops::memory& memory_;
  ops::dtype storage_;
};

dit_layer_weights load_layer(loader& load, const dit_config& c, const std::string& block) {
  const auto linear = [&](std::initializer_list<const char*> parts, std::int64_t out,
                          std::int64_t in) {
    std::vector<std::string> names;
    for (const char* part : parts) names.push_back(block + part);
    return load.adapted(names, out, in);
  };
  dit_layer_weights w;
  w.qkv = linear({"self_attn.q", "self_attn.k", "self_attn.v"}, c.dim, c.dim);
  w.o = linear({"self_attn.o"}, c.dim, c.dim);
  w.norm_q = load.vector(block + "self_attn.norm_q.weight", c.dim);
  w.norm_k = load.vector(block + "self_attn.norm_k.weight", c.dim);
  w.norm3_weight = load.vector(block + "norm3.weight", c.dim);
  w.norm3_bias = load.vector(block + "norm3.bias", c.dim);
  w.cross_q = linear({"cross_attn.q"}, c.dim, c.dim);
  w.cross_kv = linear({"cross_attn.k", "cross_attn.v"}, c.dim, c.dim);
  w.cross_o = linear({"cross_attn.o"}, c.dim, c.dim);
  w.cross_norm_q = load.vector(block + "cross_attn.norm_q.weight", c.dim);
  w.cross_norm_k = load.vector(block + "cross_attn.norm_k.weight", c.dim);
  w.ffn_in = linear({"ffn.0"}, c.ffn_dim, c.dim);
  w.ffn_out = linear({"ffn.2"}, c.dim, c.ffn_dim);
  return w;
}

}  // namespace

dit_weights load_dit_weights(const dit_config& c, const checkpoint::weight_source& source,
                             ops::memory& memory, ops::dtype storage, const unmerged_lora* lora) {
  source.expect(dit_tensors(c));
  if (lora != nullptr)
    lora->weights.expect(checkpoint::low_rank_tensors(adapted_modules(c), lora->rank));
  loader load(source, lora, memory, storage);
  dit_weights w;
  w.patch.weight = load.stacked({"patch_embedding.weight"},
                                {c.dim, c.channels, 1, dit_config::patch, dit_config::patch},
                                {c.dim, c.patch_features()});
  w.patch.bias = load.vector("patch_embedding.bias", c.dim);
  w.text_in = load.linear({"text_embedding.0"}, c.dim, c.text_dim);
  w.text_out = load.linear({"text_embedding.2"}, c.dim, c.dim);
  w.time_in = load.linear({"time_embedding.0"}, c.dim, c.freq_dim);
  w.time_out = load.linear({"time_embedding.2"}, c.dim, c.dim);
  w.time_projection = load.linear({"time_projection.1"}, 6 * c.dim, c.dim);
  w.head = load.linear({"head.head"}, c.patch_features(), c.dim);
  w.head_modulation = load.stacked({"head.modulation"}, {1, 2, c.dim}, {2, c.dim});
  std::vector<std::string> modulations;
  for (std::int64_t layer = 0; layer < c.layers; ++layer) {
    const std::string block = "blocks." + std::to_string(layer) + ".";
    w.layers.push_back(load_layer(load, c, block));
    modulations.push_back(block + "modulation");
  }
  w.modulation = load.stacked(modulations, {1, 6, c.dim}, {c.layers, 6 * c.dim});
  return w;
}

}  // namespace longlive
