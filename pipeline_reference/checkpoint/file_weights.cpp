#include "pipeline_reference/checkpoint/file_weights.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "latency/error.hpp"
#include "pipeline_reference/files/text_file.hpp"

namespace checkpoint {
namespace {

// "a, b, c and 4 more"
std::string first_few(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(shown, names.size()); ++i)
    text += (i ? ", " : "") + files::printable(names[i]);
  return names.size() > shown ? text + fmt::format(" and {} more", names.size() - shown) : text;
}

}  // namespace

file_weights::file_weights(tensor_file file)
    : file_weights(std::move(file), [](const std::string& stored) { return stored; }) {}

file_weights::file_weights(tensor_file file, const renaming& rename) : file_(std::move(file)) {
  for (const tensor_entry& tensor : file_.entries()) {
    std::string name = rename(tensor.name);
    if (name.empty()) continue;
    const auto [at, is_new] = stored_.emplace(name, tensor.name);
    if (!is_new)
      throw latency::error(
          file_.path(), files::printable(tensor.name),
          fmt::format("is {}, and so is {}", files::printable(name), files::printable(at->second)));
    names_.push_back(std::move(name));
  }
}

void file_weights::expect(const std::vector<expected_tensor>& expected) const {
  std::vector<std::string> missing, unexpected;
  std::unordered_set<std::string> wanted;
  for (const expected_tensor& tensor : expected) {
    wanted.insert(tensor.name);
    if (stored_.count(tensor.name) == 0) missing.push_back(tensor.name);
  }
  for (const std::string& name : names_)
    if (wanted.count(name) == 0) unexpected.push_back(name);
  if (!missing.empty() || !unexpected.empty()) {
    std::string message =
        fmt::format("expected {} tensors, found {}", expected.size(), names_.size());
    if (!missing.empty()) message += "; missing: " + first_few(missing);
    if (!unexpected.empty()) message += "; unexpected: " + first_few(unexpected);
    throw latency::error(file_.path(), "", message);
  }
  for (const expected_tensor& tensor : expected)
    file_.entry_of_shape(stored_.at(tensor.name), tensor.shape);
}

void file_weights::read_rows(const std::string& name, std::span<const std::int64_t> shape,
                             std::int64_t first, std::span<float> out) const {
  file_.read_rows(stored_name(name), shape, first, out);
  tell(name, out.size());
}

void file_weights::read_rows_bf16(const std::string& name, std::span<const std::int64_t> shape,
                                  std::int64_t first, std::span<std::uint16_t> out) const {
  file_.read_rows(stored_name(name), shape, first, out);
  tell(name, out.size());
}

void file_weights::tell(const std::string& name, std::size_t elements) const {
  if (told_) told_(elements * dtype_bytes(file_.entry(stored_name(name)).dtype));
}

weights_summary file_weights::summary() const {
  weights_summary sum;
  sum.path = file_.path();
  sum.format = file_.format();
  std::vector<tensor_dtype> dtypes;
  for (const std::string& name : names_) {
    const tensor_entry& tensor = file_.entry(stored_name(name));
    ++sum.tensors;
    sum.parameters += tensor.elements;
    sum.size_bytes += tensor.size_bytes();
    if (std::find(dtypes.begin(), dtypes.end(), tensor.dtype) == dtypes.end()) {
      dtypes.push_back(tensor.dtype);
      sum.dtypes += (sum.dtypes.empty() ? "" : ", ") + std::string(dtype_name(tensor.dtype));
    }
  }
  return sum;
}

bool file_weights::holds_bf16(const std::string& name) const {
  const auto stored = stored_.find(name);
  return stored != stored_.end() && file_.entry(stored->second).dtype == tensor_dtype::bf16;
}

const std::string& file_weights::stored_name(const std::string& name) const {
  const auto stored = stored_.find(name);
  return stored == stored_.end() ? name : stored->second;  // the file says that it has none
}

}  // namespace checkpoint
