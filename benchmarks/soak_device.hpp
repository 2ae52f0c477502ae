#pragma once
// What flight_recorder_soak runs on a device.

#include <latency/session.hpp>
#include <memory>
#include <string>

namespace benchmarks {

class soak_device {
 public:
  virtual ~soak_device() = default;
  // Kernels and graph replays, until they are complete.
  virtual void make_pixel_frame() = 0;
  // For a result's machine.
  [[nodiscard]] virtual std::string name() const = 0;
};

// Records its ops in `run`, while it lives: every one, or, with `totals`, what they sum up to.
// Throws latency::error where there is no device or no CUPTI.
[[nodiscard]] std::unique_ptr<soak_device> make_soak_device(latency::session& run, bool totals);

}  // namespace benchmarks
