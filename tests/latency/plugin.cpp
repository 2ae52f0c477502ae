// A shared library with hidden visibility, for shared_library_test.cpp.
#include <latency/async_span.hpp>
#include <latency/intern.hpp>
#include <latency/scope.hpp>  // no session here: the hook leads to the program's

extern "C" __attribute__((visibility("default"))) void plugin_work(const char* name) {
  const latency::scope s{latency::intern(name)};
  latency::instant("in the plugin");
}
