#pragma once
// The directory of a zip file, such as torch.save writes:
// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, with the zip64 fields.
// Checksums are not verified (torch can be told to write none).

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace checkpoint {

struct zip_entry {
  std::string name;                // relative, without "..", unique
  std::uint64_t offset_bytes = 0;  // of its data in the file
  std::uint64_t size_bytes = 0;    // that they take there
  bool compressed = false;
};

// The entries in the order of the directory. The bytes are untrusted: afterwards the data of every
// entry lie inside `bytes`, and no two share a byte. Throws latency::error naming `path` and the
// byte or entry: for anything cut short or inconsistent, encrypted or split in volumes.
[[nodiscard]] std::vector<zip_entry> parse_zip_directory(const std::string& path,
                                                         std::span<const std::byte> bytes);

}  // namespace checkpoint
