// A cuBLAS loop as it stood before, and the five lines that tell where its time goes: marked (1) to
// (5). Then `latency breakdown cublas_loop.json`.
#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <cstdio>
#include <latency/cupti.hpp>    // (1)
#include <latency/latency.hpp>  // (2)
#include <random>
#include <utility>
#include <vector>

int main(int argc, char** argv) try {
  constexpr int tokens = 1024, width = 1024, hidden = 4096, layers = 4, steps = 5;
  cublasHandle_t blas = nullptr;
  float *x = nullptr, *h = nullptr, *up = nullptr, *down = nullptr;
  if (cudaMalloc(&x, sizeof(float) * tokens * width) != cudaSuccess) {
    std::fprintf(stderr, "skipped: no CUDA device\n");
    return 77;
  }
  cudaMalloc(&h, sizeof(float) * tokens * hidden);
  cudaMalloc(&up, sizeof(float) * width * hidden);
  cudaMalloc(&down, sizeof(float) * hidden * width);
  cublasCreate(&blas);
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  for (const auto& [to, count] : {std::pair(x, tokens * width), std::pair(up, width * hidden),
                                  std::pair(down, hidden * width)}) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& v : values) v = normal(random);
    cudaMemcpy(to, values.data(), sizeof(float) * values.size(), cudaMemcpyHostToDevice);
  }

  latency::session run{argc > 1 ? argv[1] : "cublas_loop.json"};  // (3)
  latency::cupti::collector gpu{run};                             // (4)
  const float one = 1.0f, zero = 0.0f;
  for (int step = 0; step < steps; ++step)
    for (int layer = 0; layer < layers; ++layer) {
      LATENCY_SCOPE("feed_forward", {"step", step}, {"layer", layer});  // (5)
      // Column-major: h [hidden, tokens] = up [hidden, width] x [width, tokens]; x = down h.
      cublasSgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, hidden, tokens, width, &one, up, hidden, x, width,
                  &zero, h, hidden);
      cublasSgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, width, tokens, hidden, &one, down, width, h,
                  hidden, &zero, x, width);
    }
  const bool fine = cudaDeviceSynchronize() == cudaSuccess;
  std::printf("%s\n", fine ? "done" : cudaGetErrorString(cudaGetLastError()));
  cublasDestroy(blas);
  for (float* const memory : {x, h, up, down}) cudaFree(memory);
  return fine ? 0 : 1;
} catch (const latency::error& e) {
  std::fprintf(stderr, "cublas_loop: %s\n", e.what());
  return 2;
}
