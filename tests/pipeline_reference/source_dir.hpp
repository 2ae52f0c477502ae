#pragma once
// Where the sources lie: LATENCY_SOURCE_DIR, set by CMake for the tests that read bundled files.

#include <string>

namespace longlive_tests {

inline std::string source_dir() {
  return LATENCY_SOURCE_DIR;
}

}  // namespace longlive_tests
