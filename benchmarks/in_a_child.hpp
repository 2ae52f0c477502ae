#pragma once
// Samples that are taken in a process of their own, so that neither memory nor caches of one meet
// the next.

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <latency/error.hpp>
#include <latency/memory.hpp>
#include <type_traits>

namespace benchmarks {

// What `work` returns, which its process writes as bytes. Throws latency::error.
template <class Work>
[[nodiscard]] auto in_a_process(const Work& work) {
  using result = decltype(work());
  static_assert(std::is_trivially_copyable_v<result>);
  int ends[2];
  if (::pipe(ends) != 0) throw latency::error("cannot make a pipe");
  const pid_t child = ::fork();
  if (child < 0) throw latency::error("cannot fork");
  if (child == 0) {
    try {
      const result taken = work();
      ::_exit(::write(ends[1], &taken, sizeof taken) == sizeof taken ? 0 : 2);
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s\n", e.what());
      ::_exit(2);
    }
  }
  ::close(ends[1]);
  result taken{};
  const bool told = ::read(ends[0], &taken, sizeof taken) == sizeof taken;
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!told || status != 0) throw latency::error("a sample's process failed");
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
