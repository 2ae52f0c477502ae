#pragma once
// What measuring costs a loop of yours: the same loop with nothing measuring and under each tier,
// every sample in a fresh process, in random order. Call it first thing in main(), before CUDA, a
// session or any thread is started: samples are taken in children of fork().
//
//   const auto work = [](latency::overhead_trial& trial) {  // in each process, under one tier
//     model m;                                              // CUDA starts here
//     trial.time("decode", [&] { m.decode(); });            // or cuda::time(trial, ..., stream,
//     ...)
//   };
//   const latency::overhead_result found = latency::measure_overhead(work);
//   std::cout << found.table();
//   latency::session run{"timing.json"};
//   run.describe_overhead(found.distortions());             // reports warn of what distorts
//
// Tiers here: off (the reference) and spans. cuda_overhead.hpp has those of events, and times the
// device; cupti_overhead.hpp those of kernels. docs/overhead.md says how to read the result.

#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "detail/child_process.hpp"
#include "detail/overhead_session.hpp"
#include "detail/text_table.hpp"
#include "distortion.hpp"
#include "session.hpp"
#include "statistics.hpp"

namespace latency {

// Times of a loop in one process, medians over its passes.
struct loop_times {
  std::string loop;
  double host_ns = 0;    // from before the first statement of the loop to behind its last
  double device_ns = 0;  // between two events around it on its stream; 0: not asked for
};

// Calls what it is given while it measures; throws latency::error when it cannot, or when it lost
// something, for then it did not do its work.
struct overhead_tier {
  std::string name;  // one word, without dots
  std::function<void(const std::function<void()>&)> measure;
};

// How the workload says what its loop is. Lives in a sample's process.
class overhead_trial {
 public:
  overhead_trial(int passes, int warm_up_passes)
      : passes_(passes), warm_up_passes_(warm_up_passes) {}

  // Calls body() for each pass and takes the host's time for it. Several loops have several names.
  template <class Body>
  void time(const std::string& loop, const Body& body) {
    struct {
      void begin() {}
      double end_ns() { return 0; }
    } no_device;
    time(loop, body, no_device);
  }
  // `device`: begin() before each pass and end_ns() behind it, which waits and returns its time.
  template <class Body, class Device>
  void time(const std::string& loop, const Body& body, Device& device) {
    if (loop.empty() || detail::printable(loop) != loop)
      throw error("overhead_trial", "loop", "a name of one line is needed, not '" + loop + "'");
    std::vector<double> host_ns, device_ns;
    for (int pass = -warm_up_passes_; pass < passes_; ++pass) {
      device.begin();
      const std::int64_t start_ns = read_clock_ns(CLOCK_MONOTONIC_RAW);
      body();
      const std::int64_t end_ns = read_clock_ns(CLOCK_MONOTONIC_RAW);
      const double took_ns = device.end_ns();
      if (pass < 0) continue;
      host_ns.push_back(static_cast<double>(end_ns - start_ns));
      device_ns.push_back(took_ns);
    }
    times_.push_back({loop, median(host_ns), median(device_ns)});
  }

  [[nodiscard]] const std::vector<loop_times>& times() const noexcept { return times_; }

 private:
  int passes_;
  int warm_up_passes_;
  std::vector<loop_times> times_;
};

using overhead_workload = std::function<void(overhead_trial&)>;

struct overhead_options {
  std::vector<overhead_tier> tiers;             // beside off; none: spans
  int rounds = 10;                              // processes for each tier, and for off
  int passes = 20;                              // of each loop in a process
  int warm_up_passes = 5;                       // before those, not counted
  std::uint64_t seed = std::random_device{}();  // of the order of tiers
  std::chrono::seconds at_most{600};            // for a process: one that hangs is killed
};

// Fewer of a tier, or of off, resample to so few different medians that an interval means nothing.
inline constexpr std::size_t overhead_least_samples = 5;

struct overhead_sample {
  std::string tier;
  std::vector<loop_times> loops;
};

struct overhead_result {
  std::uint64_t seed = 0;
  std::vector<std::string> tiers;        // off first
  std::vector<std::string> loops;        // in the order in which they were timed
  std::vector<overhead_sample> samples;  // in the order in which they were taken

  // Times of a loop in a tier, one of each process; none when it was not timed.
  [[nodiscard]] std::vector<double> times_ns(const std::string& loop, const std::string& tier,
                                             measured_time of) const;
  // Of every loop in every tier but off: ratios of medians, with bootstrap intervals. None from
  // fewer than overhead_least_samples.
  [[nodiscard]] std::vector<distortion> distortions() const;
  // For people: times, ratios and intervals, with the seed.
  [[nodiscard]] std::string table() const;
};

[[nodiscard]] inline overhead_tier spans_tier(const session_options& recording = {}) {
  return {overhead_tier_names::spans, [recording](const std::function<void()>& work) {
            detail::overhead_session session{recording};
            work();
            session.finish();
          }};
}

namespace detail {

// For each round, the order of `tiers` tiers; the same for the same seed, on every platform.
[[nodiscard]] inline std::vector<std::vector<std::size_t>> overhead_order(std::size_t tiers,
                                                                          int rounds,
                                                                          std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < tiers; ++i) order.push_back(i);
  std::vector<std::vector<std::size_t>> result;
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[draw(random, i)]);
    result.push_back(order);
  }
  return result;
}

// What a sample's process tells: a line for each loop.
[[nodiscard]] inline std::string to_lines(const std::vector<loop_times>& loops) {
  std::string text;
  for (const loop_times& l : loops) {
    char times[80];
    std::snprintf(times, sizeof times, "%.17g %.17g ", l.host_ns, l.device_ns);
    text += times + l.loop + "\n";
  }
  return text;
}

// Throws latency::error when it is not that.
[[nodiscard]] inline std::vector<loop_times> from_lines(const std::string& text) {
  std::vector<loop_times> loops;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    loop_times l;
    words >> l.host_ns >> l.device_ns;
    if (words.get() != ' ' || !std::getline(words, l.loop) || l.loop.empty() ||
        !(l.host_ns >= 0 && l.device_ns >= 0))
      throw error("its process told '" + printable_line(line) + "' in place of a loop's times");
    loops.push_back(l);
  }
  if (loops.empty()) throw error("the workload timed no loop");
  return loops;
}

[[nodiscard]] inline overhead_sample sample_overhead(const overhead_tier& tier,
                                                     const overhead_workload& workload,
                                                     const overhead_options& options) {
  try {
    return {tier.name, from_lines(returned_by_child(
                           [&] {
                             ::unsetenv("LATENCY_OUTPUT");  // would start a session in "off"
                             overhead_trial trial(options.passes, options.warm_up_passes);
                             tier.measure([&] { workload(trial); });
                             return to_lines(trial.times());
                           },
                           options.at_most))};
  } catch (const error& e) {
    throw error("measure_overhead", tier.name, e.what());
  }
}

}  // namespace detail

// Takes rounds x (1 + tiers) samples after one that does not count. Throws latency::error, in one
// line that names the tier, when a workload throws, when its process fails or hangs, when a tier
// cannot measure, and when this process has other threads already. Costs what the workload costs,
// and the start of a process, each time. One thread.
[[nodiscard]] inline overhead_result measure_overhead(const overhead_workload& workload,
                                                      overhead_options options = {}) {
  if (detail::has_other_threads())
    throw error("measure_overhead", "",
                "this process has started threads (CUDA and sessions do): call it before");
  if (options.rounds < 1 || options.passes < 1 || options.warm_up_passes < 0 ||
      options.at_most.count() < 1)
    throw error("measure_overhead", "", "needs at least one round, one pass and one second");
  if (options.tiers.empty()) options.tiers.push_back(spans_tier());
  options.tiers.insert(options.tiers.begin(),
                       {overhead_tier_names::off, [](const auto& work) { work(); }});
  overhead_result result;
  result.seed = options.seed;
  for (const overhead_tier& tier : options.tiers) result.tiers.push_back(tier.name);
  // Files are in the system's memory behind the first, and it says which loops there are.
  for (const loop_times& l :
       detail::sample_overhead(options.tiers.front(), workload, options).loops)
    result.loops.push_back(l.loop);
  for (const auto& round :
       detail::overhead_order(options.tiers.size(), options.rounds, options.seed))
    for (const std::size_t i : round)
      result.samples.push_back(detail::sample_overhead(options.tiers[i], workload, options));
  return result;
}

inline std::vector<double> overhead_result::times_ns(const std::string& loop,
                                                     const std::string& tier,
                                                     measured_time of) const {
  std::vector<double> result;
  for (const overhead_sample& s : samples)
    for (const loop_times& l : s.loops) {
      const double ns = of == measured_time::host ? l.host_ns : l.device_ns;
      if (s.tier == tier && l.loop == loop && ns > 0) result.push_back(ns);
    }
  return result;
}

inline std::vector<distortion> overhead_result::distortions() const {
  std::vector<distortion> result;
  for (const std::string& loop : loops)
    for (const std::string& tier : tiers)
      for (const measured_time of : {measured_time::host, measured_time::device}) {
        const std::vector<double> reference = times_ns(loop, overhead_tier_names::off, of);
        const std::vector<double> measured = times_ns(loop, tier, of);
        if (tier == overhead_tier_names::off ||
            std::min(reference.size(), measured.size()) < overhead_least_samples)
          continue;
        const confidence_interval ratio = bootstrap_ratio(reference, measured, location::median);
        result.push_back({loop, tier, of, ratio.estimate, ratio.low, ratio.high});
      }
  return result;
}

inline std::string overhead_result::table() const {
  std::vector<std::vector<std::string>> rows{
      {"loop", "tier", "time", "n", "median us", "x off", "95 % interval"}};
  const std::vector<distortion> all = distortions();
  for (const std::string& loop : loops)
    for (const measured_time of : {measured_time::host, measured_time::device})
      for (const std::string& tier : tiers) {
        const std::vector<double> ns = times_ns(loop, tier, of);
        if (ns.empty()) continue;
        rows.push_back({loop, tier, to_text(of), std::to_string(ns.size()),
                        detail::fixed(median(ns) / 1000, 1), "", ""});
        for (const distortion& d : all)
          if (d.loop == loop && d.tier == tier && d.of == of) {
            rows.back()[5] = detail::fixed(d.ratio, 3);
            rows.back()[6] = detail::fixed(d.low, 3) + " to " + detail::fixed(d.high, 3);
          }
      }
  return detail::text_table(rows) + "order of tiers: seed " + std::to_string(seed) + "\n";
}

}  // namespace latency
