#pragma once
// A PyTorch trace of any size, made of a real one.

#include <cstdint>
#include <string>

namespace benchmarks {

// Writes the trace at `model` (JSON, or gzip of it) over and over until `path` has `bytes`: each
// time with later times and other correlation ids, and laid out as PyTorch writes it. Returns the
// size. Throws latency::error.
std::uint64_t write_repeated_trace(const std::string& model, const std::string& path,
                                   std::uint64_t bytes);

// The same bytes in gzip, as torch.profiler writes .json.gz.
std::uint64_t write_gzip(const std::string& from, const std::string& path);

}  // namespace benchmarks
