#include "benchmarks/overhead_cases.hpp"

namespace benchmarks {

std::string device_in_words() {
  return "";
}

std::vector<overhead_case> device_cases() {
  return {};
}

}  // namespace benchmarks
