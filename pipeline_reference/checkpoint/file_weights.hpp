#pragma once
// The weights of one model in a file, under the names that the model knows them by.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "pipeline_reference/checkpoint/tensor_file.hpp"
#include "pipeline_reference/checkpoint/weight_source.hpp"

namespace checkpoint {

class file_weights final : public weight_source {
 public:
  // The model's name for a stored tensor; empty for one that is not the model's.
  using renaming = std::function<std::string(const std::string& stored)>;

  // Every tensor of the file under the name that it has there.
  explicit file_weights(tensor_file file);
  // Throws latency::error when two tensors get one name.
  file_weights(tensor_file file, const renaming& rename);

  // Throws one line with the first few missing and unexpected names and the first wrong shape.
  void expect(const std::vector<expected_tensor>& expected) const override;
  void read_rows(const std::string& name, std::span<const std::int64_t> shape, std::int64_t first,
                 std::span<float> out) const override;
  // Asks the disk for the tensor, and does not wait.
  [[nodiscard]] std::span<const std::byte> bf16_bytes(
      const std::string& name, std::span<const std::int64_t> shape) const override;

 private:
  const std::string& stored_name(const std::string& name) const;

  tensor_file file_;
  std::vector<std::string> names_;                       // the model's, in the order of the file
  std::unordered_map<std::string, std::string> stored_;  // the file's name for each
};

}  // namespace checkpoint
