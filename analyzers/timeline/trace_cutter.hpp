#pragma once
// Cuts a Chrome trace, as it streams in, into windows of whole events and the few other members
// that matter. A window holds what one read of the source brings, so memory stays at a MiB; a
// single large event makes it grow, to 16 MiB and no further.
//
// A trace is an object with the array "traceEvents" among its members, or that array alone, whose
// closing bracket may be missing. One that ends early is cut up to where it does.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "analyzers/timeline/byte_source.hpp"
#include "analyzers/timeline/json_structure.hpp"

namespace latency::timeline {

class trace_cutter {
 public:
  // Valid until the next call of next().
  struct piece {
    enum class kind { end, events, member };
    kind is = kind::end;
    std::string_view key;  // of a member, as it is written
    // A JSON array: whole events, or the value of the member alone. As many bytes as simdjson
    // wants to pad with may be read behind it.
    std::string_view json;
  };

  // Members that are not `wanted` are passed over, whatever their size. `source` must outlive the
  // cutter; `file` is the name for messages.
  trace_cutter(byte_source& source, std::string file, std::vector<std::string_view> wanted);

  // Throws latency::error naming the byte (of the JSON, inflated) of what is no trace.
  [[nodiscard]] piece next();

  // After the end: more must have followed.
  [[nodiscard]] bool cut_short() const noexcept { return cut_short_; }
  // Bytes of JSON so far.
  [[nodiscard]] std::size_t bytes_read() const noexcept { return base_ + end_ - front_bytes; }

  [[nodiscard]] std::size_t offset_of(const char* place) const noexcept {
    return base_ + static_cast<std::size_t>(place - buffer_.data()) - front_bytes;
  }
  [[noreturn]] void fail(std::size_t byte, const std::string& message) const;

  static constexpr std::size_t window_bytes = std::size_t{1} << 18;
  static constexpr std::size_t value_limit_bytes = std::size_t{16} << 20;

 private:
  enum class state { start, first_member, members, events, after, end };
  static constexpr std::size_t front_bytes = 1;  // for the bracket before a piece

  void refill();
  [[nodiscard]] std::size_t more(std::size_t at, bool keep);
  [[nodiscard]] char peek();
  [[nodiscard]] std::size_t end_of_string(std::size_t at, bool keep);
  [[nodiscard]] std::size_t end_of_value(bool keep);
  void check(const json_structure& structure, const json_structure::progress& made,
             std::size_t end) const;

  [[nodiscard]] piece step();
  void begin();
  [[nodiscard]] piece member();
  [[nodiscard]] piece events();
  [[nodiscard]] piece bracketed(piece::kind kind, std::size_t first, std::size_t last);
  void finish();
  [[nodiscard]] bool complete_at_end() const noexcept;

  [[nodiscard]] std::size_t offset(std::size_t at) const noexcept {
    return base_ + at - front_bytes;
  }

  byte_source& source_;
  std::string file_;
  std::vector<std::string_view> wanted_;
  std::vector<char> buffer_;
  std::size_t begin_ = front_bytes;  // what was read and not passed, in the buffer
  std::size_t end_ = front_bytes;
  std::size_t base_ = 0;  // byte of the trace that stands at front_bytes
  state state_ = state::start;
  bool bare_array_ = false;
  bool seen_events_ = false;
  bool first_event_ = false;
  bool cut_short_ = false;
  json_structure structure_;  // of the events
  std::size_t scanned_ = 0;   // how far structure_ is, in the buffer
  std::string key_;
  std::size_t bracket_at_ = 0;  // where a piece's closing bracket hides a byte, 0 = nowhere
  char hidden_ = 0;
};

}  // namespace latency::timeline
