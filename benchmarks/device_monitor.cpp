#include "benchmarks/device_monitor.hpp"

#include <dlfcn.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

namespace benchmarks {

namespace {

// The few functions of nvml.h that are needed; every one returns 0 for success.
struct nvml_library {
  using device = void*;
  int (*init)() = nullptr;
  int (*device_by_bus_id)(const char*, device*) = nullptr;
  int (*clock_mhz)(device, int, unsigned*) = nullptr;  // of domain 1, the SM clock
  int (*power_mw)(device, unsigned*) = nullptr;

  bool load() {
    void* const handle = dlopen("libnvidia-ml.so.1", RTLD_NOW);
    if (handle == nullptr) return false;
    const auto find = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(handle, name));
      return function != nullptr;
    };
    return find(init, "nvmlInit_v2") &&
           find(device_by_bus_id, "nvmlDeviceGetHandleByPciBusId_v2") &&
           find(clock_mhz, "nvmlDeviceGetClockInfo") && find(power_mw, "nvmlDeviceGetPowerUsage") &&
           init() == 0;
  }
};

constexpr int sm_clock = 1;

}  // namespace

struct device_monitor::sampler {
  nvml_library nvml;
  nvml_library::device device = nullptr;
  std::atomic<bool> stopping{false};
  std::thread thread;
  double sum_mhz = 0, sum_mw = 0;
  int samples = 0;

  void run() {
    while (!stopping) {
      unsigned mhz = 0, mw = 0;
      if (nvml.clock_mhz(device, sm_clock, &mhz) == 0 && nvml.power_mw(device, &mw) == 0) {
        sum_mhz += mhz;
        sum_mw += mw;
        ++samples;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
};

device_monitor::device_monitor(const std::string& pci_bus_id) {
  auto made = std::make_unique<sampler>();
  if (!made->nvml.load() || made->nvml.device_by_bus_id(pci_bus_id.c_str(), &made->device) != 0)
    return;
  sampler_ = std::move(made);
  sampler_->thread = std::thread([of = sampler_.get()] { of->run(); });
}

device_monitor::~device_monitor() {
  static_cast<void>(stop());
}

std::optional<device_state> device_monitor::stop() {
  if (sampler_ == nullptr) return std::nullopt;
  const std::unique_ptr<sampler> ended = std::move(sampler_);
  ended->stopping = true;
  ended->thread.join();
  if (ended->samples == 0) return std::nullopt;
  return device_state{ended->sum_mhz / ended->samples, ended->sum_mw / ended->samples / 1000};
}

}  // namespace benchmarks
