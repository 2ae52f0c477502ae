// Any bytes at all: the reader either refuses them with one line or serves every tensor that it
// listed.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "pipeline_reference/checkpoint/tensor_file.hpp"
#include "tests/fuzz/refusal.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto file =
        checkpoint::tensor_file::from_memory("fuzz", std::as_bytes(std::span(data, size)));
    for (const checkpoint::tensor_entry& entry : file.entries())
      if (checkpoint::is_weight_dtype(entry.dtype)) file.read_f32(entry.name, entry.shape);
  } catch (const latency::error& refused) {
    fuzz::require_one_line(refused, "fuzz: ");
  }
  return 0;
}
