#pragma once
// Kernel names as people write them, each made once.

#include <cxxabi.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>

#include "../intern.hpp"

namespace latency::detail {

class kernel_names {
 public:
  // The demangled name, interned. The driver gives a kernel the same pointer each time, but may
  // give the pointer of an unloaded module to another kernel later: the text decides.
  [[nodiscard]] const char* of(const char* mangled) {
    if (mangled == nullptr) return "";
    entry& known = known_[mangled];
    if (known.name == nullptr || std::strcmp(known.mangled.c_str(), mangled) != 0) {
      known.mangled = mangled;
      known.name = intern(demangled(mangled));
    }
    return known.name;
  }

 private:
  struct entry {
    std::string mangled;
    const char* name = nullptr;
  };
  [[nodiscard]] static std::string demangled(const char* mangled) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> text(
        abi::__cxa_demangle(mangled, nullptr, nullptr, &status), &std::free);
    return status == 0 && text != nullptr ? text.get() : mangled;
  }
  std::unordered_map<const char*, entry> known_;
};

}  // namespace latency::detail
