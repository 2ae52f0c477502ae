#include "pipeline_reference/umt5/tokenizer.hpp"

#include <doctest/doctest.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "latency/error.hpp"
#include "pipeline_reference/longlive/prompts.hpp"
#include "pipeline_reference/umt5/text_cleaning.hpp"
#include "pipeline_reference/umt5/train_tokenizer.hpp"
#include "tests/pipeline_reference/source_dir.hpp"
#include "tests/temporary_folder.hpp"

using umt5::tokenizer;
using ids = std::vector<std::int32_t>;

namespace {

constexpr std::int32_t unknown_token = 2;
constexpr std::int32_t first_byte_token = 3;  // <0x00>; the trainer puts the bytes after <unk>

const std::string& trained_model(const std::string& normalization) {
  static const std::vector<std::string> sentences{
      "a small boat drifts along a calm river", "the boat reaches a small village",
      "rain falls on the river and the village", "a lantern glows on the boat"};
  static const std::string identity = umt5::train_tokenizer(sentences, "identity", 320);
  static const std::string nmt_nfkc = umt5::train_tokenizer(sentences, "nmt_nfkc", 320);
  return normalization == "identity" ? identity : nmt_nfkc;
}

// The pieces of a prompt without `</s>`, joined: what the model saw.
std::string spelled(const std::string& model, const ids& tokens) {
  sentencepiece::SentencePieceProcessor processor;
  REQUIRE(processor.LoadFromSerializedProto(model).ok());
  std::string text;
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    const std::string& piece = processor.IdToPiece(tokens[i]);
    text += processor.IsByte(tokens[i])
                ? std::string(1, static_cast<char>(std::stoi(piece.substr(3, 2), nullptr, 16)))
                : piece;
  }
  return text;
}

std::string refusal(const std::string& bytes) {
  try {
    static_cast<void>(tokenizer::from_memory("m", bytes));
  } catch (const latency::error& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("tokenizer: the pieces spell the prompt, and </s> is last") {
  for (const std::string normalization : {"identity", "nmt_nfkc"}) {
    const std::string& model = trained_model(normalization);
    const auto t = tokenizer::from_memory("m", model);
    const ids tokens = t.encode("the  boat\treaches\n a river ", 512);
    CHECK(tokens.back() == umt5::end_token);
    CHECK(std::count(tokens.begin(), tokens.end(), umt5::end_token) == 1);
    CHECK(std::count(tokens.begin(), tokens.end(), unknown_token) == 0);
    CHECK(spelled(model, tokens) == "▁the▁boat▁reaches▁a▁river");
    CHECK(tokens.size() < 20);  // words of the training text are not spelled out letter by letter
    for (const std::int32_t id : tokens) CHECK(id < t.vocabulary_size());
  }
}

TEST_CASE("tokenizer: a character without a piece becomes its bytes") {
  const auto t = tokenizer::from_memory("m", trained_model("identity"));
  const std::int32_t b = first_byte_token;
  const ids tokens = t.encode("ß", 512);  // C3 9F; the blank before it has a piece of its own
  REQUIRE(tokens.size() == 4);
  CHECK(tokens[1] == b + 0xc3);
  CHECK(tokens[2] == b + 0x9f);
}

TEST_CASE("tokenizer: normalization rules of the model are applied") {
  const std::string& model = trained_model("nmt_nfkc");
  const auto t = tokenizer::from_memory("m", model);
  // U+2460 CIRCLED DIGIT ONE is left alone by the cleaning, and NFKC makes it a digit
  CHECK(umt5::clean_prompt("①") == "①");
  CHECK(spelled(model, t.encode("boat ①", 512)) == "▁boat▁1");
  const std::string& plain = trained_model("identity");
  CHECK(spelled(plain, tokenizer::from_memory("m", plain).encode("boat ①", 512)) == "▁boat▁①");
}

TEST_CASE("tokenizer: a prompt without text is </s> alone") {
  const auto t = tokenizer::from_memory("m", trained_model("identity"));
  CHECK(t.encode("", 512) == ids{umt5::end_token});
  CHECK(t.encode(" \n\t ", 512) == ids{umt5::end_token});
}

TEST_CASE("tokenizer: a long prompt keeps its first tokens and ends in </s>") {
  const auto t = tokenizer::from_memory("m", trained_model("identity"));
  const std::string prompt = "a small boat drifts along the river";
  const ids whole = t.encode(prompt, 512);
  REQUIRE(whole.size() > 5);
  for (std::size_t most = 1; most <= whole.size() + 1; ++most) {
    const ids tokens = t.encode(prompt, static_cast<std::int64_t>(most));
    REQUIRE(tokens.size() == std::min(most, whole.size()));
    CHECK(std::equal(tokens.begin(), tokens.end() - 1, whole.begin()));
    CHECK(tokens.back() == umt5::end_token);
  }
  CHECK_THROWS_WITH_AS(static_cast<void>(t.encode(prompt, 0)), "a prompt of at most 0 tokens",
                       latency::error);
}

TEST_CASE("tokenizer: a prompt of 1 MB is cut like a short one") {
  const auto t = tokenizer::from_memory("m", trained_model("identity"));
  std::string words;
  while (words.size() < 1'000'000) words += "the boat ";
  CHECK(t.encode(words, 512).size() == 512);
  CHECK(t.encode(std::string(1'000'000, 'z'), 512).size() == 512);  // one word, no piece
  CHECK_THROWS_WITH_AS(
      static_cast<void>(t.encode(std::string(umt5::tokenizer_max_text_bytes + 1, 'z'), 512)),
      "a prompt of 4194305 bytes, more than the limit of 4194304", latency::error);
}

TEST_CASE("tokenizer: opens a file, and names one that it cannot") {
  const latency_test::temporary_folder folder;
  std::ofstream(folder / "t.model", std::ios::binary) << trained_model("nmt_nfkc");
  CHECK(tokenizer::open(folder / "t.model").vocabulary_size() ==
        tokenizer::from_memory("m", trained_model("nmt_nfkc")).vocabulary_size());
  CHECK_THROWS_WITH_AS(static_cast<void>(tokenizer::open("no_such.model")),
                       "no_such.model: no such file", latency::error);
  CHECK(refusal("") == "m: is empty");
}

TEST_CASE("tokenizer: the bundled model has pieces for all of the bundled prompts") {
  const std::string configs = longlive_tests::source_dir() + "/pipeline_reference/configs";
  const auto t = tokenizer::open(configs + "/tokenizer_small.model");
  int prompts = 0;
  for (const auto& file : std::filesystem::directory_iterator(configs + "/prompts")) {
    for (const auto& line : longlive::read_prompts(file.path().string())) {
      for (const std::string& prompt : line.prompts) {
        const ids tokens = t.encode(prompt, 512);
        CHECK(tokens.back() == umt5::end_token);
        for (std::size_t i = 0; i + 1 < tokens.size(); ++i)  // neither unknown nor spelled in bytes
          CHECK(tokens[i] >= first_byte_token + 256);
        ++prompts;
      }
    }
  }
  CHECK(prompts == 11);
}
