#include "pipeline_reference/checkpoint/upload_weight.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "pipeline_reference/ops/bf16.hpp"
#include "pipeline_reference/ops/cpu/cpu_memory.hpp"
#include "tests/pipeline_reference/message_of.hpp"

using namespace checkpoint;
using latency_test::message_of;

namespace {

// Host memory that pretends to be a device's.
class far_memory final : public ops::cpu::cpu_memory {
 public:
  int uploads = 0;
  std::int64_t largest_bytes = 0;

  void upload(void* to, const void* from, std::int64_t bytes, ops::stream s) override {
    ++uploads;
    largest_bytes = std::max(largest_bytes, bytes);
    cpu_memory::upload(to, from, bytes, s);
  }
  [[nodiscard]] bool host_accessible() const noexcept override { return false; }
};

}  // namespace

TEST_CASE("upload_weight: piece by piece, as fp32 and bf16, near and far") {
  const random_weights source(3);
  ops::cpu::cpu_memory near;
  far_memory far;
  for (const tensor_shape& shape :
       {tensor_shape{1200, 1100}, {3, 1 << 20}, {1, 5, 7}, {17}, {}, {0, 4}}) {
    const std::int64_t n = element_count(shape);
    std::vector<float> expected(static_cast<std::size_t>(n));
    source.read("w", shape, expected);
    for (ops::memory* memory :
         {static_cast<ops::memory*>(&near), static_cast<ops::memory*>(&far)}) {
      ops::buffer wide(*memory, ops::dtype::f32, {n}), narrow(*memory, ops::dtype::bf16, {n});
      std::memset(wide.view().data, 0xff, static_cast<std::size_t>(wide.view().bytes()));
      std::memset(narrow.view().data, 0xff, static_cast<std::size_t>(narrow.view().bytes()));
      upload_weight(source, "w", shape, *memory, wide.view());
      upload_weight(source, "w", shape, *memory, narrow.view());
      std::int64_t wrong = 0;
      for (std::int64_t i = 0; i < n; ++i) {
        const float value = expected[static_cast<std::size_t>(i)];
        wrong += wide.view().as<float>()[i] != value;
        wrong += narrow.view().as<std::uint16_t>()[i] != ops::to_bf16(value);
      }
      CHECK(wrong == 0);
    }
  }
  CHECK(far.largest_bytes <= 4 << 20);
  CHECK(far.uploads > 6 * 2);
}

TEST_CASE("upload_weight: a place of another size or dtype is refused") {
  ops::cpu::cpu_memory memory;
  ops::buffer six(memory, ops::dtype::f32, {6}), bytes(memory, ops::dtype::u8, {6});
  const random_weights source(3);
  CHECK(message_of([&] { upload_weight(source, "w", {7}, memory, six.view()); }) ==
        "w: cannot be stored as [6] f32");
  CHECK(message_of([&] { upload_weight(source, "w", {6}, memory, bytes.view()); }) ==
        "w: cannot be stored as [6] u8");
}
