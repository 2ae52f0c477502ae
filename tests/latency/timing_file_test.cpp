#include "latency/timing_file.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sample_recording.hpp"
#include "schema_complaint.hpp"
#include "tests/temporary_folder.hpp"

using latency_test::read_file;
using latency_test::sample_recording;
using latency_test::temporary_folder;
using nlohmann::json;
using nlohmann::ordered_json;

namespace {

std::string written(const latency::recording& run) {
  const temporary_folder folder;
  latency::write_timing_file(run, folder / "timing.json");
  return read_file(folder / "timing.json");
}

std::string schema_complaint(const json& document) {
  return latency_test::schema_complaint("timing.schema.json", document);
}

// A column made from the rows directly, to compare a parsed one with.
template <class Row, class Value>
json column(const std::vector<Row>& rows, const Value& value_of) {
  json result = json::array();
  for (const Row& row : rows) result.push_back(value_of(row));
  return result;
}
#define COLUMN(rows, expression) column(rows, [&](const auto& row) { return expression; })

}  // namespace

TEST_CASE("timing_file: what is written obeys the schema") {
  CHECK(schema_complaint(json::parse(written(sample_recording()))) == "");
}

TEST_CASE("timing_file: an empty recording obeys the schema and has every table") {
  const json file = json::parse(written({}));
  CHECK(schema_complaint(file) == "");
  CHECK(file.at("memory").at("rss_bytes") == json::array());
}

TEST_CASE("timing_file: the schema refuses another version, a lost column and a stranger") {
  const json good = json::parse(written(sample_recording()));
  for (const char* change :
       {R"([{"op":"replace","path":"/schema/version","value":"2.0"}])",
        R"([{"op":"replace","path":"/schema/name","value":"other"}])",
        R"([{"op":"remove","path":"/spans/flags"}])", R"([{"op":"remove","path":"/memory"}])",
        R"([{"op":"add","path":"/spans/mean_ns","value":[]}])",
        R"([{"op":"add","path":"/statistics","value":{}}])",
        R"([{"op":"replace","path":"/spans/duration_ns/0","value":-1}])",
        R"([{"op":"replace","path":"/spans/start_ns/0","value":1.5}])",
        R"([{"op":"replace","path":"/device_ops/kind/0","value":"copy"}])",
        R"([{"op":"replace","path":"/spans/attributes/0","value":{"a":[1]}}])",
        R"([{"op":"replace","path":"/clock/origin_unix_ns","value":12}])",
        R"([{"op":"replace","path":"/strings/0","value":null}])"}) {
    CAPTURE(change);
    CHECK(schema_complaint(good.patch(json::parse(change))) != "");
  }
}

TEST_CASE("timing_file: members stand in the order that the page promises") {
  const ordered_json file = ordered_json::parse(written(sample_recording()));
  std::vector<std::string> names;
  for (const auto& [name, ignored] : file.items()) names.push_back(name);
  CHECK(names == std::vector<std::string>{"schema",        "run",
                                          "clock",         "overhead",
                                          "hygiene",       "wall_ns",
                                          "strings",       "threads",
                                          "spans",         "async_spans",
                                          "instants",      "counters",
                                          "device_ops",    "graph_nodes",
                                          "launch_shapes", "api_calls",
                                          "event_windows", "marks",
                                          "device_clocks", "span_paths",
                                          "device_totals", "device_histograms",
                                          "api_totals",    "blocks",
                                          "switches",      "pixel_frames",
                                          "memory"});
}

TEST_CASE("timing_file: the page explains every table, column and count") {
  const std::string page = read_file(LATENCY_DOCS_DIR "/timing-file.md");
  const json file = json::parse(written(sample_recording()));
  for (const auto& entry : file.items()) {
    const std::string table = entry.key();
    CAPTURE(table);
    const std::size_t begin = page.find("| `" + table + "` |");
    const bool has_row = table != "hygiene" && begin != std::string::npos;
    const std::string about = has_row ? page.substr(begin, page.find('\n', begin) - begin) : page;
    CHECK(page.find("`" + table + "`") != std::string::npos);
    if (!entry.value().is_object() || table == "run") continue;
    for (const auto& member : entry.value().items()) {
      const std::string column = member.key();
      CAPTURE(column);
      CHECK(about.find("`" + column + "`") != std::string::npos);
    }
  }
}

TEST_CASE("timing_file: the header holds what the recording holds") {
  const latency::recording run = sample_recording();
  const json file = json::parse(written(run));
  CHECK(file.at("schema") == json{{"name", "latency.timing"}, {"version", "1.3"}});
  CHECK(file.at("run") == json{{"attention_backend", "cpu"},
                               {"steps", 4},
                               {"sparsity", 0.5},
                               {"scale", 2.0},
                               {"not_finite", nullptr}});
  CHECK(file.at("run").at("scale").is_number_float());
  CHECK(file.at("clock") == json{{"kind", "tsc"},
                                 {"resolution_ns", 0.43},
                                 {"uncertainty_ns", 25},
                                 {"origin_unix_ns", "1763632800123456789"}});
  CHECK(file.at("overhead") == json{{"span_ns", 25.1}});
  CHECK(file.at("hygiene") == json{{"dropped_spans", 1},
                                   {"dropped_records", 2},
                                   {"dropped_device_ops", 3},
                                   {"invalid_device_ops", 4},
                                   {"unmatched_device_ops", 5},
                                   {"unmatched_launches", 6},
                                   {"untraced_copies", 13},
                                   {"changed_graph_nodes", 14},
                                   {"too_deep_spans", 7},
                                   {"open_spans", 8},
                                   {"overwritten_spans", 9},
                                   {"warm_up_regions", 10},
                                   {"skipped_regions", 11},
                                   {"damaged_blocks", 12},
                                   {"incomplete", true}});
  CHECK(file.at("wall_ns") == run.wall_ns);
  CHECK(file.at("strings") == json(run.strings.all()));
  CHECK(file.at("threads") ==
        json{{"name", COLUMN(run.threads, row.name)}, {"os_id", COLUMN(run.threads, row.os_id)}});
}

TEST_CASE("timing_file: host tables hold every member of every row") {
  const latency::recording run = sample_recording();
  const json file = json::parse(written(run));
  const auto attributes = [](std::size_t count, json first) {
    json result(count, nullptr);
    result[0] = std::move(first);
    return result;
  };
  CHECK(file.at("spans") ==
        json{{"id", COLUMN(run.spans, row.id)},
             {"parent", COLUMN(run.spans, row.parent)},
             {"start_ns", COLUMN(run.spans, row.start_ns)},
             {"duration_ns", COLUMN(run.spans, row.end_ns - row.start_ns)},
             {"name", COLUMN(run.spans, row.name)},
             {"thread", COLUMN(run.spans, row.thread)},
             {"flags", COLUMN(run.spans, row.flags)},
             {"attributes", attributes(run.spans.size(),
                                       {{"step", 3}, {"timestep", 937.5}, {"policy", "ring"}})}});
  CHECK(file.at("async_spans") ==
        json{{"id", COLUMN(run.async_spans, row.id)},
             {"parent", COLUMN(run.async_spans, row.parent)},
             {"start_ns", COLUMN(run.async_spans, row.start_ns)},
             {"duration_ns", COLUMN(run.async_spans, row.end_ns - row.start_ns)},
             {"name", COLUMN(run.async_spans, row.name)},
             {"begin_thread", COLUMN(run.async_spans, row.begin_thread)},
             {"end_thread", COLUMN(run.async_spans, row.end_thread)},
             {"flags", COLUMN(run.async_spans, row.flags)},
             {"attributes", attributes(run.async_spans.size(), {{"step", 2}})}});
  CHECK(file.at("instants") == json{{"time_ns", COLUMN(run.instants, row.time_ns)},
                                    {"name", COLUMN(run.instants, row.name)},
                                    {"thread", COLUMN(run.instants, row.thread)},
                                    {"span", COLUMN(run.instants, row.span)},
                                    {"attributes", {{{"step", 2}}}}});
  CHECK(file.at("counters") == json{{"time_ns", COLUMN(run.counters, row.time_ns)},
                                    {"name", COLUMN(run.counters, row.name)},
                                    {"thread", COLUMN(run.counters, row.thread)},
                                    {"value", COLUMN(run.counters, row.value)}});
}

TEST_CASE("timing_file: device tables hold every member of every row") {
  const latency::recording run = sample_recording();
  const json file = json::parse(written(run));
  CHECK(file.at("device_ops") ==
        json{{"start_ns", COLUMN(run.device_ops, row.start_ns)},
             {"duration_ns", COLUMN(run.device_ops, row.end_ns - row.start_ns)},
             {"span", COLUMN(run.device_ops, row.span)},
             {"correlation", COLUMN(run.device_ops, row.correlation)},
             {"graph_node", COLUMN(run.device_ops, row.graph_node)},
             {"replay", COLUMN(run.device_ops, row.replay)},
             {"bytes", COLUMN(run.device_ops, row.bytes)},
             {"name", COLUMN(run.device_ops, row.name)},
             {"device", COLUMN(run.device_ops, row.device)},
             {"stream", COLUMN(run.device_ops, row.stream)},
             {"kind", {"kernel", "memcpy", "memcpy", "memset", "memcpy", "memcpy"}},
             {"direction",
              {"none", "host_to_device", "device_to_host", "none", "device_to_device", "peer"}},
             {"reason",
              {"none", "none", "none", "no_open_span", "no_launch_record", "graph_before_start"}},
             {"shape", {1, -1, -1, -1, -1, -1}}});
  CHECK(file.at("graph_nodes") == json{{"node", {8, 5}},
                                       {"span", {3, 0}},
                                       {"path", {1, -1}},
                                       {"reason", {"none", "conditional"}}});
  CHECK(file.at("launch_shapes") == json{{"grid_x", {1, 11}},
                                         {"grid_y", {2, 12}},
                                         {"grid_z", {3, 13}},
                                         {"block_x", {4, 14}},
                                         {"block_y", {5, 15}},
                                         {"block_z", {6, 16}},
                                         {"registers_per_thread", {7, 17}},
                                         {"static_shared_bytes", {8, 18}},
                                         {"dynamic_shared_bytes", {9, 19}}});
  CHECK(file.at("api_calls") ==
        json{{"start_ns", COLUMN(run.api_calls, row.start_ns)},
             {"duration_ns", COLUMN(run.api_calls, row.end_ns - row.start_ns)},
             {"span", COLUMN(run.api_calls, row.span)},
             {"correlation", COLUMN(run.api_calls, row.correlation)},
             {"name", COLUMN(run.api_calls, row.name)},
             {"thread", COLUMN(run.api_calls, row.thread)},
             {"kind",
              {"launch", "launch", "event_record", "stream_wait", "synchronize", "allocate",
               "other"}},
             {"device", COLUMN(run.api_calls, row.device)},
             {"stream", COLUMN(run.api_calls, row.stream)},
             {"waits_for", {0, 0, 0, 80, 0, 0, 0}}});
}

TEST_CASE("timing_file: windows, marks, clocks and totals hold every member of every row") {
  const latency::recording run = sample_recording();
  const json file = json::parse(written(run));
  CHECK(file.at("event_windows") == json{{"start_ns", {1410, 1700}},
                                         {"duration_ns", {280, 50}},
                                         {"span", {3, 2}},
                                         {"replay", {0, 9}},
                                         {"name", COLUMN(run.event_windows, row.name)},
                                         {"device", {0, 1}},
                                         {"stream", {7, 8}},
                                         {"resolution_ns", {500, 61}},
                                         {"last_replay", {0, 1}}});
  CHECK(file.at("marks") == json{{"time_ns", {1760}},
                                 {"index", {42}},
                                 {"span", {3}},
                                 {"name", COLUMN(run.marks, row.name)},
                                 {"device", {1}},
                                 {"stream", {13}}});
  CHECK(file.at("device_clocks") == json{{"device", {0, 1}},
                                         {"name", {"NVIDIA H200", "NVIDIA H200"}},
                                         {"tier", {"kernels", "events"}},
                                         {"resolution_ns", {32, 500}},
                                         {"anchors", {12, 2}},
                                         {"drift_ppm", {-1.5, 0.0}},
                                         {"residual_ns", {40, 0}},
                                         {"uncertainty_ns", {75, 600}}});
  CHECK(file.at("span_paths") ==
        json{{"parent", {-1, 0}}, {"name", COLUMN(run.span_paths, row.name)}});
  CHECK(file.at("device_totals") == json{{"path", {1, -1}},
                                         {"name", COLUMN(run.device_totals, row.name)},
                                         {"device", {0, 1}},
                                         {"kind", {"kernel", "memcpy"}},
                                         {"direction", {"none", "peer"}},
                                         {"reason", {"none", "no_open_span"}},
                                         {"count", {5, 1}},
                                         {"sum_ns", {900, 7}},
                                         {"min_ns", {100, 7}},
                                         {"max_ns", {300, 7}},
                                         {"bytes", {0, 9}}});
  CHECK(file.at("device_histograms") ==
        json{{"total", {0, 0, 1}}, {"least_ns", {100, 300, 7}}, {"count", {3, 2, 1}}});
  CHECK(file.at("api_totals") == json{{"path", {0, -1}},
                                      {"name", COLUMN(run.api_totals, row.name)},
                                      {"kind", {"launch", "synchronize"}},
                                      {"count", {6, 2}},
                                      {"sum_ns", {60, 21}},
                                      {"min_ns", {9, 10}},
                                      {"max_ns", {11, 11}}});
}

TEST_CASE("timing_file: pipeline tables hold every member of every row") {
  const json file = json::parse(written(sample_recording()));
  CHECK(file.at("blocks") == json{{"span", {3}},
                                  {"index", {1}},
                                  {"segment", {2}},
                                  {"first_latent_frame", {3}},
                                  {"latent_frames", {4}},
                                  {"cached_latent_frames", {5}},
                                  {"window_latent_frames", {6}},
                                  {"switched", {1}}});
  CHECK(file.at("switches") == json{{"span", {3}},
                                    {"segment", {1}},
                                    {"block", {2}},
                                    {"requested_latent_frame", {10}},
                                    {"latent_frame", {12}},
                                    {"recached_latent_frames", {9}},
                                    {"request_ns", {777}},
                                    {"first_pixel_frame", {45}}});
  CHECK(file.at("pixel_frames") == json{{"complete_ns", {900}}, {"index", {5}}, {"block", {1}}});
  CHECK(file.at("memory") == json{{"time_ns", {11}},
                                  {"name", {1}},
                                  {"rss_bytes", {22}},
                                  {"peak_rss_bytes", {33}},
                                  {"device_used_bytes", {44}},
                                  {"device_peak_bytes", {55}},
                                  {"device_pool_used_bytes", {66}},
                                  {"device_pool_peak_bytes", {77}}});
}

TEST_CASE("timing_file: an attribute set twice is written once, with its last value") {
  latency::recording run;
  const auto key = run.strings.add("bytes");
  run.attributes.resize(2);
  run.attributes[0].key = run.attributes[1].key = key;
  run.attributes[0].integer = 1;
  run.attributes[1].integer = 2;
  run.instants.push_back({});
  run.instants[0].attributes = {0, 2};
  CHECK(written(run).find(R"("attributes":[{"bytes":2}])") != std::string::npos);
}

TEST_CASE("timing_file: hostile names and values give valid JSON that reads back") {
  CHECK(rc::check([](const std::string& a, const std::string& b, std::int64_t start,
                     std::int64_t end) {
    latency::recording run;
    run.run[a] = b;
    run.overhead[b] = std::numeric_limits<double>::quiet_NaN();
    run.clock.origin_unix_ns = 1;
    run.threads.push_back({b, start});
    latency::recorded_attribute attribute;
    attribute.key = run.strings.add(a);
    attribute.type = latency::recorded_attribute::kind::text;
    attribute.text = run.strings.add(b);
    run.attributes.push_back(attribute);
    run.spans.push_back(
        {1, 0, std::min(start, end) / 2, std::max(start, end) / 2, attribute.key, 0, 0, {0, 1}});
    const json file = json::parse(written(run));
    RC_ASSERT(schema_complaint(file) == "");
    const auto repaired = [](const std::string& text) {
      return json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace))
          .get<std::string>();
    };
    RC_ASSERT(file.at("run").at(repaired(a)) == repaired(b));
    RC_ASSERT(file.at("spans").at("attributes").at(0).at(repaired(a)) == repaired(b));
    RC_ASSERT(file.at("spans").at("start_ns").at(0).get<std::int64_t>() +
                  file.at("spans").at("duration_ns").at(0).get<std::int64_t>() ==
              std::max(start, end) / 2);
  }));
}
