#pragma once
// A SentencePiece model file (.model: protobuf ModelProto), read and checked before the
// sentencepiece library sees it. The library trusts parts of such a file: it follows the
// normalizer's search tree without looking at its bounds and keeps prefix matches in arrays of
// fixed size. So its input is not the file but model_bytes(): what was checked, and nothing else.
// The self-test and the denormalizer, which encoding does not need, are left out.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace umt5 {

inline constexpr std::size_t model_max_bytes = 16 * 1024 * 1024;  // umt5-xxl: about 4.5 MB
inline constexpr std::size_t model_max_pieces = 1 << 19;          // umt5-xxl: 256,300
inline constexpr std::size_t model_max_piece_bytes = 256;
// Symbols that match before anything else; the library keeps at most 64 that begin alike.
inline constexpr std::size_t model_max_user_symbol_bytes = 64;

enum class piece_type : std::uint8_t {
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6
};

struct model_piece {
  std::string_view text;  // UTF-8, not empty, no zero byte
  float score = 0;        // finite: log probability
  piece_type type = piece_type::normal;
};

// Views into the file's bytes, which must outlive it.
struct sentencepiece_model {
  std::vector<model_piece> pieces;  // by id
  std::string_view charsmap;        // normalization (charsmap.hpp); empty: none
  bool remove_extra_whitespaces = true;
};

// Throws latency::error naming `path` unless `bytes` are a unigram model with `<pad>` at id 0,
// `</s>` at id 1, one unknown piece and all 256 byte pieces, that puts a blank before the text.
[[nodiscard]] sentencepiece_model parse_sentencepiece_model(const std::string& path,
                                                            std::string_view bytes);

// The model as a file again.
[[nodiscard]] std::string model_bytes(const sentencepiece_model& model);

}  // namespace umt5
