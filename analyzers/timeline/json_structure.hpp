#pragma once
// Watches the structure of JSON that arrives in pieces of any size: where values end, and whether
// brackets match. About 0.3 ns a byte, a block of 64 bytes at a time; strings and what stands
// between brackets are for a parser to check.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace latency::timeline {

// What may stand between JSON's values, names and brackets.
[[nodiscard]] inline bool is_space(char c) noexcept {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

class json_structure {
 public:
  static constexpr int depth_limit = 64;  // what a word can remember

  enum class fault { none, too_deep, mismatch };
  struct progress {
    static constexpr std::size_t nowhere = std::string_view::npos;
    std::size_t scanned = 0;          // bytes taken
    std::size_t value_end = nowhere;  // behind the last object or array that ended at depth 0
    bool closed = false;       // a bracket of the surrounding value came: the last byte taken
    fault what = fault::none;  // at the last byte taken
  };

  // Takes `text`, which goes on where the last one ended. `one_value`: stops behind the first
  // object or array that ends at depth 0.
  [[nodiscard]] progress feed(std::string_view text, bool one_value);

  // What must be seen to end before brackets count again.
  [[nodiscard]] bool in_string() const noexcept { return in_string_; }
  [[nodiscard]] int depth() const noexcept { return depth_; }
  // The bracket that the innermost open one needs. Requires depth() > 0.
  [[nodiscard]] char expected() const noexcept { return (open_ & 1) != 0 ? '}' : ']'; }

 private:
  struct block {
    std::uint64_t quotes = 0, backslashes = 0, brackets = 0;
  };
  [[nodiscard]] static block look_at(const char* bytes) noexcept;
  [[nodiscard]] static block look_at_part(const char* bytes, std::size_t count) noexcept;
  [[nodiscard]] std::uint64_t outside_strings(const block& seen, std::size_t count) noexcept;
  // A bracket at offset `at`; whether to go on.
  [[nodiscard]] bool bracket(char c, std::size_t at, bool one_value, progress& made) noexcept;

  std::uint64_t open_ = 0;  // a bit for each open bracket, innermost lowest: 1 = object
  int depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;  // the next byte comes after a backslash
};

}  // namespace latency::timeline
