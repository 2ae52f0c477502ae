// Any bytes as a benchmark's result file: refused with one line, or every row is whole.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "benchmarks/result_file.hpp"
#include "tests/fuzz/refusal.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const benchmarks::result_file file =
        benchmarks::parse_result_file({reinterpret_cast<const char*>(data), size}, "fuzz");
    for (const benchmarks::row& row : file.rows)
      if (row.name.size() > size || row.reference_name.size() > size) std::abort();
  } catch (const latency::error& refused) {
    fuzz::require_one_line(refused, "fuzz: ");
  }
  return 0;
}
