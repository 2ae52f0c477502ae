#include "analyzers/timeline/json_cutter.hpp"

#include <cstring>
#include <utility>

#include "analyzers/timeline/json_structure.hpp"
#include "latency/detail/printable.hpp"
#include "latency/error.hpp"

namespace latency::timeline {
namespace {

// Ends a number, true, false or null.
bool is_delimiter(char c) noexcept {
  return is_space(c) || c == ',' || c == ']' || c == '}' || c == ':' || c == '"' || c == '[' ||
         c == '{';
}

std::string quoted(char c) {
  if (c >= ' ' && c <= '~') return {'\'', c, '\''};
  constexpr const char* digits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  return {'0', 'x', digits[byte >> 4], digits[byte & 15]};
}

constexpr const char* ends_early = "the file ends inside a value (truncated?)";

}  // namespace

const char* json_kind(char first) noexcept {
  switch (first) {
    case '{':
      return "an object";
    case '[':
      return "an array";
    case '"':
      return "a text";
    case 't':
    case 'f':
      return "true or false";
    case 'n':
      return "null";
    default:
      return (first >= '0' && first <= '9') || first == '-' ? "a number" : "not JSON";
  }
}

std::size_t nesting_guard::feed(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string_) {
      if (escaped_)
        escaped_ = false;
      else if (c == '\\')
        escaped_ = true;
      else if (c == '"')
        in_string_ = false;
    } else if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      if (++depth_ > json_depth_limit) return i;
    } else if (c == '}' || c == ']') {
      --depth_;
    }
  }
  return text.npos;
}

std::string nesting_guard::message() {
  return "nested deeper than " + std::to_string(json_depth_limit) + " levels";
}

json_cutter::json_cutter(std::string_view text, std::string file)
    : text_(text), file_(std::move(file)) {}

void json_cutter::fail(std::size_t byte, const std::string& message) const {
  throw error(file_, "byte " + std::to_string(byte), detail::printable(message));
}

void json_cutter::skip_space() noexcept {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
}

char json_cutter::peek() {
  skip_space();
  if (at_ == text_.size()) fail(at_, ends_early);
  return text_[at_];
}

void json_cutter::open(char bracket, const std::string& path) {
  const char found = peek();
  if (found != bracket)
    throw error(file_, path.empty() ? "byte " + std::to_string(at_) : detail::printable(path),
                std::string("expected ") + json_kind(bracket) + ", found " + json_kind(found));
  ++at_;
  first_ = true;
}

// Passes the comma before the next element, if there is one.
void json_cutter::separate(char closing) {
  const char next = peek();
  if (next == closing) return;
  if (first_) return;
  if (next != ',') fail(at_, "expected ',' or " + quoted(closing));
  ++at_;
  if (peek() == closing) fail(at_, "expected a value, found " + quoted(closing));
}

std::optional<std::string_view> json_cutter::member() {
  separate('}');
  if (text_[at_] == '}') {
    ++at_;
    first_ = false;
    return std::nullopt;
  }
  if (text_[at_] != '"') fail(at_, "expected a key in double quotes");
  const std::size_t begin = at_ + 1;
  at_ = end_of_string(at_);
  const auto key = text_.substr(begin, at_ - 1 - begin);
  if (peek() != ':') fail(at_, "expected ':'");
  ++at_;
  (void)peek();
  first_ = false;
  return key;
}

std::string_view json_cutter::value() {
  (void)peek();
  const std::size_t begin = at_;
  at_ = end_of_value(begin);
  if (at_ - begin > value_limit_bytes) fail(begin, "one value takes more than 16 MiB");
  return text_.substr(begin, at_ - begin);
}

void json_cutter::skip() {
  (void)peek();
  at_ = end_of_value(at_);
}

std::string_view json_cutter::elements(std::size_t wanted) {
  separate(']');
  if (text_[at_] == ']') {
    ++at_;
    first_ = false;
    return {};
  }
  if (text_[at_] == ',') fail(at_, "expected a value, found ','");
  first_ = false;
  const std::size_t begin = at_;
  // Plain numbers, by far the most: no byte of the piece can hide a bracket or a comma.
  const std::string_view piece = text_.substr(begin, wanted);
  const void* const close = std::memchr(piece.data(), ']', piece.size());
  const std::string_view plain =
      close == nullptr ? piece : piece.substr(0, static_cast<const char*>(close) - piece.data());
  if (std::memchr(plain.data(), '"', plain.size()) == nullptr &&
      std::memchr(plain.data(), '{', plain.size()) == nullptr &&
      std::memchr(plain.data(), '[', plain.size()) == nullptr) {
    const std::size_t length = close != nullptr ? plain.size() : plain.rfind(',');
    if (length != plain.npos) {
      at_ = begin + length;
      return text_.substr(begin, length);
    }
  }
  std::size_t end = begin;
  for (;;) {
    at_ = end;
    (void)peek();
    end = end_of_value(at_);
    if (end - at_ > value_limit_bytes) fail(at_, "one value takes more than 16 MiB");
    at_ = end;
    if (peek() != ',' || end - begin >= wanted) break;
    end = at_ + 1;
  }
  at_ = end;
  return text_.substr(begin, end - begin);
}

void json_cutter::finish() {
  skip_space();
  if (at_ != text_.size()) fail(at_, "text after the end of the JSON object");
}

// `at` is the opening quote; returns the offset behind the closing one.
std::size_t json_cutter::end_of_string(std::size_t at) const {
  for (++at; at < text_.size(); ++at) {
    if (text_[at] == '\\')
      ++at;
    else if (text_[at] == '"')
      return at + 1;
  }
  fail(text_.size(), ends_early);
}

// `at` is the first byte of a value; returns the offset behind its last one.
std::size_t json_cutter::end_of_value(std::size_t at) const {
  char open[json_depth_limit];
  int depth = 0;
  for (;;) {
    if (at >= text_.size()) fail(text_.size(), ends_early);
    const char c = text_[at];
    if (c == '"') {
      at = end_of_string(at);
    } else if (c == '{' || c == '[') {
      if (depth == json_depth_limit) fail(at, nesting_guard::message());
      open[depth++] = c == '{' ? '}' : ']';
      ++at;
    } else if (c == '}' || c == ']') {
      if (depth == 0) fail(at, "expected a value, found " + quoted(c));
      if (open[--depth] != c) fail(at, "expected " + quoted(open[depth]) + ", found " + quoted(c));
      ++at;
    } else if (depth > 0) {
      ++at;
    } else {  // a number, true, false, null, or rubbish that the parser will name
      const std::size_t begin = at;
      while (at < text_.size() && !is_delimiter(text_[at])) ++at;
      if (at == text_.size()) fail(at, ends_early);
      if (at == begin) fail(at, "expected a value, found " + quoted(text_[at]));
    }
    if (depth == 0) return at;
  }
}

}  // namespace latency::timeline
