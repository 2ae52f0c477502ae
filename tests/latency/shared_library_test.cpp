// One session per process, also across shared libraries that hide their symbols: one linked, one
// loaded while the program runs.
#include <dlfcn.h>
#include <doctest/doctest.h>

#include <latency/latency.hpp>

#include "find_span.hpp"

extern "C" void plugin_work(const char* name);

TEST_CASE("shared libraries: a linked one and a loaded one record into the program's session") {
  void* const library = dlopen(LATENCY_LOADED_PLUGIN, RTLD_NOW | RTLD_LOCAL);
  REQUIRE_MESSAGE(library != nullptr, dlerror());
  const auto loaded_work = reinterpret_cast<void (*)(const char*)>(dlsym(library, "plugin_work"));
  REQUIRE((loaded_work != nullptr));
  latency::session run;
  {
    LATENCY_SCOPE("program");
    plugin_work("linked");
    loaded_work("loaded");
  }
  const latency::recording r = run.stop();
  const auto program = latency_test::span_named(r, "program");
  CHECK(latency_test::span_named(r, "linked").parent == program.id);
  CHECK(latency_test::span_named(r, "loaded").parent == program.id);
  CHECK(r.threads.size() == 1);
  CHECK(r.instants.size() == 2);
}
