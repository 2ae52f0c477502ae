#pragma once
// SM clock and power of the GPU while something runs on it, sampled every 20 ms by a thread of its
// own through NVML, which is loaded at run time: without it there is nothing to read.

#include <memory>
#include <optional>
#include <string>

namespace benchmarks {

struct device_state {
  double sm_clock_mhz = 0, power_w = 0;  // means over the samples
};

class device_monitor {
 public:
  // Starts sampling the CUDA device with this PCI bus id (cudaDeviceGetPCIBusId).
  explicit device_monitor(const std::string& pci_bus_id);
  ~device_monitor();
  device_monitor(const device_monitor&) = delete;
  device_monitor& operator=(const device_monitor&) = delete;

  // Ends sampling; nothing where NVML is missing or refuses.
  [[nodiscard]] std::optional<device_state> stop();

 private:
  struct sampler;
  std::unique_ptr<sampler> sampler_;  // nullptr: nothing to sample with
};

}  // namespace benchmarks
