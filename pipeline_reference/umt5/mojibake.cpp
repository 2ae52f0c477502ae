#include "pipeline_reference/umt5/mojibake.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>

#include "latency/detail/utf8.hpp"
#include "pipeline_reference/umt5/unicode_text.hpp"

namespace umt5 {
namespace {

// Bytes 0x80 to 0x9F. The five that Windows-1252 leaves open stand for themselves.
constexpr std::u32string_view windows_1252_high =
    U"€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";
static_assert(windows_1252_high.size() == 32);

// What ftfy's heuristic distinguishes among the characters of the two encodings.
enum trait : std::uint32_t {
  none = 0,
  common = 1u << 0,
  c1 = 1u << 1,
  bad = 1u << 2,  // hardly ever meant
  law = 1u << 3,
  currency = 1u << 4,
  opening = 1u << 5,
  closing = 1u << 6,
  numeric = 1u << 7,
  upper = 1u << 8,  // with an accent
  lower = 1u << 9,
  ascii_lower = 1u << 10,
  ascii_letter = 1u << 11,
  no_ascii_letter = 1u << 12,
  blank = 1u << 13,
  word = 1u << 14
};

constexpr std::array<std::pair<std::u32string_view, trait>, 11> members{{
    {U"\u00a0\u00ad·´–—…’", common},
    {U"¦¤¨¬¯¸ƒˆ˜†‡‰ªº", bad},
    {U"¶§", law},
    {U"¢£¥€", currency},
    {U"¡«¿©‘‚“„•‹", opening},
    {U"®»”›™", closing},
    {U"²³¹±¼½¾×µ÷", numeric},
    {U"ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑØÜÝŒŠŸŽ", upper},
    {U"ßàáâãäåæçèéêëìíîïðñœšüž", lower},
    {U"\t\n\v\f\r\u001c\u001d\u001e\u001f \u0085\u00a0", blank},
    {U"_0123456789ƒˆŠŒŽšœžŸª²³µ¹º¼½¾", word},
}};

std::uint32_t traits_of(char32_t c) {
  static const auto table = [] {
    std::unordered_map<char32_t, std::uint32_t> traits;
    for (char32_t at = 0; at < 0x100; ++at) {
      const bool small = at >= 'a' && at <= 'z', letter = small || (at >= 'A' && at <= 'Z');
      traits[at] |= letter ? ascii_letter | word | (small ? ascii_lower : none) : no_ascii_letter;
      if (at >= 0x80 && at <= 0x9f) traits[at] |= c1;
      if (at >= 0xc0 && at != U'×' && at != U'÷') traits[at] |= word;
    }
    for (const auto& [list, trait] : members)
      for (const char32_t member : list) traits[member] |= trait | no_ascii_letter;
    return traits;
  }();
  const auto found = table.find(c);
  return found == table.end() ? no_ascii_letter : found->second;
}

struct place {  // any of the traits, or one of the characters
  std::uint32_t traits = none;
  std::u32string_view characters = {};

  bool ends() const { return traits == none && characters.empty(); }
  bool admits(char32_t c) const {
    return (traits_of(c) & traits) != 0 || characters.find(c) != std::u32string_view::npos;
  }
};

// Neighbours that nobody writes, so that they must have been misread: those of ftfy 6.3 that the
// two encodings can make.
constexpr std::uint32_t sign = opening | closing | currency | numeric | law;
constexpr std::uint32_t arabic = common | currency | bad | numeric | opening;
constexpr std::array<std::array<place, 5>, 24> unlikely{{
    {{{c1}}},
    {{{bad | lower | upper | sign}, {bad}}},
    {{{ascii_letter}, {none, U"Þ"}, {bad}}},
    {{{bad}, {lower | upper | sign}}},
    {{{lower | closing | currency | numeric}, {upper}}},
    {{{closing | currency | numeric}, {lower}}},
    {{{lower | closing}, {currency}}},
    {{{blank}, {upper}, {currency}}},
    {{{upper}, {numeric | law}}},
    {{{lower | upper | currency | closing}, {opening}, {numeric}}},
    {{{lower | upper | currency | numeric | law}, {closing}, {opening}}},
    {{{currency | numeric}, {opening}}},
    {{{ascii_lower}, {upper}, {opening | currency}}},
    {{{lower | upper}, {opening | closing}, {word}}},
    {{{none, U"Œœ"}, {no_ascii_letter}}},
    {{{upper}, {none, U"°"}}},
    {{{none, U"ÂÃÎÐ"}, {opening | closing, U"€œŠš¢£Ÿž\u00a0\u00ad®©°·»–—´"}}},
    {{{none, U"×"}, {none, U"²³"}}},
    {{{none, U"ØÙ"}, {arabic, U"ŸŠ®°µ»"}, {none, U"ØÙ"}, {arabic, U"ŸŠ®°µ»"}}},
    {{{none, U"à"}, {none, U"²µ¹¼½¾"}}},
    {{{none, U"Ã"}, {none, U"\u00a0¡"}}},
    {{{ascii_lower}, {none, U"ÃÂ"}, {none, U" "}}},
    {{{ascii_lower}, {blank}, {none, U"ÃÂ"}, {none, U" "}}},
    {{{ascii_lower | closing, U".,?!"}, {none, U"Â"}, {opening | closing, U" "}}},
}};

bool matches(const std::array<place, 5>& places, std::u32string_view text) {
  for (std::size_t i = 0; !places[i].ends(); ++i)
    if (i == text.size() || !places[i].admits(text[i])) return false;
  return true;
}

bool looks_misread(std::u32string_view text) {
  if (text.size() > 1 && (text[0] == U'Ã' || text[0] == U'Â') && text[1] == U' ') return true;
  for (; !text.empty(); text.remove_prefix(1))
    for (const auto& places : unlikely)
      if (matches(places, text)) return true;
  return false;
}

std::optional<unsigned char> windows_1252_byte(char32_t c) {
  const auto at = windows_1252_high.find(c);
  if (at != std::u32string_view::npos) return static_cast<unsigned char>(0x80 + at);
  if (c < 0x80 || (c >= 0xa0 && c <= 0xff)) return static_cast<unsigned char>(c);
  return std::nullopt;
}

std::optional<unsigned char> latin_1_byte(char32_t c) {
  if (c <= 0xff) return static_cast<unsigned char>(c);
  return std::nullopt;
}

// The text whose UTF-8 the characters are when each is one byte; nothing if they are not UTF-8.
template <typename ToByte>
std::optional<std::u32string> read_again(std::u32string_view text, ToByte to_byte) {
  std::string bytes;
  bytes.reserve(text.size());
  for (const char32_t c : text) {
    const std::optional<unsigned char> byte = to_byte(c);
    if (!byte) return std::nullopt;
    bytes += static_cast<char>(*byte);
  }
  for (std::string_view rest = bytes; !rest.empty();) {
    const auto sequence = latency::detail::decode_utf8(rest);
    if (!sequence.valid) return std::nullopt;
    rest.remove_prefix(sequence.length);
  }
  return to_code_points(bytes);
}

}  // namespace

std::u32string undo_mojibake(std::u32string text) {
  const auto is_ascii = [](char32_t c) { return c < 0x80; };
  while (!std::all_of(text.begin(), text.end(), is_ascii)) {
    std::optional<std::u32string> meant = read_again(text, latin_1_byte);
    if (!meant) meant = read_again(text, windows_1252_byte);
    if (!meant || !looks_misread(text)) break;
    text = *std::move(meant);
  }
  return text;
}

char32_t windows_1252(char32_t c1_control) {
  return windows_1252_high[c1_control - 0x80];
}

}  // namespace umt5
