#include "pipeline_reference/longlive/golden_umt5_encoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/file_weights.hpp"
#include "pipeline_reference/longlive/golden_case.hpp"
#include "pipeline_reference/ops/transfer.hpp"
#include "pipeline_reference/umt5/encoder.hpp"

namespace longlive {
namespace {

struct golden_case {
  umt5::encoder_config config;
  std::vector<std::int64_t> lengths;
};

golden_case read_case(const std::string& file, const nlohmann::json& json) {
  golden_case out;
  try {
    const nlohmann::json& config = json.at("config");
    const auto number = [&](const char* key) { return whole_number(config.at(key), key); };
    umt5::encoder_config& c = out.config;
    c.vocabulary_size = number("vocab");
    c.dim = number("dim");
    c.attention_dim = number("dim_attn");
    c.ffn_dim = number("dim_ffn");
    c.heads = number("num_heads");
    c.layers = number("num_layers");
    c.buckets = number("num_buckets");
    c.text_len = number("text_len");
    c.validate();
    out.lengths = whole_numbers(config.at("lens"), "lens");
  } catch (const std::exception& e) {  // nlohmann's, or ours without the file's name
    throw latency::error(file, "", e.what());
  }
  if (out.lengths.empty()) throw latency::error(file, "lens", "names no text to compare");
  return out;
}

}  // namespace

golden_result compare_golden_umt5_encoder(const std::string& folder,
                                          const nlohmann::json& case_json,
                                          ops::transformer_ops& ops, ops::memory& memory) {
  const golden_case c = read_case(folder + "/case.json", case_json);
  const auto tensors = checkpoint::tensor_file::open(folder + "/tensors.safetensors");
  umt5::encoder encoder(c.config,
                        std::make_unique<checkpoint::file_weights>(
                            checkpoint::tensor_file::open(folder + "/weights.safetensors")),
                        memory, ops);
  const ops::buffer context(memory, ops.storage(), {c.config.text_len, c.config.dim});
  std::vector<float> found(static_cast<std::size_t>(context.view().elements()));

  golden_result result;
  for (std::size_t i = 0; i < c.lengths.size(); ++i) {
    const std::string number = std::to_string(i), name = "context." + number;
    const checkpoint::tensor_shape text{c.config.text_len};
    const auto ids = tensors.read_i32("ids." + number, text);
    const auto mask = tensors.read_i32("mask." + number, text);
    const std::int64_t tokens = std::find(mask.begin(), mask.end(), 0) - mask.begin();
    ++result.exact_values;
    if (tokens != c.lengths[i])
      result.mismatches.push_back(
          fmt::format("mask.{}: expected {} tokens, found {}", number, c.lengths[i], tokens));
    encoder.encode(std::span(ids).first(static_cast<std::size_t>(tokens)), context.view(), {});
    ops::download_floats(memory, context.view(), found);
    result.differences.push_back(difference_of(
        name, found,
        tensors.read_f32(name, checkpoint::tensor_shape{c.config.text_len, c.config.dim})));
  }
  for (const checkpoint::tensor_entry& tensor : tensors.entries()) {
    const std::string& name = tensor.name;
    const bool compared = std::any_of(result.differences.begin(), result.differences.end(),
                                      [&](const golden_difference& d) { return d.tensor == name; });
    if (!compared && name.rfind("ids.", 0) != 0 && name.rfind("mask.", 0) != 0)
      result.not_compared.push_back(name);
  }
  return result;
}

}  // namespace longlive
