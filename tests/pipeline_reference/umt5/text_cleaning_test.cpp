#include "pipeline_reference/umt5/text_cleaning.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <string>
#include <utility>
#include <vector>

#include "latency/detail/utf8.hpp"
#include "pipeline_reference/umt5/html_references.hpp"
#include "pipeline_reference/umt5/unicode_text.hpp"

using umt5::clean_prompt;

namespace {

using example = std::pair<const char*, const char*>;  // prompt, cleaned

void check_all(const std::vector<example>& examples) {
  for (const example& one : examples) {
    CAPTURE(one.first);
    CHECK(clean_prompt(one.first) == one.second);
  }
}

std::string terminated(const std::string& text) {
  return umt5::to_utf8(umt5::html_references().unescape_terminated(umt5::to_code_points(text)));
}

std::string unescaped(const std::string& text) {
  return umt5::to_utf8(umt5::html_references().unescape(umt5::to_code_points(text)));
}

}  // namespace

TEST_CASE("clean_prompt: plain prompts come back as they are") {
  check_all({{"", ""},
             {"A boat, at dawn; mist & reeds.", "A boat, at dawn; mist & reeds."},
             {"naïve café — 東京, Москва, 😀", "naïve café — 東京, Москва, 😀"}});
}

TEST_CASE("clean_prompt: a run of blanks is one space, none at the ends") {
  check_all({{" \t a \r\n\n b\n", "a b"},
             {"a\u00a0\u2003b\u2028c\u3000d\u1680", "a b c d"},
             {"a\u200bb", "a\u200bb"},  // a zero-width space is no blank in Python
             {"\n \n", ""}});
}

TEST_CASE("clean_prompt: references become characters") {
  check_all({{"&lt;b&gt; &amp; P&eacute;rez", "<b> & Pérez"},
             {"&#233;&#xE9;&#Xe9;", "ééé"},
             {"&amp;amp;amp;lt;", "<"},                 // as often as it takes
             {"<i> &amp;amp;amp;lt;", "<i> &amp;lt;"},  // in markup only twice
             {"<i>\n&amp;amp;amp;", "<i> &amp;"},       // and in what follows it
             {"&amp;amp;amp;\n<i>", "& <i>"},
             {"this&not that, cats&dogs", "this¬ that, cats&dogs"},
             {"&rdquo;a&ldquo;", "\"a\""},  // before curly quotes are straightened
             {"<&rdquo;", "<”"},            // after
             {"& &; &#; &#x; &nosuch;", "& &; &#; &#x; &nosuch;"}});
}

TEST_CASE("html_references: terminated ones only, and names in capitals") {
  CHECK(terminated("&amp;&lt;&notin;&semi;") == "&<∉;");
  CHECK(terminated("&amp &notit; &#59; &#12ab; &nosuch;") == "&amp &notit; &#59; &#12ab; &nosuch;");
  CHECK(terminated("&NTILDE;&SZLIG;&FILIG;&NAPOS;&nTILDE;&LTIMES;") == "ÑSSFIʼN&nTILDE;&LTIMES;");
  CHECK(terminated("&CounterClockwiseContourIntegral;") == "&CounterClockwiseContourIntegral;");
}

TEST_CASE("html_references: what Python's html.unescape makes of odd ones") {
  CHECK(unescaped("&notit;&notin;&notin&ampx&AMP") == "¬it;∉¬in&x&");
  CHECK(unescaped("&CounterClockwiseContourIntegral;") == "∳");
  CHECK(unescaped("&Tab;&NewLine;&nbsp;&ngE;") == "\t\n\u00a0≧̸");
  CHECK(unescaped("&#0;&#xD800;&#x110000;&#99999999999999999999;") == "\ufffd\ufffd\ufffd\ufffd");
  CHECK(unescaped("&#4294967361;&#x100000041;") == "\ufffd\ufffd");  // 2^32 above A
  CHECK(unescaped("&#128;&#x9f;&#x81;") == "€Ÿ\u0081");              // bytes of Windows-1252
  CHECK(unescaped("a&#1;&#x7f;&#xfdd0;&#xffff;&#x1fffe;b&#9;") == "ab\t");
  CHECK(unescaped("&#65 &#65x &#x41g;") == "A Ax Ag;");
}

TEST_CASE("html_references: a text with more names than HTML has keeps the new ones") {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "&n" + std::to_string(i) + ";";
  CHECK(unescaped("&eacute;" + text + "&eacute;&auml;") == "é" + text + "é&auml;");
}

TEST_CASE("clean_prompt: UTF-8 that was read as Latin-1 or Windows-1252 is read again") {
  check_all({{"sÃ³", "só"},
             {"sÃƒÂ³", "só"},                                    // twice
             {"itâ€™s â€œquotedâ€\u009d", "it's \"quoted\""},    // Windows-1252
             {"â\u0080\u0094", "—"},                             // Latin-1
             {"Ã¼nder\nœuvre Ã¼", "ünder œuvre Ã¼"},             // each line by itself
             {"sÃ³ é", "sÃ³ é"},                                 // not all of it decodes
             {"MARQUÉ… CAFÉ” 4288×…", "MARQUÉ… CAFÉ\" 4288×…"},  // decodes, but was meant
             {"ÐœÐ¾Ñ\u0081ÐºÐ²Ð°", "Москва"}});
}

TEST_CASE("clean_prompt: characters get their usual forms") {
  check_all({{"a\u0085b\u0093c\u0081", "a…b\"c\u0081"},            // C1 controls
             {"ﬁn ﬂuﬀ ﬆ ﬅ Ĳ ŉ ǆ", "fin fluff st ſt IJ 'n dž"},     // ligatures
             {"ＬＯＵＤ　！ ｶﾞ ￥", "LOUD ! ガ ¥"},                // widths
             {"‘a’ ‚b‛ “c” „d‟ ʼe", "'a' 'b' \"c\" \"d\" 'e"},     // quotes
             {"\x1b[1;31mred\x1b[0m \x1b[31 \x1b]", "red [31 ]"},  // terminal escapes
             {"a\x01\x0b\x1f\x7f\u206a\ufeff\ufffc"
              "b",
              "ab"},                                                              // controls
             {"e\u0301 o\u0323\u0302 o\u0302\u0323 \u1100\u1161", "é ộ ộ 가"}});  // NFC
}

TEST_CASE("clean_prompt: what is not UTF-8 becomes U+FFFD, and zero bytes vanish") {
  check_all({{"a\xff"
              "b",
              "a\ufffdb"},
             {"\xe2\x82", "\ufffd"},                  // a sequence that breaks off
             {"\xed\xa0\x80", "\ufffd\ufffd\ufffd"},  // a surrogate
             {"\xc0\x80", "\ufffd\ufffd"}});          // an overlong form
  CHECK(clean_prompt(std::string_view("a\0b", 3)) == "ab");
}

TEST_CASE("unicode_text: what is no character becomes U+FFFD both ways") {
  CHECK(umt5::to_code_points("a\xf4\x90\x80\x80") == U"a\ufffd\ufffd\ufffd\ufffd");
  CHECK(umt5::to_utf8(std::u32string{U'a', 0xd800, 0xdfff, 0x110000, 0x10ffff}) ==
        "a\ufffd\ufffd\ufffd\U0010ffff");
}

TEST_CASE("clean_prompt: any bytes become UTF-8 without zero bytes, outer or double blanks") {
  CHECK(rc::check([] {
    const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::oneOf(
        rc::gen::container<std::string>(rc::gen::arbitrary<char>()),
        rc::gen::element<std::string>("&amp;", "&lt", "&#0;", "&#x0;", "<", "\n", " ", "\u3000",
                                      "Ã©", "\x1b[1m", "\u0301", "&nbsp;")));
    std::string prompt;
    for (const std::string& piece : pieces) prompt += piece;
    const std::string cleaned = clean_prompt(prompt);
    for (std::string_view rest = cleaned; !rest.empty();) {
      const auto sequence = latency::detail::decode_utf8(rest);
      RC_ASSERT(sequence.valid);
      RC_ASSERT(rest[0] != '\0');
      rest.remove_prefix(sequence.length);
    }
    std::u32string text = U' ' + umt5::to_code_points(cleaned) + U' ';
    if (cleaned.empty()) text = U" ";
    for (std::size_t i = 1; i < text.size(); ++i)
      RC_ASSERT(!umt5::is_blank(text[i]) || (text[i] == U' ' && !umt5::is_blank(text[i - 1])));
  }));
}

TEST_CASE("clean_prompt: a cleaned line without references is clean") {
  CHECK(rc::check([] {
    const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
        "a", "B", " ", "\t", "<", "é", "Ã©", "Ã", "Â", "â€™", "É…", "É€", "\u0085", "\u0301",
        "\u0323", "ﬁ", "Ａ", "“", "ʼ", "ŉ", "\x1b", "[31m", "\x01", "\u1100", "\u1161", "ｶ", "ﾞ",
        "\xff"));
    std::string prompt;
    for (const std::string& piece : pieces) prompt += piece;
    const std::string cleaned = clean_prompt(prompt);
    RC_ASSERT(clean_prompt(cleaned) == cleaned);
  }));
}

TEST_CASE("clean_prompt: a hostile megabyte takes a bounded number of passes") {
  constexpr std::size_t megabyte = 1'000'000;
  const auto repeated = [](const std::string& start, const std::string& part) {
    std::string text = start;
    while (text.size() < megabyte) text += part;
    return text;
  };
  // Each would take hours where a pass per reference, or a swap per pair of marks, were needed.
  CHECK(clean_prompt(repeated("&", "amp;")).size() > megabyte / 2);
  CHECK(clean_prompt(repeated("&#65286;", "#65286;")).size() > megabyte / 2);
  std::string marks = repeated("a", "\u0301");
  for (const std::size_t above = marks.size(); marks.size() < 2 * above;) marks += "\u0323";
  CHECK(clean_prompt(marks).substr(0, 5) == "ạ\u0323");  // marks below come first
}
