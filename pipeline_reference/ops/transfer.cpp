#include "pipeline_reference/ops/transfer.hpp"

#include <vector>

#include "pipeline_reference/ops/bf16.hpp"

namespace ops {
namespace {

void check(const const_tensor& t, std::size_t values) {
  if (!t.contiguous() || t.elements() != static_cast<std::int64_t>(values))
    throw latency::error("transfer: " + std::to_string(values) + " values for a tensor " +
                         t.shape.text());
  if (t.type != dtype::f32 && t.type != dtype::bf16)
    throw latency::error(std::string("transfer: not a floating-point tensor: ") + name_of(t.type));
}

}  // namespace

void upload_floats(memory& where, const tensor& to, std::span<const float> values, stream s) {
  check(to, values.size());
  if (to.type == dtype::f32) {
    where.upload(to.data, values.data(), to.bytes(), s);
    return;
  }
  std::vector<std::uint16_t> narrow(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) narrow[i] = to_bf16(values[i]);
  where.upload(to.data, narrow.data(), to.bytes(), s);
}

void download_floats(memory& where, const const_tensor& from, std::span<float> values, stream s) {
  check(from, values.size());
  if (from.type == dtype::f32) {
    where.download(values.data(), from.data, from.bytes(), s);
    return;
  }
  std::vector<std::uint16_t> narrow(values.size());
  where.download(narrow.data(), from.data, from.bytes(), s);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = from_bf16(narrow[i]);
}

}  // namespace ops
