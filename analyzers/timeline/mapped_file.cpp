#include "analyzers/timeline/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "analyzers/timeline/file_kind.hpp"
#include "analyzers/timeline/json_cutter.hpp"
#include "latency/error.hpp"

namespace latency::timeline {
namespace {

struct open_file {
  int descriptor;
  bool owned;
  ~open_file() {
    if (owned && descriptor >= 0) ::close(descriptor);
  }
};

std::size_t pipe_limit_bytes() {
  constexpr std::size_t most_bytes = std::size_t{4} << 30;
  const auto pages = static_cast<std::size_t>(std::max(::sysconf(_SC_PHYS_PAGES), 0L));
  return std::min(most_bytes, pages / 4 * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)));
}

}  // namespace

mapped_file::mapped_file(const std::string& path) : name_(path == "-" ? "stdin" : path) {
  const bool is_stdin = path == "-";
  const open_file file{is_stdin ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC),
                       !is_stdin};
  struct stat status {};
  if (file.descriptor < 0 || ::fstat(file.descriptor, &status) != 0)
    throw error(name_, "", std::strerror(errno));
  if (S_ISDIR(status.st_mode)) throw error(name_, "", "is a directory, not a file");
  if (S_ISREG(status.st_mode) && ::lseek(file.descriptor, 0, SEEK_CUR) == 0 && status.st_size > 0)
    map(file.descriptor, static_cast<std::size_t>(status.st_size));
  else
    read_pipe(file.descriptor);
}

mapped_file::~mapped_file() {
  if (mapping_ != nullptr) ::munmap(mapping_, bytes_.size());
}

void mapped_file::map(int descriptor, std::size_t size) {
  void* const start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (start == MAP_FAILED) throw error(name_, "", std::strerror(errno));
  ::madvise(start, size, MADV_SEQUENTIAL);
  mapping_ = start;
  bytes_ = {static_cast<const char*>(start), size};
}

void mapped_file::release(std::size_t count) noexcept {
  constexpr std::size_t at_once = std::size_t{1} << 20;
  if (mapping_ == nullptr || count < released_ + at_once) return;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t begin = std::exchange(released_, count / page * page);
  // A hint: pages come back when read.
  ::madvise(static_cast<char*>(mapping_) + begin, released_ - begin, MADV_DONTNEED);
}

void mapped_file::read_pipe(int descriptor) {
  constexpr std::size_t chunk_bytes = std::size_t{1} << 20;
  const std::size_t limit_bytes = pipe_limit_bytes();
  nesting_guard nesting;
  bool recognised = false;
  bool guarded = true;  // traces are scanned for nesting as they are read
  for (;;) {
    const std::size_t used = owned_.size();
    owned_.resize(used + chunk_bytes);
    const ssize_t count = ::read(descriptor, owned_.data() + used, chunk_bytes);
    owned_.resize(used + static_cast<std::size_t>(count > 0 ? count : 0));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw error(name_, "", std::strerror(errno));
    if (count == 0) break;
    if (!recognised && owned_.size() >= looked_at_bytes) {
      recognised = true;
      const recognised_file found = recognise(owned_);
      if (found.kind == file_kind::other) throw error(name_, "", found.is);
      guarded = found.kind != file_kind::trace;
    }
    if (owned_.size() > limit_bytes)
      throw error(name_, "",
                  "brings more than " + std::to_string(limit_bytes >> 20) +
                      " MiB; save it to a file and name the file instead");
    const char first = owned_.front();
    const bool json = guarded && (first == '{' || first == '[');
    const auto added = std::string_view(owned_).substr(used);
    if (const std::size_t at = json ? nesting.feed(added) : added.npos; at != added.npos)
      throw error(name_, "byte " + std::to_string(used + at), nesting_guard::message());
  }
  bytes_ = owned_;
}

}  // namespace latency::timeline
