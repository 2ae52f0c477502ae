#include "pipeline_reference/checkpoint/safetensors_header.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/safetensors_writer.hpp"
#include "pipeline_reference/checkpoint/tensor_file.hpp"
#include "tests/pipeline_reference/checkpoint/safetensors_bytes.hpp"
#include "tests/pipeline_reference/message_of.hpp"
#include "tests/temporary_folder.hpp"

using namespace checkpoint;
using checkpoint::testing::as_bytes;
using checkpoint::testing::safetensors_bytes;
using latency_test::message_of;

namespace {

// The one line that parsing `bytes` ends in; empty when it succeeds.
std::string refusal(const std::string& bytes) {
  return message_of([&] { parse_safetensors("w.safetensors", as_bytes(bytes)); });
}

std::vector<std::string> names_of(const tensor_file& file) {
  std::vector<std::string> names;
  for (const tensor_entry& tensor : file.entries()) names.push_back(tensor.name);
  return names;
}

std::string one_tensor(const std::string& fields) {
  return "{\"t\":{" + fields + "}}";
}

std::string words(std::initializer_list<std::uint16_t> values) {
  std::string out;
  for (const std::uint16_t value : values)
    out += {static_cast<char>(value & 0xff), static_cast<char>(value >> 8)};
  return out;
}

}  // namespace

TEST_CASE("safetensors: names, dtypes, shapes and padding of the header are read") {
  const std::string bytes = safetensors_bytes(
      R"({"__metadata__":{"format":"pt"},"b":{"shape":[2,1],"data_offsets":[4,8],"dtype":"BF16"},)"
      R"("a":{"dtype":"I32","shape":[],"data_offsets":[0,4]},)"
      R"("empty":{"dtype":"F32","shape":[0,7],"data_offsets":[8,8]}}   )",
      std::string(8, '\0'));
  const auto file = tensor_file::from_memory("w", as_bytes(bytes));
  CHECK(names_of(file) == std::vector<std::string>{"a", "b", "empty"});
  CHECK(file.entry("a").dtype == tensor_dtype::i32);
  CHECK(file.entry("a").elements == 1);
  CHECK(file.entry("b").shape == tensor_shape{2, 1});
  CHECK(file.entry("b").size_bytes() == 4);
  CHECK(file.read_f32("empty", tensor_shape{0, 7}).empty());
  CHECK(message_of([&] { file.read_f32("a", {}); }) ==
        "w: a: expected dtype F32, F16 or BF16, found I32");
}

TEST_CASE("safetensors: bf16, fp16 and fp32 widen exactly, from unaligned data too") {
  std::string data = "x";
  data += words({0x3f80, 0xc040, 0x7f80, 0x0001});                  // bf16
  data += words({0x3c00, 0xc200, 0x7c00, 0x0001, 0x83ff, 0x7bff});  // fp16
  data += std::string("\x00\x00\x20\xc1", 4);                       // -10 as fp32
  const std::string bytes =
      safetensors_bytes(R"({"pad":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                        R"("bf":{"dtype":"BF16","shape":[4],"data_offsets":[1,9]},)"
                        R"("half":{"dtype":"F16","shape":[2,3],"data_offsets":[9,21]},)"
                        R"("single":{"dtype":"F32","shape":[],"data_offsets":[21,25]}})",
                        data);
  const auto file = tensor_file::from_memory("w", as_bytes(bytes));
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(file.read_f32("bf", tensor_shape{4}) ==
        std::vector<float>{1.0f, -3.0f, infinity, 0x1p-133f});
  CHECK(file.read_f32("half", tensor_shape{2, 3}) ==
        std::vector<float>{1.0f, -3.0f, infinity, 0x1p-24f, -1023 * 0x1p-24f, 65504.0f});
  CHECK(file.read_f32("single", {}) == std::vector<float>{-10.0f});
}

TEST_CASE("safetensors: whole numbers are read as they are, and nothing else as whole numbers") {
  const std::string bytes =
      safetensors_bytes(R"({"ids":{"dtype":"I32","shape":[2],"data_offsets":[0,8]},)"
                        R"("f":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
                        words({7, 0, 0xfffe, 0xffff, 0, 0}));
  const auto file = tensor_file::from_memory("w", as_bytes(bytes));
  CHECK(file.read_i32("ids", tensor_shape{2}) == std::vector<std::int32_t>{7, -2});
  CHECK(message_of([&] { file.read_i32("ids", tensor_shape{1}); }) ==
        "w: ids: expected shape [1], found [2]");
  CHECK(message_of([&] { file.read_i32("f", tensor_shape{1}); }) ==
        "w: f: expected row-major I32, found F32");
}

TEST_CASE(
    "safetensors: a wrong shape or an absent tensor names what was expected and what was found") {
  const std::string bytes = safetensors_bytes(
      one_tensor(R"("dtype":"F32","shape":[1,2],"data_offsets":[0,8])"), std::string(8, '\0'));
  const auto file = tensor_file::from_memory("w", as_bytes(bytes));
  CHECK(message_of([&] {
          file.read_f32("t", tensor_shape{2, 1});
        }) == "w: t: expected shape [2,1], found [1,2]");
  CHECK(message_of([&] { file.read_f32("u", tensor_shape{2}); }) ==
        "w: u: expected this tensor, found none");
  std::vector<float> small(1);
  CHECK(message_of([&] {
          file.read_rows("t", tensor_shape{1, 2}, 0, std::span(small));
        }) == "w: t: expected room for whole rows of 2 values, found 1");
}

TEST_CASE("safetensors: a header that lies about its length is refused") {
  CHECK(refusal("") == "w.safetensors: expected at least 8 bytes, found 0");
  CHECK(refusal("1234567") == "w.safetensors: expected at least 8 bytes, found 7");
  CHECK(refusal(safetensors_bytes(3, "{}", "")) ==
        "w.safetensors: byte 0: the header claims 3 bytes, the file holds 2 after its length");
  CHECK(refusal(safetensors_bytes(~0ull, "{}", "")) ==
        "w.safetensors: byte 0: the header claims 18446744073709551615 bytes, the format allows "
        "100000000");
  CHECK(refusal(safetensors_bytes(100'000'000, "{}", "")) ==
        "w.safetensors: byte 0: the header claims 100000000 bytes, the file holds 2 after its "
        "length");
}

TEST_CASE("safetensors: what is not the header's grammar is refused") {
  CHECK(refusal(safetensors_bytes("", "")) == "w.safetensors: the header is not JSON at byte 8");
  CHECK(refusal(safetensors_bytes("{\"t\":", "")).find("not JSON at byte 13") != std::string::npos);
  CHECK(refusal(safetensors_bytes("[]", "")) == "w.safetensors: found an array where none belongs");
  CHECK(refusal(safetensors_bytes("7", "")) ==
        "w.safetensors: the header must be an object, found a number");
  CHECK(refusal(safetensors_bytes("{\"t\":7}", "")) ==
        "w.safetensors: t: expected an object, found a number");
  CHECK(refusal(safetensors_bytes("{} {}", "")).find("not JSON") != std::string::npos);
  CHECK(refusal(safetensors_bytes("{\"\xff\":1}", "")).find("not JSON") != std::string::npos);
  CHECK(refusal(safetensors_bytes(R"({"__metadata__":{"k":1}})", "")) ==
        "w.safetensors: __metadata__: metadata must be strings, found a number");
  CHECK(
      refusal(safetensors_bytes(one_tensor(R"("dtype":1,"shape":[],"data_offsets":[0,4])"), "")) ==
      "w.safetensors: t: 'dtype' must be a string, found a number");
  CHECK(refusal(safetensors_bytes(one_tensor(R"("shape":"2","dtype":"F32","data_offsets":[0,4])"),
                                  "")) ==
        "w.safetensors: t: 'shape' must be an array, found a string");
  CHECK(refusal(safetensors_bytes(one_tensor(R"("shape":[-1],"dtype":"F32","data_offsets":[0,4])"),
                                  "")) ==
        "w.safetensors: t: 'shape' must hold whole numbers >= 0, found -1");
  CHECK(refusal(safetensors_bytes(one_tensor(R"("shape":[1.5],"dtype":"F32","data_offsets":[0,4])"),
                                  "")) ==
        "w.safetensors: t: 'shape' must hold whole numbers >= 0, found 1.5");
  CHECK(refusal(safetensors_bytes(
            one_tensor(R"("shape":[1e30],"dtype":"F32","data_offsets":[0,4])"), "")) ==
        "w.safetensors: t: 'shape' must hold whole numbers >= 0, found 1e30");
  CHECK(refusal(safetensors_bytes(one_tensor(R"("shape":[],"dtype":"F32")"), "")) ==
        "w.safetensors: t: 'data_offsets' is missing");
  CHECK(refusal(safetensors_bytes(one_tensor(R"("extra":1)"), "")) ==
        "w.safetensors: t: unknown field 'extra', expected dtype, shape and data_offsets");
  CHECK(refusal(safetensors_bytes(one_tensor(R"("dtype":"F32","dtype":"F32")"), "")) ==
        "w.safetensors: t: field 'dtype' stands there twice");
  CHECK(refusal(safetensors_bytes(one_tensor(R"("dtype":"F33")"), "")) ==
        "w.safetensors: t: unknown dtype 'F33'");
  CHECK(refusal(safetensors_bytes(R"({"a\u0007\nb":1})", "")) ==
        "w.safetensors: a\\x07\\x0ab: expected an object, found a number");
}

TEST_CASE("safetensors: brackets nested a million deep end in one line, not in a full stack") {
  const std::string deep(1'000'000, '[');
  CHECK(refusal(safetensors_bytes(deep, "")) == "w.safetensors: found an array where none belongs");
  CHECK(refusal(safetensors_bytes("{\"t\":{\"shape\":" + deep, "")) ==
        "w.safetensors: t: found an array where none belongs");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  CHECK(refusal(safetensors_bytes(objects, "")) ==
        "w.safetensors: a: unknown field 'a', expected dtype, shape and data_offsets");
}

TEST_CASE(
    "safetensors: offsets that overlap, leave holes, run backwards or leave the file are refused") {
  const auto two = [](const char* first, const char* second, std::size_t data) {
    return refusal(
        safetensors_bytes(fmt::format(R"({{"a":{{"dtype":"U8","shape":[4],"data_offsets":{}}},)"
                                      R"("b":{{"dtype":"U8","shape":[4],"data_offsets":{}}}}})",
                                      first, second),
                          std::string(data, '\0')));
  };
  CHECK(two("[0,4]", "[4,8]", 8) == "");
  CHECK(two("[0,4]", "[2,6]", 6) ==
        "w.safetensors: b: expected its data to begin at byte 4, found 2: it overlaps the tensor "
        "before it");
  CHECK(two("[0,4]", "[5,9]", 9) ==
        "w.safetensors: b: expected its data to begin at byte 4, found 5: a hole");
  CHECK(two("[0,4]", "[4,8]", 7) ==
        "w.safetensors: b: its data end at byte 8, but the file holds 7 data bytes");
  CHECK(two("[0,4]", "[4,8]", 9) == "w.safetensors: expected 8 data bytes, found 9");
  CHECK(two("[4,0]", "[4,8]", 8) == "w.safetensors: a: data_offsets [4,0] end before they begin");
  CHECK(two("[0,5]", "[5,9]", 9) ==
        "w.safetensors: a: U8 [4] needs 4 bytes, data_offsets [0,5] hold 5");
  CHECK(two("[0,4,5]", "[4,8]", 8) ==
        "w.safetensors: a: 'data_offsets' must hold 2 numbers, found 3");
  CHECK(two("[18446744073709551612,18446744073709551615]", "[4,8]", 8).find("needs 4 bytes") !=
        std::string::npos);
}

TEST_CASE("safetensors: shapes whose product overflows are refused, also behind a zero") {
  const auto shape = [](const char* text) {
    return refusal(safetensors_bytes(
        one_tensor(fmt::format(R"("dtype":"F32","shape":{},"data_offsets":[0,0])", text)), ""));
  };
  CHECK(shape("[4294967296,4294967296]") ==
        "w.safetensors: t: the shape is too large for 64-bit sizes");
  CHECK(shape("[18446744073709551615]") ==
        "w.safetensors: t: the shape is too large for 64-bit sizes");
  CHECK(shape("[0,4294967296,4294967296]") ==
        "w.safetensors: t: the shape is too large for 64-bit sizes");
  std::string ones = "[1";
  for (int i = 0; i < 32; ++i) ones += ",1";
  CHECK(shape((ones + "]").c_str()) == "w.safetensors: t: 'shape' has more than 32 numbers");
}

TEST_CASE("safetensors: one name used by two tensors is refused") {
  const std::string field = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  CHECK(refusal(safetensors_bytes("{\"t\":" + field + ",\"t\":" + field + "}", "")) ==
        "w.safetensors: t: the name stands there twice");
}

TEST_CASE("safetensors: a file cut anywhere is refused") {
  const std::string whole = safetensors_bytes(
      one_tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"), std::string(8, '\0'));
  REQUIRE(refusal(whole) == "");
  for (std::size_t kept = 0; kept < whole.size(); ++kept)
    CHECK(refusal(whole.substr(0, kept)) != "");
}

TEST_CASE("safetensors: what is written is read back, and a failed write leaves nothing") {
  const latency_test::temporary_folder folder;
  const std::string path = folder / "written.safetensors";
  const std::vector<float> a{1.5f, -2.25f, 3e-30f}, b{4.0f};
  write_safetensors(path, {{"latents", {3, 1}, a}, {"scalar", {}, b}});
  {
    const auto file = tensor_file::open(path);
    CHECK(names_of(file) == std::vector<std::string>{"latents", "scalar"});
    CHECK(file.read_f32("latents", tensor_shape{3, 1}) == a);
    CHECK(file.read_f32("scalar", {}) == b);
  }
  const std::string refused = folder / "refused.safetensors";
  CHECK(message_of([&] {
          write_safetensors(refused, {{"a", {2}, a}});
        }) == refused + ": a: shape [2] holds 2 values, found 3");
  CHECK(folder.names() == std::vector<std::string>{"written.safetensors"});
  CHECK(message_of([&] { write_safetensors("/nonexistent/x", {}); }) ==
        "/nonexistent/x: cannot create: No such file or directory");
}
