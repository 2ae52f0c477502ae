#pragma once
// Rows of a matrix in device memory, and the checks that launch functions share.

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace kernels {

// Rows that lie `stride` elements apart, each of contiguous elements.
template <class Element>
struct rows_of {
  Element* data = nullptr;
  std::int64_t stride = 0;
};

[[noreturn]] inline void reject(const char* operation, const std::string& why) {
  throw std::invalid_argument(std::string(operation) + ": " + why);
}

// Kernels move 8 values of bf16 at a time: rows must start at multiples of 16 bytes.
template <class Element>
void require_aligned(const char* operation, const char* what, const rows_of<Element>& rows) {
  constexpr std::int64_t per_vector = 16 / sizeof(Element);
  if (reinterpret_cast<std::uintptr_t>(rows.data) % 16 != 0 || rows.stride % per_vector != 0)
    reject(operation, std::string(what) + " does not start every row at a multiple of 16 bytes");
}

inline void require_vectors(const char* operation, const char* what, std::int64_t values) {
  if (values < 8 || values % 8 != 0)
    reject(operation,
           std::string(what) + " is " + std::to_string(values) + ", expected a multiple of 8");
}

// Rows that a block of the kernels of row_launch.hpp takes.
inline void require_row(const char* operation, std::int64_t rows, std::int64_t columns,
                        std::int64_t most_columns) {
  require_vectors(operation, "columns", columns);
  if (columns > most_columns)
    reject(operation,
           std::to_string(columns) + " columns, at most " + std::to_string(most_columns));
  if (rows < 0 || rows > INT32_MAX) reject(operation, std::to_string(rows) + " rows");
}

inline void check_launch(const char* operation) {
  if (const cudaError_t code = cudaGetLastError(); code != cudaSuccess)
    throw std::runtime_error(std::string(operation) + ": launch: " + cudaGetErrorString(code));
}

}  // namespace kernels
