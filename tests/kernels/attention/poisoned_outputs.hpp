#pragma once
// What attention writes: poisoned before it runs, kept when it has.

#include <vector>

#include "tests/kernels/device_buffer.hpp"

namespace kernels_test {

class poisoned_outputs {
 public:
  // `elements` of the output, `rows` of the logarithms.
  poisoned_outputs(std::size_t elements, std::size_t rows) : outputs_(elements), lses_(rows) {}

  // Fills both with NaN, launches, and keeps what came out.
  template <class Launch>
  void run(const Launch& launch) {
    outputs_.fill_bytes(0xFF);
    lses_.fill_bytes(0xFF);
    launch();
    CUDA_OK(cudaDeviceSynchronize());
    o = outputs_.values();
    lse = lses_.values();
  }

  std::vector<__nv_bfloat16> o;
  std::vector<float> lse;

 protected:
  device_buffer<__nv_bfloat16> outputs_;
  device_buffer<float> lses_;
};

}  // namespace kernels_test
