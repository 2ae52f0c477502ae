#pragma once
// A file that appears whole or not at all: written under a temporary name beside its destination
// and renamed by commit(). There is no fsync: a killed program leaves either the old file or the
// new one, a power cut may leave neither. A destination that exists and is no regular file (a pipe,
// /dev/null, a terminal) is written directly. One thread at a time.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "latency/error.hpp"

namespace latency::detail {

class output_file {
 public:
  // Creates the temporary file; its folder must exist. Throws latency::error.
  explicit output_file(std::string path) : path_(std::move(path)), target_(resolved(path_)) {
    if (is_special(target_)) {
      descriptor_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC);
      if (descriptor_ < 0) fail("cannot open", errno);
      return;
    }
    const std::string stem = target_ + "." + std::to_string(::getpid()) + ".";
    for (int attempt = 0;; ++attempt) {  // a taken name: another thread's, or left by a killed run
      temporary_ = stem + std::to_string(attempt) + ".tmp";
      descriptor_ =
          ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_t{0666});
      if (descriptor_ >= 0) return;
      if (errno == EEXIST && attempt < 1000) continue;
      const int cause = errno;
      temporary_.clear();
      fail("cannot create", cause);
    }
  }
  output_file(const output_file&) = delete;
  output_file& operator=(const output_file&) = delete;
  // Without a commit() the destination stays as it was.
  ~output_file() { discard(); }

  // Throws latency::error and removes the temporary when the bytes cannot be written.
  void write(const char* data, std::size_t size) {
    while (size > 0) {
      const ssize_t written = ::write(descriptor_, data, size);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("cannot write", errno);
      data += written;
      size -= static_cast<std::size_t>(written);
    }
  }

  // Makes the destination appear. Nothing may be written afterwards. Throws latency::error.
  void commit() {
    if (::close(std::exchange(descriptor_, -1)) != 0) fail("cannot write", errno);
    if (temporary_.empty()) return;
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("cannot rename to it", errno);
    temporary_.clear();
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  // Where the bytes are until commit(), for a program that writes them in this one's place.
  [[nodiscard]] const std::string& written_path() const noexcept {
    return temporary_.empty() ? target_ : temporary_;
  }

 private:
  // Where a symbolic link leads, so that a rename replaces the file and not the link.
  static std::string resolved(const std::string& path) {
    char* real = ::realpath(path.c_str(), nullptr);
    if (real == nullptr) return path;  // does not exist yet
    std::string result = real;
    std::free(real);
    return result;
  }
  static bool is_special(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
  }
  void discard() noexcept {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    temporary_.clear();
  }
  [[noreturn]] void fail(const char* what, int cause) {
    discard();
    throw error(path_, "", std::string(what) + ": " + std::strerror(cause));
  }

  std::string path_;       // as the caller named it
  std::string target_;     // with links followed
  std::string temporary_;  // empty once renamed, or when written directly
  int descriptor_ = -1;
};

}  // namespace latency::detail
