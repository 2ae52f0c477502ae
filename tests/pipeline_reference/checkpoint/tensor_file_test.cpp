#include "pipeline_reference/checkpoint/tensor_file.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "pipeline_reference/checkpoint/safetensors_writer.hpp"
#include "pipeline_reference/ops/bf16.hpp"
#include "tests/pipeline_reference/checkpoint/pytorch_bytes.hpp"
#include "tests/pipeline_reference/checkpoint/safetensors_bytes.hpp"
#include "tests/pipeline_reference/message_of.hpp"
#include "tests/temporary_folder.hpp"

using namespace checkpoint;
using checkpoint::testing::as_bytes;
using latency_test::message_of;

namespace {

std::string refusal(const std::string& bytes) {
  return message_of([&] { tensor_file::from_memory("w", as_bytes(bytes)); });
}

}  // namespace

TEST_CASE("tensor_file: the format is told by the content, whatever the name") {
  const latency_test::temporary_folder folder;
  const std::string four(4, '\0');
  std::ofstream(folder / "w.pt") << testing::safetensors_bytes(
      R"({"t":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", four);
  std::ofstream(folder / "w.safetensors") << testing::pytorch_bytes(
      testing::pickle::dictionary(
          {{"t", testing::pickle::tensor({"FloatStorage", "0", 1, 0, {}, {}})}}),
      {{"0", four}});
  CHECK(tensor_file::open(folder / "w.pt").format() == file_format::safetensors);
  CHECK(tensor_file::open(folder / "w.safetensors").format() == file_format::pytorch);
  for (const char* name : {"w.pt", "w.safetensors"}) {
    const tensor_file file = tensor_file::open(folder / name);
    REQUIRE(file.entries().size() == 1);
    CHECK(file.read_f32("t", {}) == std::vector<float>{0.0F});
  }
}

TEST_CASE("tensor_file: what is met in place of weights is called by its name") {
  using namespace std::string_literals;
  CHECK(refusal("") == "w: is empty");
  CHECK(refusal("version https://git-lfs.github.com/spec/v1\noid sha256:00") ==
        "w: a Git LFS pointer, not the file that it points to: fetch that with git lfs pull");
  CHECK(refusal("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02"s) ==
        "w: written by PyTorch before 1.6, or with _use_new_zipfile_serialization=False: load it "
        "there and torch.save it again");
  CHECK(refusal("\x80\x04\x95"s).find("w: a bare pickle") == 0);
  CHECK(refusal("<!DOCTYPE html>").find("w: a web page") == 0);
  CHECK(refusal("\x1f\x8b\x08"s).find("w: compressed with gzip") == 0);
  CHECK(refusal("GGUF....").find("w: a GGUF file") == 0);
  CHECK(refusal("12345678[]") ==
        "w: neither safetensors nor a file by torch.save: it begins with 12345678");
  CHECK(refusal("\0\1"s) ==
        "w: neither safetensors nor a file by torch.save: it begins with \\x00\\x01");
}

TEST_CASE("tensor_file: missing, empty and irregular files are refused by name") {
  CHECK(message_of([] { tensor_file::open("/nonexistent/w"); }) ==
        "/nonexistent/w: cannot open: No such file or directory");
  const latency_test::temporary_folder folder;
  const std::string directory = folder / "", pipe = folder / "pipe", path = folder / "empty";
  CHECK(message_of([&] { tensor_file::open(directory); }) == directory + ": not a regular file");
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);  // that nobody writes to: nothing to wait for
  CHECK(message_of([&] { tensor_file::open(pipe); }) == pipe + ": not a regular file");
  std::ofstream(path).close();
  CHECK(message_of([&] { tensor_file::open(path); }) == path + ": is empty");
}

TEST_CASE("tensor_file: tensors of many pieces are read whole, as they are stored and converted") {
  const latency_test::temporary_folder folder;
  constexpr std::int64_t rows = 1031, columns = 2053;  // 8.5 MB, and no multiple of any piece
  std::vector<float> values(rows * columns);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 8191);
  write_safetensors(folder / "w",
                    {{"pad", {1}, std::span(values).first(1)}, {"t", {rows, columns}, values}});
  const tensor_file file = tensor_file::open(folder / "w");
  const tensor_shape shape{rows, columns};
  CHECK(file.read_f32("t", shape) == values);
  std::vector<std::uint16_t> rounded(values.size() - columns);
  file.read_rows("t", shape, 1, std::span(rounded));
  bool same = true;
  for (std::size_t i = 0; i < rounded.size(); ++i)
    same = same && rounded[i] == ops::to_bf16(values[i + columns]);
  CHECK(same);
}

TEST_CASE("tensor_file: a file that is cut short after it was opened is refused in one line") {
  const latency_test::temporary_folder folder;
  const std::string path = folder / "w", data(32, '\0');
  std::ofstream(path) << testing::pytorch_bytes(
      testing::pickle::dictionary(
          {{"row_major", testing::pickle::tensor({"FloatStorage", "0", 8, 0, {4, 2}, {2, 1}})},
           {"transposed", testing::pickle::tensor({"FloatStorage", "0", 8, 0, {4, 2}, {1, 4}})}}),
      {{"0", data}});
  const tensor_file file = tensor_file::open(path);
  const tensor_shape shape{4, 2};
  std::vector<std::uint16_t> converted(8);
  file.read_rows("transposed", shape, 0, std::span(converted));  // as long as it is whole
  const std::uint64_t kept = file.entry("row_major").offset_bytes + 4;
  std::filesystem::resize_file(path, kept);
  const std::string refused = path + ": had " + std::to_string(file.size_bytes()) +
                              " bytes when it was opened, has " + std::to_string(kept) +
                              " now: it was cut short meanwhile";
  CHECK(message_of([&] { file.read_f32("row_major", shape); }) == refused);
  CHECK(message_of([&] { file.read_rows("row_major", shape, 0, std::span(converted)); }) ==
        refused);
  CHECK(message_of([&] { file.read_f32("transposed", shape); }) == refused);
}
