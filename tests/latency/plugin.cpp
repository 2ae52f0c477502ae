// A shared library with hidden visibility, for shared_library_test.cpp.
#include <latency/latency.hpp>

extern "C" __attribute__((visibility("default"))) void plugin_work(const char* name) {
  latency::scope s{latency::intern(name)};
  latency::instant("in the plugin");
}
