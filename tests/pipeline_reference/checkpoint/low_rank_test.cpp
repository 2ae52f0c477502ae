#include "pipeline_reference/checkpoint/low_rank.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "pipeline_reference/checkpoint/file_weights.hpp"
#include "pipeline_reference/checkpoint/safetensors_writer.hpp"
#include "pipeline_reference/ops/bf16.hpp"
#include "pipeline_reference/ops/cpu/cpu_backend.hpp"
#include "tests/pipeline_reference/message_of.hpp"
#include "tests/temporary_folder.hpp"

using namespace checkpoint;
using latency_test::message_of;

namespace {

// One module m [2, 3] of rank 1, and a tensor that has no additions.
struct tiny_files {
  latency_test::temporary_folder folder;
  std::vector<float> w = {1, 2, 3, 4, 5, 6}, bias = {7, 8}, a = {1, 0, -1}, b = {0.5F, 2};

  tiny_files() {
    write_safetensors(folder / "base", {{"m.weight", {2, 3}, w}, {"m.bias", {2}, bias}});
    write_safetensors(folder / "lora",
                      {{"m.lora_A.weight", {1, 3}, a}, {"m.lora_B.weight", {2, 1}, b}});
  }
};

}  // namespace

TEST_CASE("low_rank: W + scale * B A by hand, whole and by rows, in fp32 and bf16") {
  const tiny_files files;
  const file_weights base(tensor_file::open(files.folder / "base"));
  const file_weights lora(tensor_file::open(files.folder / "lora"));
  ops::cpu::cpu_backend host(1);
  const merged_weights merged(base, lora, {{"m", 2, 3}}, 1, 0.25, host.transformer(),
                              host.memory());
  const std::vector<float> expected = {1.125F, 2, 2.875F, 4.5F, 5, 5.5F};
  std::vector<float> found(6), row(3), bias(2);
  merged.read("m.weight", tensor_shape{2, 3}, found);
  CHECK(found == expected);
  merged.read_rows("m.weight", tensor_shape{2, 3}, 1, row);
  CHECK(row == std::vector<float>{4.5F, 5, 5.5F});
  merged.read("m.bias", tensor_shape{2}, bias);
  CHECK(bias == files.bias);
  std::vector<std::uint16_t> narrow(6);
  merged.read_rows_bf16("m.weight", tensor_shape{2, 3}, 0, narrow);
  for (std::size_t i = 0; i < 6; ++i) CHECK(narrow[i] == ops::to_bf16(expected[i]));
  CHECK_FALSE(merged.holds_bf16("m.weight"));
  merged.expect({{"m.weight", {2, 3}}, {"m.bias", {2}}});
}

TEST_CASE("low_rank: the sum is that of double products, over several modules and pieces") {
  const random_weights base(1), lora(2);
  ops::cpu::cpu_backend host(2);
  constexpr std::int64_t rank = 5;
  const std::vector<linear_module> modules = {{"x", 70, 33}, {"y", 40, 90}};
  const merged_weights merged(base, lora, modules, rank, 1.5, host.transformer(), host.memory());
  for (const linear_module& m : modules) {
    const auto read = [](const weight_source& from, const std::string& name, std::int64_t rows,
                         std::int64_t columns) {
      std::vector<float> out(static_cast<std::size_t>(rows * columns));
      from.read(name, tensor_shape{rows, columns}, out);
      return out;
    };
    const auto w = read(base, m.name + ".weight", m.out, m.in),
               a = read(lora, m.name + ".lora_A.weight", rank, m.in),
               b = read(lora, m.name + ".lora_B.weight", m.out, rank);
    std::vector<float> found(w.size(), NAN);
    for (std::int64_t first = 0; first < m.out; first += 16) {
      const std::int64_t rows = std::min<std::int64_t>(16, m.out - first);
      merged.read_rows(m.name + ".weight", tensor_shape{m.out, m.in}, first,
                       std::span(found).subspan(static_cast<std::size_t>(first * m.in),
                                                static_cast<std::size_t>(rows * m.in)));
    }
    double worst = 0;
    for (std::int64_t o = 0; o < m.out; ++o)
      for (std::int64_t i = 0; i < m.in; ++i) {
        double sum = 0;
        for (std::int64_t r = 0; r < rank; ++r)
          sum += double{b[static_cast<std::size_t>(o * rank + r)]} *
                 a[static_cast<std::size_t>(r * m.in + i)];
        const auto at = static_cast<std::size_t>(o * m.in + i);
        worst = std::max(worst, std::abs(w[at] + 1.5 * sum - found[at]));
      }
    CHECK(worst < 2e-6);
  }
}

TEST_CASE("low_rank: a file of another rank or with other modules is refused") {
  const tiny_files files;
  const file_weights base(tensor_file::open(files.folder / "base"));
  const file_weights lora(tensor_file::open(files.folder / "lora"));
  ops::cpu::cpu_backend host(1);
  const auto refusal = [&](const std::vector<linear_module>& modules, std::int64_t rank) {
    return message_of(
        [&] { merged_weights(base, lora, modules, rank, 1, host.transformer(), host.memory()); });
  };
  const std::string path = files.folder / "lora";
  CHECK(refusal({{"m", 2, 3}}, 2) == path + ": m.lora_A.weight: expected shape [2,3], found [1,3]");
  CHECK(refusal({{"n", 2, 3}}, 1) ==
        path +
            ": expected 2 tensors, found 2; missing: n.lora_A.weight, n.lora_B.weight; "
            "unexpected: m.lora_A.weight, m.lora_B.weight");
}
