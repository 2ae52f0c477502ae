#include "pipeline_reference/umt5/encoder_weights.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "pipeline_reference/checkpoint/upload_weight.hpp"
#include "pipeline_reference/ops/transfer.hpp"
#include "pipeline_reference/umt5/relative_position.hpp"

namespace umt5 {
namespace {

class loader {
 public:
  loader(const checkpoint::weight_source& source, ops::memory& memory, ops::transformer_ops& ops)
      : source_(source), memory_(memory), ops_(ops) {}

  std::span<const float> values(const std::string& name, const checkpoint::tensor_shape& shape) {
    staging_.resize(static_cast<std::size_t>(checkpoint::element_count(shape)));
    source_.read(name, shape, staging_);
    return staging_;
  }
  ops::buffer upload(std::span<const float> from, ops::dtype type, const ops::shape& as) {
    ops::buffer out(memory_, type, as);
    ops::upload_floats(memory_, out.view(), from);
    return out;
  }
  ops::buffer vector(const std::string& name, std::int64_t n) {
    ops::buffer out(memory_, ops_.storage(), {n});
    checkpoint::upload_weight(source_, name, {n}, memory_, out.view());
    return out;
  }
  // Matrices of one shape [out, in], one below the other.
  ops::buffer matrix(const std::vector<std::string>& names, std::int64_t out, std::int64_t in) {
    const bool narrow = ops_.multiplies(ops::dtype::bf16) &&
                        std::all_of(names.begin(), names.end(), [&](const std::string& name) {
                          return source_.holds_bf16(name);
                        });
    ops::buffer all(memory_, narrow ? ops::dtype::bf16 : ops_.storage(),
                    {static_cast<std::int64_t>(names.size()) * out, in});
    for (std::size_t i = 0; i < names.size(); ++i)
      checkpoint::upload_weight(source_, names[i], {out, in}, memory_,
                                all.view().row_range(static_cast<std::int64_t>(i) * out, out));
    return all;
  }

 private:
  const checkpoint::weight_source& source_;
  ops::memory& memory_;
  ops::transformer_ops& ops_;
  std::vector<float> staging_;
};

encoder_layer_weights load_layer(loader& load, const encoder_config& c, const std::string& block) {
  const auto matrix = [&](std::vector<std::string> names, std::int64_t out, std::int64_t in) {
    for (std::string& name : names) name = block + name + ".weight";
    return load.matrix(names, out, in);
  };
  encoder_layer_weights w;
  w.norm1 = load.vector(block + "norm1.weight", c.dim);
  w.norm2 = load.vector(block + "norm2.weight", c.dim);
  w.qkv = matrix({"attn.q", "attn.k", "attn.v"}, c.attention_dim, c.dim);
  w.o = matrix({"attn.o"}, c.dim, c.attention_dim);
  w.gate_fc1 = matrix({"ffn.gate.0", "ffn.fc1"}, c.ffn_dim, c.dim);
  w.fc2 = matrix({"ffn.fc2"}, c.dim, c.ffn_dim);
  const std::int64_t most_distance = c.text_len - 1;
  w.bias_by_distance = load.upload(
      bias_by_distance(load.values(block + "pos_embedding.embedding.weight", {c.buckets, c.heads}),
                       c.buckets, c.heads, most_distance),
      ops::dtype::f32, {c.heads, 2 * most_distance + 1});
  return w;
}

}  // namespace

encoder_weights load_encoder_weights(const encoder_config& c,
                                     const checkpoint::weight_source& source, ops::memory& memory,
                                     ops::transformer_ops& ops) {
  source.expect(encoder_tensors(c));
  loader load(source, memory, ops);
  encoder_weights w;
  for (std::int64_t layer = 0; layer < c.layers; ++layer)
    w.layers.push_back(load_layer(load, c, "blocks." + std::to_string(layer) + "."));
  w.norm = load.vector("norm.weight", c.dim);
  return w;
}

}  // namespace umt5
