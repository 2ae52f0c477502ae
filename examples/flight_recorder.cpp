// Always on, in fixed memory: the last 10 seconds are written to a file when something goes wrong.
// Here: a request takes too long; and `kill -USR2 <pid>` asks for a file at any time.
#include <csignal>
#include <cstdio>
#include <latency/latency.hpp>
#include <thread>

void work(std::chrono::milliseconds time) {
  LATENCY_SCOPE("work");
  std::this_thread::sleep_for(time);
}

int main() try {
  latency::session_options options;
  options.flight_recorder.window = std::chrono::seconds(10);
  options.flight_recorder.signal = SIGUSR2;
  latency::session run{"timing.json", options};

  for (int request = 0; request < 50; ++request) {
    LATENCY_SCOPE("request", {"number", request});
    const auto start = std::chrono::steady_clock::now();
    work(std::chrono::milliseconds(request == 40 ? 60 : 2));
    if (std::chrono::steady_clock::now() - start > std::chrono::milliseconds(50))
      run.dump("a request took more than 50 ms");  // returns at once
  }
  run.finish();  // takes what was asked for and not written yet

  const latency::flight_recorder_status status = run.flight_recorder();
  std::printf("%lld file(s), the last one %s\n", static_cast<long long>(status.written),
              status.last_file.c_str());
  return status.written == 1 ? 0 : 1;
} catch (const latency::error& e) {
  std::fprintf(stderr, "flight_recorder: %s\n", e.what());
  return 2;
}
