#pragma once
// A file that appears whole or not at all: written under a temporary name beside its target,
// renamed by commit().

#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

namespace longlive {

class output_file {
 public:
  explicit output_file(
      std::string path);  // throws latency::error when the temporary file cannot be created
  output_file(const output_file&) = delete;
  output_file& operator=(const output_file&) = delete;
  ~output_file();  // removes the temporary file unless commit() succeeded

  void write(
      std::span<const std::byte> bytes);  // throws latency::error, e.g. when the disk is full
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  void commit();  // closes and renames; throws latency::error

  const std::string& path() const { return path_; }
  const std::string& temporary_path() const { return temporary_path_; }

 private:
  std::string path_, temporary_path_;
  std::FILE* file_ = nullptr;
};

}  // namespace longlive
