#pragma once
// Samples that are taken in a process of their own, so that neither memory nor caches of one meet
// the next.

#include <chrono>
#include <cstdint>
#include <cstring>
#include <latency/detail/child_process.hpp>
#include <latency/error.hpp>
#include <latency/memory.hpp>
#include <string>
#include <type_traits>

namespace benchmarks {

// Longer than any sample takes: a process that hangs is killed.
inline constexpr std::chrono::seconds longest_sample{600};

// What `work` returns, which its process hands over as bytes. Throws latency::error.
template <class Work>
[[nodiscard]] auto in_a_process(const Work& work) {
  using result = decltype(work());
  static_assert(std::is_trivially_copyable_v<result>);
  const std::string bytes = latency::detail::returned_by_child(
      [&] {
        const result taken = work();
        return std::string(reinterpret_cast<const char*>(&taken), sizeof taken);
      },
      longest_sample);
  if (bytes.size() != sizeof(result)) throw latency::error("a sample's process failed");
  result taken{};
  std::memcpy(&taken, bytes.data(), sizeof taken);
  return taken;
}

struct child_sample {
  double seconds = 0;
  std::int64_t peak_rss_bytes = 0;
};

// Runs `work` in a child; what it makes is freed after the clock has stopped. Throws
// latency::error.
template <class Work>
child_sample in_a_child(const Work& work) {
  return in_a_process([&] {
    child_sample taken;
    const auto start = std::chrono::steady_clock::now();
    [[maybe_unused]] const auto made = work();
    taken.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    taken.peak_rss_bytes = latency::memory::read_usage().peak_rss_bytes;
    return taken;
  });
}

}  // namespace benchmarks
