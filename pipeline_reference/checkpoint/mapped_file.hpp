#pragma once
// A regular file mapped for reading: opening it costs nothing, its bytes come from the disk when
// they are first touched. Truncating a file while it is mapped is undefined (the mapping faults).

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace checkpoint {

// Const members may be called from several threads. Neither movable nor copyable: share it.
class mapped_file {
 public:
  // Throws latency::error when the file cannot be opened, is no regular file, or cannot be mapped.
  explicit mapped_file(const std::string& path);
  ~mapped_file();
  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }

  // Asks the disk for the bytes [offset, offset + size) and does not wait. Touching them then reads
  // nothing besides; touching others makes the kernel guess what else will be wanted.
  void prefetch(std::uint64_t offset_bytes, std::uint64_t size_bytes) const noexcept;
  // Takes the whole pages among these bytes out of this process, which need not grow by a
  // checkpoint. They stay in the page cache, and may be touched again.
  void release(std::uint64_t offset_bytes, std::uint64_t size_bytes) const noexcept;

 private:
  void advise(std::uint64_t begin, std::uint64_t end, int advice) const noexcept;

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace checkpoint
