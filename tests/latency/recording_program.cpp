// A program for tests of what a process does as a whole: the environment variables, and being
// killed.
//   recording_program plain          makes no session: LATENCY_OUTPUT decides
//   recording_program own FILE       makes its own session
//   recording_program two FILE       tries two sessions at a time
//   recording_program regions        ten occurrences of region "generate", one of "other"
//   recording_program forever FILE   three threads record spans until killed; prints what was
//   closed
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <latency/latency.hpp>
#include <thread>
#include <vector>

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

// Each thread closes spans and says, every thousand, how many. What was said 50 ms before the kill
// must be in the journal.
void record_forever(int thread) {
  LATENCY_SCOPE("root");
  for (std::uint64_t i = 0;; ++i) {
    {
      LATENCY_SCOPE("closed", {"i", i});
      LATENCY_SCOPE("inner");
    }
    if (i % 1000 == 999) {
      std::printf("%d %" PRIu64 " %" PRId64 "\n", thread, i + 1,
                  latency::read_clock_ns(CLOCK_MONOTONIC));
      std::fflush(stdout);
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
  }
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
  if (mode == "own") {
    plain();
    run.finish();
    return 0;
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) threads.emplace_back(record_forever, t);
  for (auto& thread : threads) thread.join();
} catch (const latency::error& e) {
  std::fprintf(stderr, "recording_program: %s\n", e.what());
  return 2;
}
