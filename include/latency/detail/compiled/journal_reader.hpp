#pragma once
// How journals are read: see journal_reader.hpp.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "../../error.hpp"
#include "../../journal_reader.hpp"
#include "../journal_decoder.hpp"
#include "inline.hpp"

namespace latency {

LATENCY_DETAIL_INLINE recording read_journal(const std::uint64_t* words, std::size_t count,
                                             const std::string& source) {
  return detail::journal_decoder(words, count, source).decode();
}

LATENCY_DETAIL_INLINE recording read_journal(const std::string& path) {
  const auto fail = [&] {
    return error(path, "", std::string("cannot read: ") + std::strerror(errno));
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw fail();
  struct stat info {};
  const bool known = fstat(fd, &info) == 0;
  const auto bytes = static_cast<std::size_t>(known && S_ISREG(info.st_mode) ? info.st_size : 0);
  void* const memory =
      bytes == 0 ? MAP_FAILED : mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
  ::close(fd);
  if (bytes == 0) throw error(path, "byte 0", "not a latency journal: empty or not a file");
  if (memory == MAP_FAILED) throw fail();
  struct unmapper {
    void* memory;
    std::size_t bytes;
    ~unmapper() { munmap(memory, bytes); }
  } const guard{memory, bytes};
  return read_journal(static_cast<const std::uint64_t*>(memory), bytes / sizeof(std::uint64_t),
                      path);
}

}  // namespace latency
