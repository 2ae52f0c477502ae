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
  file_.read_rows_f32(stored_name(name), shape, first, out);
}

std::span<const std::byte> file_weights::bf16_bytes(const std::string& name,
                                                    std::span<const std::int64_t> shape) const {
  return file_.bf16_bytes(stored_name(name), shape);
}

const std::string& file_weights::stored_name(const std::string& name) const {
  const auto stored = stored_.find(name);
  return stored == stored_.end() ? name : stored->second;  // the file says that it has none
}

}  // namespace checkpoint
