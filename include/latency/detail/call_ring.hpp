#pragma once
// The calls that one thread makes into a device's API, on their way to the thread that matches them
// with device ops: a ring that the caller fills and the matcher empties, without locks.

#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "../error.hpp"
#include "span_paths.hpp"
#include "traced_records.hpp"

namespace latency::detail {

class call_ring {
 public:
  static constexpr std::uint32_t capacity = 1u << 15;  // 100 ms of the fastest launches there are

  // Throws latency::error when out of memory. The memory is populated: filling takes no page
  // faults.
  call_ring() {
    void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED)
      throw error("cannot allocate a ring of " + std::to_string(bytes) + " bytes for API calls");
    calls_ = static_cast<traced_call*>(memory);
  }
  call_ring(const call_ring&) = delete;
  call_ring& operator=(const call_ring&) = delete;
  ~call_ring() { munmap(calls_, bytes); }

  // By the owner. Counts what does not fit.
  void put(const traced_call& one) noexcept {
    const std::uint64_t at = written_.load(std::memory_order_relaxed);
    if (at - seen_read_ >= capacity) {
      seen_read_ = read_.load(std::memory_order_acquire);
      if (at - seen_read_ >= capacity) {
        dropped_.fetch_add(1, std::memory_order_relaxed);
        return;
      }
    }
    calls_[at % capacity] = one;
    written_.store(at + 1, std::memory_order_release);
  }

  // By the matcher: everything that had been put when this was called.
  template <class Take>
  void drain(const Take& take) {
    const std::uint64_t end = written_.load(std::memory_order_acquire);
    std::uint64_t at = read_.load(std::memory_order_relaxed);
    for (; at < end; ++at) take(calls_[at % capacity]);
    read_.store(end, std::memory_order_release);
  }
  [[nodiscard]] std::uint64_t take_dropped() noexcept {
    return dropped_.exchange(0, std::memory_order_relaxed);
  }

  // The owner's alone: the call that its thread is in.
  struct call_in_progress {
    std::uint64_t start_ticks = 0;
    std::uint32_t correlation = 0;
    std::uint32_t depth = 0;  // calls that the API makes inside a call carry its correlation
    bool captured = false;
  } current;
  path_cache paths;
  std::uint64_t placeless_generation = 0;  // session that had no place for the owner
  std::atomic<bool> in_use{false};         // a living thread owns it

 private:
  static constexpr std::size_t bytes = capacity * sizeof(traced_call);
  traced_call* calls_ = nullptr;
  std::uint64_t seen_read_ = 0;  // owner: what `read_` was when last looked at
  alignas(64) std::atomic<std::uint64_t> written_{0};
  alignas(64) std::atomic<std::uint64_t> read_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace latency::detail
