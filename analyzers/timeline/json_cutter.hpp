#pragma once
// Cuts a JSON text of any size into pieces that a parser takes one at a time.
//
// The cutter walks the outer objects and hands out whole values, or runs of whole array elements of
// about a given size. So memory stays bounded, a text may be larger than a parser's limit of 4 GiB,
// and hostile nesting is refused where it begins. Only structure is checked here (brackets, commas,
// colons); what is inside a piece is for the parser to check. Cost: about 1 ns per byte, a tenth of
// that for arrays of plain numbers.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace latency::timeline {

inline constexpr int json_depth_limit = 16;  // the deepest file of ours nests 4 levels

// Watches a stream of JSON for nesting deeper than the limit.
class nesting_guard {
 public:
  // Offset in `text` of the bracket that is too deep, or npos.
  [[nodiscard]] std::size_t feed(std::string_view text) noexcept;
  [[nodiscard]] static std::string message();

 private:
  int depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

class json_cutter {
 public:
  // `text` must outlive the cutter; `file` is the name for messages.
  json_cutter(std::string_view text, std::string file);

  // Every function below throws latency::error with the byte (or `path`) of what is wrong.

  void open(char bracket, const std::string& path);        // steps into an object or array
  [[nodiscard]] std::optional<std::string_view> member();  // next key; nothing: '}' was passed
  [[nodiscard]] std::string_view value();                  // the value here, whole
  void skip();                                             // the same, of any size

  // The next whole elements of the array, about `wanted` bytes of them, without the comma that
  // follows; empty: ']' was passed.
  [[nodiscard]] std::string_view elements(std::size_t wanted);

  void finish();  // nothing but white space may follow

  [[nodiscard]] std::size_t offset_of(const char* place) const noexcept {
    return static_cast<std::size_t>(place - text_.data());
  }
  [[noreturn]] void fail(std::size_t byte, const std::string& message) const;
  [[nodiscard]] const std::string& file() const noexcept { return file_; }

  static constexpr std::size_t value_limit_bytes = std::size_t{16} << 20;

 private:
  void skip_space() noexcept;
  [[nodiscard]] char peek();
  void separate(char closing);
  [[nodiscard]] std::size_t end_of_string(std::size_t at) const;
  [[nodiscard]] std::size_t end_of_value(std::size_t at) const;

  std::string_view text_;
  std::string file_;
  std::size_t at_ = 0;
  bool first_ = true;  // no element of the innermost open bracket was passed yet
};

// "an object", "a number", ...: what a value that starts with this byte is.
[[nodiscard]] const char* json_kind(char first) noexcept;

}  // namespace latency::timeline
