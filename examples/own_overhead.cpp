// What recording costs a loop of yours, measured on it, and told by the file of the run itself:
// `latency breakdown timing.json` then warns where recording distorts what it shows.
#include <cstdio>
#include <latency/latency.hpp>
#include <latency/overhead.hpp>
#include <vector>

// Stands for a program with something to set up, and a loop.
class model {
 public:
  void generate() {
    for (int token = 0; token < 200; ++token) {
      LATENCY_SCOPE("token", {"token", token});
      for (float& w : weights_) w = w * 0.999f + 0.001f;
    }
  }
  float first() const { return weights_.front(); }

 private:
  std::vector<float> weights_ = std::vector<float>(20'000, 0.5f);
};

int main() try {
  // First thing: the samples are processes of their own, children of this one by fork(). With CUDA:
  //   options.tiers = {latency::cuda::events_tier(), latency::cupti::kernels_tier()};
  //   latency::cuda::time(trial, "generate", stream, [&] { loop.generate(); });
  latency::overhead_options options;
  options.rounds = 6;
  const latency::overhead_result found = latency::measure_overhead(
      [](latency::overhead_trial& trial) {
        model loop;  // in each process anew
        trial.time("generate", [&] { loop.generate(); });
      },
      options);
  std::printf("%s", found.table().c_str());

  latency::session run{"timing.json"};
  run.describe_overhead(found.distortions());
  model loop;
  loop.generate();
  run.finish();
  return loop.first() > 0 ? 0 : 1;
} catch (const latency::error& e) {
  std::fprintf(stderr, "own_overhead: %s\n", e.what());
  return 2;
}
