#pragma once
// The bytes of a file in order, a piece at a time: as they are, or inflated from gzip. Memory: a
// constant, whatever the file holds.

#include <zlib.h>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace latency::timeline {

class byte_source {
 public:
  virtual ~byte_source() = default;
  // Puts the next bytes at `to`, at most `room`; 0: there are no more.
  [[nodiscard]] virtual std::size_t read(char* to, std::size_t room) = 0;
  // After the end: the file stops where more must follow.
  [[nodiscard]] virtual bool cut_short() const noexcept { return false; }
};

// Called with the number of bytes, from the first on, that will not be read again.
using release_bytes = std::function<void(std::size_t)>;

class plain_source : public byte_source {
 public:
  // `bytes` must outlive the source.
  plain_source(std::string_view bytes, release_bytes release)
      : bytes_(bytes), release_(std::move(release)) {}
  [[nodiscard]] std::size_t read(char* to, std::size_t room) override;

 private:
  std::string_view bytes_;
  release_bytes release_;
  std::size_t at_ = 0;
};

// Any number of gzip members, one after the other.
class gzip_source : public byte_source {
 public:
  // `bytes` must outlive the source; `file` is its name for messages.
  gzip_source(std::string_view bytes, std::string file, release_bytes release);
  ~gzip_source() override;
  gzip_source(const gzip_source&) = delete;
  gzip_source& operator=(const gzip_source&) = delete;

  // Throws latency::error naming the byte (of the compressed file) of what is not gzip.
  [[nodiscard]] std::size_t read(char* to, std::size_t room) override;
  [[nodiscard]] bool cut_short() const noexcept override { return cut_short_; }

 private:
  void offer();
  void next_member();
  [[noreturn]] void fail(const std::string& message) const;

  std::string_view bytes_;
  std::string file_;
  release_bytes release_;
  z_stream inflating_{};
  std::size_t offered_ = 0;  // bytes given to zlib, of which avail_in are not taken
  bool ended_ = false;
  bool cut_short_ = false;
};

// Passes over what is left. Throws what reading it throws.
void read_to_end(byte_source& source);

[[nodiscard]] inline bool is_gzip(std::string_view bytes) noexcept {
  return bytes.substr(0, 2) == "\x1f\x8b";
}

// The first bytes that a gzip file holds, at most `wanted`: fewer when it is damaged or ends early.
[[nodiscard]] std::string inflated_head(std::string_view bytes, std::size_t wanted);

}  // namespace latency::timeline
