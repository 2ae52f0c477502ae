#include "pipeline_reference/checkpoint/tensor_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/element_conversion.hpp"
#include "pipeline_reference/checkpoint/mapped_file.hpp"
#include "pipeline_reference/checkpoint/pytorch_reader.hpp"
#include "pipeline_reference/checkpoint/safetensors_header.hpp"
#include "pipeline_reference/files/text_file.hpp"

namespace checkpoint {
namespace {

// From this size on a read is taken for a part of reading the whole file, and the disk is given as
// much again to do; smaller ones are rows picked out of a matrix.
constexpr std::uint64_t sequential_read_bytes = 1 << 20;

}  // namespace

tensor_file::tensor_file(std::string path, std::shared_ptr<const mapped_file> mapping,
                         std::span<const std::byte> bytes)
    : path_(std::move(path)),
      mapping_(std::move(mapping)),
      bytes_(bytes),
      format_(detect_format(path_, bytes_)),
      entries_(format_ == file_format::safetensors ? parse_safetensors(path_, bytes_)
                                                   : parse_pytorch(path_, bytes_)) {
  for (std::size_t i = 0; i < entries_.size(); ++i) index_.emplace(entries_[i].name, i);
}

tensor_file tensor_file::open(const std::string& path) {
  auto mapping = std::make_shared<const mapped_file>(path);
  const std::span<const std::byte> bytes = mapping->bytes();
  return {path, std::move(mapping), bytes};
}

tensor_file tensor_file::from_memory(std::string label, std::span<const std::byte> bytes) {
  return {std::move(label), nullptr, bytes};
}

const tensor_entry& tensor_file::entry(const std::string& name) const {
  const auto found = index_.find(name);
  if (found == index_.end())
    throw latency::error(path_, files::printable(name), "expected this tensor, found none");
  return entries_[found->second];
}

const tensor_entry& tensor_file::entry_of_shape(const std::string& name,
                                                std::span<const std::int64_t> shape) const {
  const tensor_entry& found = entry(name);
  if (!std::equal(shape.begin(), shape.end(), found.shape.begin(), found.shape.end()))
    throw latency::error(
        path_, files::printable(name),
        "expected shape " + shape_text(shape) + ", found " + shape_text(found.shape));
  return found;
}

std::vector<float> tensor_file::read_f32(const std::string& name,
                                         std::span<const std::int64_t> shape) const {
  std::vector<float> out(static_cast<std::size_t>(entry_of_shape(name, shape).elements));
  read_rows(name, shape, 0, std::span(out));
  return out;
}

void tensor_file::read_rows(const std::string& name, std::span<const std::int64_t> shape,
                            std::int64_t first, std::span<float> out) const {
  read_rows_as(name, shape, first, out);
}

void tensor_file::read_rows(const std::string& name, std::span<const std::int64_t> shape,
                            std::int64_t first, std::span<std::uint16_t> out) const {
  read_rows_as(name, shape, first, out);
}

template <class T>
void tensor_file::read_rows_as(const std::string& name, std::span<const std::int64_t> shape,
                               std::int64_t first, std::span<T> out) const {
  const tensor_entry& tensor = entry_of_shape(name, shape);
  if (!is_weight_dtype(tensor.dtype))
    throw latency::error(
        path_, files::printable(name),
        fmt::format("expected dtype F32, F16 or BF16, found {}", dtype_name(tensor.dtype)));
  if (out.empty()) return;
  const std::int64_t rows = shape.empty() ? 1 : shape[0];
  const std::int64_t row_elements = rows > 0 ? tensor.elements / rows : 0;
  const auto wanted = static_cast<std::int64_t>(out.size());
  if (row_elements == 0 || wanted % row_elements != 0)
    throw latency::error(
        path_, files::printable(name),
        fmt::format("expected room for whole rows of {} values, found {}", row_elements, wanted));
  if (first < 0 || first > rows || wanted / row_elements > rows - first)
    throw latency::error(path_, files::printable(name),
                         fmt::format("expected rows below {}, found {} from {}", rows,
                                     wanted / row_elements, first));
  const std::int64_t element = first * row_elements;
  const std::byte* data = bytes_.data() + tensor.offset_bytes;
  if (mapping_ == nullptr || !tensor.strides.empty())
    return convert_elements(tensor, data, element, out);

  const std::uint64_t offset =
      tensor.offset_bytes + static_cast<std::uint64_t>(element) * dtype_bytes(tensor.dtype);
  const std::uint64_t size = out.size() * dtype_bytes(tensor.dtype);
  mapping_->prefetch(offset, size >= sequential_read_bytes ? 2 * size : size);
  convert_elements(tensor, data, element, out);
  mapping_->release(offset, size);
}

std::vector<std::int32_t> tensor_file::read_i32(const std::string& name,
                                                std::span<const std::int64_t> shape) const {
  const tensor_entry& tensor = entry_of_shape(name, shape);
  if (tensor.dtype != tensor_dtype::i32 || !tensor.strides.empty())
    throw latency::error(
        path_, files::printable(name),
        fmt::format("expected row-major I32, found {}{}", tensor.strides.empty() ? "" : "strided ",
                    dtype_name(tensor.dtype)));
  std::vector<std::int32_t> out(static_cast<std::size_t>(tensor.elements));
  if (!out.empty())
    std::memcpy(out.data(), bytes_.data() + tensor.offset_bytes, tensor.size_bytes());
  return out;
}

}  // namespace checkpoint
