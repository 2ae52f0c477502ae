#include "pipeline_reference/longlive/prompt_encoder.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "latency/error.hpp"
#include "pipeline_reference/ops/cpu/cpu_backend.hpp"
#include "tests/pipeline_reference/source_dir.hpp"

namespace {

const umt5::encoder_config tiny{700, 12, 8, 2, 16, 2, 32, 9};

umt5::tokenizer bundled_tokenizer() {
  return umt5::tokenizer::open(longlive_tests::source_dir() +
                               "/pipeline_reference/configs/tokenizer_small.model");
}

umt5::encoder tiny_encoder(ops::cpu::cpu_backend& backend) {
  return {tiny, std::make_unique<checkpoint::random_weights>(1), backend.memory(),
          backend.transformer()};
}

struct fixture {
  ops::cpu::cpu_backend backend{1};
  longlive::prompt_encoder prompts;

  explicit fixture(std::int64_t cache_bytes = longlive::prompt_cache_bytes)
      : prompts(bundled_tokenizer(), tiny_encoder(backend), backend.memory(), cache_bytes) {}

  struct result {
    longlive::written_prompt written;
    std::vector<float> rows;
  };
  // Into memory that held something else.
  result write(const std::string& text) {
    result out;
    out.rows.assign(static_cast<std::size_t>(tiny.text_len * tiny.dim), NAN);
    out.written =
        prompts.write(text, {out.rows.data(), ops::dtype::f32, {tiny.text_len, tiny.dim}}, {});
    return out;
  }
};

// What the parts make of a text, without the cache between them.
std::vector<float> encoded(const std::string& text) {
  ops::cpu::cpu_backend backend(1);
  std::vector<float> rows(static_cast<std::size_t>(tiny.text_len * tiny.dim), NAN);
  tiny_encoder(backend).encode(bundled_tokenizer().encode(text, tiny.text_len),
                               {rows.data(), ops::dtype::f32, {tiny.text_len, tiny.dim}}, {});
  return rows;
}

}  // namespace

TEST_CASE("prompt_encoder: a text is encoded once, and so is all that cleans to it") {
  fixture f;
  const auto first = f.write("boat & river");
  CHECK(first.written.cached == false);
  CHECK(first.rows == encoded("boat & river"));
  for (const char* same : {"boat & river", "  boat \t&  river\n", "boat &amp; river"}) {
    const auto again = f.write(same);
    CHECK(again.written.cached == true);
    CHECK(again.written.tokens == first.written.tokens);
    CHECK(again.rows == first.rows);
  }
  const auto other = f.write("boat & rivers");
  CHECK(other.written.cached == false);
  CHECK(other.rows != first.rows);
  CHECK(f.prompts.cache_counts().hits == 3);
  CHECK(f.prompts.cache_counts().misses == 2);
}

TEST_CASE("prompt_encoder: tokens are counted with the end mark, a long text is cut to text_len") {
  fixture f;
  const auto nothing = f.write(" ");
  CHECK(nothing.written.tokens == 1);
  CHECK(nothing.rows == encoded(""));
  const std::string text = "a boat on a river at a village in the night and the rain";
  for (const bool cached : {false, true}) {
    const auto cut = f.write(text);
    CHECK(cut.written.cached == cached);
    CHECK(cut.written.tokens == tiny.text_len);
    CHECK(cut.rows == encoded(text));
  }
}

TEST_CASE("prompt_encoder: a text that gave way in the cache is encoded again, to the same") {
  fixture f(200);  // "a" has 2 tokens of 48 bytes
  const auto first = f.write("a");
  REQUIRE(first.written.tokens == 2);
  CHECK(f.prompts.cache_counts().bytes == 97);
  f.write("I");
  f.write("it");
  CHECK(f.prompts.cache_counts().evictions > 0);
  const auto again = f.write("a");
  CHECK(again.written.cached == false);
  CHECK(again.rows == first.rows);
}

TEST_CASE("prompt_encoder: after release what is cached can be had, and nothing else") {
  fixture f;
  const auto first = f.write("a boat");
  longlive::encoded_prompts more(f.prompts, {"a boat", "a river"}, false);
  more.all_written();  // more are to come: nothing is released
  CHECK(f.write("a river").written.cached == false);
  longlive::encoded_prompts last(f.prompts, {"a boat"}, true);
  CHECK(last.segments() == 1);
  last.all_written();
  CHECK(f.write("a boat").rows == first.rows);
  CHECK_THROWS_WITH_AS(f.write("a village"),
                       "text encoder: was released before the last prompt was encoded",
                       latency::error);
}
