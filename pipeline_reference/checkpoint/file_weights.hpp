#pragma once
// The weights of one model in a file, under the names that the model knows them by.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pipeline_reference/checkpoint/tensor_file.hpp"
#include "pipeline_reference/checkpoint/weight_source.hpp"

namespace checkpoint {

// What a model takes from a file.
struct weights_summary {
  std::string path;
  file_format format{};
  std::int64_t tensors = 0, parameters = 0;
  std::uint64_t size_bytes = 0;  // of the tensors
  std::string dtypes;            // "F32", or "BF16, F32" in the order of their first tensors
};

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
  void read_rows_bf16(const std::string& name, std::span<const std::int64_t> shape,
                      std::int64_t first, std::span<std::uint16_t> out) const override;
  [[nodiscard]] bool holds_bf16(const std::string& name) const override;

  [[nodiscard]] weights_summary summary() const;
  // Calls `told` after every read, with the bytes that were read from the file.
  void tell_reads(std::function<void(std::uint64_t)> told) { told_ = std::move(told); }

 private:
  const std::string& stored_name(const std::string& name) const;
  void tell(const std::string& name, std::size_t elements) const;

  tensor_file file_;
  std::vector<std::string> names_;                       // the model's, in the order of the file
  std::unordered_map<std::string, std::string> stored_;  // the file's name for each
  std::function<void(std::uint64_t)> told_;
};

}  // namespace checkpoint
