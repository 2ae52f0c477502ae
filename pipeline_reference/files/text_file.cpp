#include "pipeline_reference/files/text_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "latency/error.hpp"

namespace files {

std::string read_text_file(const std::string& path, std::size_t max_bytes) {
  std::error_code code;
  const auto status = std::filesystem::status(path, code);
  if (!std::filesystem::exists(status)) throw latency::error(path, "", "no such file");
  if (!std::filesystem::is_regular_file(status))
    throw latency::error(path, "", "not a regular file");
  const auto bytes = std::filesystem::file_size(path, code);
  if (code) throw latency::error(path, "", code.message());
  if (bytes > max_bytes)
    throw latency::error(path, "",
                         fmt::format("{} bytes, more than the limit of {}", bytes, max_bytes));
  std::ifstream in(path, std::ios::binary);
  if (!in) throw latency::error(path, "", std::strerror(errno));
  std::string text(static_cast<std::size_t>(bytes), '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (in.bad()) throw latency::error(path, "", "cannot be read");
  return text;
}

std::string printable(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string shown;
  for (const char c : text) {
    if (shown.size() >= longest) return shown + "...";
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) {
      shown += fmt::format("\\x{:02x}", byte);
    } else {
      shown += c;
    }
  }
  return shown;
}

}  // namespace files
