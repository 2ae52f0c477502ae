// Prompts as text, from the command line to the pixels.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "pipeline_reference/checkpoint/safetensors_writer.hpp"
#include "pipeline_reference/checkpoint/weight_source.hpp"
#include "pipeline_reference/ops/cpu/cpu_backend.hpp"
#include "pipeline_reference/umt5/encoder.hpp"
#include "pipeline_reference/umt5/tokenizer.hpp"
#include "tests/pipeline_reference/source_dir.hpp"
#include "tests/pipeline_reference/tiny_run.hpp"

using latency_test::read_file;
using longlive_tests::interactive;
using longlive_tests::program_result;
using longlive_tests::tiny_run;
using nlohmann::json;

namespace {

std::string tokenizer_path() {
  return longlive_tests::source_dir() + "/pipeline_reference/configs/tokenizer_small.model";
}

std::string text_encoder(const std::string& tokenizer = tokenizer_path(), int vocabulary = 700) {
  return fmt::format(
      "  text_encoder:\n"
      "    model: {{vocab: {}, dim_ffn: 24, num_heads: 2, num_layers: 2}}\n"
      "    tokenizer: {}\n",
      vocabulary, tokenizer);
}

// The encoder of text_encoder() with the configuration's seed, without the program around it.
std::vector<float> embedding(const std::string& text) {
  umt5::encoder_config c{700, 16, 16, 2, 24, 2, 32, 8};
  ops::cpu::cpu_backend backend;
  umt5::encoder encoder(c, std::make_unique<checkpoint::random_weights>(0), backend.memory(),
                        backend.transformer());
  std::vector<float> rows(static_cast<std::size_t>(c.text_len * c.dim));
  encoder.encode(umt5::tokenizer::open(tokenizer_path()).encode(text, c.text_len),
                 {rows.data(), ops::dtype::f32, {c.text_len, c.dim}}, {});
  return rows;
}

std::string video(const tiny_run& run) {
  const program_result result =
      run.run({interactive, "--config_path", run.config(), "--output_video", run / "v.y4m",
               "--overwrite", "--quiet"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  return read_file(run / "v.y4m");
}

// Values of an attribute of the spans of one name, in the order of the file; -1 where it is absent.
std::vector<int> attributes(const json& file, const std::string& span, const std::string& key) {
  std::vector<int> values;
  const auto names = longlive_tests::span_names(file);
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == span) values.push_back(file["spans"]["attributes"][i].value(key, -1));
  return values;
}

}  // namespace

TEST_CASE("encoded prompts: make the clip of their embeddings given in a file") {
  const tiny_run texts(4, text_encoder());
  const std::string from_texts = video(texts);

  const tiny_run embeddings(4, "  prompt_embeddings: e.safetensors\n");
  std::vector<std::vector<float>> rows;
  std::vector<checkpoint::tensor_to_write> tensors;
  for (const char* prompt : {"a b", "c", "d e f"}) rows.push_back(embedding(prompt));
  for (std::size_t i = 0; i < rows.size(); ++i)
    tensors.push_back({fmt::format("prompt_embeds.{}", i), {8, 16}, rows[i]});
  checkpoint::write_safetensors(embeddings / "e.safetensors", tensors);
  const bool the_same = from_texts == video(embeddings);  // no megabyte of message
  CHECK(the_same);

  longlive_tests::write(texts / "p.jsonl", "{\"prompts\": [\"a b\", \"c\", \"d e g\"]}\n");
  const bool blind_to_the_text = from_texts == video(texts);
  CHECK_FALSE(blind_to_the_text);
}

TEST_CASE("encoded prompts: hostile texts run as what cleaning leaves of them") {
  const tiny_run hostile(4, text_encoder()), clean(4, text_encoder());
  const std::string escapes = "\\u001b[2Ja\\u0000boat";
  longlive_tests::write(hostile / "p.jsonl",
                        "{\"prompts\": [\"" + escapes + "\", \"c\", \"d\"]}\n");
  const program_result refused = hostile.timed();
  CHECK(refused.exit_code == 2);
  CHECK(refused.err == "interactive_inference_with_timing: " + (hostile / "p.jsonl") +
                           ": line 1: holds a zero byte\n");
  longlive_tests::write(hostile / "p.jsonl",
                        "\xef\xbb\xbf{\"prompts\": [\"\\u001b[2Ja\\n\\u3000boat\\ufeff\", "
                        "\"\\uff21 &amp;#x1b;[2J\", \"" +
                            std::string(1'000'000, 'z') + "\"]}\r\n");
  longlive_tests::write(clean / "p.jsonl", "{\"prompts\": [\"a boat\", \"A [2J\", \"" +
                                               std::string(40, 'z') + "\"]}\n");
  const bool the_same = video(hostile) == video(clean);
  CHECK(the_same);
  const program_result shown =
      hostile.run({interactive, "--config_path", hostile.config(), "--output_video", "none"});
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; };
  CHECK(std::none_of(shown.out.begin(), shown.out.end(), is_control));
}

TEST_CASE("encoded prompts: a prompt that comes again is encoded once, and the file says so") {
  const tiny_run run(4, text_encoder());
  longlive_tests::write(run / "p.jsonl",
                        "{\"prompts\": [\"a boat\", \"a river\", \" a  boat\"]}\n"
                        "{\"prompts\": [\"a river\", \"a boat\", \"rain\"]}\n");
  REQUIRE(run.timed().exit_code == 0);
  json first = run.timing_file();  // not const: a missing key must fail a check, not crash
  const std::string span = "interactive_text_encoding";
  CHECK(attributes(first, span, "segment") == std::vector<int>{0, 1, 2});
  CHECK(attributes(first, span, "prompt_cache_hit") == std::vector<int>{0, 0, 1});
  const std::vector<int> tokens = attributes(first, span, "tokens");
  CHECK(tokens[0] == tokens[2]);
  CHECK(*std::min_element(tokens.begin(), tokens.end()) > 1);
  CHECK(first["run"]["prompt_embeddings"] == "encoded");
  CHECK(first["run"]["text_encoder_checkpoint"] == "random");
  CHECK(first["run"]["prompt_cache_hits"] == 1);
  CHECK(first["run"]["prompt_cache_misses"] == 2);
  CHECK(first["run"]["prompt_cache_hit_rate"] == doctest::Approx(1.0 / 3));
  CHECK(first["run"]["prompt_cache_evictions"] == 0);
  CHECK(longlive_tests::count(longlive_tests::span_names(first), "release_text_encoder") == 0);

  json second = json::parse(read_file(run / "out/interactive_timing_analysis_rank0_prompt1.json"));
  CHECK(attributes(second, span, "prompt_cache_hit") == std::vector<int>{1, 1, 0});
  CHECK(second["run"]["prompt_cache_hits"] == 2);
  CHECK(second["run"]["prompt_cache_misses"] == 1);
  CHECK(second["run"]["prompt_cache_bytes"] > first["run"]["prompt_cache_bytes"]);
  CHECK(longlive_tests::count(longlive_tests::span_names(second), "release_text_encoder") == 1);
}

TEST_CASE("encoded prompts: without the cache in use nothing is said of one") {
  const tiny_run run(4);
  REQUIRE(run.timed().exit_code == 0);
  const json file = run.timing_file();
  CHECK(file["run"]["prompt_embeddings"] == "seeded");
  CHECK_FALSE(file["run"].contains("prompt_cache_hits"));
  CHECK(attributes(file, "interactive_text_encoding", "prompt_cache_hit") ==
        std::vector<int>{-1, -1, -1});
  CHECK(attributes(file, "interactive_text_encoding", "tokens") == std::vector<int>{3, 2, 4});
}

TEST_CASE("encoded prompts: a tokenizer that is missing or does not fit is one line, and no file") {
  const auto refusal = [](const std::string& more) {
    const tiny_run run(4, more);
    const program_result result = run.timed();
    CHECK(result.exit_code == 2);
    CHECK(std::filesystem::is_empty(run / "out"));
    return result.err;
  };
  const std::string name = "interactive_inference_with_timing: ";
  CHECK(refusal(text_encoder("no_such.model")) == name + "no_such.model: no such file\n");
  const tiny_run broken;
  longlive_tests::write(broken / "t.model", "{}");
  CHECK(refusal(text_encoder(broken / "t.model")) ==
        name + (broken / "t.model") +
            ": byte 0: not a SentencePiece model: field 15 is of type 3\n");
  const std::int64_t ids = umt5::tokenizer::open(tokenizer_path()).vocabulary_size();
  CHECK(refusal(text_encoder(tokenizer_path(), static_cast<int>(ids) - 1)) ==
        fmt::format("{}{}: has {} token ids, but the text encoder has {} embeddings\n", name,
                    tokenizer_path(), ids, ids - 1));
  CHECK(video(tiny_run(4, text_encoder(tokenizer_path(), static_cast<int>(ids)))).size() > 0);
}
