#pragma once
// The clock of one session: where its time 0 is, how long a tick is, and what the journal must say
// of both.

#include <time.h>

#include <atomic>
#include <cstdint>

#include "../clock.hpp"
#include "../journal.hpp"

namespace latency::detail {

class session_clock {
 public:
  // Time 0 is now.
  void begin() noexcept {
    kind_ = detect_clock();
    origin_unix_ns_ = read_clock_ns(CLOCK_REALTIME);
    first_anchor_ = take_anchor(kind_);
    while (read_clock_ns(CLOCK_MONOTONIC_RAW) - first_anchor_.monotonic_ns < 200000) {
    }  // 200 us between two anchors make even a very short recording's times good to about 30 ns
  }

  [[nodiscard]] clock_kind kind() const noexcept { return kind_; }
  [[nodiscard]] std::uint64_t now_ticks() const noexcept { return read_ticks(kind_); }
  [[nodiscard]] std::int64_t now_ns() const noexcept { return to_ns(now_ticks()); }
  // As well as the rate is known by now.
  [[nodiscard]] std::int64_t to_ns(std::uint64_t ticks) const noexcept {
    const double scale = ns_per_tick_.load(std::memory_order_relaxed);
    return static_cast<std::int64_t>(static_cast<double>(ticks - origin_ticks()) * scale);
  }
  // The rate as well as it is known by now. Takes a few readings.
  [[nodiscard]] double measure_ns_per_tick() const noexcept {
    return rate_up_to(take_anchor(kind_));
  }

  // The rest: one caller at a time.

  // Anchors the clock anew, which makes now_ns() exact up to here.
  void write(journal_writer& to) { write(to, take_anchor(kind_)); }
  // Refines now_ns(). An anchor a second is enough for a journal whose end was never written.
  void refine(journal_writer& to) {
    const clock_anchor now = take_anchor(kind_);
    if (now.monotonic_ns - last_written_ns_ > 1000000000) return write(to, now);
    ns_per_tick_.store(rate_up_to(now), std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] std::uint64_t origin_ticks() const noexcept { return first_anchor_.ticks; }
  [[nodiscard]] double rate_up_to(const clock_anchor& now) const noexcept {
    return tick_converter(first_anchor_, now, origin_ticks()).ns_per_tick();
  }

  void write(journal_writer& to, const clock_anchor& now) {
    last_written_ns_ = now.monotonic_ns;
    ns_per_tick_.store(rate_up_to(now), std::memory_order_relaxed);
    to.begin_block(block_type::clock);
    to.put(static_cast<std::uint64_t>(kind_));
    to.put(origin_ticks());
    to.put(static_cast<std::uint64_t>(origin_unix_ns_));
    for (const clock_anchor& anchor : {first_anchor_, now}) {
      to.put(anchor.ticks);
      to.put(static_cast<std::uint64_t>(anchor.monotonic_ns));
      to.put(static_cast<std::uint64_t>(anchor.uncertainty_ns));
    }
    to.end_block();
  }

  clock_kind kind_ = clock_kind::monotonic_raw;
  clock_anchor first_anchor_;
  std::int64_t origin_unix_ns_ = 0;
  std::int64_t last_written_ns_ = 0;
  std::atomic<double> ns_per_tick_{1.0};
};

}  // namespace latency::detail
