// The smallest program: three spans a token, and a timing file that `latency breakdown` reads.
//
//   first_spans [timing.json]
#include <chrono>
#include <cstdio>
#include <latency/latency.hpp>
#include <thread>

void attend() {
  std::this_thread::sleep_for(std::chrono::microseconds(600));
}
void feed_forward() {
  std::this_thread::sleep_for(std::chrono::microseconds(300));
}

void decode(int token) {
  LATENCY_SCOPE("decode", {"token", token});
  {
    LATENCY_SCOPE("attention");
    attend();
  }
  LATENCY_SCOPE("ffn");
  feed_forward();
}

int main(int argc, char** argv) try {
  latency::session run{argc > 1 ? argv[1] : "timing.json"};
  for (int token = 0; token < 200; ++token) decode(token);
  run.finish();  // writes the file, or throws why it could not
  std::printf("wrote %s; next: latency breakdown %s\n", run.output().c_str(), run.output().c_str());
} catch (const latency::error& e) {
  std::fprintf(stderr, "first_spans: %s\n", e.what());
  return 2;
}
