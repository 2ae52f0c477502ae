// In place of soak_device.cu where the build has no CUPTI.
#include <latency/error.hpp>

#include "benchmarks/soak_device.hpp"

std::unique_ptr<benchmarks::soak_device> benchmarks::make_soak_device(latency::session&, bool) {
  throw latency::error("this build has no CUPTI");
}
