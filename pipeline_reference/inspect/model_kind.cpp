#include "pipeline_reference/inspect/model_kind.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>

#include "pipeline_reference/checkpoint/stored_name.hpp"

namespace inspect {
namespace {

using checkpoint::tensor_entry;

// A hostile file has many keys, each of which costs a look at every tensor; a real one has few.
constexpr int most_candidates = 16;

// The tensors below one key, by the names that follow it.
class named_tensors {
 public:
  named_tensors(const std::vector<tensor_entry>& entries, const std::string& key) {
    for (const tensor_entry& entry : entries) {
      const std::string name = checkpoint::without_wrappers(entry.name);
      if (name.starts_with(key)) tensors_.emplace(name.substr(key.size()), &entry);
    }
  }

  [[nodiscard]] const auto& all() const { return tensors_; }
  [[nodiscard]] bool contains(const std::string& name) const { return tensors_.count(name) != 0; }
  // A dimension of a tensor, 0 when there is none.
  [[nodiscard]] std::int64_t size(const std::string& name, std::size_t dimension) const {
    const auto found = tensors_.find(name);
    const bool present = found != tensors_.end() && dimension < found->second->shape.size();
    return present ? found->second->shape[dimension] : 0;
  }
  // How many of "<before>0<after>", "<before>1<after>", ... are there.
  [[nodiscard]] std::int64_t count(const std::string& before, const std::string& after) const {
    std::int64_t n = 0;
    while (contains(fmt::format("{}{}{}", before, n, after))) ++n;
    return n;
  }

 private:
  std::unordered_map<std::string, const tensor_entry*> tensors_;
};

using size_list = std::vector<std::pair<std::string, std::int64_t>>;

size_list dit_sizes(const named_tensors& t) {
  return {{"dim", t.size("patch_embedding.weight", 0)},
          {"layers", t.count("blocks.", ".modulation")},
          {"ffn_dim", t.size("blocks.0.ffn.0.weight", 0)},
          {"freq_dim", t.size("time_embedding.0.weight", 1)},
          {"text_dim", t.size("text_embedding.0.weight", 1)},
          {"latent channels", t.size("patch_embedding.weight", 1)}};
}

size_list umt5_sizes(const named_tensors& t) {
  return {{"vocabulary_size", t.size("token_embedding.weight", 0)},
          {"dim", t.size("token_embedding.weight", 1)},
          {"attention_dim", t.size("blocks.0.attn.q.weight", 0)},
          {"heads", t.size("blocks.0.pos_embedding.embedding.weight", 1)},
          {"ffn_dim", t.size("blocks.0.ffn.fc1.weight", 0)},
          {"layers", t.count("blocks.", ".norm1.weight")},
          {"buckets", t.size("blocks.0.pos_embedding.embedding.weight", 0)}};
}

size_list vae_sizes(const named_tensors& t) {
  return {{"vae_dim", t.size("decoder.head.0.gamma", 0)},
          {"latent channels", t.size("conv2.weight", 0)},
          {"with encoder", t.contains("encoder.conv1.weight") ? 1 : 0}};
}

size_list unet_lm_sizes(const named_tensors& t) {
  size_list sizes{{"vocabulary_size", t.size("wte.weight", 0)}};
  const std::string query = ".attn.c_q.weight";
  for (int stage = 0;; ++stage) {
    const std::string encoder = fmt::format("encoder.transformer_{}.", stage);
    if (!t.contains(encoder + "0" + query)) break;
    sizes.emplace_back(fmt::format("stage {} dim", stage), t.size(encoder + "0" + query, 1));
    sizes.emplace_back(fmt::format("stage {} encoder layers", stage), t.count(encoder, query));
    sizes.emplace_back(fmt::format("stage {} decoder layers", stage),
                       t.count(fmt::format("decoder.transformer_{}.", stage), query));
  }
  return sizes;
}

// Low-rank additions have the names of the model that they adapt, so the last part tells them.
bool is_low_rank(std::string_view name) {
  return name.ends_with(".lora_A.weight") || name.ends_with(".lora_A.default.weight");
}

size_list lora_sizes(const named_tensors& t) {
  std::int64_t modules = 0, rank = 0;
  for (const auto& [name, entry] : t.all()) {
    if (!is_low_rank(name)) continue;
    ++modules;
    if (!entry->shape.empty()) rank = std::max(rank, entry->shape[0]);
  }
  return {{"rank", rank}, {"adapted modules", modules}};
}

struct model_kind {
  const char* name;
  const char* telling;  // a tensor that only this model has
  const char* besides;  // one more that must be there, under the same key
  size_list (*sizes)(const named_tensors&);
};

constexpr model_kind kinds[] = {
    {"diffusion transformer (Wan2.1, LongLive)", "patch_embedding.weight", "blocks.0.modulation",
     dit_sizes},
    {"UMT5 text encoder", "token_embedding.weight", "blocks.0.attn.q.weight", umt5_sizes},
    {"video VAE (Wan2.1)", "decoder.conv1.weight", "decoder.head.0.gamma", vae_sizes},
    {"U-Net language model", "wte.weight", "encoder.transformer_0.0.attn.c_q.weight",
     unet_lm_sizes}};

found_model describe(const char* kind, const std::string& key, const named_tensors& tensors,
                     size_list sizes) {
  found_model model{kind, key, 0, 0, std::move(sizes)};
  for (const auto& [name, entry] : tensors.all()) {
    ++model.tensors;
    model.parameters += entry->elements;
  }
  return model;
}

// "generator_lora." of "generator_lora.base_model.model.blocks.0.ffn.0.lora_A.weight".
std::string lora_key(const std::string& name) {
  const std::size_t at = std::min(name.find("base_model."), name.find("blocks."));
  return at == std::string::npos ? std::string() : name.substr(0, at);
}

}  // namespace

std::vector<found_model> find_models(const std::vector<tensor_entry>& entries) {
  std::map<std::string, found_model> models;  // by key
  int candidates = 0;
  const auto add = [&](const char* kind, const std::string& key, const named_tensors& tensors,
                       const size_list& sizes) {
    models.emplace(key, describe(kind, key, tensors, sizes));
  };
  for (const tensor_entry& entry : entries) {
    const std::string name = checkpoint::without_wrappers(entry.name);
    if (candidates == most_candidates) break;
    if (is_low_rank(name) && models.count(lora_key(name)) == 0) {
      ++candidates;
      const named_tensors tensors(entries, lora_key(name));
      add("low-rank additions (LoRA)", lora_key(name), tensors, lora_sizes(tensors));
    }
    for (const model_kind& kind : kinds) {
      if (!name.ends_with(kind.telling)) continue;
      const std::string key = name.substr(0, name.size() - std::string_view(kind.telling).size());
      if ((!key.empty() && key.back() != '.') || models.count(key) != 0) continue;
      ++candidates;
      const named_tensors tensors(entries, key);
      if (tensors.contains(kind.besides)) add(kind.name, key, tensors, kind.sizes(tensors));
    }
  }
  std::vector<found_model> found;
  for (auto& [key, model] : models) found.push_back(std::move(model));
  return found;
}

}  // namespace inspect
