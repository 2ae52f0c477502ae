#include "analyzers/timeline/trace_cutter.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "analyzers/timeline/json_cutter.hpp"
#include "analyzers/timeline/json_structure.hpp"
#include "latency/error.hpp"

namespace latency::timeline {
namespace {

struct source_ended {};  // thrown where more bytes are needed than there are

bool ends_scalar(char c) noexcept {
  return is_space(c) || c == ',' || c == ']' || c == '}' || c == ':' || c == '"';
}

}  // namespace

trace_cutter::trace_cutter(byte_source& source, std::string file,
                           std::vector<std::string_view> wanted)
    : source_(source),
      file_(std::move(file)),
      wanted_(std::move(wanted)),
      buffer_(front_bytes + 2 * window_bytes + simdjson::SIMDJSON_PADDING) {}

void trace_cutter::fail(std::size_t byte, const std::string& message) const {
  throw error(file_, "byte " + std::to_string(byte), message);
}

// Brings more bytes behind those that were not passed yet.
void trace_cutter::refill() {
  if (end_ - begin_ > value_limit_bytes) fail(offset(begin_), "one value takes more than 16 MiB");
  const std::size_t passed = begin_ - front_bytes;
  std::memmove(buffer_.data() + front_bytes, buffer_.data() + begin_, end_ - begin_);
  base_ += passed;
  begin_ -= passed;
  end_ -= passed;
  scanned_ -= std::min(scanned_, passed);
  const std::size_t needed = end_ + window_bytes + simdjson::SIMDJSON_PADDING;
  if (buffer_.size() < needed) buffer_.resize(needed);
  const std::size_t count = source_.read(buffer_.data() + end_, window_bytes);
  if (count == 0) throw source_ended{};
  end_ += count;
}

// The same where everything up to `at` was looked at, and shall be forgotten unless it is kept.
// Returns where `at` is now.
std::size_t trace_cutter::more(std::size_t at, bool keep) {
  if (!keep) begin_ = at;
  const std::size_t ahead = at - begin_;
  refill();
  return begin_ + ahead;
}

char trace_cutter::peek() {
  for (;;) {
    while (begin_ < end_ && is_space(buffer_[begin_])) ++begin_;
    if (begin_ < end_) return buffer_[begin_];
    refill();
  }
}

// `at` is the opening quote; returns the place behind the closing one.
std::size_t trace_cutter::end_of_string(std::size_t at, bool keep) {
  bool escaped = false;
  for (++at;; ++at) {
    if (at == end_) at = more(at, keep);
    if (escaped)
      escaped = false;
    else if (buffer_[at] == '\\')
      escaped = true;
    else if (buffer_[at] == '"')
      return at + 1;
  }
}

// Of the value at begin_.
std::size_t trace_cutter::end_of_value(bool keep) {
  const char first = peek();
  if (first == '"') return end_of_string(begin_, keep);
  if (first == '{' || first == '[') {
    json_structure structure;
    for (std::size_t at = begin_;; at = more(at, keep)) {
      const auto made = structure.feed({buffer_.data() + at, end_ - at}, true);
      at += made.scanned;
      check(structure, made, at);
      if (made.value_end != made.nowhere) return at;
    }
  }
  if (ends_scalar(first)) fail(offset(begin_), "expected a value");
  for (std::size_t at = begin_;; ++at) {
    if (at == end_) at = more(at, keep);
    if (ends_scalar(buffer_[at])) return at;
  }
}

// `end` is behind the last byte that the structure took.
void trace_cutter::check(const json_structure& structure, const json_structure::progress& made,
                         std::size_t end) const {
  if (made.what == json_structure::fault::too_deep)
    fail(offset(end - 1),
         "nested deeper than " + std::to_string(json_structure::depth_limit) + " levels");
  if (made.what == json_structure::fault::mismatch)
    fail(offset(end - 1),
         std::string("expected '") + structure.expected() + "', found '" + buffer_[end - 1] + "'");
}

trace_cutter::piece trace_cutter::next() {
  if (bracket_at_ != 0) buffer_[std::exchange(bracket_at_, 0)] = hidden_;
  try {
    while (state_ != state::end) {
      const piece found = step();
      if (found.is != piece::kind::end) return found;
    }
  } catch (const source_ended&) {
    cut_short_ = !complete_at_end();
    state_ = state::end;
  }
  return {};
}

// Goes on by one piece, or one state.
trace_cutter::piece trace_cutter::step() {
  switch (state_) {
    case state::start:
      begin();
      return {};
    case state::first_member:
    case state::members:
      return member();
    case state::events:
      return events();
    case state::after:
      finish();
      break;
    case state::end:
      break;
  }
  return {};
}

void trace_cutter::begin() {
  const char first = peek();
  if (first != '{' && first != '[')
    fail(offset(begin_), std::string("expected an object or an array, found ") + json_kind(first));
  ++begin_;
  bare_array_ = first_event_ = first == '[';
  scanned_ = begin_;
  state_ = bare_array_ ? state::events : state::first_member;
}

trace_cutter::piece trace_cutter::member() {
  char next = peek();
  if (next == '}') {
    ++begin_;
    state_ = state::after;
    return {};
  }
  if (state_ == state::members) {
    if (next != ',') fail(offset(begin_), "expected ',' or '}'");
    ++begin_;
    next = peek();
  }
  if (next != '"') fail(offset(begin_), "expected a key in double quotes");
  const std::size_t end = end_of_string(begin_, true);
  key_.assign(buffer_.data() + begin_ + 1, end - begin_ - 2);
  begin_ = end;
  if (peek() != ':') fail(offset(begin_), "expected ':'");
  ++begin_;
  state_ = state::members;
  if (peek() == '[' && key_ == "traceEvents") {
    scanned_ = ++begin_;
    structure_ = {};
    first_event_ = seen_events_ = true;
    state_ = state::events;
    return {};
  }
  if (key_ == "traceEvents")
    fail(offset(begin_), std::string("traceEvents: expected an array, found ") + json_kind(peek()));
  const bool keep = std::find(wanted_.begin(), wanted_.end(), key_) != wanted_.end();
  const std::size_t value_end = end_of_value(keep);
  const std::size_t value_begin = std::exchange(begin_, value_end);
  return keep ? bracketed(piece::kind::member, value_begin, value_end) : piece{};
}

trace_cutter::piece trace_cutter::events() {
  if (!std::exchange(first_event_, false)) {
    const char next = peek();
    if (next != ',' && next != ']') fail(offset(begin_), "expected ',' or ']'");
    if (next == ',') ++begin_;
  }
  for (;; refill()) {
    // Between events nothing matters to the structure, so it may have been passed unseen.
    scanned_ = std::max(scanned_, begin_);
    const std::size_t from = scanned_;
    const auto made = structure_.feed({buffer_.data() + from, end_ - from}, false);
    scanned_ += made.scanned;
    check(structure_, made, scanned_);
    if (made.closed) {
      if (buffer_[scanned_ - 1] != ']') fail(offset(scanned_ - 1), "expected ',' or ']'");
      const std::size_t first = std::exchange(begin_, scanned_);
      std::size_t last = scanned_ - 1;
      const auto trim = [&] {
        while (last > first && is_space(buffer_[last - 1])) --last;
      };
      trim();
      if (last > first && buffer_[last - 1] == ',') --last;  // Chrome's own traces may end so
      trim();
      state_ = bare_array_ ? state::after : state::members;
      return last > first ? bracketed(piece::kind::events, first, last) : piece{};
    }
    if (made.value_end != made.nowhere) {
      const std::size_t last = from + made.value_end;
      return bracketed(piece::kind::events, std::exchange(begin_, last), last);
    }
  }
}

// An array of what stands from `first` up to `last`.
trace_cutter::piece trace_cutter::bracketed(piece::kind kind, std::size_t first, std::size_t last) {
  buffer_[first - 1] = '[';
  hidden_ = std::exchange(buffer_[last], ']');
  bracket_at_ = last;
  return {kind, key_, {buffer_.data() + first - 1, last - first + 2}};
}

// Behind the whole: nothing but white space may follow, to the end of the source.
void trace_cutter::finish() {
  if (!seen_events_ && !bare_array_)
    fail(offset(begin_), "the object ends without \"traceEvents\"");
  (void)peek();
  fail(offset(begin_), "text after the end of the trace");
}

// Whether the source may end here: behind the whole, or between two events of an array that
// stands alone.
bool trace_cutter::complete_at_end() const noexcept {
  if (source_.cut_short()) return false;
  if (state_ == state::after) return true;
  return bare_array_ && state_ == state::events &&
         std::all_of(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                     buffer_.begin() + static_cast<std::ptrdiff_t>(end_), is_space);
}

}  // namespace latency::timeline
