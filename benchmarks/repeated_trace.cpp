#include "benchmarks/repeated_trace.hpp"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iterator>
#include <memory>
#include <string_view>
#include <vector>

#include "analyzers/timeline/byte_source.hpp"
#include "analyzers/timeline/decimal_time.hpp"
#include "analyzers/timeline/mapped_file.hpp"
#include "latency/error.hpp"

namespace benchmarks {
namespace {

struct close_file {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using file_handle = std::unique_ptr<std::FILE, close_file>;

file_handle open_for_writing(const std::string& path) {
  file_handle file(std::fopen(path.c_str(), "wb"));
  if (!file) throw latency::error(path, "", "cannot be written");
  return file;
}

void write(std::string_view text, std::FILE* to, const std::string& path) {
  if (std::fwrite(text.data(), 1, text.size(), to) != text.size())
    throw latency::error(path, "", "cannot be written");
}

std::string whole_text(const std::string& path) {
  const latency::timeline::mapped_file file(path);
  if (!latency::timeline::is_gzip(file.bytes())) return std::string(file.bytes());
  latency::timeline::gzip_source source(file.bytes(), path, [](std::size_t) {});
  std::string text, chunk(std::size_t{1} << 20, '\0');
  while (const std::size_t count = source.read(chunk.data(), chunk.size()))
    text.append(chunk, 0, count);
  return text;
}

// The text of a trace's events, cut behind each number that must differ from time to time.
class template_of_events {
 public:
  explicit template_of_events(std::string_view events) {
    constexpr std::string_view numbered[] = {"\"correlation\": ", "\"ts\": ", "\"id\": "};
    std::size_t done = 0;
    for (std::size_t at = events.find('"'); at != events.npos; at = events.find('"', at + 1)) {
      for (const std::string_view key : numbered) {
        if (events.substr(at, key.size()) != key) continue;
        const std::size_t begin = at + key.size();
        const std::size_t end = events.find_first_not_of("0123456789.", begin);
        const std::string_view digits = events.substr(begin, end - begin);
        part one{events.substr(done, begin - done), key == numbered[1], 0};
        if (one.is_time)
          one.number = latency::timeline::nanoseconds_of_microseconds(digits).value_or(0);
        else
          std::from_chars(digits.data(), digits.data() + digits.size(), one.number);
        largest_id_ = std::max(largest_id_, one.is_time ? 0 : one.number);
        if (one.is_time) {
          first_ns_ = parts_.empty() ? one.number : std::min(first_ns_, one.number);
          last_ns_ = std::max(last_ns_, one.number);
        }
        parts_.push_back(one);
        done = end;
      }
    }
    rest_ = events.substr(done);
  }

  [[nodiscard]] std::string repetition(std::int64_t index) const {
    constexpr std::int64_t pause_ns = 1'000'000;
    const std::int64_t later_ns = index * (last_ns_ - first_ns_ + pause_ns);
    std::string text;
    for (const part& p : parts_) {
      text += p.before;
      const std::int64_t ns = p.number + later_ns;
      text += std::to_string(p.is_time ? ns / 1000 : p.number + index * (largest_id_ + 1));
      if (!p.is_time) continue;
      std::string fraction = std::to_string(1000 + ns % 1000);
      fraction[0] = '.';
      text += fraction;
    }
    return text.append(rest_);
  }

 private:
  struct part {
    std::string_view before;
    bool is_time;
    std::int64_t number;
  };
  std::vector<part> parts_;
  std::string_view rest_;
  std::int64_t first_ns_ = 0, last_ns_ = 0, largest_id_ = 0;
};

}  // namespace

std::uint64_t write_repeated_trace(const std::string& model, const std::string& path,
                                   std::uint64_t bytes) {
  const std::string text = whole_text(model);
  const std::size_t begin = text.find('[', text.find("\"traceEvents\""));
  const std::size_t end = text.rfind(']');
  if (begin == text.npos || end < begin) throw latency::error(model, "", "is no trace");
  const template_of_events events(std::string_view(text).substr(begin + 1, end - begin - 1));
  const file_handle file = open_for_writing(path);
  write(std::string_view(text).substr(0, begin + 1), file.get(), path);
  std::uint64_t written = begin + 1;
  for (std::int64_t index = 0; index == 0 || written < bytes; ++index) {
    const std::string one = events.repetition(index);
    if (index > 0) write(",", file.get(), path);
    write(one, file.get(), path);
    written += one.size() + (index > 0 ? 1 : 0);
  }
  write(std::string_view(text).substr(end), file.get(), path);
  return written + text.size() - end;
}

std::uint64_t write_gzip(const std::string& from, const std::string& path) {
  const latency::timeline::mapped_file file(from);
  const gzFile to = gzopen(path.c_str(), "wb6");
  if (to == nullptr) throw latency::error(path, "", "cannot be written");
  constexpr std::size_t most = std::size_t{64} << 20;
  bool sound = true;
  for (std::size_t at = 0; at < file.bytes().size(); at += most) {
    const std::string_view piece = file.bytes().substr(at, most);
    sound = sound && gzwrite(to, piece.data(), static_cast<unsigned>(piece.size())) > 0;
  }
  if (gzclose(to) != Z_OK || !sound) throw latency::error(path, "", "cannot be written");
  return latency::timeline::mapped_file(path).bytes().size();
}

}  // namespace benchmarks
