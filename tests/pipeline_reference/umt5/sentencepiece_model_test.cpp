#include "pipeline_reference/umt5/sentencepiece_model.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "latency/error.hpp"
#include "pipeline_reference/umt5/charsmap.hpp"
#include "pipeline_reference/umt5/tokenizer.hpp"
#include "pipeline_reference/umt5/train_tokenizer.hpp"

using umt5::piece_type;

namespace {

// A protobuf message made by hand, good or bad.
struct message {
  std::string bytes;

  message& tag(int field, int type) { return varint(static_cast<std::uint64_t>(field * 8 + type)); }
  message& varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
    bytes += static_cast<char>(value);
    return *this;
  }
  message& number(int field, std::uint64_t value) { return tag(field, 0).varint(value); }
  message& text(int field, const std::string& value) {
    tag(field, 2).varint(value.size());
    bytes += value;
    return *this;
  }
  message& real(int field, float value) {
    tag(field, 5);
    for (int shift = 0; shift < 32; shift += 8)
      bytes += static_cast<char>(std::bit_cast<std::uint32_t>(value) >> shift & 0xff);
    return *this;
  }
};

std::string piece(const std::string& text, piece_type type = piece_type::normal, float score = 0) {
  return message().text(1, text).real(2, score).number(3, static_cast<std::uint64_t>(type)).bytes;
}

// The parts of a model file; the tests spoil one at a time.
struct model_file {
  std::vector<std::string> pieces{piece("<pad>", piece_type::control),
                                  piece("</s>", piece_type::control),
                                  piece("<unk>", piece_type::unknown)};
  std::string trainer = message().number(3, 1).number(35, 1).bytes;
  std::string normalizer;
  std::string rest;

  model_file() {
    for (int byte = 0; byte < 256; ++byte)
      pieces.push_back(piece(fmt::format("<0x{:02X}>", byte), piece_type::byte));
    pieces.push_back(piece("▁", piece_type::normal, -3));
    pieces.push_back(piece("▁a", piece_type::normal, -1));
  }
  std::string bytes() const {
    message file;
    for (const std::string& one : pieces) file.text(1, one);
    return file.text(2, trainer).text(3, normalizer).bytes + rest;
  }
};

// The line that opening the bytes ends in; "accepted" when they open.
std::string refusal(const std::string& bytes) {
  try {
    static_cast<void>(umt5::tokenizer::from_memory("m", bytes));
  } catch (const latency::error& e) {
    CHECK(std::string(e.what()).find('\n') == std::string::npos);
    return e.what();
  }
  return "accepted";
}

template <typename Spoil>
std::string refusal_after(Spoil spoil) {
  model_file file;
  spoil(file);
  return refusal(file.bytes());
}

// Normalization rules as the search tree that charsmap.hpp describes, made by hand.
struct charsmap {
  std::vector<std::uint32_t> units = std::vector<std::uint32_t>(512, 0x80000000u);
  std::string replacements = std::string("b\0", 2);

  charsmap() {  // "A" becomes "b"
    branch(0, 0, 256, false);
    branch(256 ^ 'A', 'A', 128, true);
    units[128] = 0x80000000u;
  }
  // Unit `at`, reached by `label`: its children stand at `base` ^ label.
  void branch(std::uint32_t at, std::uint32_t label, std::uint32_t base, bool rule) {
    units[at] = label | (rule ? 0x100u : 0u) | (at ^ base) << 10;
  }
  std::string bytes() const {
    std::string out;
    const auto put = [&](std::uint32_t value) {
      for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift & 0xff);
    };
    put(static_cast<std::uint32_t>(units.size() * 4));
    for (const std::uint32_t unit : units) put(unit);
    return out + replacements;
  }
};

std::string refusal(const charsmap& rules) {
  return refusal_after(
      [&](model_file& m) { m.normalizer = message().text(2, rules.bytes()).bytes; });
}

}  // namespace

TEST_CASE("sentencepiece_model: a model made by hand encodes as it says") {
  const auto t = umt5::tokenizer::from_memory("m", model_file().bytes());
  CHECK(t.vocabulary_size() == 261);
  CHECK(t.encode("a b", 8) == std::vector<std::int32_t>{260, 259, 3 + 'b', 1});
}

TEST_CASE("tokenizer: no piece spans a space") {
  model_file file;
  file.pieces.push_back(piece("▁a▁a", piece_type::normal, 100));
  CHECK(umt5::tokenizer::from_memory("m", file.bytes()).encode("a a", 8) ==
        std::vector<std::int32_t>{260, 260, 1});
}

TEST_CASE("tokenizer: control pieces in a prompt are text") {
  const auto t = umt5::tokenizer::from_memory("m", model_file().bytes());
  CHECK(t.encode("</s>", 8) ==
        std::vector<std::int32_t>{259, 3 + '<', 3 + '/', 3 + 's', 3 + '>', 1});
}

TEST_CASE("sentencepiece_model: rules made by hand are applied") {
  model_file file;
  file.normalizer = message().text(2, charsmap().bytes()).bytes;
  const auto t = umt5::tokenizer::from_memory("m", file.bytes());
  CHECK(t.encode("A", 8) == std::vector<std::int32_t>{259, 3 + 'b', 1});
}

TEST_CASE(
    "sentencepiece_model: blanks that rules make are removed at the ends, unless the model keeps "
    "them") {
  charsmap rules;
  rules.replacements = std::string(" \0", 2);  // "A" becomes a blank
  for (const bool removes : {true, false}) {
    model_file file;
    file.normalizer = message().text(2, rules.bytes()).number(4, removes).bytes;
    const auto tokens = umt5::tokenizer::from_memory("m", file.bytes()).encode("aA", 8);
    CHECK(tokens ==
          (removes ? std::vector<std::int32_t>{260, 1} : std::vector<std::int32_t>{260, 259, 1}));
  }
}

TEST_CASE("sentencepiece_model: what was read is written, and reads the same") {
  for (const std::string rules : {"identity", "nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf"}) {
    const std::string trained = umt5::train_tokenizer({"a small boat", "a river"}, rules, 300);
    const auto model = umt5::parse_sentencepiece_model("m", trained);
    const std::string written = umt5::model_bytes(model);
    const auto again = umt5::parse_sentencepiece_model("m", written);
    REQUIRE(again.pieces.size() == model.pieces.size());
    for (std::size_t i = 0; i < model.pieces.size(); ++i) {
      CHECK(again.pieces[i].text == model.pieces[i].text);
      CHECK(again.pieces[i].score == model.pieces[i].score);
      CHECK(again.pieces[i].type == model.pieces[i].type);
    }
    CHECK(again.charsmap == model.charsmap);
    CHECK(model.charsmap.empty() == (rules == "identity"));
    CHECK(umt5::model_bytes(again) == written);
  }
}

TEST_CASE("sentencepiece_model: fields that encoding does not need are passed over") {
  CHECK(refusal_after([](model_file& m) {
          m.rest = message().text(4, "self-test").text(5, "denormalizer").number(200, 7).bytes;
          m.rest += message().tag(201, 1).bytes + std::string(8, 'x');
          m.trainer += message().text(1, "/corpus").number(4, 8000).bytes;
        }) == "accepted");
}

TEST_CASE("sentencepiece_model: what is not the wire format is refused with its place") {
  CHECK(refusal("{}") == "m: byte 0: not a SentencePiece model: field 15 is of type 3");
  CHECK(refusal(message().tag(1, 2).varint(100).bytes) ==
        "m: byte 0: the field claims 100 bytes, its message holds 0 more");
  CHECK(refusal("\x0a\x02\x0a\x05") ==
        "m: byte 2: the field claims 5 bytes, its message holds 0 more");
  CHECK(refusal(message().tag(1, 0).bytes + std::string(11, '\x80')) ==
        "m: byte 0: a number of more than 10 bytes");
  CHECK(refusal(message().tag(0, 2).bytes) ==
        "m: byte 0: not a SentencePiece model: a bad field number");
  CHECK(refusal(message().tag(7, 3).bytes) ==
        "m: byte 0: not a SentencePiece model: field 7 is of type 3");
  CHECK(refusal(message().number(1, 5).bytes) == "m: byte 0: pieces is of wire type 0, expected 2");
  const std::string good = model_file().bytes();
  for (std::size_t size = 0; size < good.size(); size += 7)
    CHECK(refusal(good.substr(0, size)) != "accepted");
}

TEST_CASE("sentencepiece_model: bad pieces are refused") {
  const auto with = [](const std::string& bad) {
    return refusal_after([&](model_file& m) { m.pieces.push_back(bad); });
  };
  CHECK(with(piece("")) == "m: piece 261: is empty");
  CHECK(with(piece(std::string("a\0b", 3))) == "m: piece 261: is not UTF-8 text");
  CHECK(with(piece("\xff")) == "m: piece 261: is not UTF-8 text");
  CHECK(with(piece(std::string(256, 'a'))) == "accepted");
  CHECK(with(piece(std::string(257, 'a'))) ==
        "m: piece 261: has 257 bytes, more than the limit of 256");
  CHECK(with(piece(std::string(65, 'a'), piece_type::user_defined)) ==
        "m: piece 261: has 65 bytes, more than the limit of 64");
  CHECK(with(piece("b", piece_type::normal, std::numeric_limits<float>::quiet_NaN())) ==
        "m: piece 261: has a score that is not a finite number");
  CHECK(with(piece("b", piece_type::normal, std::numeric_limits<float>::infinity())) ==
        "m: piece 261: has a score that is not a finite number");
  CHECK(with(message().text(1, "b").number(3, 7).bytes).find(": piece type 7, expected 1 to 6") !=
        std::string::npos);
  CHECK(with(message().text(1, "b").text(1, "c").bytes).find(": piece stands there twice") !=
        std::string::npos);
  CHECK(with(piece("▁a")) == "m: \\xe2\\x96\\x81a is already defined.");
  CHECK(with(piece("<0x41>", piece_type::byte)) ==
        "m: piece 261: is no byte piece, <0x00> to <0xFF>, or a second one for its byte");
  CHECK(with(piece("<0xg1>", piece_type::byte)) ==
        "m: piece 261: is no byte piece, <0x00> to <0xFF>, or a second one for its byte");
  CHECK(with(piece("<unk2>", piece_type::unknown)) == "m: 2 unknown pieces, expected 1");
}

TEST_CASE("sentencepiece_model: a model of another kind is refused by what makes it so") {
  using file = model_file;
  CHECK(refusal_after([](file& m) { m.pieces.clear(); }) ==
        "m: piece 0: expected the control piece <pad>, found none");
  CHECK(refusal_after([](file& m) { m.pieces[0] = piece("<s>", piece_type::control); }) ==
        "m: piece 0: expected the control piece <pad>, found <s>");
  CHECK(refusal_after([](file& m) { m.pieces[1] = piece("</s>"); }) ==
        "m: piece 1: expected the control piece </s>, found </s>");
  CHECK(refusal_after([](file& m) { m.pieces.erase(m.pieces.begin() + 2); }) ==
        "m: 0 unknown pieces, expected 1");
  CHECK(refusal_after([](file& m) { m.pieces.erase(m.pieces.begin() + 3); }) ==
        "m: 255 byte pieces, expected 256");
  const auto trainer = [](const message& spec) {
    const std::string line = refusal_after([&](file& m) { m.trainer = spec.bytes; });
    return line.substr(line.rfind(": ") + 2);
  };
  CHECK(trainer(message().number(3, 2)) == "model_type 2, expected 1 (unigram)");
  CHECK(trainer(message().number(24, 1)) == "treat_whitespace_as_suffix is on, expected off");
  CHECK(trainer(message().number(3, 1)) == "byte_fallback is off, expected on");
  CHECK(trainer(message().number(35, 1).number(35, 1)) == "byte_fallback stands there twice");
  const auto normalizer = [](const message& spec) {
    const std::string line = refusal_after([&](file& m) { m.normalizer = spec.bytes; });
    return line.substr(line.rfind(": ") + 2);
  };
  CHECK(normalizer(message().number(3, 0)) == "add_dummy_prefix is off, expected on");
  CHECK(normalizer(message().number(5, 0)) == "escape_whitespaces is off, expected on");
  CHECK(refusal_after([](file& m) { m.normalizer = message().number(4, 0).bytes; }) == "accepted");
}

TEST_CASE("charsmap: every way out of the search tree is refused") {
  const auto spoiled = [](auto spoil) {
    charsmap rules;
    spoil(rules);
    return refusal(rules);
  };
  CHECK(refusal(charsmap()) == "accepted");
  CHECK(spoiled([](charsmap& c) { c.branch(0, 0, 512, false); }) ==
        "m: precompiled_charsmap: unit 0: its children lie outside of the 512 units");
  CHECK(spoiled([](charsmap& c) { c.branch(256 ^ 'A', 'A', 1 << 20, true); }) ==
        "m: precompiled_charsmap: unit 321: its children lie outside of the 512 units");
  CHECK(spoiled([](charsmap& c) { c.units.resize(400, 0x80000000u); }) ==
        "m: precompiled_charsmap: unit 0: its children lie outside of the 400 units");
  CHECK(spoiled([](charsmap& c) { c.branch(256 ^ 'A', 'A', 256, true); }) ==
        "m: precompiled_charsmap: unit 321: a rule without end: its unit leads back to itself");
  CHECK(spoiled([](charsmap& c) { c.units[128] = 2; }) ==
        "m: precompiled_charsmap: unit 321: its replacement stands at 2, but they end at 2");
  CHECK(spoiled([](charsmap& c) { c.replacements = "b"; }) ==
        "m: precompiled_charsmap: the last replacement has no end");
  CHECK(spoiled([](charsmap& c) { c.replacements = std::string("\xff\0", 2); }) ==
        "m: precompiled_charsmap: unit 321: its replacement is not UTF-8");
  CHECK(
      spoiled([](charsmap& c) { c.replacements = std::string(65, 'b') + '\0'; }) ==
      "m: precompiled_charsmap: unit 321: its replacement has 65 bytes, more than the limit of 64");
  CHECK(spoiled([](charsmap& c) { c.replacements = std::string(64, 'b') + '\0'; }) == "accepted");
  CHECK(spoiled([](charsmap& c) { c.replacements.clear(); }) ==
        "m: precompiled_charsmap: the tree claims 2048 bytes, 2048 follow");
}

TEST_CASE("charsmap: rules nested deeper than the library's arrays are refused") {
  // A chain "A", "AA", ...: unit k of the chain at bases[k] ^ 'A', alternating over blocks of
  // units.
  const auto chain = [](std::size_t length, bool all_are_rules) {
    charsmap rules;
    rules.units.assign(256 * (length + 2), 0x80000000u);
    rules.branch(0, 0, 256, false);
    for (std::uint32_t k = 1; k <= length; ++k) {
      const std::uint32_t at = 256 * k ^ 'A';
      rules.branch(at, 'A', 256 * (k + 1), all_are_rules || k == length);
      rules.units[256 * (k + 1)] = 0x80000000u;
    }
    return refusal(rules);
  };
  CHECK(chain(32, true) == "accepted");
  CHECK(chain(33, true) == "m: precompiled_charsmap: unit 321: more than 32 rules begin alike");
  CHECK(chain(200, false) == "accepted");
  CHECK(chain(300, false).find("a rule of more than 256 bytes") != std::string::npos);
}

TEST_CASE("sentencepiece_model: sizes are bounded") {
  CHECK(refusal(std::string(umt5::model_max_bytes + 1, 'a')) ==
        "m: 16777217 bytes, more than the limit of 16777216");
  std::string pieces;
  for (std::size_t i = 0; i <= umt5::model_max_pieces; ++i)
    pieces +=
        "\x0a\x03\x0a\x01"
        "a";
  CHECK(refusal(pieces).find("more than 524288 pieces") != std::string::npos);
  CHECK(refusal_after([](model_file& m) {
          m.normalizer = message().text(2, std::string(umt5::charsmap_max_bytes + 1, 'a')).bytes;
        }) == "m: precompiled_charsmap: 4194305 bytes, more than the limit of 4194304");
}
