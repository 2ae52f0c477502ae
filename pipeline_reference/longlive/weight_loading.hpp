#pragma once
// The weight sources that a configuration asks for, and what was loaded from which file.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline_reference/checkpoint/file_weights.hpp"
#include "pipeline_reference/checkpoint/low_rank.hpp"
#include "pipeline_reference/longlive/config.hpp"
#include "pipeline_reference/longlive/dit_weights.hpp"
#include "pipeline_reference/ops/cpu/cpu_backend.hpp"

namespace longlive {

// What a model has read from one file.
struct loaded_file {
  std::string model;  // "transformer", "LoRA", "VAE decoder", "text encoder"
  checkpoint::weights_summary weights;
  std::uint64_t read_bytes = 0;
  std::chrono::nanoseconds time{};  // from opening the file to the end of the last read

  [[nodiscard]] double gigabytes_per_second() const;
  // "transformer: base.pt (PyTorch): 825 tensors, 1418996800 parameters, F32, 5.68 GB in 4.10 s,
  // 1.38 GB/s"
  [[nodiscard]] std::string text() const;
};

// The transformer's weights, with its LoRA merged, beside them, or without.
class dit_weight_sources {
 public:
  [[nodiscard]] const checkpoint::weight_source& weights() const;
  // Null unless it is unmerged.
  [[nodiscard]] const unmerged_lora* lora() const { return unmerged_ ? &*unmerged_ : nullptr; }

 private:
  friend class weight_loading;
  std::unique_ptr<const checkpoint::weight_source> base_, lora_;
  std::unique_ptr<ops::cpu::cpu_backend> host_;  // merges
  std::unique_ptr<const checkpoint::merged_weights> merged_;
  std::optional<unmerged_lora> unmerged_;
};

// Opens files and watches how they are read. The sources may outlive it.
class weight_loading {
 public:
  // After each read: what has been read of a file, in all, and since when. May be empty.
  using listener = std::function<void(const loaded_file& so_far)>;

  // Keeps a reference to `settings`.
  weight_loading(const config& settings, listener told)
      : settings_(settings), told_(std::move(told)) {}

  // Each throws latency::error for a file that does not hold these weights. LoRA is merged on
  // the CPU, in fp32.
  [[nodiscard]] dit_weight_sources dit();
  [[nodiscard]] std::unique_ptr<const checkpoint::weight_source> vae();
  [[nodiscard]] std::unique_ptr<const checkpoint::weight_source> text_encoder();

  // Later reads count no more. Returns the files in the order of their opening.
  [[nodiscard]] std::vector<loaded_file> finish();

 private:
  struct watched_file {
    loaded_file file;
    std::chrono::steady_clock::time_point opened;
    bool finished = false;
  };

  template <class Open>
  std::unique_ptr<const checkpoint::weight_source> source(const std::string& weights,
                                                          const char* model, const Open& open);

  const config& settings_;
  listener told_;
  std::vector<std::shared_ptr<watched_file>> files_;
};

// "300 modules merged, rank 256, scale 1"; empty without LoRA.
[[nodiscard]] std::string lora_text(const config& settings);

}  // namespace longlive
