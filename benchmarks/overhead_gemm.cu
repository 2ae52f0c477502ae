#include <cublasLt.h>
#include <cuda_bf16.h>

#include <cmath>
#include <random>

#include "benchmarks/cuda_ok.hpp"
#include "benchmarks/overhead_gemm.hpp"

namespace benchmarks {
namespace {

constexpr int tokens = 4680, width = 1536, hidden = 8960;
constexpr std::size_t workspace_bytes = std::size_t{32} << 20;

#define CUBLAS_OK(call)                                                  \
  if (const cublasStatus_t code = (call); code != CUBLAS_STATUS_SUCCESS) \
  throw latency::error(#call, "", cublasLtGetStatusString(code))

// Element `i` of a matrix of small random numbers, on the host as on the device.
__host__ __device__ float element(std::uint32_t matrix, std::uint32_t i) {
  std::uint32_t bits = i * 2654435761u + matrix * 40503u;
  bits ^= bits >> 15;
  bits *= 2246822519u;
  bits ^= bits >> 13;
  return static_cast<float>(static_cast<int>(bits >> 20) - 2048) / 65536.0f;
}
__host__ __device__ __nv_bfloat16 stored(std::uint32_t matrix, std::uint32_t i) {
  return __float2bfloat16(element(matrix, i));
}
__global__ void fill(std::uint32_t matrix, __nv_bfloat16* to, std::uint32_t count) {
  const std::uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) to[i] = stored(matrix, i);
}

// Row-major [rows, columns].
class matrix {
 public:
  matrix(int rows, int columns) : count_(static_cast<std::uint32_t>(rows * columns)) {
    CUDA_OK(cudaMalloc(&data_, sizeof(__nv_bfloat16) * count_));
    CUDA_OK(cudaMemset(data_, 0xff, sizeof(__nv_bfloat16) * count_));  // NaN
  }
  matrix(const matrix&) = delete;
  matrix& operator=(const matrix&) = delete;
  ~matrix() { cudaFree(data_); }

  void make_random(std::uint32_t number) {
    fill<<<(count_ + 255) / 256, 256>>>(number, data_, count_);
    CUDA_OK(cudaGetLastError());
  }
  [[nodiscard]] __nv_bfloat16* data() const { return data_; }
  [[nodiscard]] float at(std::size_t i) const {
    __nv_bfloat16 value;
    CUDA_OK(cudaMemcpy(&value, data_ + i, sizeof value, cudaMemcpyDeviceToHost));
    return __bfloat162float(value);
  }

 private:
  __nv_bfloat16* data_ = nullptr;
  std::uint32_t count_;
};

// y [tokens, outputs] = x [tokens, inputs] x w [inputs, outputs]. To cuBLASLt, whose matrices are
// column-major, the same is y' = w' x'.
class product {
 public:
  product(cublasLtHandle_t library, int inputs, int outputs) : library_(library) {
    CUBLAS_OK(cublasLtMatmulDescCreate(&description_, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    CUBLAS_OK(cublasLtMatrixLayoutCreate(&w_, CUDA_R_16BF, outputs, inputs, outputs));
    CUBLAS_OK(cublasLtMatrixLayoutCreate(&x_, CUDA_R_16BF, inputs, tokens, inputs));
    CUBLAS_OK(cublasLtMatrixLayoutCreate(&y_, CUDA_R_16BF, outputs, tokens, outputs));
    cublasLtMatmulPreference_t preference = nullptr;
    CUBLAS_OK(cublasLtMatmulPreferenceCreate(&preference));
    CUBLAS_OK(cublasLtMatmulPreferenceSetAttribute(preference,
                                                   CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                   &workspace_bytes, sizeof workspace_bytes));
    int found = 0;
    CUBLAS_OK(cublasLtMatmulAlgoGetHeuristic(library_, description_, w_, x_, y_, y_, preference, 1,
                                             &chosen_, &found));
    cublasLtMatmulPreferenceDestroy(preference);
    if (found == 0) throw latency::error("cuBLASLt has no algorithm for a product");
  }
  product(const product&) = delete;
  product& operator=(const product&) = delete;
  ~product() {
    for (const cublasLtMatrixLayout_t layout : {w_, x_, y_}) cublasLtMatrixLayoutDestroy(layout);
    cublasLtMatmulDescDestroy(description_);
  }

  void run(const matrix& x, const matrix& w, const matrix& y, void* workspace,
           cudaStream_t stream) const {
    const float one = 1, zero = 0;
    CUBLAS_OK(cublasLtMatmul(library_, description_, &one, w.data(), w_, x.data(), x_, &zero,
                             y.data(), y_, y.data(), y_, &chosen_.algo, workspace, workspace_bytes,
                             stream));
  }

 private:
  cublasLtHandle_t library_;
  cublasLtMatmulDesc_t description_ = nullptr;
  cublasLtMatrixLayout_t w_ = nullptr, x_ = nullptr, y_ = nullptr;
  cublasLtMatmulHeuristicResult_t chosen_{};
};

// Some elements of the first product, in double precision.
void check(const matrix& up) {
  std::mt19937 random(std::random_device{}());
  for (int sample = 0; sample < 16; ++sample) {
    const std::uint32_t t = random() % tokens, h = random() % hidden;
    double sum = 0, size = 0;
    for (std::uint32_t k = 0; k < width; ++k) {
      const double term = static_cast<double>(__bfloat162float(stored(1, t * width + k))) *
                          static_cast<double>(__bfloat162float(stored(2, k * hidden + h)));
      sum += term;
      size += std::fabs(term);
    }
    const double found = up.at(std::size_t{t} * hidden + h);
    // bf16 keeps 8 bits; the sum in single precision loses far less.
    if (!(std::fabs(found - sum) <= std::fabs(sum) / 256 + size * 1e-5))
      throw latency::error("a product is " + std::to_string(found) + " in place of " +
                           std::to_string(sum));
  }
}

}  // namespace

void time_feed_forward(latency::overhead_trial& trial) {
  cudaStream_t stream = nullptr;
  CUDA_OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  cublasLtHandle_t library = nullptr;
  CUBLAS_OK(cublasLtCreate(&library));
  void* workspace = nullptr;
  CUDA_OK(cudaMalloc(&workspace, workspace_bytes));
  {
    matrix x(tokens, width), first(width, hidden), up(tokens, hidden), second(hidden, width),
        down(tokens, width);
    x.make_random(1);
    first.make_random(2);
    second.make_random(3);
    CUDA_OK(cudaDeviceSynchronize());
    const product raise(library, width, hidden), lower(library, hidden, width);
    latency::cuda::time(trial, "10 feed-forward networks", stream, [&] {
      for (int i = 0; i < 10; ++i) {
        latency::cuda::scope network{stream, "feed_forward"};
        raise.run(x, first, up, workspace, stream);
        lower.run(up, second, down, workspace, stream);
      }
    });
    check(up);
  }
  CUDA_OK(cudaFree(workspace));
  cublasLtDestroy(library);
  CUDA_OK(cudaStreamDestroy(stream));
}

}  // namespace benchmarks
