#include "pipeline_reference/checkpoint/pytorch_reader.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "pipeline_reference/checkpoint/tensor_file.hpp"
#include "tests/pipeline_reference/checkpoint/pytorch_bytes.hpp"
#include "tests/pipeline_reference/checkpoint/safetensors_bytes.hpp"
#include "tests/pipeline_reference/message_of.hpp"

using namespace checkpoint;
namespace pickle = checkpoint::testing::pickle;
using checkpoint::testing::as_bytes;
using checkpoint::testing::pickled_tensor;
using checkpoint::testing::pytorch_bytes;
using checkpoint::testing::row_major;
using checkpoint::testing::zip_bytes;
using latency_test::message_of;

namespace {

// 0, 1, 2, ... as fp32.
std::string counting(std::size_t count) {
  std::string bytes(count * 4, '\0');
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = static_cast<float>(i);
    std::memcpy(bytes.data() + 4 * i, &value, 4);
  }
  return bytes;
}

std::string refusal(const std::string& bytes) {
  return message_of([&] { static_cast<void>(parse_pytorch("w", as_bytes(bytes))); });
}
// Of {"t": the tensor}, whose storage holds 6 elements.
std::string refusal_of_tensor(const std::string& tensor) {
  return refusal(pytorch_bytes(pickle::dictionary({{"t", tensor}}), {{"0", counting(6)}}));
}
std::string refusal_of_view(std::int64_t offset, const std::vector<std::int64_t>& shape,
                            const std::vector<std::int64_t>& strides) {
  return refusal_of_tensor(pickle::tensor({"FloatStorage", "0", 6, offset, shape, strides}));
}

std::vector<float> read(const std::string& bytes, const std::string& name) {
  const auto file = tensor_file::from_memory("w", as_bytes(bytes));
  return file.read_f32(name, file.entry(name).shape);
}

}  // namespace

TEST_CASE("pytorch_reader: nested dictionaries, lists and keys name the tensors") {
  const std::string t = pickle::tensor({"FloatStorage", "0", 6, 0, {6}, {1}});
  const std::string hyper = pickle::dictionary({{"lr", "G" + std::string(8, '\0')},
                                                {"steps", pickle::integer(3)},
                                                {"dtype", pickle::global("torch", "bfloat16")}});
  const std::string bytes = pytorch_bytes(
      pickle::dictionary({{"generator", pickle::dictionary({{"model.a", t}})},
                          {"list", pickle::empty_list + t + pickle::append + t + pickle::append},
                          {"hyper", hyper},
                          {"pair", pickle::none + t + "\x86"}}),
      {{"0", counting(6)}});
  const std::vector<tensor_entry> entries = parse_pytorch("w", as_bytes(bytes));
  std::vector<std::string> names;
  for (const tensor_entry& entry : entries) names.push_back(entry.name);
  CHECK(names == std::vector<std::string>{"generator.model.a", "list.0", "list.1", "pair.1"});
  CHECK(read(bytes, "list.1") == std::vector<float>{0, 1, 2, 3, 4, 5});

  const std::string bare = pytorch_bytes(t, {{"0", counting(6)}});
  CHECK(parse_pytorch("w", as_bytes(bare)).at(0).name == "tensor");
}

TEST_CASE("pytorch_reader: views of one storage are read in row-major order") {
  const auto view = [](std::int64_t offset, const std::vector<std::int64_t>& shape,
                       const std::vector<std::int64_t>& strides) {
    return pickle::tensor({"FloatStorage", "0", 24, offset, shape, strides});
  };
  const std::string bytes =
      pytorch_bytes(pickle::dictionary({{"whole", view(0, {4, 6}, {6, 1})},
                                        {"transposed", view(0, {6, 4}, {1, 6})},
                                        {"part", view(8, {2, 3}, {6, 1})},
                                        {"row", view(12, {6}, {1})},
                                        {"column", view(2, {4}, {6})},
                                        {"one", view(23, {1, 1, 1}, {1000, 77, 5})},
                                        {"scalar", view(5, {}, {})},
                                        {"empty", view(24, {0, 7}, {7, 1})},
                                        {"repeated", view(1, {3, 2}, {0, 1})}}),
                    {{"0", counting(24)}});
  CHECK(read(bytes, "transposed") == std::vector<float>{0, 6,  12, 18, 1, 7,  13, 19,
                                                        2, 8,  14, 20, 3, 9,  15, 21,
                                                        4, 10, 16, 22, 5, 11, 17, 23});
  CHECK(read(bytes, "part") == std::vector<float>{8, 9, 10, 14, 15, 16});
  CHECK(read(bytes, "row") == std::vector<float>{12, 13, 14, 15, 16, 17});
  CHECK(read(bytes, "column") == std::vector<float>{2, 8, 14, 20});
  CHECK(read(bytes, "one") == std::vector<float>{23});
  CHECK(read(bytes, "scalar") == std::vector<float>{5});
  CHECK(read(bytes, "empty").empty());
  CHECK(read(bytes, "repeated") == std::vector<float>{1, 2, 1, 2, 1, 2});
  const auto file = tensor_file::from_memory("w", as_bytes(bytes));
  CHECK(file.entry("whole").strides.empty());
  CHECK(file.entry("one").strides.empty());
  std::vector<float> rows(8);
  file.read_rows("transposed", tensor_shape{6, 4}, 2, std::span(rows));
  CHECK(rows == std::vector<float>{2, 8, 14, 20, 3, 9, 15, 21});
}

TEST_CASE("pytorch_reader: every dtype that torch.save writes is listed") {
  struct dtype_case {
    const char *storage, *constant;
    tensor_dtype dtype;
  };
  for (const dtype_case& c : {dtype_case{"FloatStorage", "float32", tensor_dtype::f32},
                              {"BFloat16Storage", "bfloat16", tensor_dtype::bf16},
                              {"HalfStorage", "float16", tensor_dtype::f16},
                              {"DoubleStorage", "float64", tensor_dtype::f64},
                              {"LongStorage", "int64", tensor_dtype::i64},
                              {"IntStorage", "int32", tensor_dtype::i32},
                              {"ShortStorage", "int16", tensor_dtype::i16},
                              {"CharStorage", "int8", tensor_dtype::i8},
                              {"ByteStorage", "uint8", tensor_dtype::u8},
                              {"BoolStorage", "bool", tensor_dtype::boolean},
                              {"ComplexFloatStorage", "complex64", tensor_dtype::c64},
                              {"ComplexDoubleStorage", "complex128", tensor_dtype::c128},
                              {nullptr, "uint16", tensor_dtype::u16},
                              {nullptr, "uint32", tensor_dtype::u32},
                              {nullptr, "uint64", tensor_dtype::u64},
                              {nullptr, "float8_e4m3fn", tensor_dtype::f8_e4m3},
                              {nullptr, "float8_e5m2", tensor_dtype::f8_e5m2}}) {
    const auto size = static_cast<std::int64_t>(2 * dtype_bytes(c.dtype));
    const std::string typed =
        pickle::global("torch._utils", "_rebuild_tensor_v3") + pickle::mark + pickle::mark +
        pickle::text("storage") + pickle::global("torch.storage", "UntypedStorage") +
        pickle::text("0") + pickle::text("cpu") + pickle::integer(size) + pickle::tuple + "Q" +
        pickle::integer(0) + pickle::integers({2}) + pickle::integers({1}) + "\x89" + pickle::none +
        pickle::global("torch", c.constant) + pickle::tuple + pickle::reduce;
    std::vector<std::pair<std::string, std::string>> items = {{"typed", typed}};
    if (c.storage != nullptr)
      items.emplace_back("plain", pickle::tensor({c.storage, "0", 2, 0, {2}, {1}}));
    const std::string bytes = pytorch_bytes(
        pickle::dictionary(items), {{"0", std::string(static_cast<std::size_t>(size), '\0')}});
    for (const tensor_entry& entry : parse_pytorch("w", as_bytes(bytes))) {
      CHECK(entry.dtype == c.dtype);
      CHECK(entry.size_bytes() == static_cast<std::uint64_t>(size));
    }
    CHECK(parse_pytorch("w", as_bytes(bytes)).size() == items.size());
    if (!is_weight_dtype(c.dtype))
      CHECK(
          message_of([&] { read(bytes, "typed"); }) ==
          fmt::format("w: typed: expected dtype F32, F16 or BF16, found {}", dtype_name(c.dtype)));
  }
}

TEST_CASE("pytorch_reader: a pickle that would run a command is refused, and nothing runs") {
  const std::string bytes = pytorch_bytes(
      pickle::global("os", "system") + pickle::text("touch /tmp/owned") + "\x85" + pickle::reduce,
      {});
  CHECK(refusal(bytes) ==
        "w: data.pkl: byte 2: refuses the global os.system: only tensors and plain values are "
        "read; save the state dict alone");
  CHECK(refusal_of_tensor(pickle::global("numpy", "ndarray"))
            .find("refuses the global numpy.ndarray") != std::string::npos);
}

TEST_CASE("pytorch_reader: views that leave their storage or repeat it are refused") {
  CHECK(refusal_of_view(0, {6}, {1}) == "");
  CHECK(refusal_of_view(0, {7}, {1}) ==
        "w: t: shape [7] with strides [1] from element 0 on does not fit the 6 elements of data/0");
  constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  struct bad_view {
    std::int64_t offset;
    std::vector<std::int64_t> shape, strides;
  };
  for (const bad_view& v : {bad_view{1, {6}, {1}},
                            {-1, {1}, {1}},
                            {7, {0}, {1}},
                            {huge, {1}, {1}},
                            {huge, {2}, {huge}},
                            {0, {-1}, {1}},
                            {0, {2}, {-1}},
                            {5, {2}, {-1}},
                            {0, {2}, {6}},
                            {0, {2, 3}, {4, 1}},
                            {0, {7}, {0}},  // a million copies of one element would fit as well
                            {0, {huge}, {0}},
                            {0, {huge, huge}, {0, 0}},
                            {0, {0, huge, huge}, {1, 1, 1}},
                            {0, {2}, {huge}},
                            {0, {huge, 2}, {0, 1}},
                            {0, {3, 3}, {1, 1}}})  // 9 elements among 5 that overlap
    CHECK(refusal_of_view(v.offset, v.shape, v.strides).find("does not fit the 6 elements") !=
          std::string::npos);
  CHECK(refusal_of_view(0, {2, 3}, {1}) == "w: t: 2 extents but 1 strides");
  CHECK(refusal_of_view(0, std::vector<std::int64_t>(33, 1), std::vector<std::int64_t>(33, 1))
            .find("a tensor of more than 32 dimensions") != std::string::npos);
}

TEST_CASE("pytorch_reader: storages that are absent or of another size are refused") {
  const auto tensor = [](const char* storage, const char* key, std::int64_t elements) {
    return refusal_of_tensor(pickle::tensor({storage, key, elements, 0, {1}, {1}}));
  };
  CHECK(tensor("FloatStorage", "0", 6) == "");
  CHECK(tensor("FloatStorage", "1", 6)
            .find("names the storage data/1, which the file does not "
                  "hold") != std::string::npos);
  CHECK(tensor("FloatStorage", "../data.pkl", 6).find("names the storage data/../data.pkl") !=
        std::string::npos);
  for (const std::int64_t elements : {std::int64_t{5}, std::int64_t{7}, std::int64_t{1} << 62})
    CHECK(tensor("FloatStorage", "0", elements)
              .find(fmt::format("claims {} elements of F32 for data/0, which holds 24 bytes",
                                elements)) != std::string::npos);
  CHECK(tensor("DoubleStorage", "0", 6).find("claims 6 elements of F64") != std::string::npos);
  CHECK(tensor("FloatStorage", "0", -1).find("expected (\"storage\", class, key") !=
        std::string::npos);
  CHECK(tensor("float32", "0", 6).find("expected (\"storage\", class, key") != std::string::npos);
  CHECK(refusal_of_tensor(pickle::global("torch._utils", "_rebuild_tensor_v2") + pickle::none +
                          "\x85" + pickle::reduce)
            .find("expected a storage as argument 0") != std::string::npos);
  CHECK(refusal_of_tensor(pickle::global("torch._utils", "_rebuild_parameter") +
                          pickle::empty_tuple + pickle::reduce)
            .find("expected a tensor as argument 0") != std::string::npos);
}

TEST_CASE("pytorch_reader: circles, deep nesting and repeated containers end in one line") {
  // A list that contains itself.
  CHECK(refusal(pytorch_bytes(pickle::empty_list + "q\x01h\x01" + pickle::append, {}))
            .find("nested deeper than 32") != std::string::npos);
  CHECK(refusal(pytorch_bytes(std::string(1'000'000, ']') + std::string(999'999, 'a'), {}))
            .find("nested deeper than 32") != std::string::npos);
  // Ten times ten times ten ... lists.
  std::string laughs = pickle::empty_list + "q" + std::string(1, '\0');
  for (char level = 1; level < 30; ++level) {
    laughs += pickle::empty_list + pickle::mark;
    for (int i = 0; i < 10; ++i) laughs += std::string("h") + static_cast<char>(level - 1);
    laughs += std::string("eq") + level;
  }
  CHECK(refusal(pytorch_bytes(pickle::mark + laughs + pickle::tuple, {}))
            .find("more than 4194304 values") != std::string::npos);
  CHECK(refusal(pytorch_bytes(pickle::dictionary({{std::string(2000, 'k'), pickle::none}}), {}))
            .find("keys of more than 1024 bytes") != std::string::npos);
  CHECK(refusal(pytorch_bytes(pickle::empty_dict + pickle::none + pickle::none + "s", {}))
            .find("expected a text or an integer as a key") != std::string::npos);
  const std::string t = pickle::tensor({"FloatStorage", "0", 1, 0, {1}, {1}});
  CHECK(
      refusal(pytorch_bytes(pickle::dictionary({{"a.b", t}, {"a", pickle::dictionary({{"b", t}})}}),
                            {{"0", counting(1)}})) == "w: a.b: the name stands there twice");
}

TEST_CASE("pytorch_reader: archives of another byte order, version or kind are refused") {
  const std::string data = pickle::begin + pickle::empty_dict + pickle::stop;
  CHECK(refusal(zip_bytes({{"a/data.pkl", data}})) == "");
  CHECK(refusal(zip_bytes({{"a/data.pkl", data}, {"a/byteorder", "big"}})) ==
        "w: byteorder: expected little, found big");
  CHECK(refusal(zip_bytes({{"a/data.pkl", data}, {"a/version", "11\n"}})) ==
        "w: version: expected at most 10, found 11");
  CHECK(refusal(zip_bytes({{"a/data.pkl", data}, {"a/version", std::string(100, '9')}}))
            .find("w: version: expected at most 10") == 0);
  CHECK(refusal(zip_bytes({{"a/data.pkl", data}, {"a/.data/version", "x"}})) ==
        "w: version: expected at most 10, found x");
  CHECK(refusal(zip_bytes({{"a/data.pkl", data}, {"a/constants.pkl", ""}})) ==
        "w: a TorchScript program, expected a state dict of torch.save");
  CHECK(refusal(zip_bytes({{"a/other", ""}})) ==
        "w: a zip file, but not by torch.save: it has no data.pkl");
  CHECK(refusal(zip_bytes({{"data.pkl", data}})) ==
        "w: data.pkl: lies outside of data.pkl/, the one folder of a file by torch.save");
  CHECK(refusal(zip_bytes({{"a/data.pkl", data}, {"b/x", ""}})) ==
        "w: b/x: lies outside of a/, the one folder of a file by torch.save");
  CHECK(refusal(zip_bytes({})) == "w: a zip file without entries");
  std::string compressed = zip_bytes({{"a/data.pkl", data}});
  compressed[compressed.find("PK\x01\x02") + 10] = 8;
  CHECK(refusal(compressed) ==
        "w: a/data.pkl: is compressed, which torch.save never does: unpack the file and pack it "
        "again with zip -0 -r");
}

TEST_CASE("pytorch_reader: a file cut anywhere is refused") {
  const std::string whole = pytorch_bytes(
      pickle::dictionary({{"t", pickle::tensor({"FloatStorage", "0", 6, 0, {2, 3}, {3, 1}})}}),
      {{"0", counting(6)}});
  REQUIRE(refusal(whole) == "");
  for (std::size_t kept = 0; kept < whole.size(); ++kept)
    CHECK(refusal(whole.substr(0, kept)) != "");
}

TEST_CASE("pytorch_reader: bytes changed at random are refused or read inside the file") {
  const std::string whole = pytorch_bytes(
      pickle::dictionary({{"t", pickle::tensor({"FloatStorage", "0", 6, 0, {2, 3}, {3, 1}})},
                          {"u", pickle::tensor({"BFloat16Storage", "1", 4, 1, {3}, {1}})}}),
      {{"0", counting(6)}, {"1", "12345678"}});
  CHECK(rc::check("changed bytes", [&] {
    std::string bytes = whole;
    const auto changes = *rc::gen::inRange(1, 4);
    for (int i = 0; i < changes; ++i)
      bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<char>();
    try {
      const auto file = tensor_file::from_memory("w", as_bytes(bytes));
      for (const tensor_entry& entry : file.entries())
        if (is_weight_dtype(entry.dtype)) file.read_f32(entry.name, entry.shape);
    } catch (const latency::error& e) {
      RC_ASSERT(std::string(e.what()).find('\n') == std::string::npos);
    }
  }));
}

TEST_CASE("pytorch_reader: strides of any permutation and step read what an index reads") {
  CHECK(rc::check("strides", [] {
    const auto rank = *rc::gen::inRange<std::size_t>(0, 5);
    const auto shape =
        *rc::gen::container<std::vector<std::int64_t>>(rank, rc::gen::inRange<std::int64_t>(1, 4));
    const auto strides =
        *rc::gen::container<std::vector<std::int64_t>>(rank, rc::gen::inRange<std::int64_t>(0, 30));
    const auto offset = *rc::gen::inRange<std::int64_t>(0, 5);
    constexpr std::int64_t stored = 512;
    const std::string bytes = pytorch_bytes(
        pickle::dictionary(
            {{"t", pickle::tensor({"FloatStorage", "0", stored, offset, shape, strides})}}),
        {{"0", counting(stored)}});
    const std::vector<float> found = read(bytes, "t");
    std::vector<std::int64_t> index(rank, 0);
    for (const float value : found) {
      std::int64_t at = offset;
      for (std::size_t d = 0; d < rank; ++d) at += index[d] * strides[d];
      RC_ASSERT(value == static_cast<float>(at));
      for (std::size_t d = rank; d-- > 0;) {
        if (++index[d] < shape[d]) break;
        index[d] = 0;
      }
    }
  }));
}
