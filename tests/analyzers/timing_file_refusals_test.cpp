// Files that are refused, each with the one line that says why.
#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <vector>

#include "analyzers/timeline/file_kind.hpp"
#include "analyzers/timeline/reader.hpp"
#include "analyzers/timeline/timing_file_reader.hpp"
#include "latency/error.hpp"
#include "tests/temporary_folder.hpp"

namespace {

const std::string good =
    R"({"schema":{"name":"latency.timing","version":"1.0"},"run":{"a":1},"clock":{"kind":"tsc",)"
    R"("origin_unix_ns":"5"},"overhead":{"span_ns":1.5},"hygiene":{"dropped_spans":0},)"
    R"("wall_ns":100,"strings":["a","b"],"threads":{"name":["main"],"os_id":[7]},)"
    R"("spans":{"id":[1,2],"parent":[0,1],"start_ns":[0,10],"duration_ns":[90,20],"name":[0,1],)"
    R"("thread":[0,0],"flags":[0,0],"attributes":[null,{"k":1}]},)"
    R"("blocks":{"span":[1],"index":[0],"segment":[0],"first_latent_frame":[0],)"
    R"("latent_frames":[3],"cached_latent_frames":[0],"window_latent_frames":[12],"switched":[0]}})";

struct refusal {
  const char* from;  // part of `good`
  const char* to;    // what stands there instead
  const char* line;  // what the reader says, after "t: "
};

const refusal refusals[] = {
    // The schema.
    {"latency.timing", "other.thing", "/schema/name: 'other.thing' is not 'latency.timing'"},
    {"\"1.0\"", "\"2.0\"", "/schema/version: version 2.0 is newer than this program reads (1.x)"},
    {"\"1.0\"", "\"one\"", "/schema/version: 'one' is not a version"},
    {"\"1.0\"", "\"\"", "/schema/version: '' is not a version"},
    {"\"1.0\"", "\"1x\"", "/schema/version: '1x' is not a version"},
    {"\"1.0\"", "\"1.x\"", "/schema/version: '1.x' is not a version"},
    {"\"1.0\"", "1.0", "/schema: a value of the wrong type"},
    {"{\"schema\":{\"name\":\"latency.timing\",\"version\":\"1.0\"},", "{",
     "/schema: missing: not a timing file"},
    {"{\"name\":\"latency.timing\",\"version\":\"1.0\"}", "7",
     "/schema: a value of the wrong type"},
    // Missing and repeated parts.
    {"\"wall_ns\":100,", "", "/wall_ns: missing"},
    {"\"strings\":[\"a\",\"b\"],", "", "/strings: missing"},
    {"\"hygiene\":{\"dropped_spans\":0},", "", "/hygiene: missing"},
    {",\"flags\":[0,0]", "", "/spans/flags: missing"},
    {",\"switched\":[0]", "", "/blocks/switched: missing"},
    {"\"wall_ns\":100,", "\"wall_ns\":100,\"wall_ns\":100,", "/wall_ns: appears twice"},
    {"\"parent\":[0,1]", "\"parent\":[0,1],\"parent\":[0,1]", "/spans/parent: appears twice"},
    // Unequal columns.
    {"\"duration_ns\":[90,20]", "\"duration_ns\":[90]",
     "/spans/duration_ns: 1 row, but /spans/id has 2"},
    {"\"duration_ns\":[90,20]", "\"duration_ns\":[90,20,1]",
     "/spans/duration_ns: 3 rows, but /spans/id has 2"},
    {"[null,{\"k\":1}]", "[]", "/spans/attributes: 0 rows, but /spans/id has 2"},
    {"\"os_id\":[7]", "\"os_id\":[7,8]", "/threads/os_id: 2 rows, but /threads/name has 1"},
    // Wrong types.
    {"\"id\":[1,2]", "\"id\":7", "/spans/id: expected an array, found a number"},
    {"\"spans\":{\"id\"", "\"spans\":[],\"x\":{\"id\"",
     "/spans: expected an object, found an array"},
    {"\"id\":[1,2]", "\"id\":[1,-2]", "/spans/id/1: not an unsigned 64-bit integer: -2"},
    {"\"id\":[1,2]", "\"id\":[1,\"2\"]", "/spans/id/1: not an unsigned 64-bit integer: \"2\""},
    {"\"start_ns\":[0,10]", "\"start_ns\":[0,1.5]", "/spans/start_ns/1: not a 64-bit integer: 1.5"},
    {"\"start_ns\":[0,10]", "\"start_ns\":[0,null]",
     "/spans/start_ns/1: not a 64-bit integer: null"},
    {"\"start_ns\":[0,10]", "\"start_ns\":[0,true]",
     "/spans/start_ns/1: not a 64-bit integer: true"},
    {"\"start_ns\":[0,10]", "\"start_ns\":[0,01]", "/spans/start_ns/1: not a 64-bit integer: 01"},
    {"{\"k\":1}", "5", "/spans/attributes/1: expected null or an object, found a number"},
    {"{\"k\":1}", "{\"k\":[1]}",
     "/spans/attributes/1: an attribute is an integer, a real number or a text"},
    {"{\"k\":1}", "{\"k\":true}",
     "/spans/attributes/1: an attribute is an integer, a real number or a text"},
    {"[\"a\",\"b\"]", "[\"a\",7]", "/strings/1: expected a text, found a number"},
    {"{\"a\":1}", "{\"a\":[]}", "/run/a: expected a text or a number, found an array"},
    {"{\"a\":1}", "5", "/run: a value of the wrong type"},
    {"\"5\"", "\"5x\"", "/clock/origin_unix_ns: not a 64-bit integer written as a text"},
    {"1.5", "\"x\"", "/overhead: a value of the wrong type"},
    {"\"wall_ns\":100", "\"wall_ns\":\"x\"", "/wall_ns: a value of the wrong type"},
    // Out of range.
    {"\"duration_ns\":[90,20]", "\"duration_ns\":[90,-20]",
     "/spans/duration_ns/1: negative duration: -20"},
    {"\"start_ns\":[0,10]", "\"start_ns\":[0,9223372036854775807]",
     "/spans/start_ns/1: out of range: 9223372036854775807 (at most 2305843009213693952)"},
    {"\"start_ns\":[0,10]", "\"start_ns\":[0,9223372036854775808]",
     "/spans/start_ns/1: not a 64-bit integer: 9223372036854775808"},
    {"\"wall_ns\":100", "\"wall_ns\":-1", "/wall_ns: out of range: -1"},
    {"\"dropped_spans\":0", "\"dropped_spans\":-3", "/hygiene/dropped_spans: negative: -3"},
    {"\"id\":[1,2]", "\"id\":[0,2]", "/spans/id/0: 0 is not the id of a span"},
    {"\"name\":[0,1]", "\"name\":[0,2]",
     "/spans/name/1: index 2, but there are 2 texts in /strings"},
    {"\"name\":[0,1]", "\"name\":[0,-1]", "/spans/name/1: out of range: -1"},
    {"\"thread\":[0,0]", "\"thread\":[0,1]",
     "/spans/thread/1: index 1, but there are 1 rows in /threads"},
    {"\"thread\":[0,0]", "\"thread\":[0,4294967296]",
     "/spans/thread/1: out of range: 4294967296 (at most 4294967295)"},
    {"\"index\":[0]", "\"index\":[2147483648]",
     "/blocks/index/0: out of range: 2147483648 (at most 2147483647)"},
    // Not JSON.
    {"\"id\":[1,2]", "\"id\":[1 2]", "byte 258: not JSON"},
    {"\"id\":[1,2]", "\"id\":[1,,2]", "/spans/id/1: not an unsigned 64-bit integer: ,"},
    {"\"id\":[1,2]", "\"id\":[,1]", "byte 256: expected a value, found ','"},
    {"\"id\":[1,2]", "\"id\":[1,2,]", "/spans/id/2: not an unsigned 64-bit integer: ]"},
    {"\"id\":[1,2]", "\"id\":[1,nul]", "/spans/id/1: not an unsigned 64-bit integer: nul"},
    {"\"id\":[1,2]", "\"id\" [1,2]", "byte 255: expected ':'"},
    {"\"id\":[1,2]", "id:[1,2]", "byte 250: expected a key in double quotes"},
    {"\"id\":[1,2],", "\"id\":[1,2]", "byte 260: expected ',' or '}'"},
    {"\"id\":[1,2]", "\"id\":[1,2}", "byte 259: expected ',' or ']'"},
    {"{\"k\":1}", "{\"k\" 1}", "byte 382: not JSON"},
    {"{\"k\":1}", "{\"k\":1]", "byte 383: expected '}', found ']'"},
    {"[\"a\",\"b\"]", "[\"a\",\"\\q\"]", "byte 192: a text with an impossible escape"},
    {"[\"a\",\"b\"]", "[\"a\",\"\xff\"]", "byte 192: not valid UTF-8 from here on"},
    {"[\"a\",\"b\"]", "[\"a\",\"\n\"]", "byte 192: a control character in a text from here on"},
    {"\"switched\":[0]}}", "\"switched\":[0]}} x",
     "byte 551: text after the end of the JSON object"},
    {"{\"k\":1}", "{\"k\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}",
     "byte 397: nested deeper than 16 levels"},
    {"\"run\":{\"a\":1}", "\"run\":[[[[[[[[[[[[[[[[[[[[", "byte 74: nested deeper than 16 levels"},
};

std::string complaint(const std::string& text) {
  try {
    (void)latency::parse_timing_file(text, "t");
  } catch (const latency::error& refused) {
    return refused.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("timing file reader: the file that the refusals start from is accepted") {
  CHECK(complaint(good) == "accepted");
}

TEST_CASE("timing file reader: every malformed file is refused with its line") {
  for (const refusal& r : refusals) {
    const std::size_t at = good.find(r.from);
    REQUIRE_MESSAGE(at != good.npos, r.from);
    std::string text = good;
    text.replace(at, std::string(r.from).size(), r.to);
    CHECK_MESSAGE(complaint(text) == std::string("t: ") + r.line, r.from << " -> " << r.to);
  }
}

TEST_CASE("timing file reader: a file cut off anywhere is refused in one line") {
  for (std::size_t length = 0; length < good.size(); ++length) {
    const std::string line = complaint(good.substr(0, length));
    CHECK_MESSAGE(line != "accepted", length);
    CHECK(line.find('\n') == line.npos);
  }
}

TEST_CASE("open: says what other files are") {
  const std::string head(8, '\0');
  const std::pair<std::string, std::string> kinds[] = {
      {"", "is empty"},
      {"  \n", "holds nothing but white space"},
      {"\x1f\x8b\x08", "is compressed with gzip"},
      {"\x28\xb5\x2f\xfd", "is compressed with zstd"},
      {"PK\x03\x04", "is a zip archive"},
      {"SQLite format 3", "is an SQLite database"},
      {"\x7f"
       "ELF",
       "is a program"},
      {"\xef\xbb\xbf{}", "starts with a byte-order mark"},
      {std::string("\x10\0\0\0\0\0\0\0{\"a\":1}", 15), "is a safetensors file"},
      {"{\"traceEvents\":[]}", "is a Chrome trace without any event of PyTorch's profiler"},
      {"\x89PNG\r\n\x1a\n", "is a PNG picture"},
      {std::string("\0\0\0\x20"
                   "ftypisom",
                   12),
       "is a video (MP4)"},
      {"component,mean_ms,count\nvae,31.5,2\n", "is a table of values separated by commas (CSV)"},
      {"<!DOCTYPE html>", "is an HTML page"},
      {"\x80\x02}q\0", "is a Python pickle"},
      {"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"},
      {"{\"record\": \"batch\"}\n{\"record\": \"batch\"}\n", "holds many JSON texts"},
      {"{\"schema\":{\"name\":\"latency.breakdown\",\"version\":1}}",
       "is a report (latency.breakdown), not the recording that it was made from"},
      {std::string(257, '\0') + "ustar", "is a tar archive"},
      {std::string(1000, '['), "is a JSON array"},
      {"hello", "is not JSON and not a journal (it starts with 'h')"},
      {head, "is not JSON and not a journal (it starts with byte 0x00)"},
      {"{\"a\":1}", "/schema: missing: not a timing file"}};
  const latency_test::temporary_folder folder;
  for (const auto& [bytes, says] : kinds) {
    const std::string path = folder / "file.json";
    std::ofstream(path, std::ios::binary) << bytes;
    std::string line;
    try {
      (void)latency::open_recording(path);
    } catch (const latency::error& refused) {
      line = refused.what();
    }
    CHECK_MESSAGE(line.rfind(path + ": " + says, 0) == 0, line);
  }
}

TEST_CASE("open: a folder and a missing file are named") {
  const latency_test::temporary_folder folder;
  CHECK_THROWS_WITH((void)latency::open_recording(folder / ""),
                    ((folder / "") + ": is a directory, not a file").c_str());
  CHECK_THROWS_WITH((void)latency::open_recording(folder / "none.json"),
                    ((folder / "none.json") + ": No such file or directory").c_str());
}
