#include "pipeline_reference/checkpoint/tensor_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/byte_reader.hpp"
#include "pipeline_reference/checkpoint/element_conversion.hpp"
#include "pipeline_reference/checkpoint/pytorch_reader.hpp"
#include "pipeline_reference/checkpoint/safetensors_header.hpp"
#include "pipeline_reference/files/text_file.hpp"

namespace checkpoint {
namespace {

constexpr std::size_t conversion_bytes = 1 << 20;  // read, then converted, at a time

// Elements that lie in the file as they are asked for are read to where they belong.
constexpr bool is_stored_as(tensor_dtype dtype, std::span<const float>) {
  return dtype == tensor_dtype::f32;
}
constexpr bool is_stored_as(tensor_dtype dtype, std::span<const std::uint16_t>) {
  return dtype == tensor_dtype::bf16;
}

}  // namespace

tensor_file::tensor_file(std::shared_ptr<const byte_reader> reader) : reader_(std::move(reader)) {
  const byte_reader::view all = reader_->map();
  format_ = detect_format(path(), all.bytes());
  entries_ = format_ == file_format::safetensors ? parse_safetensors(path(), all.bytes())
                                                 : parse_pytorch(path(), all.bytes());
  for (std::size_t i = 0; i < entries_.size(); ++i) index_.emplace(entries_[i].name, i);
}

tensor_file tensor_file::open(const std::string& path) {
  return tensor_file(std::make_shared<const byte_reader>(path));
}

tensor_file tensor_file::from_memory(std::string label, std::span<const std::byte> bytes) {
  return tensor_file(std::make_shared<const byte_reader>(std::move(label), bytes));
}

const std::string& tensor_file::path() const {
  return reader_->path();
}

std::uint64_t tensor_file::size_bytes() const {
  return reader_->size_bytes();
}

const tensor_entry& tensor_file::entry(const std::string& name) const {
  const auto found = index_.find(name);
  if (found == index_.end())
    throw latency::error(path(), files::printable(name), "expected this tensor, found none");
  return entries_[found->second];
}

const tensor_entry& tensor_file::entry_of_shape(const std::string& name,
                                                std::span<const std::int64_t> shape) const {
  const tensor_entry& found = entry(name);
  if (!std::equal(shape.begin(), shape.end(), found.shape.begin(), found.shape.end()))
    throw latency::error(
        path(), files::printable(name),
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
        path(), files::printable(name),
        fmt::format("expected dtype F32, F16 or BF16, found {}", dtype_name(tensor.dtype)));
  if (out.empty()) return;
  const std::int64_t rows = shape.empty() ? 1 : shape[0];
  const std::int64_t row_elements = rows > 0 ? tensor.elements / rows : 0;
  const auto wanted = static_cast<std::int64_t>(out.size());
  if (row_elements == 0 || wanted % row_elements != 0)
    throw latency::error(
        path(), files::printable(name),
        fmt::format("expected room for whole rows of {} values, found {}", row_elements, wanted));
  if (first < 0 || first > rows || wanted / row_elements > rows - first)
    throw latency::error(path(), files::printable(name),
                         fmt::format("expected rows below {}, found {} from {}", rows,
                                     wanted / row_elements, first));
  const std::int64_t element = first * row_elements;
  if (!tensor.strides.empty()) {  // rare, and its elements may lie anywhere
    const byte_reader::view all = reader_->map();
    return gather_elements(tensor, all.bytes().data() + tensor.offset_bytes, element, out);
  }
  const std::size_t element_bytes = dtype_bytes(tensor.dtype);
  std::uint64_t offset = tensor.offset_bytes + static_cast<std::uint64_t>(element) * element_bytes;
  if (is_stored_as(tensor.dtype, out)) return reader_->read(offset, std::as_writable_bytes(out));

  std::vector<std::byte> stored(std::min(out.size() * element_bytes, conversion_bytes));
  while (!out.empty()) {
    const std::size_t count = std::min(out.size(), stored.size() / element_bytes);
    reader_->read(offset, std::span(stored).first(count * element_bytes));
    convert_elements(tensor.dtype, stored.data(), out.first(count));
    offset += count * element_bytes;
    out = out.subspan(count);
  }
}

std::vector<std::int32_t> tensor_file::read_i32(const std::string& name,
                                                std::span<const std::int64_t> shape) const {
  const tensor_entry& tensor = entry_of_shape(name, shape);
  if (tensor.dtype != tensor_dtype::i32 || !tensor.strides.empty())
    throw latency::error(
        path(), files::printable(name),
        fmt::format("expected row-major I32, found {}{}", tensor.strides.empty() ? "" : "strided ",
                    dtype_name(tensor.dtype)));
  std::vector<std::int32_t> out(static_cast<std::size_t>(tensor.elements));
  reader_->read(tensor.offset_bytes, std::as_writable_bytes(std::span(out)));
  return out;
}

}  // namespace checkpoint
