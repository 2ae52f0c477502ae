#pragma once
// The events of one device: threads put them on streams, and whoever polls turns those that have
// completed into windows and marks. The driver is a parameter, so that tests can stand in for it:
//
//   struct driver {
//     using event = ...; using stream = ...;
//     bool captures(stream) noexcept;                // a graph, or so it must be taken to be
//     bool record(event, stream) noexcept;           // puts it on the stream
//     std::uint32_t number_of(stream) noexcept;
//     event_progress query(event) noexcept;          // never waits
//     float elapsed_ms(event, event) noexcept;       // of two complete ones; NaN when it fails
//     bool record_anchor(event) noexcept;            // on a stream where nothing else is
//   };

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <exception>
#include <utility>
#include <vector>

#include "../clock.hpp"
#include "../device_rows.hpp"
#include "event_pool.hpp"
#include "event_timeline.hpp"

namespace latency::detail {

// captured: a capture that began while it was recorded took it into a graph.
enum class event_progress : std::uint8_t { pending, complete, failed, captured };

// An anchor event's time, and the host's at the same moment.
struct event_anchor {
  std::int64_t device_ns = 0;
  std::uint64_t ticks = 0;
  std::int64_t uncertainty_ns = 0;
};

// The two events of a window that has begun, and its stream; none when nothing is measured.
struct begun_window {
  std::uint32_t first = no_event;
  std::uint32_t last = no_event;
  std::uint32_t stream_number = 0;
  bool captures = false;  // none, because the stream captures a graph, or must be taken to
};

// Rows, and their names as static or interned texts.
struct collected_events {
  std::vector<std::pair<event_window, const char*>> windows;
  std::vector<std::pair<completion_mark, const char*>> marks;

  void clear() noexcept {
    windows.clear();
    marks.clear();
  }
};

template <class Driver>
class device_events {
 public:
  using stream = typename Driver::stream;
  using event = typename Driver::event;

  device_events(Driver driver, std::uint32_t device, std::uint32_t events)
      : device_(device), driver_(driver), pool_(events) {
    waiting_.reserve(events);
    blocked_.reserve(events);
  }
  [[nodiscard]] std::uint32_t device() const noexcept { return device_; }
  [[nodiscard]] event& event_at(std::uint32_t i) noexcept { return pool_[i].event; }
  [[nodiscard]] std::uint32_t events() const noexcept { return pool_.size(); }
  [[nodiscard]] event& anchor_event(int i) noexcept { return anchors_[i]; }
  static constexpr int anchor_events = 2;

  // The hot path, from any thread: no lock, no allocation, no wait.

  // Both events of a window are taken at its start, so that it can always end. Where the stream
  // captures, nothing is begun, and nothing counted.
  [[nodiscard]] begun_window begin(stream on) noexcept {
    begun_window window{pool_.take(), no_event, 0, false};
    if (window.first != no_event) window.last = pool_.take();
    if (window.last != no_event && driver_.captures(on)) {
      give_back(window);
      return {no_event, no_event, 0, true};
    }
    if (window.last == no_event || !driver_.record(pool_[window.first].event, on)) {
      drop(window);
      return {};
    }
    window.stream_number = driver_.number_of(on);
    return window;
  }
  // `replay`: id of the replay instance that the window is, 0 = none.
  void end(const begun_window& window, stream on, const char* name, span_id span,
           std::uint64_t replay = 0) noexcept {
    if (window.first == no_event) return;
    if (!put(window.last, on)) return drop(window);
    close(window, name, span, false, replay);
  }
  // Ends a window and begins the next with the same event.
  [[nodiscard]] begun_window next(const begun_window& window, stream on, const char* name,
                                  span_id span) noexcept {
    if (!put(window.last, on)) {
      drop(window);
      count_dropped(1);  // the next one, too
      return {};
    }
    const begun_window following{window.last, pool_.take(), window.stream_number, false};
    const bool goes_on = following.last != no_event;
    if (!goes_on) count_dropped(1);
    close(window, name, span, goes_on);
    return goes_on ? following : begun_window{};
  }
  void mark(stream on, const char* name, std::int64_t index, span_id span) noexcept {
    const std::uint32_t i = pool_.take();
    if (i == no_event || !put(i, on)) return drop({i, no_event, 0, false});
    event_slot<event>& slot = pool_[i];
    slot.begins = no_event;
    slot.name = name, slot.span = span, slot.index = index, slot.stream = driver_.number_of(on);
    pool_.publish(i);
  }
  // A window that has begun and will not end, because nobody records what it was for.
  void give_back(const begun_window& window) noexcept {
    if (window.last != no_event) pool_.release(window.last);
    if (window.first != no_event) pool_.release(window.first);
  }
  // A window or mark that could not be measured.
  void drop(const begun_window& window = {}) noexcept {
    give_back(window);
    count_dropped(1);
  }
  void count_dropped(std::uint64_t more) noexcept {
    dropped_.fetch_add(more, std::memory_order_relaxed);
  }

  // Events of nodes of graphs (graph_windows.hpp): taken for a node, and used by windows besides.
  [[nodiscard]] std::uint32_t take() noexcept { return pool_.take(); }
  void release(std::uint32_t i) noexcept { pool_.release(i); }
  // A window between two events that a replay records.
  void publish(std::uint32_t first, std::uint32_t last, std::uint32_t stream_number,
               const char* name, span_id span, std::uint64_t replay) noexcept {
    pool_[first].users.fetch_add(1, std::memory_order_relaxed);
    pool_[last].users.fetch_add(1, std::memory_order_relaxed);
    event_slot<event>& slot = pool_[last];
    slot.begins = first;
    slot.name = name, slot.span = span, slot.stream = stream_number;
    slot.index = static_cast<std::int64_t>(replay);
    pool_.publish(last);
  }

  // The rest: one caller at a time.

  // Puts the next anchor on its stream and waits at most `patience_ns` for it; the first one
  // decides where the device's time is 0. True when `found` was filled; false: ask again.
  template <class Ticks>
  [[nodiscard]] bool take_anchor(std::int64_t patience_ns, double ns_per_tick, const Ticks& ticks,
                                 event_anchor& found) noexcept {
    const int following = anchored_ ? 1 - current_ : current_;
    std::uint64_t before = 0;
    bool bracketed = false;
    if (!in_flight_) {
      before = ticks();
      if (!driver_.record_anchor(anchors_[following])) return false;
      in_flight_ = bracketed = true;
    }
    std::uint64_t after = 0;
    const std::int64_t limit_ns = read_clock_ns(CLOCK_MONOTONIC) + patience_ns;
    event_progress progress = event_progress::pending;
    do {
      progress = driver_.query(anchors_[following]);
      after = ticks();
    } while (progress == event_progress::pending && read_clock_ns(CLOCK_MONOTONIC) < limit_ns);
    if (progress == event_progress::pending) return false;
    in_flight_ = false;
    if (progress == event_progress::failed) return false;
    if (anchored_) {
      const float ms = driver_.elapsed_ms(anchors_[current_], anchors_[following]);
      if (std::isnan(ms)) return false;
      timeline_.move_anchor(ms);
    }
    current_ = following;
    anchored_ = true;
    if (!bracketed) return false;  // its time is good for the device, but the host's is not known
    found.device_ns = timeline_.anchor_ns();
    found.ticks = before + (after - before) / 2;
    found.uncertainty_ns =
        static_cast<std::int64_t>(std::ceil(static_cast<double>(after - before) / 2 * ns_per_tick));
    return true;
  }

  // The tightest of some anchors, which together wait at most `patience_ns`; once one is good to
  // `enough_ns`, no more are taken. A device that was asleep answers the first ones late.
  template <class Ticks>
  [[nodiscard]] bool take_tightest_anchor(int tries, std::int64_t enough_ns,
                                          std::int64_t patience_ns, double ns_per_tick,
                                          const Ticks& ticks, event_anchor& found) noexcept {
    bool any = false;
    event_anchor next;
    const std::int64_t limit_ns = read_clock_ns(CLOCK_MONOTONIC) + patience_ns;
    std::int64_t left_ns = patience_ns;
    for (int i = 0; i < tries && left_ns > 0 && !(any && found.uncertainty_ns <= enough_ns); ++i) {
      const bool taken = take_anchor(left_ns, ns_per_tick, ticks, next);
      left_ns = limit_ns - read_clock_ns(CLOCK_MONOTONIC);
      if (!taken) continue;
      if (!any || next.uncertainty_ns <= found.uncertainty_ns) found = next;
      any = true;
    }
    return any;
  }

  // Takes in what has completed, all or, without memory for its rows, nothing yet. Returns how many
  // are left.
  std::size_t collect(collected_events& into) noexcept {
    pool_.collect(waiting_);
    try {
      into.windows.reserve(into.windows.size() + waiting_.size());
      into.marks.reserve(into.marks.size() + waiting_.size());
    } catch (const std::exception&) {
      return waiting_.size();
    }
    blocked_.clear();
    std::size_t kept = 0;
    for (const std::uint32_t i : waiting_) {
      const event_slot<event>& slot = pool_[i];
      // What a stream does is complete in order: behind a pending event all are.
      if (std::find(blocked_.begin(), blocked_.end(), slot.stream) != blocked_.end()) {
        waiting_[kept++] = i;
        continue;
      }
      const event_progress progress = driver_.query(slot.event);
      if (progress == event_progress::pending) {
        blocked_.push_back(slot.stream);
        waiting_[kept++] = i;
      } else {
        resolve(i, progress, into);
      }
    }
    waiting_.resize(kept);
    return kept;
  }
  // Gives up on those that still run; they count as dropped.
  void abandon() noexcept {
    count_dropped(waiting_.size());
    waiting_.clear();
  }
  // The window of the last replay that recorded both events, if there was one.
  void read_last(std::uint32_t first, std::uint32_t last, const char* name, span_id span,
                 collected_events& into) noexcept {
    const auto time_of = [this](std::uint32_t i) {
      if (driver_.query(pool_[i].event) != event_progress::complete) return event_time{};
      const float ms = driver_.elapsed_ms(anchors_[current_], pool_[i].event);
      return std::isnan(ms) ? event_time{} : timeline_.at(ms);
    };
    const event_time from = time_of(first), to = time_of(last);
    if (!from.known() || !to.known()) return;
    try {
      into.windows.emplace_back(event_window{from.ns, to.ns, span, 0, 0, device_, 0,
                                             std::max(from.step_ns, to.step_ns), 1},
                                name);
    } catch (const std::exception&) {
      count_dropped(1);
    }
  }
  // Windows and marks that could not be measured, since the last call.
  [[nodiscard]] std::uint64_t take_dropped() noexcept {
    return dropped_.exchange(0, std::memory_order_relaxed);
  }

 private:
  // Not while the stream captures: the event would have no time, and asking whether it is complete
  // ends the capture.
  [[nodiscard]] bool put(std::uint32_t i, stream on) noexcept {
    return !driver_.captures(on) && driver_.record(pool_[i].event, on);
  }

  void close(const begun_window& window, const char* name, span_id span, bool begins_next,
             std::uint64_t replay = 0) noexcept {
    event_slot<event>& slot = pool_[window.last];
    slot.begins = window.first;
    if (begins_next) slot.users.store(2, std::memory_order_relaxed);
    slot.name = name, slot.span = span, slot.stream = window.stream_number;
    slot.index = static_cast<std::int64_t>(replay);
    pool_.publish(window.last);
  }

  // Reads the time of a complete event, once.
  [[nodiscard]] bool read_time(event_slot<event>& slot) noexcept {
    if (slot.time.known()) return true;
    const float ms = driver_.elapsed_ms(anchors_[current_], slot.event);
    if (!std::isnan(ms)) slot.time = timeline_.at(ms);
    return slot.time.known();
  }

  void resolve(std::uint32_t i, event_progress progress, collected_events& into) noexcept {
    event_slot<event>& slot = pool_[i];
    bool known = progress == event_progress::complete && read_time(slot);
    if (slot.begins == no_event) {
      if (known)
        into.marks.emplace_back(
            completion_mark{slot.time.ns, slot.index, slot.span, 0, device_, slot.stream},
            slot.name);
    } else {
      // One that ended a window before has its time, so that neighbours touch.
      event_slot<event>& first = pool_[slot.begins];
      known = known && read_time(first);
      if (known)
        into.windows.emplace_back(
            event_window{first.time.ns, slot.time.ns, slot.span,
                         static_cast<std::uint64_t>(slot.index), 0, device_, slot.stream,
                         std::max(first.time.step_ns, slot.time.step_ns)},
            slot.name);
      pool_.release(slot.begins);
    }
    if (!known) count_dropped(1);
    if (progress != event_progress::captured) pool_.release(i);  // else out of use for good
  }

  const std::uint32_t device_;
  Driver driver_;
  event_pool<event> pool_;
  std::atomic<std::uint64_t> dropped_{0};
  event anchors_[anchor_events]{};
  int current_ = 0;
  bool anchored_ = false;
  bool in_flight_ = false;
  event_timeline timeline_;
  std::vector<std::uint32_t> waiting_;  // published and not complete
  std::vector<std::uint32_t> blocked_;  // streams, while collecting
};

}  // namespace latency::detail
