#include "pipeline_reference/longlive/dit_checkpoint.hpp"

#include <fmt/format.h>

#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/stored_name.hpp"

namespace longlive {
namespace {

// Where a state dict lies in a file; the top comes last, for it has the tensors of all keys.
constexpr std::array plain_keys = {"generator.", "model.", ""};
constexpr std::array averaged_keys = {"generator_ema."};
constexpr std::array lora_keys = {"generator_lora.", ""};

void remove_prefix(std::string& name, std::string_view prefix) {
  if (name.starts_with(prefix)) name.erase(0, prefix.size());
}

std::string dit_name(const std::string& stored) {
  std::string name = checkpoint::without_wrappers(stored);
  remove_prefix(name, "model.");
  return name;
}

std::string lora_name(const std::string& stored) {
  std::string name = checkpoint::without_wrappers(stored);
  remove_prefix(name, "base_model.model.");
  remove_prefix(name, "model.");
  return checkpoint::replaced_all(name, ".default.weight", ".weight");  // the adapter's name
}

using naming = std::string (*)(const std::string&);

// The first of these keys under which a tensor gets a name that `wanted` accepts; null if none.
template <class Wanted>
const char* find_key(const checkpoint::tensor_file& file, std::span<const char* const> keys,
                     naming name_of, const Wanted& wanted) {
  for (const char* key : keys) {
    const std::string_view prefix = key;
    for (const checkpoint::tensor_entry& tensor : file.entries())
      if (tensor.name.starts_with(prefix) && wanted(name_of(tensor.name.substr(prefix.size()))))
        return key;
  }
  return nullptr;
}

checkpoint::file_weights weights_under(checkpoint::tensor_file file, std::string_view key,
                                       naming name_of) {
  return {std::move(file), [&](const std::string& stored) {
            return stored.starts_with(key) ? name_of(stored.substr(key.size())) : std::string();
          }};
}

bool is_lora(const std::string& name) {
  return name.ends_with(".lora_A.weight");
}

}  // namespace

checkpoint::file_weights open_dit_weights(const std::string& path, bool use_ema) {
  checkpoint::tensor_file file = checkpoint::tensor_file::open(path);
  const auto is_dit = [](const std::string& name) { return name == "patch_embedding.weight"; };
  const char* plain = find_key(file, plain_keys, dit_name, is_dit);
  const char* averaged = find_key(file, averaged_keys, dit_name, is_dit);
  if (const char* key = use_ema ? averaged : plain)
    return weights_under(std::move(file), key, dit_name);
  if (plain != nullptr || averaged != nullptr)
    throw latency::error(path, "",
                         use_ema ? "holds no generator_ema; set use_ema: false"
                                 : "holds generator_ema only; set use_ema: true");
  throw latency::error(path, "",
                       "holds no transformer: no tensor patch_embedding.weight under generator, "
                       "under model or at the top");
}

std::vector<checkpoint::linear_module> adapted_modules(const dit_config& c) {
  std::vector<checkpoint::linear_module> modules;
  for (std::int64_t layer = 0; layer < c.layers; ++layer) {
    const std::string block = "blocks." + std::to_string(layer) + ".";
    for (const char* attention : {"self_attn.", "cross_attn."})
      for (const char* projection : {"q", "k", "v", "o"})
        modules.push_back({block + attention + projection, c.dim, c.dim});
    modules.push_back({block + "ffn.0", c.ffn_dim, c.dim});
    modules.push_back({block + "ffn.2", c.dim, c.ffn_dim});
  }
  return modules;
}

checkpoint::file_weights open_dit_lora(const std::string& path, std::int64_t rank) {
  checkpoint::tensor_file file = checkpoint::tensor_file::open(path);
  const char* key = find_key(file, lora_keys, lora_name, is_lora);
  if (key == nullptr)
    throw latency::error(path, "",
                         "holds no LoRA: no tensor <module>.lora_A.weight under generator_lora or "
                         "at the top");
  for (const checkpoint::tensor_entry& tensor : file.entries())
    if (tensor.name.starts_with(key) && is_lora(lora_name(tensor.name)) && !tensor.shape.empty() &&
        tensor.shape[0] != rank)
      throw latency::error(
          path, "",
          fmt::format("holds a LoRA of rank {}, but adapter.rank is {}", tensor.shape[0], rank));
  return weights_under(std::move(file), key, lora_name);
}

}  // namespace longlive
