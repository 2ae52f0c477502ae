// Any bytes at all: the reader either refuses them with one line or serves every tensor that it
// listed.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/tensor_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto file =
        checkpoint::tensor_file::from_memory("fuzz", std::as_bytes(std::span(data, size)));
    for (const checkpoint::tensor_entry& entry : file.entries())
      if (checkpoint::is_weight_dtype(entry.dtype)) file.read_f32(entry.name, entry.shape);
  } catch (const latency::error& error) {
    const std::string_view line = error.what();
    if (line.empty() || line.find('\n') != std::string_view::npos) std::abort();
  }
  return 0;
}
