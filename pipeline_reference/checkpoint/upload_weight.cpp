#include "pipeline_reference/checkpoint/upload_weight.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace checkpoint {
namespace {

constexpr std::int64_t staging_bytes = 4 << 20;  // of fp32: enough to keep a disk busy

void read(const weight_source& source, const std::string& name, const tensor_shape& shape,
          std::int64_t first, std::span<float> out) {
  source.read_rows(name, shape, first, out);
}
void read(const weight_source& source, const std::string& name, const tensor_shape& shape,
          std::int64_t first, std::span<std::uint16_t> out) {
  source.read_rows_bf16(name, shape, first, out);
}

template <class T>
void upload(const weight_source& source, const std::string& name, const tensor_shape& shape,
            ops::memory& memory, T* to) {
  const std::int64_t rows = shape.empty() ? 1 : shape[0];
  const std::int64_t row_elements = element_count(shape) / std::max<std::int64_t>(rows, 1);
  const std::int64_t piece_rows =
      std::max<std::int64_t>(staging_bytes / 4 / std::max<std::int64_t>(row_elements, 1), 1);
  std::vector<T> staging;
  for (std::int64_t first = 0; first < rows; first += piece_rows) {
    const auto count = static_cast<std::size_t>(std::min(piece_rows, rows - first) * row_elements);
    T* const piece = to + first * row_elements;
    if (memory.host_accessible()) {
      read(source, name, shape, first, std::span(piece, count));
      continue;
    }
    staging.resize(count);
    read(source, name, shape, first, std::span(staging));
    memory.upload(piece, staging.data(), static_cast<std::int64_t>(count * sizeof(T)), {});
  }
}

}  // namespace

void upload_weight(const weight_source& source, const std::string& name, const tensor_shape& shape,
                   ops::memory& memory, const ops::tensor& to) {
  if (!to.contiguous() || to.elements() != element_count(shape) ||
      (to.type != ops::dtype::f32 && to.type != ops::dtype::bf16))
    throw latency::error("", name,
                         "cannot be stored as " + to.shape.text() + " " + ops::name_of(to.type));
  const auto random = source.as_random(name, shape);
  if (random && memory.fill_uniform(to, *random, {})) return;
  if (to.type == ops::dtype::f32)
    upload(source, name, shape, memory, to.as<float>());
  else
    upload(source, name, shape, memory, to.as<std::uint16_t>());
}

}  // namespace checkpoint
