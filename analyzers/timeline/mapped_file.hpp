#pragma once
// The bytes of a file, without copying them: regular files are memory-mapped, pipes are read.

#include <cstddef>
#include <string>
#include <string_view>

namespace latency::timeline {

class mapped_file {
 public:
  // Opens `path` ("-" is standard input). Throws latency::error when it cannot be opened or is a
  // directory, and when a pipe brings more than `pipe_limit_bytes` or JSON nested deeper than
  // readers take (so that a hostile stream is refused before it fills memory).
  explicit mapped_file(const std::string& path);
  ~mapped_file();
  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;

  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }  // for messages

  static constexpr std::size_t pipe_limit_bytes = std::size_t{4} << 30;

 private:
  void map(int descriptor, std::size_t size);
  void read_pipe(int descriptor);

  std::string name_;
  std::string owned_;
  void* mapping_ = nullptr;
  std::string_view bytes_;
};

}  // namespace latency::timeline
