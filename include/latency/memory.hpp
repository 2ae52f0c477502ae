#pragma once
// Memory of the process: now, at its peak, and as named snapshots in the recording. A device back
// end adds the device's memory through set_device_reader().

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "latency/events.hpp"
#include "latency/intern.hpp"

namespace latency {
namespace memory {

struct usage {
  std::int64_t rss_bytes = 0;          // resident now; 0 where the system does not tell
  std::int64_t peak_rss_bytes = 0;     // the most that was resident since the process started
  std::int64_t device_used_bytes = 0;  // 0 without a device back end
  std::int64_t device_peak_bytes = 0;
  std::int64_t device_pool_used_bytes = 0;  // allocated from a memory pool, which may hold more
  std::int64_t device_pool_peak_bytes = 0;
};

// What changed between two usages, member by member.
[[nodiscard]] constexpr usage operator-(const usage& after, const usage& before) noexcept {
  return {after.rss_bytes - before.rss_bytes,
          after.peak_rss_bytes - before.peak_rss_bytes,
          after.device_used_bytes - before.device_used_bytes,
          after.device_peak_bytes - before.device_peak_bytes,
          after.device_pool_used_bytes - before.device_pool_used_bytes,
          after.device_pool_peak_bytes - before.device_pool_peak_bytes};
}

// Sets the device_ members of a usage. Called from any thread, must not throw.
using device_reader = void (*)(usage&);

}  // namespace memory

namespace detail {

__attribute__((visibility("default"))) inline std::atomic<memory::device_reader> read_device_memory{
    nullptr};  // one in the process

// The start of a small /proc file, as text; returns its length, 0 when it cannot be read.
inline std::size_t read_proc(const char* path, char* buffer, std::size_t size) noexcept {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t n = ::read(fd, buffer, size - 1);
  ::close(fd);
  buffer[n > 0 ? n : 0] = 0;
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

}  // namespace detail

namespace memory {

// From now on every usage asks `reader` for the device's memory too; nullptr: no longer.
// Thread-safe.
inline void set_device_reader(device_reader reader) noexcept {
  detail::read_device_memory.store(reader, std::memory_order_release);
}

// Memory now. Reads two files of /proc, about 20 us, and allocates nothing. Thread-safe.
[[nodiscard]] inline usage read_usage() noexcept {
  usage result;
  char text[4096];
  if (detail::read_proc("/proc/self/statm", text, sizeof text) > 0) {
    char* end = text;
    std::strtoll(text, &end, 10);  // the whole address space comes first, then what is resident
    result.rss_bytes = std::strtoll(end, nullptr, 10) * ::sysconf(_SC_PAGESIZE);
  }
  rusage kernel{};
  const char* high_water = nullptr;
  if (detail::read_proc("/proc/self/status", text, sizeof text) > 0)
    high_water = std::strstr(text, "VmHWM:");
  if (high_water != nullptr) {
    result.peak_rss_bytes = std::strtoll(high_water + 6, nullptr, 10) * 1024;
  } else if (::getrusage(RUSAGE_SELF, &kernel) == 0) {
    result.peak_rss_bytes = std::int64_t{kernel.ru_maxrss} * 1024;
  }
  // The kernel updates the peak late; it is never below what was resident a moment ago.
  result.peak_rss_bytes = std::max(result.peak_rss_bytes, result.rss_bytes);
  if (const auto reader = detail::read_device_memory.load(std::memory_order_acquire))
    reader(result);
  return result;
}

// Memory now, also recorded under `name` when a session records. Takes a lock: not for hot paths.
// Thread-safe.
inline usage snapshot(std::string_view name) {
  const usage bytes = read_usage();
  memory_snapshot row;
  row.rss_bytes = bytes.rss_bytes;
  row.peak_rss_bytes = bytes.peak_rss_bytes;
  row.device_used_bytes = bytes.device_used_bytes;
  row.device_peak_bytes = bytes.device_peak_bytes;
  row.device_pool_used_bytes = bytes.device_pool_used_bytes;
  row.device_pool_peak_bytes = bytes.device_pool_peak_bytes;
  record(row, intern(name));
  return bytes;
}

}  // namespace memory
}  // namespace latency
