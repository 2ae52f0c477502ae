#include "analyzers/timeline/json_structure.hpp"

#include <algorithm>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace latency::timeline {
namespace {

constexpr std::size_t block_bytes = 64;

// Bit i: an odd number of the bits 0 to i is set.
std::uint64_t parity_so_far(std::uint64_t bits) noexcept {
  for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
  return bits;
}

// '{' and '[', and '}' and ']', differ in one bit only.
constexpr char without_case(char c) noexcept {
  return static_cast<char>(c | 0x20);
}

}  // namespace

json_structure::block json_structure::look_at(const char* bytes) noexcept {
#ifdef __SSE2__
  block seen;
  for (int part = 0; part < 4; ++part) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes) + part);
    const __m128i folded = _mm_or_si128(v, _mm_set1_epi8(0x20));
    const auto mask = [part](__m128i equal) {
      return std::uint64_t{static_cast<std::uint32_t>(_mm_movemask_epi8(equal))} << (16 * part);
    };
    seen.quotes |= mask(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
    seen.backslashes |= mask(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
    seen.brackets |= mask(_mm_or_si128(_mm_cmpeq_epi8(folded, _mm_set1_epi8('{')),
                                       _mm_cmpeq_epi8(folded, _mm_set1_epi8('}'))));
  }
  return seen;
#else
  return look_at_part(bytes, block_bytes);
#endif
}

json_structure::block json_structure::look_at_part(const char* bytes, std::size_t count) noexcept {
  block seen;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    const char folded = without_case(bytes[i]);
    if (bytes[i] == '"') seen.quotes |= bit;
    if (bytes[i] == '\\') seen.backslashes |= bit;
    if (folded == '{' || folded == '}') seen.brackets |= bit;
  }
  return seen;
}

// The brackets that are not inside strings. Goes on to the next block.
std::uint64_t json_structure::outside_strings(const block& seen, std::size_t count) noexcept {
  std::uint64_t quotes = seen.quotes;
  if (escaped_ || seen.backslashes != 0) {
    std::uint64_t escaped = escaped_ ? 1 : 0;
    escaped_ = false;
    for (std::uint64_t rest = seen.backslashes; rest != 0; rest &= rest - 1) {
      const auto at = static_cast<std::size_t>(__builtin_ctzll(rest));
      if ((escaped >> at & 1) != 0) continue;
      if (at + 1 == count)
        escaped_ = true;
      else
        escaped |= std::uint64_t{2} << at;
    }
    quotes &= ~escaped;
  }
  std::uint64_t inside = parity_so_far(quotes);
  if (in_string_) inside = ~inside;
  in_string_ = (inside >> (count - 1) & 1) != 0;
  return seen.brackets & ~inside;
}

bool json_structure::bracket(char c, std::size_t at, bool one_value, progress& made) noexcept {
  const bool is_object = without_case(c) == c;  // square brackets lack the bit
  const bool opens = without_case(c) == '{';
  made.scanned = at + 1;
  if (opens) {
    if (depth_ == depth_limit) {
      made.what = fault::too_deep;
      return false;
    }
    ++depth_;
    open_ = open_ << 1 | (is_object ? 1 : 0);
    return true;
  }
  if (depth_ == 0) {
    made.closed = true;
    return false;
  }
  if (c != expected()) {
    made.what = fault::mismatch;
    return false;
  }
  --depth_;
  open_ >>= 1;
  if (depth_ > 0) return true;
  made.value_end = at + 1;
  return !one_value;
}

json_structure::progress json_structure::feed(std::string_view text, bool one_value) {
  progress made;
  for (std::size_t begin = 0; begin < text.size(); begin += block_bytes) {
    const std::size_t count = std::min(block_bytes, text.size() - begin);
    const block seen = count == block_bytes ? look_at(text.data() + begin)
                                            : look_at_part(text.data() + begin, count);
    for (std::uint64_t rest = outside_strings(seen, count); rest != 0; rest &= rest - 1) {
      const std::size_t at = begin + static_cast<std::size_t>(__builtin_ctzll(rest));
      if (bracket(text[at], at, one_value, made)) continue;
      // The rest of the block is not taken: it begins outside a string.
      in_string_ = false;
      escaped_ = false;
      return made;
    }
  }
  made.scanned = text.size();
  return made;
}

}  // namespace latency::timeline
