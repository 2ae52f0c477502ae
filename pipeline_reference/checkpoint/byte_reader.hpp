#pragma once
// The bytes of a regular file, read by position: copied out piece by piece, or mapped for as long
// as somebody looks for something in them.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace checkpoint {

// Const members may be called from several threads. Neither movable nor copyable: share it.
class byte_reader {
 public:
  // Throws latency::error when the file cannot be opened or is no regular file.
  explicit byte_reader(std::string path);
  // The same over bytes that the caller keeps alive; `label` stands for the file name in errors.
  byte_reader(std::string label, std::span<const std::byte> memory);
  ~byte_reader();
  byte_reader(const byte_reader&) = delete;
  byte_reader& operator=(const byte_reader&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }  // when it was opened

  // Fills `out` with the bytes from `offset_bytes` on. Faster than touching a mapping: no page is
  // faulted in, and while large pieces are read one after another the disk already works on the
  // next ones. Throws latency::error when the disk fails, or when the file has become shorter.
  void read(std::uint64_t offset_bytes, std::span<std::byte> out) const;

  class view {
   public:
    [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

   private:
    friend class byte_reader;
    std::shared_ptr<const void> mapping_;  // null when the caller owns the bytes
    std::span<const std::byte> bytes_;
  };
  // All bytes at once; they come from the disk when they are touched. Throws latency::error when
  // the file cannot be mapped, or when it has become shorter. If that happens later, touching what
  // is gone kills the process: do not keep it.
  [[nodiscard]] view map() const;

 private:
  void read_ahead(std::uint64_t begin, std::uint64_t end) const noexcept;
  [[noreturn]] void fail(const std::string& what) const;
  [[noreturn]] void fail_shorter(std::uint64_t found_bytes) const;

  std::string path_;
  std::span<const std::byte> memory_;
  std::uint64_t size_bytes_ = 0;
  int fd_ = -1;                                      // none over memory
  mutable std::atomic<std::uint64_t> asked_end_{0};  // the disk was asked for what is before this
};

}  // namespace checkpoint
