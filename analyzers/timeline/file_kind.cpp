#include "analyzers/timeline/file_kind.hpp"

#include <cstdint>

#include "analyzers/timeline/byte_source.hpp"
#include "analyzers/timeline/stage_log.hpp"
#include "latency/journal.hpp"

namespace latency::timeline {
namespace {

// A log begins with whatever was loaded before the first stage.
constexpr std::size_t stage_log_looked_at_bytes = std::size_t{16} << 20;

struct signature {
  std::string_view magic;
  const char* is;
};

constexpr signature binary_signatures[] = {
    {"\x28\xb5\x2f\xfd", "is compressed with zstd; decompress it first"},
    {"PK\x03\x04", "is a zip archive (a PyTorch checkpoint?)"},
    {"SQLite format 3", "is an SQLite database (Nsight Systems?)"},
    {"\x7f"
     "ELF",
     "is a program"},
    {"\xef\xbb\xbf", "starts with a byte-order mark, which JSON forbids"},
};

// A safetensors file begins with the length of its JSON header, 8 bytes, little-endian.
bool is_safetensors(std::string_view bytes) {
  if (bytes.size() < 10 || bytes[8] != '{') return false;
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<unsigned char>(bytes[i]);
  return length >= 2 && length <= (std::uint64_t{1} << 32);
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

std::string starts_with(char first) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(first);
  const std::string shown = first > ' ' && first <= '~'
                                ? std::string("'") + first + "'"
                                : std::string("byte 0x") + digits[byte >> 4] + digits[byte & 15];
  return "is not JSON and not a journal (it starts with " + shown + ")";
}

constexpr const char* a_timing_file = "is a timing file";
constexpr const char* a_trace = "is a trace of PyTorch's profiler";
constexpr const char* a_stage_log = "is a log of pipeline stages";

recognised_file recognise_text(std::string_view bytes, std::string otherwise) {
  if (is_stage_log(bytes.substr(0, stage_log_looked_at_bytes)))
    return {file_kind::stage_log, a_stage_log};
  return {file_kind::other, std::move(otherwise)};
}

// Of what is no binary file.
recognised_file recognise_characters(std::string_view bytes) {
  const std::string_view head = bytes.substr(0, looked_at_bytes);
  const std::size_t begin = head.find_first_not_of(" \t\r\n");
  if (begin == head.npos) return {file_kind::other, "holds nothing but white space"};
  const std::string_view text = head.substr(begin);
  if (has(text.substr(0, 256), "\"latency.timing\""))
    return {file_kind::timing_file, a_timing_file};
  if (text[0] == '[' && has(text, "\"ph\"")) return {file_kind::trace, a_trace};
  if (text[0] == '[')
    return recognise_text(bytes, "is a JSON array; a timing file is a JSON object");
  if (text[0] != '{') return recognise_text(bytes, starts_with(text[0]));
  if (has(text, "\"traceEvents\"") || has(text, "\"displayTimeUnit\"") ||
      has(text, "\"deviceProperties\""))
    return {file_kind::trace, a_trace};
  if (has(text, "\"component_breakdown\"") || has(text, "\"component_timings\"") ||
      has(text, "\"inter_frame_latencies\""))
    return {file_kind::other, "is a file of the older LongLive tracker"};
  // The events may come behind other members of any size, and the keys of a timing file sorted.
  if (!has(bytes, "\"latency.timing\"") && has(bytes, "\"traceEvents\""))
    return {file_kind::trace, a_trace};
  return {file_kind::timing_file, a_timing_file};
}

// Only traces are read through gzip.
recognised_file recognise_gzip(std::string_view bytes) {
  const std::string head = inflated_head(bytes, looked_at_bytes);
  const recognised_file inside = head.empty() ? recognised_file{} : recognise_characters(head);
  if (inside.kind == file_kind::trace) return inside;
  return {file_kind::other,
          "is compressed with gzip and holds no trace; decompress it first (gunzip -c FILE | "
          "latency ... -)"};
}

}  // namespace

recognised_file recognise(std::string_view bytes) {
  if (bytes.empty()) return {file_kind::other, "is empty"};
  const std::string_view magic(journal_magic, sizeof journal_magic);
  if (bytes.substr(0, magic.size()) == magic) return {file_kind::journal, "is a journal"};
  if (is_gzip(bytes)) return recognise_gzip(bytes);
  for (const signature& known : binary_signatures)
    if (bytes.substr(0, known.magic.size()) == known.magic) return {file_kind::other, known.is};
  if (is_safetensors(bytes)) return {file_kind::other, "is a safetensors file"};

  return recognise_characters(bytes);
}

}  // namespace latency::timeline
