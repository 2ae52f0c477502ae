#pragma once
// The device that a program generates on.

#include <memory>
#include <string>

#include "pipeline_reference/longlive/config.hpp"
#include "pipeline_reference/longlive/generation_engine.hpp"
#include "pipeline_reference/ops/backend.hpp"

namespace longlive {

struct chosen_device {
  std::unique_ptr<ops::backend> backend;
  std::string text;  // "cpu (no CUDA-capable device is detected)", "cuda (NVIDIA H100 80GB HBM3)"
};

// `wanted`: cpu, cuda, or auto, which is cuda where the model fits and cpu elsewhere, with the
// reason in the text. Throws latency::error "--device cuda: ..." when it is not there, and names
// the configuration when the memory of the device does not hold it.
[[nodiscard]] chosen_device choose_device(const std::string& wanted, const config& settings,
                                          loop_kind kind);

}  // namespace longlive
