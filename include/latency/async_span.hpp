#pragma once
// An interval that may end on another thread than it began on: a request, a prompt switch. It has a
// track of its own and stays outside exclusive sums.

#include <utility>

#include "events.hpp"

namespace latency {

// Move-only: one owner ends it. Ends at destruction at the latest. One thread at a time.
class async_span {
 public:
  explicit async_span(const char* name, std::initializer_list<attribute> attributes = {}) noexcept {
    detail::thread_state* const t = detail::recording_thread();
    if (t == nullptr) return;
    std::uint64_t* const at = detail::reserve_record(*t);
    if (at == nullptr) return;
    name_ = name;
    generation_ = t->generation.load(std::memory_order_relaxed);
    // Unique within the session: the thread's next id, as for spans.
    id_ = ++t->next_id;
    at[1] = read_ticks(t->clock);
    at[2] = id_;
    at[3] = detail::innermost_span(*t);
    const std::uint32_t count = detail::write_attributes(at + 4, attributes);
    at[0] = detail::pack_head(detail::to_word(name), detail::record_kind::async_begin, 0, count);
    t->publish(at + 4 + 2 * count);
  }
  async_span(const char* name, const attribute& one) noexcept : async_span(name, {one}) {}
  async_span(async_span&& other) noexcept
      : name_(other.name_), generation_(other.generation_), id_(std::exchange(other.id_, 0)) {}
  async_span& operator=(async_span&& other) noexcept {
    if (this == &other) return *this;
    end();
    name_ = other.name_;
    generation_ = other.generation_;
    id_ = std::exchange(other.id_, 0);
    return *this;
  }
  ~async_span() { end(); }

  void end() noexcept {
    if (id_ == 0) return;
    const std::uint64_t id = std::exchange(id_, 0);
    detail::thread_state* const t = detail::recording_thread();
    if (t == nullptr || t->generation.load(std::memory_order_relaxed) != generation_)
      return;  // the session it began in has ended
    std::uint64_t* const at = detail::reserve_record(*t);
    if (at == nullptr) return;
    at[0] = detail::pack_head(detail::to_word(name_), detail::record_kind::async_end, 0, 0);
    at[1] = read_ticks(t->clock);
    at[2] = id;
    t->publish(at + 3);
  }
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }

 private:
  const char* name_ = nullptr;
  std::uint64_t generation_ = 0;  // ids are unique within a session only
  std::uint64_t id_ = 0;
};

}  // namespace latency
