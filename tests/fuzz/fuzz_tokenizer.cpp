// Any bytes at all as a model file, and any prompt: refused with one line, or ids of the model's
// pieces with `</s>` last. Layout: kind of model, bytes of the prompt, the prompt, the model.

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>

#include "latency/error.hpp"
#include "pipeline_reference/umt5/sentencepiece_model.hpp"
#include "pipeline_reference/umt5/tokenizer.hpp"

namespace {

std::string_view take(std::string_view& rest, std::size_t most) {
  const std::string_view taken = rest.substr(0, most);
  rest.remove_prefix(taken.size());
  return taken;
}

std::size_t take_byte(std::string_view& rest) {
  const std::string_view byte = take(rest, 1);
  return byte.empty() ? 0 : static_cast<unsigned char>(byte[0]);
}

// A model whose frame is right: pieces (type, score, bytes, text), then the charsmap. Mutations of
// a whole file seldom get that far.
std::string framed_model(std::string_view rest) {
  umt5::sentencepiece_model model;
  model.pieces = {{"<pad>", 0, umt5::piece_type::control},
                  {"</s>", 0, umt5::piece_type::control},
                  {"<unk>", 0, umt5::piece_type::unknown}};
  std::deque<std::string> byte_pieces;
  for (int byte = 0; byte < 256; ++byte) {
    byte_pieces.push_back(fmt::format("<0x{:02X}>", byte));
    model.pieces.push_back({byte_pieces.back(), 0, umt5::piece_type::byte});
  }
  for (std::size_t pieces = take_byte(rest); pieces > 0; --pieces) {
    const auto type = static_cast<umt5::piece_type>(take_byte(rest) % 8);
    const auto score = static_cast<float>(take_byte(rest)) - 128;
    model.pieces.push_back({take(rest, take_byte(rest)), score, type});
  }
  model.remove_extra_whitespaces = take_byte(rest) % 2 == 1;
  model.charsmap = rest;
  return umt5::model_bytes(model);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const bool framed = take_byte(rest) % 2 == 1;
  const std::string prompt(take(rest, take_byte(rest)));
  try {
    const auto tokenizer =
        umt5::tokenizer::from_memory("fuzz", framed ? framed_model(rest) : std::string(rest));
    for (const std::int64_t most_tokens : {1, 8, 512}) {
      const auto ids = tokenizer.encode(prompt, most_tokens);
      if (ids.empty() || ids.size() > static_cast<std::size_t>(most_tokens)) std::abort();
      if (ids.back() != umt5::end_token) std::abort();
      for (auto id = ids.begin(); id != ids.end() - 1; ++id)
        if (*id <= umt5::end_token || *id >= tokenizer.vocabulary_size()) std::abort();
    }
  } catch (const latency::error& error) {
    const std::string_view line = error.what();
    if (line.empty() || line.find('\n') != std::string_view::npos) std::abort();
  }
  return 0;
}
