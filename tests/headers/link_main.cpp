// Every public header from two translation units: no duplicate symbols, and one shared state.
#include <cstdio>
#include <string>

#include "all_headers.hpp"

const char* interned_by_other(const std::string& text);

int main() {
  const std::string text = "one name";
  if (latency::intern(text) != interned_by_other(text)) {
    std::puts("the two translation units have a table of interned names each");
    return 1;
  }
  return 0;
}
