#include "pipeline_reference/longlive/output_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "latency/error.hpp"

namespace longlive {
namespace {

// The extension stays last, because programs such as ffmpeg choose a format by it.
std::string temporary_name(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::size_t base = slash == std::string::npos ? 0 : slash + 1;
  return path.substr(0, base) + ".partial-" + std::to_string(::getpid()) + "-" + path.substr(base);
}

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw latency::error(path, "", std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

output_file::output_file(std::string path)
    : path_(std::move(path)),
      temporary_path_(temporary_name(path_)),
      file_(std::fopen(temporary_path_.c_str(), "wbe")) {
  if (file_ == nullptr) fail(path_, "cannot create");
}

output_file::~output_file() {
  if (file_ != nullptr) std::fclose(file_);
  if (!temporary_path_.empty()) ::unlink(temporary_path_.c_str());
}

void output_file::write(std::span<const std::byte> bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size())
    fail(path_, "cannot write");
}

void output_file::commit() {
  if (std::fclose(std::exchange(file_, nullptr)) != 0) fail(path_, "cannot write");
  if (std::rename(temporary_path_.c_str(), path_.c_str()) != 0)
    fail(path_, "cannot rename to this name");
  temporary_path_.clear();
}

}  // namespace longlive
