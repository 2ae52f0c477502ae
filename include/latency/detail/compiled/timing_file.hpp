#pragma once
// How timing files are written: see timing_file.hpp.

#include <string>

#include "latency/detail/compiled/inline.hpp"
#include "latency/detail/timing_file_writer.hpp"
#include "latency/timing_file.hpp"

namespace latency {

LATENCY_DETAIL_INLINE void write_timing_file(const recording& run, const std::string& path) {
  detail::timing_file_writer(run, path).write();
}

}  // namespace latency
