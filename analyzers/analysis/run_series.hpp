#pragma once
// What of one run can be compared with another: for each component its values, in the order in
// which they happened. Warm-up is left out.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "analyzers/analysis/comparison.hpp"
#include "latency/distortion.hpp"
#include "latency/recording.hpp"

namespace latency::analysis {

enum class series_kind : std::uint8_t {
  duration,      // of the spans of one name, children included
  device_share,  // of the device ops launched in them: shares and exposed copies (device-seconds)
  block,         // block times of the steady state, as generation.hpp defines them
  latent_frame,  // those over the latent frames of the block
  pixel_frame    // completion gaps of pixel frames, steady state
};

struct run_series {
  series_kind kind = series_kind::duration;
  std::string name;         // of the spans, else a fixed text
  run_values values_ns;     // in depth-first order of the span tree, the same for the same program
  double share = 0;         // of the sum (nested spans of one name once) in the run: of the thread
                            // wall, or of the devices' busy time; 1 for blocks and frames
  double exclusive_ns = 0;  // durations only: without the children
};

// One run, reduced to what a comparison needs: far smaller than its recording.
struct measured_run {
  std::string source;
  std::map<std::string, run_value> properties;
  std::int64_t blocks = 0;
  std::int64_t switches = 0;
  double thread_wall_ns = 0;  // the whole of exclusive_ns
  double untracked_ns = 0;
  bool clean = true;                    // as hygiene.hpp says
  std::vector<distortion> distortions;  // as distortions.hpp says
  std::vector<run_series> series;       // by kind, then in the order of components.hpp
};

// Pure; O(n log n).
[[nodiscard]] measured_run measure(const recording& run);

}  // namespace latency::analysis
