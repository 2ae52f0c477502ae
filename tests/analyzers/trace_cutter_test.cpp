#include "analyzers/timeline/trace_cutter.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "latency/error.hpp"

namespace {

using namespace latency::timeline;

// Hands a text out in small reads, so that it is cut anywhere.
class small_reads : public byte_source {
 public:
  small_reads(std::string_view text, std::size_t most) : text_(text), most_(most) {}
  [[nodiscard]] std::size_t read(char* to, std::size_t room) override {
    const std::size_t count = text_.copy(to, std::min(room, most_));
    text_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view text_;
  std::size_t most_;
};

struct cut {
  std::string events;  // of all pieces, without white space and what separates them
  std::string members;
  bool cut_short = false;
  std::size_t bytes = 0;
};

cut cut_up(std::string_view text, std::size_t most = 1000) {
  small_reads source(text, most);
  trace_cutter cutter(source, "t", {"kept", "also"});
  cut result;
  for (;;) {
    const trace_cutter::piece piece = cutter.next();
    if (piece.is == trace_cutter::piece::kind::end) break;
    REQUIRE(piece.json.front() == '[');
    REQUIRE(piece.json.back() == ']');
    const std::string_view inside = piece.json.substr(1, piece.json.size() - 2);
    if (piece.is == trace_cutter::piece::kind::member) {
      result.members += std::string(piece.key) + "=" + std::string(inside) + ";";
      continue;
    }
    if (!result.events.empty()) result.events += ',';
    for (const char c : inside)
      if (c != ' ' && c != '\n') result.events += c;
  }
  result.cut_short = cutter.cut_short();
  result.bytes = cutter.bytes_read();
  return result;
}

std::string refusal(std::string_view text) {
  try {
    (void)cut_up(text);
  } catch (const latency::error& refused) {
    return refused.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("trace_cutter: events come wherever they stand, and only wanted members with them") {
  const std::string text =
      R"( {"skipped": {"traceEvents": [1, "]}"]}, "kept" : "a\"}" , "n": -1.5e3,)"
      R"("traceEvents": [ {"a": 1}, {"b": {"c": [2]}} ], "also": [3], "t": true}  )";
  for (std::size_t most = 1; most <= text.size(); ++most) {
    const cut all = cut_up(text, most);
    CHECK(all.events == R"({"a":1},{"b":{"c":[2]}})");
    CHECK(all.members == R"(kept="a\"}";also=[3];)");
    CHECK_FALSE(all.cut_short);
    CHECK(all.bytes == text.size());
  }
}

TEST_CASE("trace_cutter: an array alone may lack its end, and end with a comma") {
  for (const char* const text : {"[{\"a\":1}, {}]", "[{\"a\":1},{}", "[{\"a\":1},{},\n",
                                 " [{\"a\":1},{},]", "[{\"a\":1},{} , ] \n"}) {
    for (const std::size_t most : {1, 2, 3, 100}) {
      const cut all = cut_up(text, most);
      CHECK_MESSAGE(all.events == "{\"a\":1},{}", text);
      CHECK_FALSE(all.cut_short);
    }
  }
  CHECK(cut_up("[]").events.empty());
  CHECK_FALSE(cut_up("[").cut_short);
}

TEST_CASE("trace_cutter: a trace that ends early is cut up to its last whole event") {
  const std::string text = R"({"kept":1,"traceEvents":[{"a":1},{"b":"}"},{"c":3}],"also":2})";
  const std::size_t array_ends = text.find(']');
  for (std::size_t size = 1; size < text.size(); ++size) {
    const cut all = cut_up(text.substr(0, size), 7);
    CHECK(all.cut_short);
    CHECK(all.bytes == size);
    const std::string whole = R"({"a":1},{"b":"}"},{"c":3})";
    CHECK(whole.substr(0, all.events.size()) == all.events);
    if (size > array_ends) CHECK(all.events == whole);
  }
  const cut bare = cut_up("[{\"a\":1},{\"b\"");
  CHECK(bare.cut_short);
  CHECK(bare.events == "{\"a\":1}");
}

TEST_CASE("trace_cutter: windows cut anywhere hold every event once") {
  std::string text = "{\"traceEvents\":[", expected;
  for (int i = 0; i < 40000; ++i) {
    const std::string event = "{\"n\":" + std::to_string(i) + ",\"t\":\"" +
                              std::string(static_cast<std::size_t>(i % 97), '\\') +
                              (i % 97 % 2 == 0 ? "" : "\\") + "\"}";
    text += (i == 0 ? "" : ",\n") + event;
    expected += (i == 0 ? "" : ",") + event;
  }
  text += "]}";
  REQUIRE(text.size() > 2 * trace_cutter::window_bytes);
  for (const std::size_t most : {std::size_t{4093}, text.size()})
    CHECK(cut_up(text, most).events == expected);
}

TEST_CASE("trace_cutter: one event may be large, but not beyond 16 MiB; skipped members may") {
  const std::string large(trace_cutter::value_limit_bytes - 100, 'x');
  const std::string larger(trace_cutter::value_limit_bytes + 2 * trace_cutter::window_bytes, 'x');
  CHECK(cut_up("[{\"a\":\"" + large + "\"}]", 1 << 20).events.size() > large.size());
  CHECK(refusal("[{},{\"a\":\"" + larger + "\"}]") ==
        "t: byte 4: one value takes more than 16 MiB");
  CHECK(
      cut_up("{\"s\":\"" + larger + "\",\"o\":[\"" + larger + "\"],\"traceEvents\":[{}]}", 1 << 20)
          .events == "{}");
}

TEST_CASE("trace_cutter: says which byte is not as it must be") {
  const std::pair<const char*, const char*> texts[] = {
      {"7", "byte 0: expected an object or an array, found a number"},
      {"{7:1}", "byte 1: expected a key in double quotes"},
      {"{\"a\" 1}", "byte 5: expected ':'"},
      {"{\"a\":}", "byte 5: expected a value"},
      {"{\"a\":1 \"b\":2}", "byte 7: expected ',' or '}'"},
      {"{\"a\":1,}", "byte 7: expected a key in double quotes"},
      {"{\"a\":[1}}", "byte 7: expected ']', found '}'"},
      {"{\"traceEvents\":{}}", "byte 15: traceEvents: expected an array, found an object"},
      {"{\"traceEvents\":[{]]}", "byte 17: expected '}', found ']'"},
      {"{\"traceEvents\":[{}}}", "byte 18: expected ',' or ']'"},
      {"{\"traceEvents\":[]} x", "byte 19: text after the end of the trace"},
      {"[{}] ]", "byte 5: text after the end of the trace"},
      {"{\"a\":1}", "byte 7: the object ends without \"traceEvents\""}};
  for (const auto& [text, says] : texts) CHECK(refusal(text) == std::string("t: ") + says);
  const std::string deep(65, '[');
  CHECK(refusal("[" + deep) == "t: byte 65: nested deeper than 64 levels");
  CHECK(refusal("{\"a\":" + deep) == "t: byte 69: nested deeper than 64 levels");
}

TEST_CASE("trace_cutter: events without a comma between two windows are refused") {
  const std::string event = "{\"a\":\"" + std::string(trace_cutter::window_bytes - 9, 'x') + "\"}";
  CHECK(refusal("[" + event + event + "]").find(": expected ',' or ']'") != std::string::npos);
}
