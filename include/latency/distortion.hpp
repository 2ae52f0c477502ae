#pragma once
// By how much measuring changed what it measured: what measure_overhead() (overhead.hpp) finds, a
// timing file carries in its `overhead` object, and reports warn of.
//
// In a file each is three numbers: "decode.kernels.device_ratio" is how long the device took for
// the loop "decode" in the tier "kernels", over how long it took with nothing measuring;
// "..._low_ratio" and "..._high_ratio" are its 95 % interval. All functions here are pure.

#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace latency {

// What measures. Every tier holds those above it.
namespace overhead_tier_names {
inline constexpr const char* off = "off";                      // nothing: the reference
inline constexpr const char* spans = "spans";                  // on host threads
inline constexpr const char* events = "events";                // windows, none of them in graphs
inline constexpr const char* graph_events = "graph_events";    // windows, in graphs too
inline constexpr const char* kernel_totals = "kernel_totals";  // CUPTI, totals of kernels
inline constexpr const char* kernels = "kernels";              // CUPTI, every kernel
}  // namespace overhead_tier_names

enum class measured_time : std::uint8_t { host, device };
[[nodiscard]] constexpr const char* to_text(measured_time of) {
  return of == measured_time::host ? "host" : "device";
}

// A time of a loop in a tier, over the same with nothing measuring: 1 = undistorted.
struct distortion {
  std::string loop;  // the name that the program gave it
  std::string tier;
  measured_time of = measured_time::host;
  double ratio = 1;
  double low = 1, high = 1;  // 95 % interval
};

enum class distortion_verdict : std::uint8_t { tolerable, cannot_tell, distorts };

// What a report shows without a word.
inline constexpr double tolerated_distortion = 0.02;

// By the whole interval: distorts when it lies beyond the tolerated change on one side, tolerable
// when it lies within.
[[nodiscard]] inline distortion_verdict judge(const distortion& d) {
  constexpr double least = 1 - tolerated_distortion, most = 1 + tolerated_distortion;
  if (d.low > most || d.high < least) return distortion_verdict::distorts;
  return d.low >= least && d.high <= most ? distortion_verdict::tolerable
                                          : distortion_verdict::cannot_tell;
}

namespace detail {

inline constexpr std::array<const char*, 3> distortion_endings = {"_ratio", "_low_ratio",
                                                                  "_high_ratio"};

[[nodiscard]] inline bool take_ending(std::string_view& text, std::string_view ending) {
  if (text.size() < ending.size() || text.substr(text.size() - ending.size()) != ending)
    return false;
  text.remove_suffix(ending.size());
  return true;
}

}  // namespace detail

// The entries of a file's `overhead` that say it.
[[nodiscard]] inline std::map<std::string, double> overhead_entries(const distortion& d) {
  const std::string stem = d.loop + "." + d.tier + "." + to_text(d.of);
  const auto& [ratio, low, high] = detail::distortion_endings;
  return {{stem + ratio, d.ratio}, {stem + low, d.low}, {stem + high, d.high}};
}

// Those that a file's `overhead` holds, by name of the loop, tier, and host before device. Other
// entries, and those that lack a part or are no ratio, are passed over. O(n log n).
[[nodiscard]] inline std::vector<distortion> distortions_in(
    const std::map<std::string, double>& overhead) {
  std::map<std::array<std::string, 3>, distortion> found;  // sorted by the parts of the name
  for (const auto& entry : overhead) {
    for (const measured_time of : {measured_time::host, measured_time::device}) {
      std::string_view name = entry.first;
      if (!detail::take_ending(name, std::string(".") + to_text(of) + "_ratio")) continue;
      const std::size_t dot = name.rfind('.');  // a loop's name may hold some
      if (dot == std::string_view::npos || dot == 0 || dot + 1 == name.size()) continue;
      distortion d{std::string(name.substr(0, dot)), std::string(name.substr(dot + 1)), of};
      double* const parts[] = {&d.ratio, &d.low, &d.high};
      bool whole = true;
      for (std::size_t i = 0; i < detail::distortion_endings.size(); ++i) {
        const auto part =
            overhead.find(std::string(name) + "." + to_text(of) + detail::distortion_endings[i]);
        whole = whole && part != overhead.end() && std::isfinite(part->second) && part->second > 0;
        if (whole) *parts[i] = part->second;
      }
      whole = whole && d.low <= d.high;
      const std::string order = of == measured_time::host ? "0" : "1";
      if (whole) found.emplace(std::array{d.loop, d.tier, order}, std::move(d));
    }
  }
  std::vector<distortion> result;
  for (auto& [name, d] : found) result.push_back(std::move(d));
  return result;
}

}  // namespace latency
