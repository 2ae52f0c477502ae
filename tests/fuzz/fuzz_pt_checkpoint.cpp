// Any bytes at all, as a file by torch.save or as the pickle in one: the reader either refuses them
// with one line or serves every tensor that it listed.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/tensor_file.hpp"
#include "tests/pipeline_reference/checkpoint/pytorch_bytes.hpp"

namespace {

// A mutated archive seldom gets as far as its pickle, so a bare pickle gets an archive around it.
std::string as_archive(std::string_view input) {
  if (input.starts_with("PK")) return std::string(input);
  return checkpoint::testing::zip_bytes({{"a/data.pkl", std::string(input)},
                                         {"a/data/0", std::string(24, '\0')},
                                         {"a/data/1", std::string(8, '\0')}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string archive = as_archive({reinterpret_cast<const char*>(data), size});
  try {
    const auto file =
        checkpoint::tensor_file::from_memory("fuzz", std::as_bytes(std::span(archive)));
    std::size_t elements = 0;
    for (const checkpoint::tensor_entry& entry : file.entries()) {
      if (entry.size_bytes() > archive.size()) std::abort();
      elements += static_cast<std::size_t>(entry.elements);
      if (checkpoint::is_weight_dtype(entry.dtype) && elements < 1'000'000)
        file.read_f32(entry.name, entry.shape);
    }
  } catch (const latency::error& error) {
    const std::string_view line = error.what();
    if (line.empty() || line.find('\n') != std::string_view::npos) std::abort();
  }
  return 0;
}
