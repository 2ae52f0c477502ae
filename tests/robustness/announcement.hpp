#pragma once
// A page that a recording program and the test that kills it share: what the program has done, as
// of the very instruction at which it dies.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace robustness {

inline constexpr int recording_threads = 3;
inline constexpr std::size_t parent_levels = 2;  // "root", and in it "closed"

struct thread_announcement {
  std::atomic<std::uint64_t> closed;    // rounds whose spans are closed
  std::atomic<std::uint64_t> promised;  // of them, those that the journal is known to hold
};

struct announcement {
  std::atomic<std::uint64_t> recording;  // 1: the session has started
  thread_announcement threads[recording_threads];
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// The page in a file, which is made and zero at first.
class shared_announcement {
 public:
  explicit shared_announcement(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void* memory = MAP_FAILED;
    if (file >= 0 && ::ftruncate(file, sizeof(announcement)) == 0)
      memory = ::mmap(nullptr, sizeof(announcement), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (file >= 0) ::close(file);
    if (memory == MAP_FAILED) throw std::runtime_error("cannot share " + path);
    page_ = static_cast<announcement*>(memory);
  }
  ~shared_announcement() { ::munmap(page_, sizeof(announcement)); }
  shared_announcement(const shared_announcement&) = delete;
  shared_announcement& operator=(const shared_announcement&) = delete;
  announcement* operator->() const noexcept { return page_; }

 private:
  announcement* page_;
};

}  // namespace robustness
