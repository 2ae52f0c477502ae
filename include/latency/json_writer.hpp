#pragma once
// A streaming JSON writer: the one that every exporter of the library uses. It holds a buffer and
// nothing else, so a file of any size costs the same memory. Numbers do not depend on the locale;
// a real always reads back as a real ("3.0"), NaN and infinities become null; text that is not
// UTF-8 becomes U+FFFD, once for each broken sequence, as in Python and nlohmann/json.
//
//   json_writer json{"result.json"};
//   json.begin_object();
//   json.key("rows");
//   json.begin_array();
//   json.integer(3);
//   json.end_array();
//   json.end_object();
//   json.finish();      // the file appears now, whole; without it nothing appears
//
// The caller keeps the grammar (a key before every member, every begin with its end); commas are
// the writer's. Errors: latency::error naming the file; the temporary is then gone. One thread at a
// time.

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "latency/detail/output_file.hpp"
#include "latency/detail/utf8.hpp"

namespace latency {

class json_writer {
 public:
  // Creates a temporary file beside `path`. Throws latency::error.
  explicit json_writer(const std::string& path) : file_(path) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  void key(std::string_view name) {
    separate();
    quoted(name);
    *room(1) = ':';
    ++used_;
    comma_ = false;
  }
  void string(std::string_view text) {
    separate();
    quoted(text);
  }
  void integer(std::int64_t v) { number(v); }
  void unsigned_integer(std::uint64_t v) { number(v); }
  void boolean(bool v) { literal(v ? "true" : "false"); }
  void null() { literal("null"); }
  void real(double v) {
    if (!std::isfinite(v)) return null();
    separate();
    char* const begin = room(longest_number);
    char* end = std::to_chars(begin, begin + longest_number, v).ptr;
    if (std::string_view(begin, static_cast<std::size_t>(end - begin)).find_first_of(".e") ==
        std::string_view::npos) {
      *end++ = '.';
      *end++ = '0';
    }
    used_ += static_cast<std::size_t>(end - begin);
  }
  // A number of thousandths with exactly three decimals: nanoseconds written as microseconds.
  void thousandths(std::int64_t v) {
    separate();
    char* const begin = room(longest_number);
    char* end = begin;
    if (v < 0) *end++ = '-';
    const std::uint64_t magnitude =
        v < 0 ? 0 - static_cast<std::uint64_t>(v) : static_cast<std::uint64_t>(v);
    end = std::to_chars(end, begin + longest_number, magnitude / 1000).ptr;
    *end++ = '.';
    const auto rest = static_cast<unsigned>(magnitude % 1000);
    *end++ = static_cast<char>('0' + rest / 100);
    *end++ = static_cast<char>('0' + rest / 10 % 10);
    *end++ = static_cast<char>('0' + rest % 10);
    used_ += static_cast<std::size_t>(end - begin);
  }
  // White space between two values, so that people can look at the file with line tools.
  void line_break() {
    *room(1) = '\n';
    ++used_;
  }

  // Ends the file and gives it its name. Nothing may be written afterwards.
  void finish() {
    line_break();
    flush();
    file_.commit();
  }

 private:
  static constexpr std::size_t buffer_bytes = std::size_t{1} << 18;
  static constexpr std::size_t longest_number = 32;  // -2.2250738585072014e-308 and a comma fit

  // At least `size` free bytes; size <= buffer_bytes.
  char* room(std::size_t size) {
    if (buffer_bytes - used_ < size) flush();
    return buffer_.get() + used_;
  }
  void flush() {
    file_.write(buffer_.get(), used_);
    used_ = 0;
  }
  void append(std::string_view text) {
    while (text.size() > buffer_bytes - used_) {
      const std::size_t part = buffer_bytes - used_;
      std::memcpy(buffer_.get() + used_, text.data(), part);
      used_ = buffer_bytes;
      text.remove_prefix(part);
      flush();
    }
    std::memcpy(buffer_.get() + used_, text.data(), text.size());
    used_ += text.size();
  }
  void separate() {
    if (comma_) {
      *room(1) = ',';
      ++used_;
    }
    comma_ = true;
  }
  void open(char bracket) {
    separate();
    *room(1) = bracket;
    ++used_;
    comma_ = false;
  }
  void close(char bracket) {
    *room(1) = bracket;
    ++used_;
    comma_ = true;
  }
  void literal(std::string_view text) {
    separate();
    append(text);
  }
  template <class Integer>
  void number(Integer v) {
    char* begin = room(longest_number);
    char* const start = begin;
    if (comma_) *begin++ = ',';
    comma_ = true;
    used_ += static_cast<std::size_t>(std::to_chars(begin, start + longest_number, v).ptr - start);
  }
  void quoted(std::string_view text) {
    append("\"");
    std::size_t plain = 0;  // start of what needs no change
    std::size_t i = 0;
    while (i < text.size()) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\') {
        ++i;
        continue;
      }
      if (byte >= 0x80) {
        const detail::utf8_sequence sequence = detail::decode_utf8(text.substr(i));
        if (!sequence.valid) {
          append(text.substr(plain, i - plain));
          append(detail::replacement_character);
          plain = i + sequence.length;
        }
        i += sequence.length;
        continue;
      }
      append(text.substr(plain, i - plain));
      escape(byte);
      plain = ++i;
    }
    append(text.substr(plain));
    append("\"");
  }
  void escape(unsigned char byte) {
    switch (byte) {
      case '"':
        return append("\\\"");
      case '\\':
        return append("\\\\");
      case '\n':
        return append("\\n");
      case '\r':
        return append("\\r");
      case '\t':
        return append("\\t");
      default:
        break;
    }
    constexpr std::string_view digits = "0123456789abcdef";
    const char code[] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
    append({code, sizeof code});
  }

  detail::output_file file_;
  std::unique_ptr<char[]> buffer_{new char[buffer_bytes]};
  std::size_t used_ = 0;
  bool comma_ = false;  // the next key or value follows another one
};

}  // namespace latency
