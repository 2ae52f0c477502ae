#include "pipeline_reference/checkpoint/weight_source.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "pipeline_reference/ops/random.hpp"

namespace checkpoint {
namespace {

// FNV-1a: a sequence number per tensor name that no run-time or compiler changes.
std::uint32_t hash(const std::string& name) {
  std::uint32_t h = 2166136261U;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 16777619U;
  return h;
}

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Numbers are `centre` plus or minus at most `spread`.
struct distribution {
  float centre, spread;
};

distribution distribution_of(const std::string& name, std::span<const std::int64_t> shape) {
  std::int64_t above_one = 0;
  for (const std::int64_t n : shape) above_one += n > 1 ? 1 : 0;
  const bool is_norm = name.find("norm") != std::string::npos || ends_with(name, "gamma");
  if (ends_with(name, "bias")) return {0.0F, 0.02F};
  if (ends_with(name, "modulation")) return {0.0F, 0.1F};
  if (is_norm && above_one <= 1) return {1.0F, 0.1F};
  double fan_in = 1;
  for (std::size_t i = 1; i < shape.size(); ++i) fan_in *= static_cast<double>(shape[i]);
  return {0.0F, static_cast<float>(std::sqrt(3.0 / fan_in))};
}

}  // namespace

safetensors_weights::safetensors_weights(safetensors_file file, std::string prefix)
    : file_(std::move(file)), prefix_(std::move(prefix)) {}

void safetensors_weights::expect(const std::vector<expected_tensor>& expected) const {
  std::vector<expected_tensor> prefixed = expected;
  for (expected_tensor& t : prefixed) t.name = prefix_ + t.name;
  file_.expect(prefixed);
}

void safetensors_weights::read(const std::string& name, std::span<const std::int64_t> shape,
                               std::span<float> out) const {
  file_.read_f32(prefix_ + name, shape, out);
}

void safetensors_weights::read_rows(const std::string& name, std::span<const std::int64_t> shape,
                                    std::int64_t first, std::span<float> out) const {
  file_.read_rows_f32(prefix_ + name, shape, first, out);
}

std::span<const std::byte> safetensors_weights::bf16_bytes(
    const std::string& name, std::span<const std::int64_t> shape) const {
  return file_.bf16_bytes(prefix_ + name, shape);
}

void random_weights::read(const std::string& name, std::span<const std::int64_t> shape,
                          std::span<float> out) const {
  read_rows(name, shape, 0, out);
}

void random_weights::read_rows(const std::string& name, std::span<const std::int64_t> shape,
                               std::int64_t first, std::span<float> out) const {
  const distribution d = distribution_of(name, shape);
  const std::uint32_t sequence = hash(name);
  std::uint64_t element = static_cast<std::uint64_t>(first);
  for (std::size_t i = 1; i < shape.size(); ++i) element *= static_cast<std::uint64_t>(shape[i]);
  for (std::size_t i = 0; i < out.size();) {
    const ops::philox_words words = ops::random_words(seed_, sequence, element / 4);
    do {  // 24 bits: exact in fp32
      const std::uint32_t word = words[element % 4];
      out[i] = d.centre + d.spread * (static_cast<float>(word >> 8) * 0x1p-23F - 1.0F);
      ++i;
      ++element;
    } while (element % 4 != 0 && i < out.size());
  }
}

}  // namespace checkpoint
