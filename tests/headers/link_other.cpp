#include "all_headers.hpp"

const int* version_of_other();
const int* version_of_other() {
  return &latency::timing_file_version_major;
}
