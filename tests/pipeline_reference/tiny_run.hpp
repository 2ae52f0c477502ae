#pragma once
// The two programs with a tiny configuration in a folder of its own, and what their timing files
// hold. LATENCY_INTERACTIVE_PROGRAM and LATENCY_SINGLE_PROGRAM are set by CMake.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/pipeline_reference/run_program.hpp"
#include "tests/temporary_folder.hpp"

namespace longlive_tests {

inline constexpr const char* interactive = LATENCY_INTERACTIVE_PROGRAM;
inline constexpr const char* single = LATENCY_SINGLE_PROGRAM;

inline void write(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

// A folder with a tiny configuration and its prompts.
class tiny_run {
 public:
  explicit tiny_run(int blocks = 6, const std::string& more = "") {
    configure(blocks, more);
    write(folder_ / "p.jsonl", "{\"prompts\": [\"a b\", \"c\", \"d e f\"]}\n");
    write(folder_ / "p.txt", "a boat\n");
  }

  // Writes both configurations anew. `more` goes on in pipeline_reference.
  void configure(int blocks, const std::string& more) const {
    const std::string common = fmt::format(
        "denoising_step_list: [1000, 500]\n"
        "num_frame_per_block: 3\n"
        "num_output_frames: {}\n"
        "model_kwargs: {{local_attn_size: 6, sink_size: 1, timestep_shift: 5.0}}\n"
        "pipeline_reference:\n"
        "  model: {{dim: 32, num_heads: 2, num_layers: 2, ffn_dim: 48, freq_dim: 16, text_dim: 16, "
        "text_len: 8}}\n"
        "  latent_hw: [4, 6]\n"
        "  vae_dim: 2\n{}",
        3 * blocks, more);
    write(config(), common + "data_path: " + (folder_ / "p.jsonl") +
                        "\nswitch_frame_indices: 4, 9\nglobal_sink: false\n");
    write(single_config(), common + "data_path: " + (folder_ / "p.txt") + "\n");
  }

  [[nodiscard]] std::string operator/(const std::string& name) const { return folder_ / name; }
  [[nodiscard]] std::string config() const { return folder_ / "c.yaml"; }
  [[nodiscard]] std::string single_config() const { return folder_ / "s.yaml"; }
  [[nodiscard]] running_program start(std::vector<std::string> arguments) const {
    return running_program(folder_, std::move(arguments));
  }
  [[nodiscard]] program_result run(std::vector<std::string> arguments) const {
    return start(std::move(arguments)).wait();
  }
  [[nodiscard]] program_result timed() const {
    return run({interactive, "--config_path", config(), "--enable_timing", "--timing_output_dir",
                folder_ / "out"});
  }
  [[nodiscard]] nlohmann::json timing_file() const {
    return nlohmann::json::parse(
        latency_test::read_file(folder_ / "out/interactive_timing_analysis_rank0_prompt0.json"));
  }

 private:
  latency_test::temporary_folder folder_;
};

inline std::vector<std::string> span_names(const nlohmann::json& file) {
  std::vector<std::string> names;
  for (const auto& id : file["spans"]["name"])
    names.push_back(file["strings"][id.get<std::size_t>()]);
  return names;
}

inline std::ptrdiff_t count(const std::vector<std::string>& names, const std::string& name) {
  return std::count(names.begin(), names.end(), name);
}

// Between the bytes, hence the pixel values, of two videos of one size.
inline int largest_difference(const std::string& a, const std::string& b) {
  REQUIRE(a.size() == b.size());
  int largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(
        largest, std::abs(static_cast<unsigned char>(a[i]) - static_cast<unsigned char>(b[i])));
  return largest;
}

}  // namespace longlive_tests
