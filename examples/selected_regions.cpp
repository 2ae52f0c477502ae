// A long loop of which only some rounds are recorded:
//
//   LATENCY_REGIONS="generate:wait=2,warmup=3,active=10" LATENCY_OUTPUT=timing.json
//   selected_regions
//
// The program has no session of its own: LATENCY_OUTPUT starts one. Warm-up rounds are in the file,
// flagged, and stay out of statistics.
#include <chrono>
#include <latency/latency.hpp>
#include <thread>

int main() {
  for (int round = 0; round < 30; ++round) {
    LATENCY_REGION("generate");
    LATENCY_SCOPE("round", {"round", round});
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}
