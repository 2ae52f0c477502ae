#include "kernels/random/random.hpp"

#include "kernels/random/philox.hpp"
#include "tests/kernels/device_rows.hpp"

using namespace kernels_test;

TEST_CASE("fill_normal: exactly the CPU's numbers") {
  const std::int64_t count = 3'000'001;
  const kernels::random_sequence numbers{fresh_seed(), 7, 4000};
  device_buffer<float> out(count);
  out.fill_bytes(0xFF);
  kernels::fill_normal({out.get(), count, numbers}, nullptr);
  const std::vector<float> found = out.values();
  std::int64_t different = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::uint64_t number = numbers.first + i;
    const float expected =
        kernels::random_normals(numbers.seed, numbers.sequence, number / 4)[number % 4];
    different += kernels::bits_of(found[i]) != kernels::bits_of(expected);
  }
  CHECK(different == 0);
}

TEST_CASE("fill_uniform: exactly the CPU's numbers") {
  const std::int64_t count = 100'003;
  const kernels::random_sequence numbers{fresh_seed(), 3, 0};
  device_buffer<__nv_bfloat16> out(count + 5);
  out.fill_bytes(0xFF);
  kernels::fill_uniform({out.get(), count, numbers, 1.0F, 0.1F}, nullptr);
  const std::vector<__nv_bfloat16> found = out.values();
  bool equal = true;
  for (std::size_t i = 0; i < count; ++i) {
    const auto words = kernels::random_words(numbers.seed, numbers.sequence, i / 4);
    volatile float product = 0.1F * (static_cast<float>(words[i % 4] >> 8) * 0x1p-23F - 1.0F);
    equal = equal && __bfloat162float(found[i]) == __bfloat162float(__float2bfloat16(1 + product));
  }
  CHECK(equal);
  CHECK(std::isnan(__bfloat162float(found[count])));
}
