// Every public header from two translation units: no duplicate symbols, and one shared state.
#include <cstdio>

#include "all_headers.hpp"

const int* version_of_other();

int main() {
  if (&latency::timing_file_version_major != version_of_other()) {
    std::puts("the two translation units have a copy each of what should be one object");
    return 1;
  }
  return 0;
}
