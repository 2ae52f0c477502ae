#pragma once
// Memory that a kernel ahead on the stream touches late: the launches of kernels under test begin
// while it still waits, and have to wait for it.

#include <cstring>
#include <functional>
#include <vector>

#include "kernels/dependent_launch.cuh"
#include "tests/kernels/device_buffer.hpp"

namespace kernels_test {

// Lets the kernel behind it begin, does nothing for so long that it surely has begun, and copies
// then. Few blocks, so that there is room beside it.
constexpr long long late_cycles = 100'000;
constexpr unsigned late_blocks = 8, late_threads = 256;

static __global__ void late_copy_kernel(uint4* to, const uint4* from, std::size_t count,
                                        long long cycles) {
  kernels::wait_for_previous_kernels();
  kernels::let_next_kernel_start();
  const long long start = clock64();
  while (clock64() - start < cycles) {
  }
  for (std::size_t i = blockIdx.x * late_threads + threadIdx.x; i < count;
       i += late_blocks * late_threads)
    to[i] = from[i];
}

// All that a launch reads and writes, in one piece. It is `fresh` when the launch is right to read
// it and `stale` before, with other numbers of the same kind; what will be written is poison in
// both.
class late_memory {
 public:
  static constexpr std::size_t capacity = std::size_t{16} << 20;

  // Both of one size.
  template <class Element>
  Element* add(const std::vector<Element>& fresh, const std::vector<Element>& stale) {
    REQUIRE(fresh.size() == stale.size());
    const std::size_t at = used_, size = fresh.size() * sizeof(Element);
    used_ += (size + alignment - 1) / alignment * alignment;
    REQUIRE(used_ <= capacity);
    fresh_.resize(used_, poison);
    stale_.resize(used_, poison);
    std::memcpy(fresh_.data() + at, fresh.data(), size);
    std::memcpy(stale_.data() + at, stale.data(), size);
    return reinterpret_cast<Element*>(live_.get() + at);
  }
  // For the launch to write.
  template <class Element>
  Element* add_output(std::size_t count) {
    std::vector<Element> poisoned(count);
    std::memset(static_cast<void*>(poisoned.data()), poison, count * sizeof(Element));
    return add(poisoned, poisoned);
  }
  __nv_bfloat16* add_bf16(std::size_t count) {
    const auto made = [&] { return random_numbers(++seed_).bf16(count); };
    return add(made(), made());
  }
  float* add_floats(std::size_t count) {
    const auto made = [&] {
      random_numbers random(++seed_);
      std::vector<float> values(count);
      for (float& x : values) x = random.next();
      return values;
    };
    return add(made(), made());
  }

  // Call it once all is added.
  void finish() {
    CUDA_OK(cudaMemcpy(of_fresh_.get(), fresh_.data(), used_, cudaMemcpyHostToDevice));
    CUDA_OK(cudaMemcpy(of_stale_.get(), stale_.data(), used_, cudaMemcpyHostToDevice));
  }

  using bytes = std::vector<unsigned char>;
  [[nodiscard]] const bytes& fresh() const { return fresh_; }
  [[nodiscard]] bytes live() const { return download(live_); }
  [[nodiscard]] bytes seen() const { return download(seen_); }

  void make_live_fresh(cudaStream_t s) const { copy(live_, of_fresh_, s); }
  void make_live_stale(cudaStream_t s) const { copy(live_, of_stale_, s); }
  void make_other_stale(cudaStream_t s) const { copy(other_, of_stale_, s); }
  // By kernels.
  void make_live_fresh_late(cudaStream_t s) const { late_copy(live_, of_fresh_, late_cycles, s); }
  void make_other_fresh_late(cudaStream_t s) const { late_copy(other_, of_fresh_, late_cycles, s); }
  void see_live_late(cudaStream_t s) const { late_copy(seen_, live_, late_cycles, s); }
  void see_other(cudaStream_t s) const { late_copy(seen_, other_, 0, s); }

 private:
  using buffer = device_buffer<unsigned char>;
  static constexpr std::size_t alignment = 256;
  static constexpr unsigned char poison = 0xFF;  // NaN of all kinds

  void copy(const buffer& to, const buffer& from, cudaStream_t s) const {
    CUDA_OK(cudaMemcpyAsync(to.get(), from.get(), used_, cudaMemcpyDeviceToDevice, s));
  }
  void late_copy(const buffer& to, const buffer& from, long long cycles, cudaStream_t s) const {
    kernels::launch_dependent(
        late_copy_kernel, late_blocks, late_threads, s, reinterpret_cast<uint4*>(to.get()),
        reinterpret_cast<const uint4*>(from.get()), used_ / sizeof(uint4), cycles);
    CUDA_OK(cudaGetLastError());
  }
  [[nodiscard]] bytes download(const buffer& from) const {
    bytes result(used_);
    CUDA_OK(cudaMemcpy(result.data(), from.get(), used_, cudaMemcpyDeviceToHost));
    return result;
  }

  std::size_t used_ = 0;
  std::uint64_t seed_ = 0;
  bytes fresh_, stale_;
  buffer live_{capacity}, of_fresh_{capacity}, of_stale_{capacity}, other_{capacity},
      seen_{capacity};
};

// A launch under test, on memory of its own.
using launch = std::function<void(cudaStream_t)>;
struct late_operation {
  const char* name;
  std::function<launch(late_memory&)> prepare;
};

// What may go wrong, as chains of launches behind each other.
enum class hazard {
  reads_too_early,   // what a kernel ahead has yet to write
  writes_too_early,  // over what a kernel ahead has yet to read
  is_over_too_early  // so that the kernel behind reads what the one ahead has yet to write
};

class late_chain {
 public:
  explicit late_chain(const late_operation& of) : run_(of.prepare(memory_)) {
    CUDA_OK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    memory_.finish();
    memory_.make_live_fresh(stream_);
    CUDA_OK(cudaStreamSynchronize(stream_));
    run_(stream_);
    CUDA_OK(cudaStreamSynchronize(stream_));
    expected_ = memory_.live();
    REQUIRE(expected_ != memory_.fresh());  // it wrote something
  }
  ~late_chain() { cudaStreamDestroy(stream_); }
  late_chain(const late_chain&) = delete;
  late_chain& operator=(const late_chain&) = delete;

  [[nodiscard]] cudaStream_t stream() const { return stream_; }
  [[nodiscard]] const late_memory& memory() const { return memory_; }
  [[nodiscard]] const late_memory::bytes& expected() const { return expected_; }
  void run() const { run_(stream_); }

  // How many of some times the result is what it is with a wait between all launches.
  [[nodiscard]] int times_right(hazard h, int times) const {
    return count_right(h, times, [&] { launch_all(h); });
  }
  // The same, captured once and replayed.
  [[nodiscard]] int times_right_replayed(hazard h, int times) const {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t replay = nullptr;
    CUDA_OK(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal));
    launch_all(h);
    CUDA_OK(cudaStreamEndCapture(stream_, &graph));
    CUDA_OK(cudaGraphInstantiate(&replay, graph, 0));
    const int right = count_right(h, times, [&] { CUDA_OK(cudaGraphLaunch(replay, stream_)); });
    CUDA_OK(cudaGraphExecDestroy(replay));
    CUDA_OK(cudaGraphDestroy(graph));
    return right;
  }

 private:
  void launch_all(hazard h) const {
    switch (h) {
      case hazard::reads_too_early:
        memory_.make_live_stale(stream_);
        memory_.make_live_fresh_late(stream_);
        return run();
      case hazard::writes_too_early:
        memory_.make_live_fresh(stream_);
        memory_.see_live_late(stream_);
        return run();
      case hazard::is_over_too_early:
        memory_.make_live_fresh(stream_);
        memory_.make_other_stale(stream_);
        memory_.make_other_fresh_late(stream_);
        run();
        return memory_.see_other(stream_);
    }
  }
  template <class Go>
  [[nodiscard]] int count_right(hazard h, int times, const Go& go) const {
    int right = 0;
    for (int i = 0; i < times; ++i) {
      go();
      CUDA_OK(cudaStreamSynchronize(stream_));
      const bool saw = h == hazard::reads_too_early || memory_.seen() == memory_.fresh();
      right += saw && memory_.live() == expected_;
    }
    return right;
  }

  late_memory memory_;
  launch run_;
  cudaStream_t stream_ = nullptr;
  late_memory::bytes expected_;
};

// Launches on a stream, and replays.
inline void check_that_it_waits(const late_operation& of) {
  CAPTURE(of.name);
  const late_chain chain(of);
  constexpr int times = 10;
  for (const hazard h :
       {hazard::reads_too_early, hazard::writes_too_early, hazard::is_over_too_early}) {
    CAPTURE(static_cast<int>(h));
    CHECK(chain.times_right(h, times) == times);
    CHECK(chain.times_right_replayed(h, times) == times);
  }
}

inline bool hopper() {
  cudaDeviceProp properties{};
  CUDA_OK(cudaGetDeviceProperties(&properties, 0));
  if (properties.major == 9) return true;
  MESSAGE("skipped: not a Hopper GPU");
  return false;
}

}  // namespace kernels_test
