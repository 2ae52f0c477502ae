#include <latency/cuda.hpp>
#include <latency/cupti.hpp>

#include "pipeline_reference/longlive/device_recording.hpp"

namespace longlive {

struct device_recording::parts {
  latency::cuda::events memory;  // reads it; the models are written for any device, and open no
                                 // windows on streams
  latency::cupti::collector kernels;

  explicit parts(latency::session& run) : memory(run, {{}, 64, {}}), kernels(run) {}
};

device_recording::device_recording(latency::session& run, const std::string& device) {
  if (device != "cuda") return;
  parts_ = std::make_unique<parts>(run);
  why_not_ = parts_->kernels.why_not();
}

device_recording::~device_recording() = default;

}  // namespace longlive
