#include "pipeline_reference/umt5/sentencepiece_model.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <charconv>
#include <cmath>

#include "latency/detail/utf8.hpp"
#include "latency/error.hpp"
#include "pipeline_reference/files/text_file.hpp"
#include "pipeline_reference/umt5/charsmap.hpp"
#include "pipeline_reference/umt5/wire_reader.hpp"

namespace umt5 {
namespace {

bool is_text(std::string_view bytes) {  // UTF-8 without a zero byte
  for (std::size_t at = 0; at < bytes.size();) {
    const auto sequence = latency::detail::decode_utf8(bytes.substr(at));
    if (!sequence.valid || bytes[at] == '\0') return false;
    at += sequence.length;
  }
  return true;
}

class model_parser {
 public:
  model_parser(const std::string& path, std::string_view bytes) : path_(path), bytes_(bytes) {}

  sentencepiece_model parse() {
    wire_reader reader(path_, bytes_, bytes_);
    for (wire_field field; reader.next(field);) {
      if (field.number == 1) {
        reader.require_type(field, wire_type::bytes, "pieces");
        if (model_.pieces.size() == model_max_pieces)
          reader.fail(fmt::format("more than {} pieces", model_max_pieces));
        model_.pieces.push_back(parse_piece(field.bytes));
      } else if (field.number == 2) {
        reader.require_once(field, wire_type::bytes, "trainer_spec");
        parse_trainer_spec(field.bytes);
      } else if (field.number == 3) {
        reader.require_once(field, wire_type::bytes, "normalizer_spec");
        parse_normalizer_spec(field.bytes);
      }
    }
    require_ids();
    require_bytes();
    return std::move(model_);
  }

 private:
  model_piece parse_piece(std::string_view message) {
    model_piece piece;
    wire_reader reader(path_, bytes_, message);
    for (wire_field field; reader.next(field);) {
      if (field.number == 1) {
        reader.require_once(field, wire_type::bytes, "piece");
        piece.text = field.bytes;
      } else if (field.number == 2) {
        reader.require_once(field, wire_type::fixed32, "score");
        piece.score = std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
      } else if (field.number == 3) {
        reader.require_once(field, wire_type::varint, "type");
        if (field.value < 1 || field.value > 6)
          reader.fail(fmt::format("piece type {}, expected 1 to 6", field.value));
        piece.type = static_cast<piece_type>(field.value);
      }
    }
    const std::size_t most = piece.type == piece_type::user_defined ? model_max_user_symbol_bytes
                                                                    : model_max_piece_bytes;
    if (piece.text.empty()) fail_piece("is empty");
    if (piece.text.size() > most)
      fail_piece(fmt::format("has {} bytes, more than the limit of {}", piece.text.size(), most));
    if (!is_text(piece.text)) fail_piece("is not UTF-8 text");
    if (!std::isfinite(piece.score)) fail_piece("has a score that is not a finite number");
    return piece;
  }

  void parse_trainer_spec(std::string_view message) {
    wire_reader reader(path_, bytes_, message);
    for (wire_field field; reader.next(field);) {
      if (field.number == 3) {
        reader.require_once(field, wire_type::varint, "model_type");
        if (field.value != 1)
          reader.fail(fmt::format("model_type {}, expected 1 (unigram)", field.value));
      } else if (field.number == 24) {
        reader.require_once(field, wire_type::varint, "treat_whitespace_as_suffix");
        if (field.value != 0) reader.fail("treat_whitespace_as_suffix is on, expected off");
      } else if (field.number == 35) {
        reader.require_once(field, wire_type::varint, "byte_fallback");
        byte_fallback_ = field.value != 0;
      }
    }
  }

  void parse_normalizer_spec(std::string_view message) {
    wire_reader reader(path_, bytes_, message);
    for (wire_field field; reader.next(field);) {
      if (field.number == 2) {
        reader.require_once(field, wire_type::bytes, "precompiled_charsmap");
        check_charsmap(path_, field.bytes);
        model_.charsmap = field.bytes;
      } else if (field.number == 3) {
        reader.require_once(field, wire_type::varint, "add_dummy_prefix");
        if (field.value == 0) reader.fail("add_dummy_prefix is off, expected on");
      } else if (field.number == 4) {
        reader.require_once(field, wire_type::varint, "remove_extra_whitespaces");
        model_.remove_extra_whitespaces = field.value != 0;
      } else if (field.number == 5) {
        reader.require_once(field, wire_type::varint, "escape_whitespaces");
        if (field.value == 0) reader.fail("escape_whitespaces is off, expected on");
      }
    }
  }

  void require_ids() const {
    constexpr std::array<std::string_view, 2> expected{"<pad>", "</s>"};
    for (std::size_t id = 0; id < expected.size(); ++id) {
      if (id >= model_.pieces.size() || model_.pieces[id].type != piece_type::control ||
          model_.pieces[id].text != expected[id])
        throw latency::error(
            path_, fmt::format("piece {}", id),
            fmt::format(
                "expected the control piece {}, found {}", expected[id],
                id < model_.pieces.size() ? files::printable(model_.pieces[id].text) : "none"));
    }
  }

  void require_bytes() const {
    if (!byte_fallback_) throw latency::error(path_, "", "byte_fallback is off, expected on");
    std::array<bool, 256> found{};
    std::size_t distinct = 0, unknown = 0;
    for (std::size_t id = 0; id < model_.pieces.size(); ++id) {
      const model_piece& piece = model_.pieces[id];
      unknown += piece.type == piece_type::unknown;
      if (piece.type != piece_type::byte) continue;
      unsigned value = 256;
      if (piece.text.size() == 6)
        std::from_chars(piece.text.data() + 3, piece.text.data() + 5, value, 16);
      if (value >= 256 || piece.text != fmt::format("<0x{:02X}>", value) || found[value])
        throw latency::error(path_, fmt::format("piece {}", id),
                             "is no byte piece, <0x00> to <0xFF>, or a second one for its byte");
      found[value] = true;
      ++distinct;
    }
    if (distinct != 256)
      throw latency::error(path_, "", fmt::format("{} byte pieces, expected 256", distinct));
    if (unknown != 1)
      throw latency::error(path_, "", fmt::format("{} unknown pieces, expected 1", unknown));
  }

  [[noreturn]] void fail_piece(const std::string& message) const {
    throw latency::error(path_, fmt::format("piece {}", model_.pieces.size()), message);
  }

  const std::string& path_;
  std::string_view bytes_;
  sentencepiece_model model_;
  bool byte_fallback_ = false;
};

// Writing, for the few types that model_bytes() needs.
void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void put_number(std::string& out, std::uint32_t field, std::uint64_t value) {
  put_varint(out, field << 3 | static_cast<std::uint32_t>(wire_type::varint));
  put_varint(out, value);
}

void put_bytes(std::string& out, std::uint32_t field, std::string_view bytes) {
  put_varint(out, field << 3 | static_cast<std::uint32_t>(wire_type::bytes));
  put_varint(out, bytes.size());
  out += bytes;
}

void put_float(std::string& out, std::uint32_t field, float value) {
  put_varint(out, field << 3 | static_cast<std::uint32_t>(wire_type::fixed32));
  const auto bits = std::bit_cast<std::uint32_t>(value);
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(bits >> shift & 0xff);
}

}  // namespace

sentencepiece_model parse_sentencepiece_model(const std::string& path, std::string_view bytes) {
  if (bytes.empty()) throw latency::error(path, "", "is empty");
  if (bytes.size() > model_max_bytes)
    throw latency::error(
        path, "",
        fmt::format("{} bytes, more than the limit of {}", bytes.size(), model_max_bytes));
  return model_parser(path, bytes).parse();
}

std::string model_bytes(const sentencepiece_model& model) {
  std::string out, part;
  for (const model_piece& piece : model.pieces) {
    part.clear();
    put_bytes(part, 1, piece.text);
    put_float(part, 2, piece.score);
    put_number(part, 3, static_cast<std::uint64_t>(piece.type));
    put_bytes(out, 1, part);
  }
  part.clear();
  put_number(part, 3, 1);   // model_type: unigram
  put_number(part, 35, 1);  // byte_fallback
  put_bytes(out, 2, part);
  part.clear();
  put_bytes(part, 2, model.charsmap);
  put_number(part, 4, model.remove_extra_whitespaces);
  put_bytes(out, 3, part);
  return out;
}

}  // namespace umt5
