// Links latency::compiled beside back ends: what their headers only declare must be there. Runs
// with and without a GPU.
#include <cstdio>
#include <latency/cuda.hpp>
#include <latency/cupti.hpp>

int main() {
  latency::session run;
  const latency::cuda::events windows(run);
  const latency::cupti::collector kernels(run);
  std::printf("events: %s\n", windows.started() ? "yes" : windows.why_not().c_str());
  std::printf("kernels: %s\n", kernels.started() ? "yes" : kernels.why_not().c_str());
  const bool told = windows.started() == windows.why_not().empty() &&
                    kernels.started() == kernels.why_not().empty();
  return told ? 0 : 1;
}
