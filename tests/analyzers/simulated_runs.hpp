#pragma once
// Runs of a made-up program whose true speed is known: every run is a little faster or slower than
// the others (clocks, placement), its values follow a pattern (long and short steps), and
// neighbours resemble each other.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace latency::test {

struct simulated_program {
  std::size_t values = 120;      // in one run
  double run_to_run = 0.01;      // standard deviation of the logarithm between runs
  double noise = 0.05;           // and of one value
  double resemblance = 0.6;      // correlation of neighbours
  double hiccup_chance = 0.005;  // of a value that takes three times as long
};

class run_simulator {
 public:
  explicit run_simulator(std::uint64_t seed) : random_(seed) {}

  // In ns. `slowdown` = 0.05: 5 % slower.
  std::vector<double> run(const simulated_program& program, double slowdown = 0) {
    const double whole_run = program.run_to_run * normal();
    double wander = normal();
    std::vector<double> values;
    for (std::size_t i = 0; i < program.values; ++i) {
      const double resemblance = program.resemblance;
      wander = resemblance * wander + std::sqrt(1 - resemblance * resemblance) * normal();
      const double pattern = i % 3 == 0 ? 18e6 : 36e6;
      const double hiccup = uniform() < program.hiccup_chance ? 3 : 1;
      values.push_back(pattern * hiccup * (1 + slowdown) *
                       std::exp(whole_run + program.noise * wander));
    }
    return values;
  }

 private:
  double uniform() { return (static_cast<double>(random_() >> 11) + 0.5) * 0x1p-53; }
  double normal() {  // Box and Muller: the same on every platform
    return std::sqrt(-2 * std::log(uniform())) * std::cos(6.283185307179586 * uniform());
  }

  std::mt19937_64 random_;
};

}  // namespace latency::test
