// A program for tests of what the environment variables do to a process.
//   recording_program plain          makes no session: LATENCY_OUTPUT decides
//   recording_program own FILE       makes its own session
//   recording_program two FILE       tries two sessions at a time
//   recording_program regions        ten occurrences of region "generate", one of "other"
#include <cstdio>
#include <latency/latency.hpp>
#include <string_view>

namespace {

int plain() {
  for (int i = 0; i < 5; ++i) LATENCY_SCOPE("work", {"i", i});
  return 0;
}

int regions() {
  for (int i = 0; i < 10; ++i) {
    LATENCY_REGION("generate");
    LATENCY_SCOPE("step", {"i", i});
  }
  LATENCY_REGION("other");
  LATENCY_REGION("inside other");
  LATENCY_SCOPE("step", {"i", 10});
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "plain") return plain();
  if (mode == "regions") return regions();
  if (argc != 3) return 1;
  latency::session run{argv[2]};
  if (mode == "two") {
    latency::session second{argv[2]};
    return 0;
  }
  plain();
  run.finish();
} catch (const latency::error& e) {
  std::fprintf(stderr, "recording_program: %s\n", e.what());
  return 2;
}
