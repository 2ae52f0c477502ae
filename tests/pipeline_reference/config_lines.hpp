#pragma once
// A valid configuration, and variants of it with one line changed.

#include <string>

namespace longlive_tests {

inline const std::string good = R"(denoising_step_list: [1000, 500]
num_frame_per_block: 3
num_output_frames: 21
data_path: prompts.jsonl
model_kwargs: {local_attn_size: 9, sink_size: 3, timestep_shift: 5.0}
switch_frame_indices: 7, 12
adapter: {type: lora, rank: 8}
pipeline_reference:
  model: {dim: 64, num_heads: 2, num_layers: 2}
  latent_hw: [4, 6]
)";

// `good` with one line replaced (from 1) or, past the last, with a line added.
inline std::string with_line(int line, const std::string& replacement) {
  std::string text;
  std::size_t start = 0;
  for (int number = 1; start < good.size(); ++number) {
    const std::size_t end = good.find('\n', start);
    text += (number == line ? replacement : good.substr(start, end - start)) + "\n";
    start = end + 1;
  }
  return line > 10 ? text + replacement + "\n" : text;
}

}  // namespace longlive_tests
