#include "pipeline_reference/longlive/prompts.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/safetensors_writer.hpp"

using longlive::parse_prompts;

namespace {

std::string refusal(const std::string& text, bool jsonl = true) {
  try {
    static_cast<void>(parse_prompts(text, jsonl, "p"));
  } catch (const latency::error& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("prompts: JSONL lines become segments, blank lines are skipped") {
  const auto lines = parse_prompts(
      "{\"prompts\": [\"a\", \"b \\u00e9\"]}\n\n{\"prompts\": [\"c\", \"d\"]}\r\n", true, "p");
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].prompts == std::vector<std::string>{"a", "b \xc3\xa9"});
  CHECK(lines[1].line == 3);
  CHECK(lines[1].prompts == std::vector<std::string>{"c", "d"});
}

TEST_CASE("prompts: a text file has one prompt per line") {
  const auto lines = parse_prompts("\xef\xbb\xbf first \n\nsecond", false, "p");
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].prompts == std::vector<std::string>{"first"});
  CHECK(lines[1].prompts == std::vector<std::string>{"second"});
  CHECK(lines[1].line == 3);
}

TEST_CASE("prompts: lines end as on any system, and joined files keep no byte order mark") {
  const auto lines = parse_prompts("one\rtwo\r\n\n\xef\xbb\xbfthree\n\xef\xbb\xbf\r\n", false, "p");
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].prompts == std::vector<std::string>{"one"});
  CHECK(lines[1].line == 2);
  CHECK(lines[2].prompts == std::vector<std::string>{"three"});
  CHECK(lines[2].line == 4);
}

TEST_CASE("prompts: control characters are left in the text") {
  CHECK(parse_prompts("{\"prompts\": [\"a\\u001b[1mb\\nc\"]}", true, "p")[0].prompts[0] ==
        "a\x1b[1mb\nc");
}

TEST_CASE("prompts: every bad line is refused with one line that names it") {
  CHECK(refusal("") == "p: holds no prompt");
  CHECK(refusal(" \n\n", false) == "p: holds no prompt");
  CHECK(refusal("\nx") == "p: line 2: not JSON: expects {\"prompts\": [\"...\", ...]}");
  CHECK(refusal("{\"prompts\": [\"a\"]") ==
        "p: line 1: not JSON: expects {\"prompts\": [\"...\", ...]}");
  CHECK(refusal("[\"a\"]") == "p: line 1: expects an object, found array");
  CHECK(refusal("{\"prompt\": [\"a\"]}") == "p: line 1: has no \"prompts\"");
  CHECK(refusal("{\"prompts\": \"a\"}") == "p: line 1: \"prompts\" must be a list, found string");
  CHECK(refusal("{\"prompts\": []}") == "p: line 1: \"prompts\" is empty");
  CHECK(refusal("{\"prompts\": [\"a\", 1]}") == "p: line 1: prompt 1 must be a text, found number");
  CHECK(refusal("{\"prompts\": [\"a\", \" \"]}") == "p: line 1: prompt 1 is empty");
  CHECK(refusal("{\"prompts\": [\"a\"]}\n{\"prompts\": [\"a\", \"b\"]}") ==
        "p: line 2: has 2 prompts, but line 1 has 1");
  CHECK(refusal("{\"prompts\": [\"a\\u0000b\"]}") == "p: line 1: holds a zero byte");
  CHECK(refusal("ok\nab\xff", false) == "p: line 2: not UTF-8 at byte 2 of the text");
  CHECK(refusal(std::string(longlive::prompts_max_line_bytes + 1, 'a'), false) ==
        "p: line 1: 1048577 bytes, more than the limit of 1048576");
  CHECK(refusal("ok\n" + std::string(16 * 1024 * 1024, 'a'), false) ==
        "p: line 2: 16777216 bytes, more than the limit of 1048576");
  std::string many;
  for (std::size_t i = 0; i <= longlive::prompts_max_count; ++i) many += "a\n";
  CHECK(refusal(many, false) == "p: line 100001: more than 100000 prompts up to here");
  CHECK(refusal(std::string("ok\na\0b", 6), false) == "p: line 2: holds a zero byte");
  CHECK(refusal(std::string("\xff\xfe{\0", 4)) == "p: is UTF-16, expected UTF-8");
  CHECK(refusal("\xfe\xff", false) == "p: is UTF-16, expected UTF-8");
  CHECK(refusal("{\"prompts\": [\"\\ud800\"]}") ==
        "p: line 1: not JSON: expects {\"prompts\": [\"...\", ...]}");
  CHECK(refusal("{\"prompts\": " + std::string(400000, '[') + std::string(400000, ']') + "}") ==
        "p: line 1: prompt 0 must be a text, found array");
  CHECK_THROWS_WITH_AS(static_cast<void>(longlive::read_prompts("no_such.jsonl")),
                       "no_such.jsonl: no such file", latency::error);
}

TEST_CASE("seeded_embedding: rows past the tokens are zero, rows before it are normal") {
  const auto e = longlive::seeded_embedding("one two  three", 1, 16, 256);
  CHECK(e.token_count == 4);  // three words and the end mark
  REQUIRE(e.rows.size() == 16 * 256);
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i < 4 * 256; ++i) {
    sum += e.rows[i];
    squares += e.rows[i] * e.rows[i];
  }
  CHECK(std::abs(sum / 1024) < 0.1);
  CHECK(std::abs(squares / 1024 - 1) < 0.15);
  for (std::size_t i = 4 * 256; i < e.rows.size(); ++i) REQUIRE(e.rows[i] == 0.0f);
  CHECK(longlive::seeded_embedding("a b c d e", 1, 3, 8).token_count == 3);  // cut to text_len
}

TEST_CASE("seeded_embedding: depends on the text and the seed, and on nothing else") {
  const auto a = longlive::seeded_embedding("a boat", 1, 8, 4);
  CHECK(a.rows == longlive::seeded_embedding("a boat", 1, 8, 4).rows);
  CHECK(a.rows != longlive::seeded_embedding("a goat", 1, 8, 4).rows);
  CHECK(a.rows != longlive::seeded_embedding("a boat", 2, 8, 4).rows);
}

TEST_CASE("read_embeddings: takes a line's tensors and finds where their tokens end") {
  const std::string path =
      (std::filesystem::temp_directory_path() / "latency_prompts_test.safetensors").string();
  const std::vector<float> first{1, 2, 3, 4, 0, 0};
  const std::vector<float> second{0, 0, 5, 6, 7, 8};
  checkpoint::write_safetensors(path, {{"prompt_embeds.0", {3, 2}, first},
                                       {"prompt_embeds.1", {3, 2}, second},
                                       {"line1.prompt_embeds.0", {3, 2}, second}});
  const auto line0 = longlive::read_embeddings(path, 0, 2, 3, 2);
  CHECK(line0[0].token_count == 2);
  CHECK(line0[0].rows == first);
  CHECK(line0[1].token_count == 3);
  CHECK(longlive::read_embeddings(path, 1, 1, 3, 2)[0].rows == second);
  CHECK_THROWS_AS(static_cast<void>(longlive::read_embeddings(path, 1, 2, 3, 2)), latency::error);
  CHECK_THROWS_AS(static_cast<void>(longlive::read_embeddings(path, 0, 2, 3, 4)), latency::error);
  std::filesystem::remove(path);
}
