#pragma once
// The clock of host spans: the invariant time-stamp counter where the processor has one and the
// kernel trusts it, CLOCK_MONOTONIC_RAW otherwise. Records keep raw ticks; they become nanoseconds
// when they are read, through two anchors (a tick and a CLOCK_MONOTONIC_RAW reading taken
// together).

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

namespace latency {

enum class clock_kind : std::uint8_t { monotonic_raw, tsc };

[[nodiscard]] inline const char* to_string(clock_kind kind) noexcept {
  return kind == clock_kind::tsc ? "tsc" : "monotonic_raw";
}

[[nodiscard]] inline std::int64_t read_clock_ns(clockid_t id) noexcept {
  timespec t{};
  clock_gettime(id, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1000000000 + t.tv_nsec;
}

// Out of line: hot code that inlines read_ticks() stays small.
[[nodiscard]] __attribute__((noinline)) inline std::uint64_t read_monotonic_ticks() noexcept {
  return static_cast<std::uint64_t>(read_clock_ns(CLOCK_MONOTONIC_RAW));
}

// One reading. With the time-stamp counter about 10 ns, else about 25 ns.
[[nodiscard]] inline std::uint64_t read_ticks(clock_kind kind) noexcept {
#if defined(__x86_64__)
  if (__builtin_expect(kind == clock_kind::tsc, 1)) return __rdtsc();
#endif
  (void)kind;
  return read_monotonic_ticks();
}

// The time-stamp counter counts on if CPUID calls it invariant and the kernel has not given up on
// it.
[[nodiscard]] inline clock_kind detect_clock() noexcept {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(0x80000007u, &a, &b, &c, &d) == 0 || (d & (1u << 8)) == 0)
    return clock_kind::monotonic_raw;
  char source[32] = "tsc";
  if (std::FILE* f =
          std::fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "r")) {
    if (std::fgets(source, sizeof source, f) == nullptr) source[0] = 0;
    std::fclose(f);
  }
  for (const char* trusted : {"tsc", "kvm-clock", "hyperv_clocksource_tsc_page"})
    if (std::strncmp(source, trusted, std::strlen(trusted)) == 0) return clock_kind::tsc;
#endif
  return clock_kind::monotonic_raw;
}

// A tick and a clock reading taken together, known to within `uncertainty_ns`.
struct clock_anchor {
  std::uint64_t ticks = 0;
  std::int64_t monotonic_ns = 0;
  std::int64_t uncertainty_ns = 0;
};

// Takes the tightest of a few bracketed readings.
[[nodiscard]] inline clock_anchor take_anchor(clock_kind kind) noexcept {
  if (kind == clock_kind::monotonic_raw) {
    const std::int64_t now_ns = read_clock_ns(CLOCK_MONOTONIC_RAW);
    return {static_cast<std::uint64_t>(now_ns), now_ns, 0};
  }
  std::uint64_t best_width = UINT64_MAX;
  std::int64_t first_ns = 0, last_ns = 0;
  std::uint64_t first_ticks = 0, last_ticks = 1;
  clock_anchor best;
  for (int i = 0; i < 8; ++i) {
    const std::uint64_t before = read_ticks(kind);
    const std::int64_t now_ns = read_clock_ns(CLOCK_MONOTONIC_RAW);
    const std::uint64_t after = read_ticks(kind);
    if (i == 0) first_ns = now_ns, first_ticks = before;
    last_ns = now_ns, last_ticks = after;
    if (after - before >= best_width) continue;
    best_width = after - before;
    best.ticks = before + best_width / 2;
    best.monotonic_ns = now_ns;
  }
  // The rate over these few readings is rough, and good enough to express half a bracket in ns.
  const double ns_per_tick =
      static_cast<double>(last_ns - first_ns) / static_cast<double>(last_ticks - first_ticks);
  best.uncertainty_ns =
      static_cast<std::int64_t>(static_cast<double>(best_width) * ns_per_tick / 2) + 1;
  return best;
}

// Ticks to nanoseconds since an origin tick, by the line through two anchors.
class tick_converter {
 public:
  tick_converter() = default;
  tick_converter(const clock_anchor& first, const clock_anchor& last, std::uint64_t origin) noexcept
      : origin_(origin) {
    if (last.ticks > first.ticks && last.monotonic_ns > first.monotonic_ns)
      // Unsigned: the anchors of a damaged file may be further apart than int64 holds.
      ns_per_tick_ = static_cast<double>(static_cast<std::uint64_t>(last.monotonic_ns) -
                                         static_cast<std::uint64_t>(first.monotonic_ns)) /
                     static_cast<double>(last.ticks - first.ticks);
  }
  [[nodiscard]] double ns_per_tick() const noexcept { return ns_per_tick_; }
  [[nodiscard]] std::int64_t to_ns(std::uint64_t ticks) const noexcept {
    const auto offset = static_cast<std::int64_t>(ticks - origin_);
    constexpr double limit_ns = 4e18;  // 127 years: beyond it a damaged file, not a time
    const double ns =
        std::min(std::max(static_cast<double>(offset) * ns_per_tick_, -limit_ns), limit_ns);
    return static_cast<std::int64_t>(ns < 0 ? ns - 0.5 : ns + 0.5);
  }

 private:
  std::uint64_t origin_ = 0;
  double ns_per_tick_ = 1.0;
};

// A moment, as the recording stores it: pass it to latency::record() for something that happened
// earlier.
struct timestamp {
  std::uint64_t ticks = 0;
};

}  // namespace latency
