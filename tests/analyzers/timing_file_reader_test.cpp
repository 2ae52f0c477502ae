#include "analyzers/timeline/timing_file_reader.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <latency/detail/recorder.hpp>
#include <string>

#include "analyzers/timeline/json_cutter.hpp"
#include "analyzers/timeline/reader.hpp"
#include "latency/error.hpp"
#include "latency/latency.hpp"
#include "latency/timing_file.hpp"
#include "tests/latency/sample_recording.hpp"
#include "tests/temporary_folder.hpp"

namespace {

using latency_test::read_file;
using latency_test::temporary_folder;

const std::string example = std::string(LATENCY_TEST_DATA) + "/timing/two_segments.json";

std::string with(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != text.npos);
  return text.replace(at, from.size(), to);
}

template <class element>
void add_column(std::string& text, const char* name, std::size_t count, element make) {
  text.append("\"").append(name).append("\":[");
  for (std::size_t i = 0; i < count; ++i) text.append(i == 0 ? "" : ",").append(make(i));
  text.append("]");
}

// `count` spans, each with these attributes.
std::string long_file(std::size_t count, const std::string& attributes) {
  std::string text =
      R"({"schema":{"name":"latency.timing","version":"1.0"},"hygiene":{},"wall_ns":100,)"
      R"("strings":["a"],"threads":{"name":["main"],"os_id":[1]},"spans":{)";
  add_column(text, "id", count, [](std::size_t i) { return std::to_string(i + 1); });
  text.append(",");
  add_column(text, "start_ns", count, [](std::size_t i) { return std::to_string(i * 3); });
  for (const char* const name : {"parent", "duration_ns", "name", "thread", "flags"}) {
    text.append(",");
    add_column(text, name, count, [](std::size_t) { return "0"; });
  }
  text.append(",");
  add_column(text, "attributes", count, [&](std::size_t) { return attributes; });
  return text.append("}}");
}

}  // namespace

TEST_CASE("timing file reader: every table of the example arrives") {
  const latency::recording run = latency::read_timing_file(example);
  CHECK(run.source == example);
  CHECK(std::get<std::string>(run.run.at("attention_backend")) == "cpu");
  CHECK(std::get<std::int64_t>(run.run.at("steps")) == 2);
  CHECK(run.clock.kind == "tsc");
  CHECK(run.clock.resolution_ns == 0.5);
  CHECK(run.clock.uncertainty_ns == 25);
  CHECK(run.clock.origin_unix_ns == 1795168800000000000);
  CHECK(run.overhead.at("span_ns") == 25.5);
  CHECK_FALSE(run.hygiene.incomplete);
  CHECK(run.wall_ns == 1'100'000'000);
  REQUIRE(run.threads.size() == 1);
  CHECK(run.threads[0].name == "main");
  CHECK(run.threads[0].os_id == 4711);
  REQUIRE(run.spans.size() == 106);
  const latency::span& encoding = run.spans[0];
  CHECK(encoding.id == 2);
  CHECK(encoding.parent == 1);
  CHECK(run.name_of(encoding) == "interactive_text_encoding");
  CHECK(encoding.start_ns == 10'000'000);
  CHECK(encoding.end_ns == 30'000'000);
  CHECK(run.integer_attribute(encoding.attributes, run.strings.find("segment"), -1) == 0);
  CHECK(run.spans.back().attributes.count == 0);
  REQUIRE(run.blocks.size() == 6);
  CHECK(run.blocks[3].switched == 1);
  CHECK(run.blocks[3].first_latent_frame == 9);
  REQUIRE(run.switches.size() == 1);
  CHECK(run.switches[0].request_ns == 590'000'000);
  CHECK(run.switches[0].first_pixel_frame == 33);
  REQUIRE(run.pixel_frames.size() == 69);
  CHECK(run.pixel_frames[8].complete_ns == 180'000'000);
}

TEST_CASE("timing file reader: what was read and written again reads the same") {
  const temporary_folder folder;
  const latency::recording first = latency::read_timing_file(example);
  latency::write_timing_file(first, folder / "again.json");
  const latency::recording second = latency::read_timing_file(folder / "again.json");
  latency::write_timing_file(second, folder / "third.json");
  CHECK(read_file(folder / "again.json") == read_file(folder / "third.json"));
  CHECK(second.spans.size() == first.spans.size());
}

TEST_CASE("timing file reader: every member of every table comes back") {
  latency::recording first = latency_test::sample_recording();
  first.run.erase("not_finite");  // a null in the file
  const temporary_folder folder;
  latency::write_timing_file(first, folder / "first.json");
  const latency::recording second = latency::read_timing_file(folder / "first.json");
  latency::write_timing_file(second, folder / "second.json");
  CHECK(read_file(folder / "first.json") == read_file(folder / "second.json"));
  CHECK(second.device_ops.at(0).shape == 1);
  CHECK(second.api_calls.at(3).waits_for == 80);
}

TEST_CASE("timing file reader: a file of version 1.0 lacks what came later; one of 1.1 may not") {
  const std::string call =
      R"("api_calls":{"start_ns":[1],"duration_ns":[2],"span":[1],"correlation":[5],"name":[0],)"
      R"("thread":[0]},"wall_ns")";
  const std::string text = with(read_file(example), "\"wall_ns\"", call);
  const latency::recording run = latency::parse_timing_file(text, "t");
  REQUIRE(run.api_calls.size() == 1);
  CHECK(run.api_calls[0].kind == latency::api_call_kind::launch);
  CHECK(run.api_calls[0].device == -1);
  CHECK(run.api_calls[0].stream == -1);
  CHECK_THROWS_WITH_AS((void)latency::parse_timing_file(with(text, "\"1.0\"", "\"1.1\""), "t"),
                       "t: /api_calls/kind: missing", latency::error);
}

TEST_CASE(
    "timing file reader: a file of version 1.1 lacks the memory pool's bytes; one of 1.2 may not") {
  const std::string memory =
      R"("memory":{"time_ns":[1],"name":[0],"rss_bytes":[2],"peak_rss_bytes":[3],)"
      R"("device_used_bytes":[4],"device_peak_bytes":[5]},"wall_ns")";
  const std::string text =
      with(with(read_file(example), "\"wall_ns\"", memory), "\"1.0\"", "\"1.1\"");
  const latency::recording run = latency::parse_timing_file(text, "t");
  REQUIRE(run.memory.size() == 1);
  CHECK(run.memory[0].device_peak_bytes == 5);
  CHECK(run.memory[0].device_pool_used_bytes == 0);
  CHECK_THROWS_WITH_AS((void)latency::parse_timing_file(with(text, "\"1.1\"", "\"1.2\""), "t"),
                       "t: /memory/device_pool_used_bytes: missing", latency::error);
}

TEST_CASE("timing file reader: device rows that refer to what is not there are refused") {
  const temporary_folder folder;
  latency::write_timing_file(latency_test::sample_recording(), folder / "good.json");
  const std::string good = read_file(folder / "good.json");
  const struct {
    const char *from, *to, *line;
  } refusals[] = {
      {R"("shape":[1,)", R"("shape":[2,)",
       "/device_ops/shape/0: index 2, but there are 2 rows in /launch_shapes"},
      {R"("shape":[1,)", R"("shape":[-2,)", "/device_ops/shape/0: neither an index nor -1: -2"},
      {R"("total":[0,0,1])", R"("total":[0,2,1])",
       "/device_histograms/total/1: index 2, but there are 2 rows in /device_totals"},
      {R"("parent":[-1,0])", R"("parent":[-1,1])", "/span_paths/parent/1: 1 is not an earlier row"},
      {"\"device_totals\":{\n\"path\":[1,", "\"device_totals\":{\n\"path\":[2,",
       "/device_totals/path/0: index 2, but there are 2 rows in /span_paths"},
      {"\"span\":[3,0]\n,\"path\":[1,", "\"span\":[3,0]\n,\"path\":[2,",
       "/graph_nodes/path/0: index 2, but there are 2 rows in /span_paths"},
      {R"("reason":["none","conditional"])", R"("reason":["none","perhaps"])",
       "/graph_nodes/reason/1: unknown word 'perhaps'"},
      {R"("path":[0,-1])", R"("path":[7,-1])",
       "/api_totals/path/0: index 7, but there are 2 rows in /span_paths"},
      {R"("count":[5,1])", R"("count":[5,-1])", "/device_totals/count/1: negative count: -1"},
      {R"("tier":["kernels")", R"("tier":["nuts")", "/device_clocks/tier/0: unknown word 'nuts'"},
      {R"("tier":["kernels")", R"("tier":["n\nt")", "/device_clocks/tier/0: unknown word 'n?t'"},
      {R"("event_record")", R"("eventful")", "/api_calls/kind/2: unknown word 'eventful'"}};
  for (const auto& r : refusals) {
    CAPTURE(r.to);
    CHECK_THROWS_WITH_AS((void)latency::parse_timing_file(with(good, r.from, r.to), "t"),
                         (std::string("t: ") + r.line).c_str(), latency::error);
  }
}

TEST_CASE("timing file reader: device tables, counters and null reals arrive") {
  latency::recording run = latency::read_timing_file(example);
  const latency::string_id name = run.strings.add("copy");
  latency::device_op op;
  op.start_ns = -5;  // the device clock may begin before the session
  op.end_ns = 12;
  op.name = name;
  op.bytes = 64;
  op.kind = latency::device_op_kind::memcpy;
  op.direction = latency::copy_direction::peer;
  op.reason = latency::unattributed_reason::graph_before_start;
  run.device_ops.push_back(op);
  run.api_calls.push_back({3, 9, 1, 77, name, 0, {}, 0, 7, 0});
  run.counters.push_back({4, name, 0, std::nan("")});
  run.instants.push_back({4, name, 0, 1, {}});
  run.async_spans.push_back({9, 0, 4, 8, name, 0, 0, 1, {}});
  run.memory.push_back({4, name, 1, 2, 3, 4, 5, 6});
  const temporary_folder folder;
  latency::write_timing_file(run, folder / "device.json");
  const latency::recording read = latency::read_timing_file(folder / "device.json");
  REQUIRE(read.device_ops.size() == 1);
  CHECK(read.device_ops[0].start_ns == -5);
  CHECK(read.device_ops[0].end_ns == 12);
  CHECK(read.device_ops[0].kind == latency::device_op_kind::memcpy);
  CHECK(read.device_ops[0].direction == latency::copy_direction::peer);
  CHECK(read.device_ops[0].reason == latency::unattributed_reason::graph_before_start);
  CHECK(read.api_calls.at(0).correlation == 77);
  CHECK(std::isnan(read.counters.at(0).value));
  CHECK(read.strings[read.instants.at(0).name] == "copy");
  CHECK(read.async_spans.at(0).end_ns == 8);
  CHECK(read.memory.at(0).device_peak_bytes == 4);
  CHECK(read.memory.at(0).device_pool_used_bytes == 5);
  CHECK(read.memory.at(0).device_pool_peak_bytes == 6);
}

TEST_CASE("timing file reader: unknown keys and columns of a newer minor version are passed over") {
  std::string text = with(read_file(example), "\"version\": \"1.0\"", "\"version\": \"1.7\"");
  text = with(text, "\"wall_ns\"", "\"future\": {\"deep\": [[1, \"]\"], {}]}, \"wall_ns\"");
  text = with(text, "\"parent\"", "\"colour\": [1], \"parent\"");
  CHECK(latency::parse_timing_file(text, "t").spans.size() == 106);
}

TEST_CASE("timing file reader: the order of keys is free, as after a program that sorts them") {
  const std::string text =
      R"({"hygiene":{},"spans":{"attributes":[{"k":"v"}],"duration_ns":[5],"flags":[0],"id":[1],)"
      R"("name":[1],"parent":[0],"start_ns":[2],"thread":[0]},"strings":["a","b"],)"
      R"("threads":{"name":["m"],"os_id":[1]},"wall_ns":9,)"
      R"("schema":{"version":"1.0","name":"latency.timing"}})";
  const latency::recording run = latency::parse_timing_file(text, "t");
  CHECK(run.name_of(run.spans.at(0)) == "b");
  CHECK(run.spans[0].end_ns == 7);
  CHECK(run.strings[run.attributes.at(0).key] == "k");
  CHECK(run.strings[run.attributes.at(0).text] == "v");
}

TEST_CASE("timing file reader: a text that stands twice in strings keeps its rows") {
  const std::string text = with(long_file(1, "null"), "[\"a\"]", R"(["a","a","b"])");
  const latency::recording run =
      latency::parse_timing_file(with(text, "\"name\":[0]", "\"name\":[2]"), "t");
  CHECK(run.name_of(run.spans.at(0)) == "b");
}

TEST_CASE("timing file reader: columns far longer than a piece keep every row and attribute") {
  constexpr std::size_t count = 60'000;  // several pieces of 256 KiB in every column
  const latency::recording run =
      latency::parse_timing_file(long_file(count, R"({"b\"k]":7,"t":"x,]}","r":1.5})"), "long");
  REQUIRE(run.spans.size() == count);
  const latency::string_id key = run.strings.find("b\"k]");
  for (std::size_t i = 0; i < count; i += 997) {
    CHECK(run.spans[i].id == i + 1);
    CHECK(run.spans[i].start_ns == static_cast<std::int64_t>(i) * 3);
    CHECK(run.integer_attribute(run.spans[i].attributes, key, 0) == 7);
  }
  CHECK(run.attributes.size() == count * 3);
  CHECK(run.strings.find("x,]}") < run.strings.size());
}

TEST_CASE("timing file reader: an error in a late piece names the row") {
  const std::string text = with(long_file(60'000, "null"), ",45000,", ",45000.5,");
  CHECK_THROWS_WITH_AS((void)latency::parse_timing_file(text, "t"),
                       "t: /spans/id/44999: not an unsigned 64-bit integer: 45000.5",
                       latency::error);
}

TEST_CASE("json cutter: pieces put together are the array, whatever their size") {
  const std::string text = R"([1, 22 ,{"a":[1,2,"],"]}, "x\"]," ,null,-3.5e7,[],  333])";
  for (std::size_t wanted = 1; wanted < text.size() + 2; ++wanted) {
    latency::timeline::json_cutter cutter(text, "t");
    cutter.open('[', "");
    std::string joined;
    std::size_t pieces = 0;
    for (std::string_view piece = cutter.elements(wanted); !piece.empty();
         piece = cutter.elements(wanted)) {
      if (pieces++ > 0) joined += ',';
      joined += piece;
    }
    cutter.finish();
    std::string plain;
    for (const char c : joined)
      if (c != ' ') plain += c;
    CHECK_MESSAGE(plain == R"(1,22,{"a":[1,2,"],"]},"x\"],",null,-3.5e7,[],333)", wanted);
  }
}

TEST_CASE("nesting guard: finds the bracket in a stream cut anywhere, but not inside a text") {
  const std::string text = "{\"[[[[[[[[[[[[[[[[[[\\\"[[\":" + std::string(30, '[');
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    latency::timeline::nesting_guard guard;
    std::size_t at = guard.feed(std::string_view(text).substr(0, cut));
    if (at == std::string_view::npos) at = cut + guard.feed(std::string_view(text).substr(cut));
    CHECK(at == text.find(":[") + 1 + 15);  // the 17th open bracket
  }
}

TEST_CASE("open: tells a timing file from its content, whatever its name") {
  const temporary_folder folder;
  std::ofstream(folder / "trace.gz") << read_file(example);
  CHECK(latency::open_recording(folder / "trace.gz").spans.size() == 106);
}

TEST_CASE("open: reads the journal of a run that did not end, under any name") {
  const temporary_folder folder;
  std::vector<std::uint64_t> words;
  {
    latency::session run;
    const auto recorder = latency::detail::process().current;
    { LATENCY_SCOPE("outer"); }
    (void)run.stop();
    words = recorder->journal_words();
  }
  std::ofstream(folder / "timing.json", std::ios::binary)
      .write(reinterpret_cast<const char*>(words.data()),
             static_cast<std::streamsize>((words.size() - 1) * sizeof words[0]));
  const latency::recording run = latency::open_recording(folder / "timing.json");
  REQUIRE(run.spans.size() == 1);
  CHECK(run.name_of(run.spans[0]) == "outer");
  CHECK(run.hygiene.incomplete);
  CHECK(run.source == folder / "timing.json");
}
