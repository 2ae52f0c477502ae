#pragma once
// The bytes of a file, without copying them: regular files are memory-mapped, pipes are read.

#include <cstddef>
#include <string>
#include <string_view>

namespace latency::timeline {

class mapped_file {
 public:
  // Opens `path` ("-" is standard input). Throws latency::error when it cannot be opened or is a
  // directory. What a pipe brings is held in memory: it is refused where it is no file that readers
  // take, where a timing file is nested deeper than they take, and when it is larger than 4 GiB or
  // a quarter of the machine's memory.
  explicit mapped_file(const std::string& path);
  ~mapped_file();
  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;

  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
  // The first `count` bytes are not read again: their pages are given back, as far as the file is
  // mapped.
  void release(std::size_t count) noexcept;
  [[nodiscard]] const std::string& name() const noexcept { return name_; }  // for messages

 private:
  void map(int descriptor, std::size_t size);
  void read_pipe(int descriptor);

  std::string name_;
  std::string owned_;
  void* mapping_ = nullptr;
  std::size_t released_ = 0;
  std::string_view bytes_;
};

}  // namespace latency::timeline
