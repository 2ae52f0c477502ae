#pragma once
// Checkpoints with weights of any source, as torch.save and as safetensors.

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "pipeline_reference/checkpoint/safetensors_writer.hpp"
#include "pipeline_reference/checkpoint/weight_source.hpp"
#include "tests/pipeline_reference/checkpoint/pytorch_bytes.hpp"

namespace checkpoint::testing {

// A state dict: which tensors, their values, and what stands before their names in the file.
struct state_dict {
  std::vector<expected_tensor> tensors;
  const weight_source* values;
  std::string prefix;
};

inline std::vector<float> values_of(const weight_source& source, const expected_tensor& tensor) {
  std::vector<float> values(static_cast<std::size_t>(element_count(tensor.shape)));
  source.read(tensor.name, tensor.shape, values);
  return values;
}

// {key: state dict, ...}; one under an empty key is the whole file.
inline void write_pytorch(const std::string& path,
                          const std::vector<std::pair<std::string, state_dict>>& dicts) {
  std::vector<std::pair<std::string, std::string>> items, storages;
  for (const auto& [key, dict] : dicts) {
    items.emplace_back(key, pickled_state_dict(dict.tensors, dict.prefix, storages.size()));
    for (const expected_tensor& tensor : dict.tensors) {
      const std::vector<float> values = values_of(*dict.values, tensor);
      storages.emplace_back(
          std::to_string(storages.size()),
          std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)));
    }
  }
  const std::string value = dicts.size() == 1 && dicts.front().first.empty()
                                ? items.front().second
                                : pickle::dictionary(items);
  std::ofstream(path, std::ios::binary) << pytorch_bytes(value, storages);
}

inline void write_safetensors_dict(const std::string& path, const state_dict& dict) {
  std::vector<std::vector<float>> values;
  for (const expected_tensor& tensor : dict.tensors)
    values.push_back(values_of(*dict.values, tensor));
  std::vector<tensor_to_write> tensors;
  for (std::size_t i = 0; i < values.size(); ++i)
    tensors.push_back({dict.prefix + dict.tensors[i].name, dict.tensors[i].shape, values[i]});
  write_safetensors(path, tensors);
}

}  // namespace checkpoint::testing
