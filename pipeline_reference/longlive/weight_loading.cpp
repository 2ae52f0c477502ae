#include "pipeline_reference/longlive/weight_loading.hpp"

#include <fmt/format.h>

#include <utility>

#include "pipeline_reference/longlive/dit_checkpoint.hpp"
#include "pipeline_reference/longlive/vae_weights.hpp"

namespace longlive {
namespace {

double scale_of(const adapter_settings& adapter) {
  return adapter.alpha / static_cast<double>(adapter.rank);
}

}  // namespace

double loaded_file::gigabytes_per_second() const {
  const auto ns = static_cast<double>(time.count());
  return ns > 0 ? static_cast<double>(read_bytes) / ns : 0;
}

std::string loaded_file::text() const {
  return fmt::format(
      "{}: {} ({}): {} tensors, {} parameters, {}, {:.2f} GB in {:.2f} s, {:.2f} GB/s", model,
      weights.path, checkpoint::format_name(weights.format), weights.tensors, weights.parameters,
      weights.dtypes, static_cast<double>(read_bytes) * 1e-9,
      std::chrono::duration<double>(time).count(), gigabytes_per_second());
}

const checkpoint::weight_source& dit_weight_sources::weights() const {
  if (merged_) return *merged_;
  return *base_;
}

template <class Open>
std::unique_ptr<const checkpoint::weight_source> weight_loading::source(const std::string& weights,
                                                                        const char* model,
                                                                        const Open& open) {
  if (weights == "random")
    return std::make_unique<checkpoint::random_weights>(settings_.generation.seed);
  const auto watched = std::make_shared<watched_file>();
  watched->opened = std::chrono::steady_clock::now();
  auto opened = std::make_unique<checkpoint::file_weights>(open(resolve_path(settings_, weights)));
  watched->file.model = model;
  watched->file.weights = opened->summary();
  opened->tell_reads([watched, told = told_](std::uint64_t bytes) {
    if (watched->finished) return;
    watched->file.read_bytes += bytes;
    watched->file.time = std::chrono::steady_clock::now() - watched->opened;
    if (told) told(watched->file);
  });
  files_.push_back(watched);
  return opened;
}

dit_weight_sources weight_loading::dit() {
  const reference_settings& r = settings_.reference;
  const adapter_settings& adapter = settings_.adapter;
  dit_weight_sources sources;
  sources.base_ = source(r.weights, "transformer", [&](const std::string& path) {
    return open_dit_weights(path, settings_.use_ema);
  });
  if (r.lora == lora_mode::none) return sources;
  sources.lora_ = source(r.lora_weights, "LoRA", [&](const std::string& path) {
    return open_dit_lora(path, adapter.rank);
  });
  if (r.lora == lora_mode::merged) {
    sources.host_ = std::make_unique<ops::cpu::cpu_backend>();
    sources.merged_ = std::make_unique<checkpoint::merged_weights>(
        *sources.base_, *sources.lora_, adapted_modules(settings_.dit), adapter.rank,
        scale_of(adapter), sources.host_->transformer(), sources.host_->memory());
  } else {
    sources.unmerged_.emplace(unmerged_lora{*sources.lora_, adapter.rank, scale_of(adapter)});
  }
  return sources;
}

std::unique_ptr<const checkpoint::weight_source> weight_loading::vae() {
  const reference_settings& r = settings_.reference;
  return source(r.vae_weights, "VAE decoder",
                [&](const std::string& path) { return open_vae_weights(path, r.vae_dim); });
}

std::unique_ptr<const checkpoint::weight_source> weight_loading::text_encoder() {
  return source(settings_.reference.text_encoder.weights, "text encoder",
                [](const std::string& path) {
                  return checkpoint::file_weights(checkpoint::tensor_file::open(path));
                });
}

std::vector<loaded_file> weight_loading::finish() {
  std::vector<loaded_file> files;
  for (const std::shared_ptr<watched_file>& watched : files_) {
    watched->finished = true;
    files.push_back(watched->file);
  }
  return files;
}

std::string lora_text(const config& settings) {
  const reference_settings& r = settings.reference;
  if (r.lora == lora_mode::none) return "";
  return fmt::format("{} modules {}, rank {}, scale {:g}", adapted_modules(settings.dit).size(),
                     r.lora == lora_mode::merged ? "merged" : "unmerged", settings.adapter.rank,
                     scale_of(settings.adapter));
}

}  // namespace longlive
