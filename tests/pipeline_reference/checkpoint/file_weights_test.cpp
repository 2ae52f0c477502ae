#include "pipeline_reference/checkpoint/file_weights.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/safetensors_writer.hpp"
#include "tests/pipeline_reference/checkpoint/safetensors_bytes.hpp"
#include "tests/pipeline_reference/message_of.hpp"
#include "tests/temporary_folder.hpp"

using namespace checkpoint;
using checkpoint::testing::as_bytes;
using checkpoint::testing::safetensors_bytes;
using latency_test::message_of;

namespace {

std::string words(std::initializer_list<std::uint16_t> values) {
  std::string out;
  for (const std::uint16_t value : values)
    out += {static_cast<char>(value & 0xff), static_cast<char>(value >> 8)};
  return out;
}

// Empty tensors of these names, as a file.
std::string empty_tensors(const std::vector<std::string>& names) {
  std::string header;
  for (const std::string& name : names)
    header += (header.empty() ? "{\"" : ",\"") + name +
              R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  return safetensors_bytes(header + "}", "");
}

}  // namespace

TEST_CASE(
    "file_weights: missing and unexpected tensors are reported together, by the model's name") {
  const std::string bytes = empty_tensors({"model.a", "encoder.x", "model.stray"});
  const file_weights weights(
      tensor_file::from_memory("w", as_bytes(bytes)),
      [](const std::string& stored) { return stored[0] == 'm' ? stored.substr(6) : ""; });
  CHECK(message_of([&] {
          weights.expect({{"a", {0}}, {"b", {0}}, {"c", {}}, {"d", {}}, {"e", {}}});
        }) == "w: expected 5 tensors, found 2; missing: b, c, d and 1 more; unexpected: stray");
  CHECK(message_of([&] { weights.expect({{"a", {0}}, {"stray", {0}}}); }) == "");
  CHECK(message_of([&] {
          weights.expect({{"a", {1}}, {"stray", {0}}});
        }) == "w: model.a: expected shape [1], found [0]");
  std::vector<float> out(1);
  CHECK(message_of([&] { weights.read("b", tensor_shape{1}, out); }) ==
        "w: b: expected this tensor, found none");
}

TEST_CASE("file_weights: two tensors that become one are refused") {
  const std::string bytes = empty_tensors({"a", "model.a"});
  CHECK(message_of([&] {
          file_weights(tensor_file::from_memory("w", as_bytes(bytes)),
                       [](const std::string& stored) { return stored.substr(stored.size() - 1); });
        }) == "w: model.a: is a, and so is a");
}

TEST_CASE("file_weights: rows are read by themselves, and in bf16 too") {
  const std::string data = words({0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0, 0x40c0, 0x3c00, 0x4000});
  const std::string bytes =
      safetensors_bytes(R"({"bf":{"dtype":"BF16","shape":[3,2],"data_offsets":[0,12]},)"
                        R"("half":{"dtype":"F16","shape":[2],"data_offsets":[12,16]}})",
                        data);
  const file_weights weights(tensor_file::from_memory("w", as_bytes(bytes)));
  const tensor_shape shape{3, 2};
  const auto rows = [&](std::int64_t first, std::size_t values) {
    std::vector<float> out(values, -1.0F);
    weights.read_rows("bf", shape, first, out);
    return out;
  };
  CHECK(rows(0, 6) == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(rows(1, 2) == std::vector<float>{3, 4});
  CHECK(rows(1, 4) == std::vector<float>{3, 4, 5, 6});
  CHECK(rows(3, 0).empty());
  std::vector<float> half(1);
  weights.read_rows("half", tensor_shape{2}, 1, half);
  CHECK(half[0] == 2.0F);

  CHECK(message_of([&] { rows(2, 4); }) == "w: bf: expected rows below 3, found 2 from 2");
  CHECK(message_of([&] { rows(-1, 2); }) == "w: bf: expected rows below 3, found 1 from -1");
  CHECK(message_of([&] {
          rows(std::numeric_limits<std::int64_t>::max(), 2);
        }).find("expected rows below 3, found 1 from") != std::string::npos);
  CHECK(message_of([&] { rows(0, 3); }) ==
        "w: bf: expected room for whole rows of 2 values, found 3");
  std::vector<float> none;
  CHECK(message_of([&] {
          weights.read_rows("bf", tensor_shape{2, 3}, 0, none);
        }) == "w: bf: expected shape [2,3], found [3,2]");

  std::vector<std::uint16_t> stored(4), rounded(2);
  weights.read_rows_bf16("bf", shape, 1, stored);
  CHECK(std::memcmp(stored.data(), data.data() + 4, 8) == 0);
  weights.read_rows_bf16("half", tensor_shape{2}, 0, rounded);
  CHECK(rounded == std::vector<std::uint16_t>{0x3f80, 0x4000});
  CHECK(weights.holds_bf16("bf"));
  CHECK_FALSE(weights.holds_bf16("half"));
  CHECK_FALSE(weights.holds_bf16("absent"));
}

TEST_CASE("file_weights: rows of a file on disk are those of the whole tensor") {
  const latency_test::temporary_folder folder;
  std::vector<float> values(7 * 3 * 2);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) * 0.5F;
  const tensor_shape shape{7, 3, 2};
  write_safetensors(folder / "w", {{"pad", {1}, std::span(values).first(1)}, {"t", shape, values}});
  const file_weights weights(tensor_file::open(folder / "w"));
  for (std::int64_t first = 0; first <= 7; ++first)
    for (std::int64_t count = 0; first + count <= 7; ++count) {
      std::vector<float> rows(static_cast<std::size_t>(count) * 6, -1.0F);
      weights.read_rows("t", shape, first, rows);
      CHECK(rows ==
            std::vector<float>(values.begin() + first * 6, values.begin() + (first + count) * 6));
    }
  std::vector<float> five(5 * 6);
  CHECK(message_of([&] { weights.read("t", shape, five); }) ==
        "t: expected room for 42 values, found 30");
}
