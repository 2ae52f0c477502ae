#include "pipeline_reference/checkpoint/byte_reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "latency/error.hpp"

namespace checkpoint {
namespace {

// From this size on a read is taken for a part of reading the whole file; smaller ones are rows
// picked out of a matrix.
constexpr std::uint64_t sequential_read_bytes = 1 << 20;
constexpr std::uint64_t piece_bytes = 4 << 20, ahead_bytes = 32 << 20;

}  // namespace

byte_reader::byte_reader(std::string path) : path_(std::move(path)) {
  // Without O_NONBLOCK, a pipe would be waited for here.
  fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0) fail("cannot open");
  try {
    struct stat status {};
    if (::fstat(fd_, &status) != 0) fail("cannot read its size");
    if (!S_ISREG(status.st_mode)) throw latency::error(path_, "", "not a regular file");
    size_bytes_ = static_cast<std::uint64_t>(status.st_size);
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

byte_reader::byte_reader(std::string label, std::span<const std::byte> memory)
    : path_(std::move(label)), memory_(memory), size_bytes_(memory.size()) {}

byte_reader::~byte_reader() {
  if (fd_ >= 0) ::close(fd_);
}

void byte_reader::read(std::uint64_t offset_bytes, std::span<std::byte> out) const {
  if (fd_ < 0) {
    std::copy_n(memory_.begin() + static_cast<std::ptrdiff_t>(offset_bytes), out.size(),
                out.begin());
    return;
  }
  const bool sequential = out.size() >= sequential_read_bytes;
  while (!out.empty()) {
    const std::size_t piece = std::min<std::size_t>(out.size(), piece_bytes);
    if (sequential) read_ahead(offset_bytes, offset_bytes + piece + ahead_bytes);
    const ssize_t got = ::pread(fd_, out.data(), piece, static_cast<off_t>(offset_bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(fmt::format("cannot read at byte {}", offset_bytes));
    if (got == 0) fail_shorter(offset_bytes);
    offset_bytes += static_cast<std::uint64_t>(got);
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

// Asks the disk for [begin, end), less what it was asked for by the read before.
void byte_reader::read_ahead(std::uint64_t begin, std::uint64_t end) const noexcept {
  const std::uint64_t asked = asked_end_.load(std::memory_order_relaxed);
  if (begin <= asked && asked <= end) {
    if (end - asked < piece_bytes) return;  // a few large requests, not many small ones
    begin = asked;
  }
  asked_end_.store(end, std::memory_order_relaxed);
  ::posix_fadvise(fd_, static_cast<off_t>(begin), static_cast<off_t>(end - begin),
                  POSIX_FADV_WILLNEED);
}

byte_reader::view byte_reader::map() const {
  view all;
  all.bytes_ = memory_;
  if (fd_ < 0 || size_bytes_ == 0) return all;  // an empty file cannot be mapped
  struct stat status {};
  if (::fstat(fd_, &status) != 0) fail("cannot read its size");
  const auto found_bytes = static_cast<std::uint64_t>(status.st_size);
  if (found_bytes < size_bytes_) fail_shorter(found_bytes);
  void* const address = ::mmap(nullptr, size_bytes_, PROT_READ, MAP_PRIVATE, fd_, 0);
  if (address == MAP_FAILED) fail("cannot map");
  all.mapping_ = {
      address, [size = size_bytes_](const void* data) { ::munmap(const_cast<void*>(data), size); }};
  all.bytes_ = {static_cast<const std::byte*>(address), size_bytes_};
  return all;
}

void byte_reader::fail(const std::string& what) const {
  throw latency::error(path_, "", what + ": " + std::strerror(errno));
}

void byte_reader::fail_shorter(std::uint64_t found_bytes) const {
  throw latency::error(
      path_, "",
      fmt::format("had {} bytes when it was opened, has {} now: it was cut short meanwhile",
                  size_bytes_, found_bytes));
}

}  // namespace checkpoint
