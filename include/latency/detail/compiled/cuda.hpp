#pragma once
// How measuring with events starts and ends: see cuda.hpp.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../../cuda.hpp"
#include "../../error.hpp"
#include "../recorder.hpp"
#include "cuda_event_source.hpp"
#include "inline.hpp"

namespace latency {
namespace detail {

// Fills in the memory of the current device, and of the pool that its cudaMallocAsync takes from.
// The peak is the most that was seen, and what the pool held at its highest.
inline void read_cuda_memory(memory::usage& into) {
  static std::atomic<std::int64_t> peak_bytes{0};
  const beside_captures any;
  std::size_t free_bytes = 0, total_bytes = 0;
  if (!cuda_driver::succeeded(cudaMemGetInfo(&free_bytes, &total_bytes))) return;
  into.device_used_bytes = static_cast<std::int64_t>(total_bytes - free_bytes);
  std::int64_t highest = into.device_used_bytes;
  int device = 0;
  cudaMemPool_t pool = nullptr;
  if (cuda_driver::succeeded(cudaGetDevice(&device)) &&
      cuda_driver::succeeded(cudaDeviceGetMemPool(&pool, device))) {
    const auto bytes = [pool](cudaMemPoolAttr which) {
      std::uint64_t found = 0;
      return cuda_driver::succeeded(cudaMemPoolGetAttribute(pool, which, &found))
                 ? static_cast<std::int64_t>(found)
                 : 0;
    };
    into.device_pool_used_bytes = bytes(cudaMemPoolAttrUsedMemCurrent);
    into.device_pool_peak_bytes = bytes(cudaMemPoolAttrUsedMemHigh);
    highest += bytes(cudaMemPoolAttrReservedMemHigh) - bytes(cudaMemPoolAttrReservedMemCurrent);
  }
  std::int64_t before = peak_bytes.load(std::memory_order_relaxed);
  while (before < highest && !peak_bytes.compare_exchange_weak(before, highest)) {
  }
  into.device_peak_bytes = std::max(before, highest);
}

}  // namespace detail

namespace cuda {

LATENCY_DETAIL_INLINE events::events(session& run, const event_options& wanted) {
  const std::shared_ptr<detail::recorder> recorder = run.recorder();
  if (!recorder->enabled() || recorder->ended()) {
    why_not_ = "the session does not record";
    return;
  }
  try {
    std::vector<int> devices = wanted.devices;
    int current = 0;
    if (const cudaError_t code = cudaGetDevice(&current); !detail::cuda_driver::succeeded(code))
      throw error(std::string("no CUDA device: ") + cudaGetErrorString(code));
    if (devices.empty()) devices.push_back(current);
    auto made = std::make_shared<detail::cuda_event_source>(recorder, devices, wanted.events,
                                                            wanted.in_graphs, wanted.finish_within);
    detail::cuda_event_source* none = nullptr;
    if (!detail::cuda_event_source::current().compare_exchange_strong(none, made.get()))
      throw error("another latency::cuda::events measures already");
    source_ = std::move(made);
  } catch (const std::exception& e) {
    why_not_ = e.what();
  }
  recorder->write_device([&](detail::device_writer&) {
    recorder->tier(started() ? device_tier::events : device_tier::host, why_not_);
  });
  if (!started()) return;
  recorder_ = recorder;
  recorder_->add_source(source_);
  memory::set_device_reader(detail::read_cuda_memory);
}

LATENCY_DETAIL_INLINE events::~events() {
  if (source_ == nullptr) return;
  memory::set_device_reader(nullptr);
  if (recorder_->of_this_process()) recorder_->remove_source(source_);
  detail::cuda_event_source::current().store(nullptr, std::memory_order_release);
}

}  // namespace cuda
}  // namespace latency
