#include "pipeline_reference/checkpoint/weight_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "latency/error.hpp"
#include "pipeline_reference/ops/bf16.hpp"
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

void weight_source::read_rows_bf16(const std::string& name, std::span<const std::int64_t> shape,
                                   std::int64_t first, std::span<std::uint16_t> out) const {
  std::vector<float> wide(out.size());
  read_rows(name, shape, first, wide);
  std::transform(wide.begin(), wide.end(), out.begin(), ops::to_bf16);
}

void weight_source::read(const std::string& name, std::span<const std::int64_t> shape,
                         std::span<float> out) const {
  std::int64_t elements = 1;
  for (const std::int64_t extent : shape) elements *= extent;
  if (out.size() != static_cast<std::size_t>(elements))
    throw latency::error(
        "", name, fmt::format("expected room for {} values, found {}", elements, out.size()));
  read_rows(name, shape, 0, out);
}

std::optional<ops::uniform_numbers> random_weights::as_random(
    const std::string& name, std::span<const std::int64_t> shape) const {
  const distribution d = distribution_of(name, shape);
  return ops::uniform_numbers{seed_, hash(name), d.centre, d.spread};
}

void random_weights::read_rows(const std::string& name, std::span<const std::int64_t> shape,
                               std::int64_t first, std::span<float> out) const {
  const distribution d = distribution_of(name, shape);
  const std::uint32_t sequence = hash(name);
  std::uint64_t element = static_cast<std::uint64_t>(first);
  for (std::size_t i = 1; i < shape.size(); ++i) element *= static_cast<std::uint64_t>(shape[i]);
  ops::philox_words words{};
  for (std::size_t i = 0; i < out.size(); ++i, ++element) {
    if (i == 0 || element % 4 == 0) words = ops::random_words(seed_, sequence, element / 4);
    // 24 bits: exact in fp32
    out[i] = d.centre + d.spread * (static_cast<float>(words[element % 4] >> 8) * 0x1p-23F - 1.0F);
  }
}

}  // namespace checkpoint
