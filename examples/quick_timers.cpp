// Small tools for a quick look: a named stopwatch, memory snapshots, and the profile of a function.
//
//   quick_timers
#include <iostream>
#include <latency/memory_profiler.hpp>
#include <latency/profile_function.hpp>
#include <latency/simple_timer.hpp>
#include <numeric>
#include <vector>

int main() {
  latency::memory_profiler memory;
  memory.snapshot("start");
  std::vector<double> data(4'000'000, 1.5);
  memory.snapshot("data allocated");

  latency::simple_timer timer;
  double total = 0;
  for (int i = 0; i < 20; ++i) {
    auto measured = timer.measure("sum");
    total += std::accumulate(data.begin(), data.end(), 0.0);
  }
  std::cout << timer.summary() << '\n' << memory.summary() << '\n';

  const auto profile = latency::profile_function([&] { total += data[data.size() / 2]; });
  std::cout << "one access: median " << profile.summary_ns.p50 << " ns over "
            << profile.summary_ns.n << " calls\n";
  return total > 0 ? 0 : 1;
}
