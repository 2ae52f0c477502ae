#include "pipeline_reference/checkpoint/file_format.hpp"

#include <algorithm>

#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/little_endian.hpp"
#include "pipeline_reference/files/text_file.hpp"

namespace checkpoint {
namespace {

using namespace std::string_view_literals;

struct known_start {
  std::string_view bytes, what;
};
// Files that are met in place of weights. The first is the number 0x1950a86a20f9469cfc6c as a
// pickle, with which PyTorch began its files before 1.6.
constexpr known_start other_files[] = {
    {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv,
     "written by PyTorch before 1.6, or with _use_new_zipfile_serialization=False: load it there "
     "and torch.save it again"},
    {"\x80\x02"sv, "a bare pickle, expected safetensors or a file by torch.save"},
    {"\x80\x04"sv, "a bare pickle, expected safetensors or a file by torch.save"},
    {"version https://git-lfs.github.com/"sv,
     "a Git LFS pointer, not the file that it points to: fetch that with git lfs pull"},
    {"\x1f\x8b"sv, "compressed with gzip: unpack it first"},
    {"GGUF"sv, "a GGUF file, expected safetensors or a file by torch.save"},
    {"<"sv, "a web page or XML, expected safetensors or a file by torch.save"}};

}  // namespace

std::string_view format_name(file_format format) {
  return format == file_format::safetensors ? "safetensors" : "PyTorch";
}

file_format detect_format(const std::string& path, std::span<const std::byte> bytes) {
  const std::string_view start = as_text(bytes.first(std::min<std::size_t>(bytes.size(), 64)));
  if (start.empty()) throw latency::error(path, "", "is empty");
  if (start.starts_with("PK\x03\x04"sv) || start.starts_with("PK\x05\x06"sv))
    return file_format::pytorch;
  // A length of 8 bytes, then JSON.
  if (start.size() > 8 && start[8] == '{') return file_format::safetensors;
  for (const known_start& other : other_files)
    if (start.starts_with(other.bytes)) throw latency::error(path, "", std::string(other.what));
  throw latency::error(path, "",
                       "neither safetensors nor a file by torch.save: it begins with " +
                           files::printable(start.substr(0, 8)));
}

}  // namespace checkpoint
