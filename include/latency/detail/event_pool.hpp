#pragma once
// Events made ahead, for threads that put them on streams: taken, recorded, published, and given
// back once somebody has read their times. Nothing here allocates, locks or waits after its making.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "../span_id.hpp"
#include "event_timeline.hpp"

namespace latency::detail {

inline constexpr std::uint32_t no_event = ~std::uint32_t{0};

// One event and what its time is for, in a cache line of its own. Written by whoever took it, read
// by whoever collects.
template <class Event>
struct alignas(64) event_slot {
  Event event{};
  std::atomic<std::uint32_t> next{no_event};  // in one of the pool's lists
  std::uint32_t begins = no_event;            // a window: the event that it began with
  // Who still needs its time: the window or mark that it ends, and the window that it begins.
  std::atomic<std::uint32_t> users{0};
  std::uint32_t stream = 0;
  const char* name = nullptr;  // of the window or mark; static or interned
  span_id span = 0;
  std::int64_t index = 0;  // of a mark; of a window its replay instance
  event_time time;         // known once it has been collected
};

// Any number of threads may take, publish and give back at once; one at a time collects.
template <class Event>
class event_pool {
 public:
  explicit event_pool(std::uint32_t size) : slots_(new event_slot<Event>[size]), size_(size) {
    for (std::uint32_t i = 0; i < size; ++i)
      slots_[i].next.store(i + 1 < size ? i + 1 : no_event, std::memory_order_relaxed);
    free_.store(size > 0 ? 0 : no_event, std::memory_order_release);
  }

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  [[nodiscard]] event_slot<Event>& operator[](std::uint32_t i) const noexcept { return slots_[i]; }

  // With one user; no_event when all are in use.
  [[nodiscard]] std::uint32_t take() noexcept {
    std::uint64_t head = free_.load(std::memory_order_acquire);
    for (;;) {
      const auto first = static_cast<std::uint32_t>(head);
      if (first == no_event) return no_event;
      const std::uint64_t rest =
          count_of(head) | slots_[first].next.load(std::memory_order_relaxed);
      if (!free_.compare_exchange_weak(head, rest, std::memory_order_acquire)) continue;
      slots_[first].users.store(1, std::memory_order_relaxed);
      slots_[first].time = {};
      return first;
    }
  }

  // One user fewer; the last one gives it back.
  void release(std::uint32_t i) noexcept {
    if (slots_[i].users.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    std::uint64_t head = free_.load(std::memory_order_relaxed);
    do slots_[i].next.store(static_cast<std::uint32_t>(head), std::memory_order_relaxed);
    while (!free_.compare_exchange_weak(head, count_of(head) + one_more + i,
                                        std::memory_order_release, std::memory_order_relaxed));
  }

  // Its fields are written and its event is recorded.
  void publish(std::uint32_t i) noexcept {
    std::uint32_t head = published_.load(std::memory_order_relaxed);
    do slots_[i].next.store(head, std::memory_order_relaxed);
    while (!published_.compare_exchange_weak(head, i, std::memory_order_release,
                                             std::memory_order_relaxed));
  }

  // Appends those published since the last call, the first one first.
  void collect(std::vector<std::uint32_t>& to) {
    const std::size_t before = to.size();
    for (std::uint32_t i = published_.exchange(no_event, std::memory_order_acquire); i != no_event;
         i = slots_[i].next.load(std::memory_order_relaxed))
      to.push_back(i);
    for (std::size_t a = before, b = to.size(); a + 1 < b;) std::swap(to[a++], to[--b]);
  }

 private:
  // The head of the free list carries a count of changes in its upper half: without it a thread
  // that was held up between reading a head and replacing it could restore an old list.
  static constexpr std::uint64_t one_more = std::uint64_t{1} << 32;
  [[nodiscard]] static std::uint64_t count_of(std::uint64_t head) noexcept {
    return head & ~std::uint64_t{~std::uint32_t{0}};
  }

  std::unique_ptr<event_slot<Event>[]> slots_;
  std::uint32_t size_;
  alignas(64) std::atomic<std::uint64_t> free_{0};
  alignas(64) std::atomic<std::uint32_t> published_{no_event};
};

}  // namespace latency::detail
