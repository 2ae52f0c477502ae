// Files that PyTorch 2.11 wrote.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "pipeline_reference/checkpoint/tensor_file.hpp"
#include "tests/pipeline_reference/message_of.hpp"

using namespace checkpoint;
using latency_test::message_of;

namespace {

std::string path_of(const std::string& name) {
  return TEST_DATA_FOLDER "/checkpoint/" + name;
}
std::string refusal(const std::string& name) {
  const std::string message = message_of([&] { tensor_file::open(path_of(name)); });
  const std::string prefix = path_of(name) + ": ";
  REQUIRE(message.rfind(prefix, 0) == 0);
  return message.substr(prefix.size());
}

}  // namespace

TEST_CASE("torch files: state dicts, views, parameters and every dtype are read") {
  const tensor_file file = tensor_file::open(path_of("torch_2_11.pt"));
  CHECK(file.format() == file_format::pytorch);
  std::vector<std::string> names;
  for (const tensor_entry& entry : file.entries())
    names.push_back(entry.name + " " + std::string(dtype_name(entry.dtype)) +
                    shape_text(entry.shape));
  CHECK(names == std::vector<std::string>{"generator.q.weight F32[2,3]",
                                          "generator.q.bias F32[2]",
                                          "generator.norm.weight F32[2]",
                                          "generator.norm.bias F32[2]",
                                          "extra.bf16 BF16[2,3]",
                                          "extra.f16 F16[3,2]",
                                          "extra.f64 F64[2]",
                                          "extra.i64 I64[3]",
                                          "extra.i32 I32[3]",
                                          "extra.i16 I16[3]",
                                          "extra.i8 I8[3]",
                                          "extra.u8 U8[3]",
                                          "extra.bool BOOL[2]",
                                          "extra.c64 C64[1]",
                                          "extra.c128 C128[1]",
                                          "extra.u16 U16[2]",
                                          "extra.u32 U32[1]",
                                          "extra.u64 U64[1]",
                                          "extra.e4m3 F8_E4M3[2]",
                                          "extra.e5m2 F8_E5M2[2]",
                                          "extra.transposed F32[6,4]",
                                          "extra.part F32[2,3]",
                                          "extra.row F32[6]",
                                          "extra.scalar F32[]",
                                          "extra.empty F32[0,7]",
                                          "extra.parameter F32[2]",
                                          "list.0 F32[1]",
                                          "list.1 F32[1]"});
  const auto values = [&](const std::string& name) {
    return file.read_f32(name, file.entry(name).shape);
  };
  CHECK(values("generator.norm.weight") == std::vector<float>{1, 1});
  CHECK(values("extra.bf16") == std::vector<float>{0, 0.25F, 0.5F, 0.75F, 1, 1.25F});
  CHECK(values("extra.f16") == std::vector<float>{0, 1, 2, 3, 4, 5});
  CHECK(values("extra.part") == std::vector<float>{8, 9, 10, 14, 15, 16});
  CHECK(values("extra.row") == std::vector<float>{12, 13, 14, 15, 16, 17});
  CHECK(values("extra.transposed") == std::vector<float>{0, 6,  12, 18, 1, 7,  13, 19,
                                                         2, 8,  14, 20, 3, 9,  15, 21,
                                                         4, 10, 16, 22, 5, 11, 17, 23});
  CHECK(values("extra.scalar") == std::vector<float>{2.5F});
  CHECK(values("extra.empty").empty());
  CHECK(values("extra.parameter") == std::vector<float>{1, -2});
  CHECK(values("list.1") == std::vector<float>{2});
  CHECK(values("generator.q.weight").size() == 6);
}

TEST_CASE("torch files: what is no state dict of plain tensors is refused by name") {
  CHECK(refusal("before_1_6.pt").find("written by PyTorch before 1.6") == 0);
  CHECK(refusal("protocol_4.pt") ==
        "data.pkl: byte 0: pickle protocol 4, expected 2, the default of torch.save");
  CHECK(refusal("conjugated.pt") ==
        "c: is conjugated, negated or otherwise more than a view of its storage");
  CHECK(refusal("quantized.pt")
            .find("data.pkl: byte 13: refuses the global torch._utils._rebuild_qtensor:") == 0);
  CHECK(refusal("torchscript.pt") == "a TorchScript program, expected a state dict of torch.save");
}
