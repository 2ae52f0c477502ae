#include "pipeline_reference/checkpoint/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "latency/error.hpp"

namespace checkpoint {
namespace {

struct descriptor {
  int fd;
  ~descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw latency::error(path, "", std::string(what) + ": " + std::strerror(errno));
}

std::uint64_t page_bytes() {
  static const auto size = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

mapped_file::mapped_file(const std::string& path) {
  // Without O_NONBLOCK, a pipe would be waited for here.
  const descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) fail(path, "cannot open");
  struct stat status {};
  if (::fstat(file.fd, &status) != 0) fail(path, "cannot read its size");
  if (!S_ISREG(status.st_mode)) throw latency::error(path, "", "not a regular file");
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ == 0) return;  // an empty file cannot be mapped; whoever reads it names the fault
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (address == MAP_FAILED) fail(path, "cannot map");
  data_ = static_cast<const std::byte*>(address);
}

mapped_file::~mapped_file() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

void mapped_file::prefetch(std::uint64_t offset_bytes, std::uint64_t size_bytes) const noexcept {
  const std::uint64_t begin = std::min<std::uint64_t>(offset_bytes, size_);
  const std::uint64_t end = begin + std::min<std::uint64_t>(size_bytes, size_ - begin);
  advise(begin / page_bytes() * page_bytes(), end, MADV_WILLNEED);
}

void mapped_file::release(std::uint64_t offset_bytes, std::uint64_t size_bytes) const noexcept {
  const std::uint64_t page = page_bytes();
  const std::uint64_t begin = std::min<std::uint64_t>(offset_bytes, size_);
  const std::uint64_t end = begin + std::min<std::uint64_t>(size_bytes, size_ - begin);
  advise((begin + page - 1) / page * page, end / page * page, MADV_DONTNEED);
}

void mapped_file::advise(std::uint64_t begin, std::uint64_t end, int advice) const noexcept {
  if (begin < end) ::madvise(const_cast<std::byte*>(data_) + begin, end - begin, advice);
}

}  // namespace checkpoint
