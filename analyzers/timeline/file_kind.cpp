#include "analyzers/timeline/file_kind.hpp"

#include <algorithm>
#include <cstdint>

#include "analyzers/timeline/byte_source.hpp"
#include "analyzers/timeline/stage_log.hpp"
#include "analyzers/timeline/tracker_file.hpp"
#include "latency/journal.hpp"

namespace latency::timeline {
namespace {

// A log begins with whatever was loaded before the first stage.
constexpr std::size_t stage_log_looked_at_bytes = std::size_t{16} << 20;

struct signature {
  std::string_view magic;
  const char* is;
  std::size_t at = 0;
};

constexpr signature signatures[] = {
    {"\x28\xb5\x2f\xfd", "is compressed with zstd; decompress it first"},
    {std::string_view("\xfd"
                      "7zXZ\0",
                      6),
     "is compressed with xz; decompress it first"},
    {"BZh", "is compressed with bzip2; decompress it first"},
    {"PK\x03\x04", "is a zip archive (a PyTorch checkpoint?)"},
    {"7z\xbc\xaf\x27\x1c", "is a 7z archive"},
    {"ustar", "is a tar archive", 257},
    {"SQLite format 3",
     "is an SQLite database (Nsight Systems? its reports are not read, PyTorch's traces are)"},
    {"\x7f"
     "ELF",
     "is a program"},
    {"\x89PNG\r\n", "is a PNG picture"},
    {"\xff\xd8\xff", "is a JPEG picture"},
    {"GIF8", "is a GIF picture"},
    {"%PDF-", "is a PDF document"},
    {"ftyp", "is a video (MP4)", 4},
    {"\x1a\x45\xdf\xa3", "is a video (Matroska)"},
    {"YUV4MPEG2", "is a video (y4m)"},
    {"RIFF", "is a RIFF file (a video or a sound?)"},
    {"\x93NUMPY", "is a NumPy array"},
    {"\x89HDF\r\n", "is an HDF5 file"},
    {"PAR1", "is a Parquet table"},
    {"\x80\x02", "is a Python pickle (a PyTorch checkpoint?)"},
    {"\x80\x04", "is a Python pickle"},
    {"version https://git-lfs", "is a pointer of Git LFS; fetch the file first (git lfs pull)"},
    {"<!DOCTYPE", "is an HTML page"},
    {"<!doctype", "is an HTML page"},
    {"<html", "is an HTML page"},
    {"<svg", "is an SVG picture"},
    {"<?xml", "is an XML document"},
    {"\xef\xbb\xbf", "starts with a byte-order mark, which JSON forbids"},
    {"\xff\xfe", "is text in UTF-16; JSON is UTF-8"},
    {"\xfe\xff", "is text in UTF-16; JSON is UTF-8"},
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
constexpr const char* a_tracker_file = "is a file of the older LongLive tracker";

// Two lines that are cut by the same number of commas.
bool is_table(std::string_view text) {
  const auto take_line = [&text] {
    const std::size_t length = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, length);
    text.remove_prefix(std::min(length + 1, text.size()));
    return std::count(line.begin(), line.end(), ',');
  };
  const auto commas = take_line();
  return commas > 0 && !text.empty() && take_line() == commas;
}

// "latency.breakdown", or nothing: the name that our own reports bear.
std::string_view report_name(std::string_view text) {
  constexpr std::string_view begins = "\"latency.";
  const std::size_t at = text.find(begins);
  if (at == text.npos) return {};
  const std::string_view name = text.substr(at + 1);
  return name.substr(0, std::min(name.find('"'), name.size()));
}

recognised_file recognise_text(std::string_view bytes, std::string otherwise) {
  if (is_stage_log(bytes.substr(0, stage_log_looked_at_bytes)))
    return {file_kind::stage_log, a_stage_log};
  if (is_table(bytes.substr(0, looked_at_bytes)))
    return {file_kind::other, "is a table of values separated by commas (CSV)"};
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
  if (is_tracker_file(text)) return {file_kind::tracker_file, a_tracker_file};
  // The events may come behind other members of any size, and the keys of a timing file sorted.
  if (!has(bytes, "\"latency.timing\"") && has(bytes, "\"traceEvents\""))
    return {file_kind::trace, a_trace};
  const std::string_view report = report_name(text.substr(0, 256));
  if (!report.empty() && report != "latency.timing")
    return {file_kind::other,
            "is a report (" + std::string(report) + "), not the recording that it was made from"};
  if (has(text, "}\n{"))
    return {file_kind::other, "holds many JSON texts, one a line (JSON Lines)"};
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
  for (const signature& known : signatures)
    if (bytes.substr(std::min(known.at, bytes.size()), known.magic.size()) == known.magic)
      return {file_kind::other, known.is};
  if (is_safetensors(bytes)) return {file_kind::other, "is a safetensors file"};

  return recognise_characters(bytes);
}

}  // namespace latency::timeline
