#pragma once
// Spans: a scope opens one when it is made and closes it when it ends. Two clock reads, no lock, no
// allocation, no system call; without a session a load and a branch. Make and end a scope on the
// same thread; scopes of one thread end in the reverse order of their making.
//
// Compile with LATENCY_ENABLED=0 to make scopes vanish.

#ifndef LATENCY_ENABLED
#define LATENCY_ENABLED 1
#endif

#include <cstddef>
#include <cstring>
#include <utility>

#include "attribute.hpp"
#include "detail/recording_thread.hpp"
#include "span_id.hpp"

#define LATENCY_DETAIL_JOIN_(a, b) a##b
#define LATENCY_DETAIL_JOIN(a, b) LATENCY_DETAIL_JOIN_(a, b)

// LATENCY_SCOPE("decode", {"token", i}): a span from here to the end of the block.
#define LATENCY_SCOPE(...)                                                                \
  [[maybe_unused]] const ::latency::scope LATENCY_DETAIL_JOIN(latency_scope_, __LINE__) { \
    __VA_ARGS__                                                                           \
  }

namespace latency {

template <class Scope>
class basic_region;

// Both kinds exist in every translation unit; `latency::scope` is the one that it asked for.
namespace recording_on {

#if defined(__GNUC__) && !defined(__clang__)
// g++ does not see that only the attributes below count_ are read, nor that an empty std::optional
// closes nothing.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

class scope {
 public:
  // `name`: a static string, or one from intern(). Inlined, so that absent attributes cost nothing.
  __attribute__((always_inline)) explicit scope(
      const char* name, const attribute& a0 = no_attribute, const attribute& a1 = no_attribute,
      const attribute& a2 = no_attribute, const attribute& a3 = no_attribute,
      const attribute& a4 = no_attribute, const attribute& a5 = no_attribute,
      const attribute& a6 = no_attribute, const attribute& a7 = no_attribute) noexcept
      : thread_(detail::recording_thread()) {
    if (__builtin_expect(thread_ == nullptr, 1)) return;
    store_while_present(a0, a1, a2, a3, a4, a5, a6, a7);
    open(name);
  }
  scope(const scope&) = delete;
  scope& operator=(const scope&) = delete;
  __attribute__((always_inline)) ~scope() { close(); }
  static void* operator new(std::size_t) = delete;  // a scope lives in a block of code

  // Attaches one more attribute while the span is open; the ninth and later are left out.
  void add(const attribute& a) noexcept {
    if (thread_ != nullptr && count_ < max_attributes) store(a);
  }
  // Closes the span before the scope ends.
  __attribute__((always_inline)) void close() noexcept {
    if (__builtin_expect(thread_ == nullptr, 1)) return;
    const std::uint64_t end = read_ticks(thread_->clock);
    write(end);
    thread_ = nullptr;
  }
  // Identifies the span in the recording; 0 when it is not recorded.
  [[nodiscard]] span_id id() const noexcept { return thread_ == nullptr ? 0 : id_; }

 private:
  template <class Scope>
  friend class latency::basic_region;
  void mark_warm_up() noexcept {
    if (thread_ != nullptr) head_ |= detail::pack_head(0, {}, span_warm_up, 0);
  }
  template <class... A>
  __attribute__((always_inline)) void store_while_present(const A&... a) noexcept {
    static_cast<void>((... && (a.key != nullptr && (store(a), true))));
  }
  void store(const attribute& a) noexcept {
    std::uint64_t bits;
    if (a.type == attribute::kind::text) {
      bits = detail::to_word(a.text);
    } else {
      std::memcpy(&bits, &a.integer, sizeof bits);
    }
    attributes_[2 * count_] = detail::pack_key(detail::to_word(a.key), a.type);
    attributes_[2 * count_ + 1] = bits;
    ++count_;
  }

  // Constant indices, not a loop: the compiler then keeps the whole scope in registers.
  template <std::size_t... Index>
  __attribute__((always_inline)) void copy_attributes(
      std::uint64_t* to, std::index_sequence<Index...>) const noexcept {
    static_cast<void>(
        (... && (Index < count_ && (to[2 * Index] = attributes_[2 * Index],
                                    to[2 * Index + 1] = attributes_[2 * Index + 1], true))));
  }

  __attribute__((always_inline)) void open(const char* name) noexcept {
    detail::thread_state& t = *thread_;
    generation_ = t.generation.load(std::memory_order_relaxed);
    depth_ = t.depth.load(std::memory_order_relaxed) + 1;
    if (__builtin_expect(depth_ > detail::max_depth, 0)) {
      t.too_deep_spans.fetch_add(1, std::memory_order_relaxed);
      thread_ = nullptr;
      return;
    }
    head_ = detail::pack_head(detail::to_word(name), detail::record_kind::span, 0, 0);
    id_ = ++t.next_id;
    detail::open_span& mine = t.open[depth_];
    mine.id.store(0, std::memory_order_relaxed);
    mine.name.store(name, std::memory_order_release);
    start_ = read_ticks(t.clock);  // last: what opening costs belongs to the parent
    mine.start_ticks.store(start_, std::memory_order_release);
    mine.id.store(id_, std::memory_order_release);
    t.depth.store(depth_, std::memory_order_release);
  }

  __attribute__((always_inline)) void write(std::uint64_t end) noexcept {
    detail::thread_state& t = *thread_;
    if (__builtin_expect(&t != detail::this_thread ||
                             t.generation.load(std::memory_order_relaxed) != generation_,
                         0))
      return;  // closed on another thread, or after its session ended
    std::uint64_t* const at = t.reserve();
    if (__builtin_expect(at == nullptr, 0)) {
      t.dropped_spans.fetch_add(1, std::memory_order_relaxed);
      t.depth.store(depth_ - 1, std::memory_order_release);
      return;
    }
    // The collector may hold these lines on another core: ask for the coming ones in time. Without
    // this a span costs a quarter more.
    __builtin_prefetch(at + prefetch_words, 1);
    at[0] = head_ | static_cast<std::uint64_t>(count_) << 56;
    at[1] = start_;
    at[2] = end;
    at[3] = id_;
    at[4] = t.open[depth_ - 1].id.load(std::memory_order_relaxed);
    copy_attributes(at + 5, std::make_index_sequence<max_attributes>{});
    t.publish(at + 5 + 2 * count_);
    // Last: the collector finds the span either published or still open.
    t.depth.store(depth_ - 1, std::memory_order_release);
  }

  static constexpr std::ptrdiff_t prefetch_words = 64;  // some ten spans ahead

  detail::thread_state* thread_;
  std::uint64_t generation_;
  std::uint64_t head_;
  std::uint64_t start_;
  span_id id_ = 0;
  std::uint32_t depth_;
  std::uint32_t count_ = 0;
  std::uint64_t attributes_[2 * max_attributes];  // written as far as used
};

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

}  // namespace recording_on

namespace recording_off {

class scope {
 public:
  explicit constexpr scope(const char*) noexcept {}
  constexpr scope(const char*, const attribute&, const attribute& = no_attribute,
                  const attribute& = no_attribute, const attribute& = no_attribute,
                  const attribute& = no_attribute, const attribute& = no_attribute,
                  const attribute& = no_attribute, const attribute& = no_attribute) noexcept {}
  constexpr void add(const attribute&) const noexcept {}
  constexpr void close() const noexcept {}
  constexpr void mark_warm_up() const noexcept {}
  [[nodiscard]] constexpr span_id id() const noexcept { return 0; }
};

}  // namespace recording_off

#if LATENCY_ENABLED
using recording_on::scope;
#else
using recording_off::scope;
#endif

}  // namespace latency
