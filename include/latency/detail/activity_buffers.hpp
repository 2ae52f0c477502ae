#pragma once
// The buffers that tracing fills with records: made ahead, handed out without locks (the thread
// that asks is in the midst of a launch), and used again.

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <vector>

namespace latency::detail {

class activity_buffers {
 public:
  static constexpr std::size_t most = 256;  // buffers there can be

  struct filled {
    std::uint8_t* buffer = nullptr;
    std::size_t bytes = 0;  // of records in it
  };

  // Makes `count` buffers of `bytes`, populated. As many as there is memory for.
  activity_buffers(std::size_t bytes, std::size_t count) : bytes_(bytes) {
    filled_.reserve(most);
    for (std::size_t i = 0; i < count && i < most; ++i) {
      std::uint8_t* const made = make(MAP_POPULATE);
      if (made != nullptr) put(made);
    }
  }
  activity_buffers(const activity_buffers&) = delete;
  activity_buffers& operator=(const activity_buffers&) = delete;
  ~activity_buffers() {
    for (std::uint8_t* const buffer : all_) munmap(buffer, bytes_);
  }

  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  // A buffer of zeros; more than were made ahead if need be, nullptr when there are `most`. Any
  // thread, no waiting.
  [[nodiscard]] std::uint8_t* take() noexcept {
    for (std::atomic<std::uint8_t*>& slot : free_) {
      if (slot.load(std::memory_order_relaxed) == nullptr) continue;
      std::uint8_t* const buffer = slot.exchange(nullptr, std::memory_order_acquire);
      if (buffer != nullptr) return buffer;
    }
    return make(0);
  }
  // A buffer comes back with records. Any thread.
  void complete(std::uint8_t* buffer, std::size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    filled_.push_back({buffer, bytes});
  }

  // Those that came back, in that order; each to be recycled. By the thread that reads records.
  [[nodiscard]] std::vector<filled> take_filled() {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<filled> taken;
    taken.reserve(most);
    taken.swap(filled_);
    return taken;
  }
  void recycle(const filled& read) {
    std::memset(read.buffer, 0, read.bytes);
    put(read.buffer);
  }

 private:
  [[nodiscard]] std::uint8_t* make(int populate) noexcept {
    if (made_.fetch_add(1, std::memory_order_relaxed) >= most) {
      made_.fetch_sub(1, std::memory_order_relaxed);
      return nullptr;
    }
    void* const memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | populate, -1, 0);
    if (memory == MAP_FAILED) {
      made_.fetch_sub(1, std::memory_order_relaxed);
      return nullptr;
    }
    auto* const buffer = static_cast<std::uint8_t*>(memory);
    const std::lock_guard<std::mutex> lock(mutex_);
    all_.push_back(buffer);
    return buffer;
  }
  void put(std::uint8_t* buffer) noexcept {
    for (std::atomic<std::uint8_t*>& slot : free_) {  // there are as many slots as buffers
      std::uint8_t* empty = nullptr;
      if (slot.compare_exchange_strong(empty, buffer, std::memory_order_release)) return;
    }
  }

  const std::size_t bytes_;
  std::array<std::atomic<std::uint8_t*>, most> free_{};
  std::atomic<std::size_t> made_{0};
  std::mutex mutex_;
  std::vector<filled> filled_;
  std::vector<std::uint8_t*> all_;
};

}  // namespace latency::detail
