#include "tests/robustness/mutation.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>

namespace robustness {
namespace {

constexpr std::size_t largest_bytes = std::size_t{2} << 20;

constexpr const char* extreme_numbers[] = {"-1",
                                           "0",
                                           "1",
                                           "1e999",
                                           "-1e999",
                                           "1e-999",
                                           "NaN",
                                           "-Infinity",
                                           "9223372036854775807",
                                           "-9223372036854775808",
                                           "9223372036854775808",
                                           "18446744073709551615",
                                           "18446744073709551616",
                                           "4294967296",
                                           "2147483648",
                                           "0.1",
                                           "1.5e308",
                                           "00012",
                                           "0x7fffffff",
                                           "99999999999999999999999999999999999999",
                                           "1_000"};
constexpr const char* structures[] = {"{",  "}",    "[",     "]",  ",",  ":",  "\"", "'",
                                      "\\", "null", "true",  "- ", "#",  "\n", "\t", "  ",
                                      "&a", "*a",   "!!str", "|",  "\r", "//", "[]", "{}"};
const std::string odd_bytes[] = {std::string(1, '\0'),
                                 "\xff",
                                 "\xc0\x80",
                                 "\xed\xa0\x80",
                                 "\xf5\x80\x80\x80",
                                 "\xe2\x80",
                                 "\x1b[2J",
                                 "\xe2\x80\xae",
                                 "\xc2\x9b",
                                 "\x7f",
                                 "\xef\xbb\xbf",
                                 "\\u0000",
                                 "\\ud800",
                                 "\\udc00\\u12",
                                 "\xf0\x9f\x98\x80",
                                 "\r\n"};
constexpr std::uint64_t extreme_words[] = {0,
                                           1,
                                           7,
                                           255,
                                           1u << 16,
                                           0x7fffffff,
                                           0x80000000,
                                           0xffffffff,
                                           std::uint64_t{1} << 32,
                                           std::uint64_t{1} << 48,
                                           (std::uint64_t{1} << 53) + 1,
                                           0x7fffffffffffffff,
                                           0x8000000000000000,
                                           0xffffffffffffffff,
                                           0x7ff0000000000000,
                                           0x7ff8000000000000};

bool is_text(const std::string& bytes) {
  const auto strange = std::count_if(bytes.begin(), bytes.end(), [](unsigned char c) {
    return c < 9 || (c > 13 && c < 32) || c >= 127;
  });
  return static_cast<std::size_t>(strange) * 10 <= bytes.size();
}

bool in_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-' ||
         c == '+';
}

struct range {
  std::size_t begin, end;
};

// A whole word, number or piece of punctuation, or a few of them.
range some_tokens(const std::string& bytes, random_numbers& random) {
  const auto offsets = interesting_offsets(bytes);
  if (offsets.size() < 2) return {0, bytes.size()};
  const std::size_t first = random.below(offsets.size() - 1);
  const std::size_t count = random.one_in(3) ? 1 + random.below(40) : 1;
  return {offsets[first], offsets[std::min(first + count, offsets.size() - 1)]};
}

// The numbers that stand in a text.
std::vector<range> numbers_of(const std::string& text) {
  std::vector<range> found;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool begins = std::isdigit(static_cast<unsigned char>(text[at])) != 0 &&
                        (at == 0 || !in_word(text[at - 1]) || text[at - 1] == '-');
    if (!begins) continue;
    std::size_t end = at;
    while (end < text.size() && in_word(text[end])) ++end;
    found.push_back({at, end});
    at = end;
  }
  return found;
}

void flip_bits(std::string& bytes, random_numbers& random) {
  if (bytes.empty()) return;
  for (std::size_t i = 1 + random.below(8); i > 0; --i)
    bytes[random.below(bytes.size())] ^= static_cast<char>(1u << random.below(8));
}

void remove_tokens(std::string& bytes, random_numbers& random) {
  const range gone = some_tokens(bytes, random);
  bytes.erase(gone.begin, gone.end - gone.begin);
}

void repeat_tokens(std::string& bytes, random_numbers& random) {
  const range again = some_tokens(bytes, random);
  std::string part = bytes.substr(again.begin, again.end - again.begin);
  const std::size_t most = largest_bytes / 8 / (part.size() + 1);
  const std::size_t times =
      random.one_in(10) ? most : 1 + random.below(std::min<std::size_t>(4, most));
  std::string many;
  for (std::size_t i = 0; i < times; ++i) many += part;
  bytes.insert(again.end, many);
}

void exchange_tokens(std::string& bytes, random_numbers& random) {
  range a = some_tokens(bytes, random), b = some_tokens(bytes, random);
  if (a.begin > b.begin) std::swap(a, b);
  if (a.end > b.begin) return;
  bytes = bytes.substr(0, a.begin) + bytes.substr(b.begin, b.end - b.begin) +
          bytes.substr(a.end, b.begin - a.end) + bytes.substr(a.begin, a.end - a.begin) +
          bytes.substr(b.end);
}

void replace_number(std::string& bytes, random_numbers& random) {
  if (is_text(bytes)) {
    const auto numbers = numbers_of(bytes);
    if (numbers.empty()) return;
    const range number = random.pick(numbers);
    bytes.replace(number.begin, number.end - number.begin, random.pick(extreme_numbers));
    return;
  }
  const std::size_t width = random.one_in(2) ? 8 : 4;
  if (bytes.size() < width) return;
  const std::size_t at = random.below(bytes.size() / width) * width;
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data() + at, width);
  word = random.one_in(2) ? random.pick(extreme_words) : word + random.below(5) - 2;
  std::memcpy(bytes.data() + at, &word, width);
}

void replace_tokens(std::string& bytes, const std::string& by, random_numbers& random) {
  const range gone = some_tokens(bytes, random);
  bytes.replace(gone.begin, gone.end - gone.begin, by);
}

std::string deep_nesting(random_numbers& random) {
  constexpr const char* opening[] = {"[", "{", "{\"a\":", "[[{\"a\":[", "- ", "a: {", "(", "\\\""};
  const std::string one = random.pick(opening);
  constexpr std::size_t depths[] = {10, 17, 100, 1000, 100000};
  std::string all;
  for (std::size_t depth = random.pick(depths); depth > 0 && all.size() < largest_bytes; --depth)
    all += one;
  return all;
}

std::string huge_text(random_numbers& random) {
  constexpr std::size_t sizes[] = {100, 5000, 70000, 1 << 20};
  constexpr const char* fillings[] = {"a", "9", " ", "\xc3\xa9", "%s", "../", "\\\\", "0,"};
  const std::string one = random.pick(fillings);
  std::string all;
  for (const std::size_t size = random.pick(sizes); all.size() < size;) all += one;
  return all;
}

void splice(std::string& bytes, const std::string& other, random_numbers& random) {
  const range from = some_tokens(other, random);
  const std::size_t end = random.one_in(2) ? from.end : other.size();
  bytes.insert(some_tokens(bytes, random).begin, other, from.begin, end - from.begin);
}

void injure(std::string& bytes, const std::string& other, random_numbers& random) {
  switch (random.below(13)) {
    case 0:
    case 1:
      return flip_bits(bytes, random);
    case 2:
      return remove_tokens(bytes, random);
    case 3:
      return repeat_tokens(bytes, random);
    case 4:
      return exchange_tokens(bytes, random);
    case 5:
    case 6:
    case 7:
      return replace_number(bytes, random);
    case 8:
      return replace_tokens(bytes, random.pick(structures), random);
    case 9:
      return replace_tokens(bytes, deep_nesting(random), random);
    case 10:
      return replace_tokens(bytes, huge_text(random), random);
    case 11:
      return replace_tokens(bytes, random.pick(odd_bytes), random);
    default:
      return splice(bytes, other, random);
  }
}

}  // namespace

std::uint64_t random_numbers::next() noexcept {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::size_t random_numbers::below(std::size_t bound) noexcept {
  return bound == 0 ? 0 : static_cast<std::size_t>(next() % bound);
}

std::uint64_t seed_of(const std::string& name, std::uint64_t seed, std::size_t index) {
  std::uint64_t mixed = random_numbers(seed).next() ^ random_numbers(index).next() * 3;
  for (const char c : name) mixed = random_numbers(mixed + static_cast<unsigned char>(c)).next();
  return mixed;
}

std::vector<std::size_t> interesting_offsets(const std::string& bytes) {
  std::vector<std::size_t> offsets{0};
  if (is_text(bytes)) {
    for (std::size_t at = 1; at < bytes.size(); ++at)
      if (!in_word(bytes[at]) || !in_word(bytes[at - 1])) offsets.push_back(at);
  } else {
    for (std::size_t at = 1; at < bytes.size(); ++at)
      if (at % 8 == 0 || at < 33) offsets.push_back(at);
  }
  if (!bytes.empty()) offsets.push_back(bytes.size());
  return offsets;
}

std::string damaged(const std::string& good, const std::string& other, random_numbers& random) {
  std::string bytes = good;
  for (std::size_t injuries = 1 + random.below(3); injuries > 0; --injuries)
    injure(bytes, other, random);
  if (bytes.size() > largest_bytes) bytes.resize(largest_bytes);
  return bytes;
}

}  // namespace robustness
