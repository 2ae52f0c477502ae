#include "pipeline_reference/ops/cuda/matrix_products.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <utility>

#include "kernels/random/random.hpp"
#include "pipeline_reference/ops/cuda/cublaslt.hpp"

namespace ops::cuda {
namespace {

constexpr int most_candidates = 32;
// Below this many multiplications the choice makes no difference worth measuring.
constexpr std::int64_t least_measured = std::int64_t{1} << 28;
// Candidates run in turn, several rounds of them: a chip that heats up lowers its clock, and who
// came first would win.
constexpr int rounds = 4, runs_of_a_round = 4;

cudaDataType_t data_type(dtype type) {
  if (type != dtype::bf16 && type != dtype::f32)
    throw latency::error(std::string("cuda back end: no products of ") + name_of(type));
  return type == dtype::bf16 ? CUDA_R_16BF : CUDA_R_32F;
}

class device_memory {
 public:
  explicit device_memory(std::int64_t bytes) {
    check(cudaMalloc(&data_, static_cast<std::size_t>(bytes)), "memory to measure products in");
  }
  ~device_memory() { cudaFree(data_); }
  device_memory(const device_memory&) = delete;
  device_memory& operator=(const device_memory&) = delete;
  [[nodiscard]] void* get() const { return data_; }

 private:
  void* data_ = nullptr;
};

// Uniform numbers about zero: products of zeros run faster than real ones.
void fill(void* data, std::int64_t elements, cudaStream_t stream) {
  kernels::fill_uniform({static_cast<__nv_bfloat16*>(data), elements, {1, 1, 0}, 0, 1}, stream);
}

}  // namespace

// Row-major out = x * weight^T is column-major out^T = weight * x^T: cuBLASLt's A is the weight,
// its B is x.
struct matrix_products::plan {
  plan() = default;
  plan(plan&& other) noexcept { *this = std::move(other); }
  plan& operator=(plan&& other) noexcept {
    std::swap(description, other.description);
    std::swap(layouts, other.layouts);
    std::swap(algorithm, other.algorithm);
    return *this;
  }
  plan(const plan&) = delete;
  plan& operator=(const plan&) = delete;
  ~plan() {
    if (description != nullptr) cublaslt().cublasLtMatmulDescDestroy(description);
    for (cublasLtMatrixLayout_t layout : layouts)
      if (layout != nullptr) cublaslt().cublasLtMatrixLayoutDestroy(layout);
  }

  cublasLtMatmulDesc_t description = nullptr;
  enum { weight, x, residual, out };
  cublasLtMatrixLayout_t layouts[4] = {};
  cublasLtMatmulAlgo_t algorithm{};
};

matrix_products::matrix_products(std::string cache_file) : cache_file_(std::move(cache_file)) {
  check(cublaslt().cublasLtCreate(&library_), "cuBLASLt");
  int device = 0;
  cudaDeviceProp properties{};
  check(cudaGetDevice(&device), "device");
  check(cudaGetDeviceProperties(&properties, device), "device");
  cache_title_ = fmt::format("# {} cuBLASLt {}", properties.name, cublaslt().cublasLtGetVersion());
  read_cache();
}

matrix_products::~matrix_products() {
  plans_.clear();
  cublaslt().cublasLtDestroy(library_);
}

matrix_products::shape_key matrix_products::key_of(const product_params& p) {
  return {p.out.rows(),
          p.out.columns(),
          p.x.columns(),
          p.x.row_stride,
          p.weight.row_stride,
          p.out.row_stride,
          p.residual ? p.residual.row_stride : 0,
          p.bias ? 1 : 0,
          p.gelu ? 1 : 0,
          p.weight_by_rows_of_k ? 1 : 0,
          p.out.type == dtype::f32 ? 1 : 0};
}

matrix_products::plan matrix_products::make_plan(const product_params& p) {
  plan made;
  const auto attribute = [&](cublasLtMatmulDescAttributes_t which, const auto& value) {
    check(cublaslt().cublasLtMatmulDescSetAttribute(made.description, which, &value, sizeof value),
          "describing a product");
  };
  check(cublaslt().cublasLtMatmulDescCreate(&made.description, CUBLAS_COMPUTE_32F, CUDA_R_32F),
        "describing a product");
  attribute(CUBLASLT_MATMUL_DESC_TRANSA, p.weight_by_rows_of_k ? CUBLAS_OP_N : CUBLAS_OP_T);
  if (p.bias || p.gelu) {
    attribute(CUBLASLT_MATMUL_DESC_EPILOGUE, p.bias && p.gelu ? CUBLASLT_EPILOGUE_GELU_BIAS
                                             : p.gelu         ? CUBLASLT_EPILOGUE_GELU
                                                              : CUBLASLT_EPILOGUE_BIAS);
    attribute(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, CUDA_R_16BF);
    attribute(CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias.data);
  }
  const auto layout = [&](int which, dtype type, std::int64_t rows, std::int64_t columns,
                          std::int64_t stride) {
    check(cublaslt().cublasLtMatrixLayoutCreate(&made.layouts[which], data_type(type),
                                                static_cast<std::uint64_t>(rows),
                                                static_cast<std::uint64_t>(columns), stride),
          "describing a matrix");
  };
  const std::int64_t m = p.out.rows(), n = p.out.columns(), k = p.x.columns();
  layout(plan::weight, dtype::bf16, p.weight_by_rows_of_k ? n : k, p.weight_by_rows_of_k ? k : n,
         p.weight.row_stride);
  layout(plan::x, dtype::bf16, k, m, p.x.row_stride);
  layout(plan::residual, p.out.type, n, m, p.residual ? p.residual.row_stride : p.out.row_stride);
  layout(plan::out, p.out.type, n, m, p.out.row_stride);
  return made;
}

void matrix_products::run(const plan& with, const product_params& p,
                          const cublasLtMatmulAlgo_t& algorithm, void* work,
                          std::int64_t work_bytes, cudaStream_t stream) {
  const float one_or_zero = p.residual ? 1.0F : 0.0F;
  const void* residual = p.residual ? p.residual.data : p.out.data;
  check(cublaslt().cublasLtMatmul(library_, with.description, &p.scale, p.weight.data,
                                  with.layouts[plan::weight], p.x.data, with.layouts[plan::x],
                                  &one_or_zero, residual, with.layouts[plan::residual], p.out.data,
                                  with.layouts[plan::out], &algorithm, work,
                                  static_cast<std::size_t>(work_bytes), stream),
        "a matrix product");
}

void matrix_products::multiply(const product_params& p, cudaStream_t stream, workspace w) {
  if (w.bytes < workspace_bytes)
    throw latency::error("cuda back end: the workspace is smaller than workspace_bytes()");
  if (p.out.elements() == 0) return;
  const shape_key key = key_of(p);
  const std::lock_guard guard(lock_);  // also over the bias pointer of a shared description
  auto found = plans_.find(key);
  if (found == plans_.end()) {
    plan made = make_plan(p);
    choose(made, p, stream);
    found = plans_.emplace(key, std::move(made)).first;
  }
  if (p.bias)
    check(cublaslt().cublasLtMatmulDescSetAttribute(found->second.description,
                                                    CUBLASLT_MATMUL_DESC_BIAS_POINTER, &p.bias.data,
                                                    sizeof p.bias.data),
          "describing a product");
  run(found->second, p, found->second.algorithm, w.data, workspace_bytes, stream);
}

void matrix_products::choose(plan& chosen, const product_params& p, cudaStream_t stream) {
  const shape_key key = key_of(p);
  if (const auto cached = cached_.find(key); cached != cached_.end()) {
    cublasLtMatmulHeuristicResult_t checked{};
    if (cublaslt().cublasLtMatmulAlgoCheck(
            library_, chosen.description, chosen.layouts[plan::weight], chosen.layouts[plan::x],
            chosen.layouts[plan::residual], chosen.layouts[plan::out], &cached->second,
            &checked) == CUBLAS_STATUS_SUCCESS &&
        checked.workspaceSize <= static_cast<std::size_t>(workspace_bytes)) {
      chosen.algorithm = cached->second;
      return;
    }
  }
  cublasLtMatmulPreference_t preference = nullptr;
  check(cublaslt().cublasLtMatmulPreferenceCreate(&preference), "choosing an algorithm");
  constexpr std::size_t most_workspace = workspace_bytes;
  check(cublaslt().cublasLtMatmulPreferenceSetAttribute(preference,
                                                        CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                        &most_workspace, sizeof most_workspace),
        "choosing an algorithm");
  std::vector<cublasLtMatmulHeuristicResult_t> candidates(most_candidates);
  int count = 0;
  const cublasStatus_t status = cublaslt().cublasLtMatmulAlgoGetHeuristic(
      library_, chosen.description, chosen.layouts[plan::weight], chosen.layouts[plan::x],
      chosen.layouts[plan::residual], chosen.layouts[plan::out], preference, most_candidates,
      candidates.data(), &count);
  cublaslt().cublasLtMatmulPreferenceDestroy(preference);
  if (status != CUBLAS_STATUS_SUCCESS || count == 0)
    throw latency::error(fmt::format("cuda back end: cuBLASLt has no product of {} by {} by {}",
                                     p.out.rows(), p.out.columns(), p.x.columns()));
  candidates.resize(static_cast<std::size_t>(count));
  chosen.algorithm = candidates.front().algo;
  cudaStreamCaptureStatus capturing = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(stream, &capturing), "asking a stream");
  if (capturing != cudaStreamCaptureStatusNone || p.out.elements() * p.x.columns() < least_measured)
    return;
  measure(chosen, p, candidates);
  remember(key, chosen.algorithm);
}

// In memory of its own, so that a residual that is the output stays what it is.
void matrix_products::measure(plan& chosen, const product_params& p,
                              const std::vector<cublasLtMatmulHeuristicResult_t>& candidates) {
  const auto bytes = [](const const_tensor& t) {
    return t.rows() * t.row_stride * size_bytes(t.type);
  };
  const device_memory x(bytes(p.x)), weight(bytes(p.weight)), out(bytes(p.out)),
      work(workspace_bytes);
  cudaStream_t stream = nullptr;
  cudaEvent_t begin = nullptr, end = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "creating a stream");
  check(cudaEventCreate(&begin), "creating an event");
  check(cudaEventCreate(&end), "creating an event");
  fill(x.get(), bytes(p.x) / 2, stream);
  fill(weight.get(), bytes(p.weight) / 2, stream);
  fill(out.get(), bytes(p.out) / 2, stream);
  product_params scratch = p;
  scratch.x.data = x.get();
  scratch.weight.data = weight.get();
  scratch.out.data = out.get();
  if (scratch.residual) scratch.residual.data = out.get();
  std::vector<float> least_ms(candidates.size(), std::numeric_limits<float>::infinity());
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const auto run_once = [&] {
        run(chosen, scratch, candidates[i].algo, work.get(), workspace_bytes, stream);
      };
      if (round == 0) run_once();  // loads its code
      check(cudaEventRecord(begin, stream), "recording an event");
      for (int j = 0; j < runs_of_a_round; ++j) run_once();
      check(cudaEventRecord(end, stream), "recording an event");
      check(cudaEventSynchronize(end), "measuring a product");
      float ms = 0;
      check(cudaEventElapsedTime(&ms, begin, end), "measuring a product");
      least_ms[i] = std::min(least_ms[i], ms);
    }
  const auto best = std::min_element(least_ms.begin(), least_ms.end()) - least_ms.begin();
  chosen.algorithm = candidates[static_cast<std::size_t>(best)].algo;
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  cudaStreamDestroy(stream);
}

// A title, then a line for each shape: the numbers of its key, a colon, the algorithm in
// hexadecimal. Lines that say anything else are passed by: cuBLASLt checks an algorithm before use.
void matrix_products::read_cache() {
  std::ifstream file(cache_file_);
  std::string line;
  if (!std::getline(file, line) || line != cache_title_) return;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    shape_key key;
    std::string word;
    while (words >> word && word != ":") key.push_back(std::strtoll(word.c_str(), nullptr, 10));
    cublasLtMatmulAlgo_t algorithm{};
    std::size_t filled = 0;
    for (std::uint64_t& data : algorithm.data)
      if (words >> std::hex >> data) ++filled;
    if (filled == std::size(algorithm.data)) cached_[key] = algorithm;
  }
}

void matrix_products::remember(const shape_key& key, const cublasLtMatmulAlgo_t& algorithm) {
  if (cache_file_.empty()) return;
  const bool ours = [&] {
    std::ifstream file(cache_file_);
    std::string title;
    return std::getline(file, title) && title == cache_title_;
  }();
  std::error_code ignored;  // a cache that cannot be written costs a measurement, no more
  std::filesystem::create_directories(std::filesystem::path(cache_file_).parent_path(), ignored);
  std::ofstream file(cache_file_, ours ? std::ios::app : std::ios::trunc);
  if (!ours) file << cache_title_ << '\n';
  for (const std::int64_t number : key) file << number << ' ';
  file << ':' << std::hex;
  for (const std::uint64_t data : algorithm.data) file << ' ' << data;
  file << '\n';
}

std::string default_product_cache() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value != nullptr ? value : "");
  };
  if (const std::string cache = variable("XDG_CACHE_HOME"); !cache.empty())
    return cache + "/latency/matrix_products.txt";
  if (const std::string home = variable("HOME"); !home.empty())
    return home + "/.cache/latency/matrix_products.txt";
  return "";
}

}  // namespace ops::cuda
