// Any bytes at all: the reader either refuses them with one line or serves every tensor that it
// listed.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/safetensors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto file =
        checkpoint::safetensors_file::from_memory("fuzz", std::as_bytes(std::span(data, size)));
    for (const checkpoint::tensor_entry& entry : file.entries()) {
      if (file.bytes(entry.name).size() != entry.size_bytes) std::abort();
      if (entry.dtype == checkpoint::tensor_dtype::f32 ||
          entry.dtype == checkpoint::tensor_dtype::f16 ||
          entry.dtype == checkpoint::tensor_dtype::bf16) {
        file.read_f32(entry.name, entry.shape);
      }
    }
  } catch (const latency::error& error) {
    const std::string_view line = error.what();
    if (line.empty() || line.find('\n') != std::string_view::npos) std::abort();
  }
  return 0;
}
