// What `latency breakdown --format json` prints obeys schemas/breakdown.schema.json, and hostile
// names reach neither a terminal nor the error stream.
#include <doctest/doctest.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "latency/timing_file.hpp"
#include "schema_complaint.hpp"
#include "tests/analyzers/device_builder.hpp"
#include "tests/analyzers/run_command.hpp"
#include "tests/analyzers/sample_run.hpp"
#include "tests/temporary_folder.hpp"

namespace {

using latency_test::read_file;
using latency_test::temporary_folder;

const std::string program = LATENCY_TOOL;
const std::string example = std::string(LATENCY_TEST_DATA) + "/timing/two_segments.json";
const std::string trace =
    std::string(LATENCY_TEST_DATA) + "/traces/longlive_interactive.pt.trace.json.gz";

std::string output_of(const std::string& command) {
  return latency_test::run_command("( " + command + " ) 2>&1").out;
}

nlohmann::json report(const std::string& arguments) {
  return nlohmann::json::parse(output_of(program + " breakdown --format json " + arguments));
}

std::string complaint(const nlohmann::json& document) {
  return latency_test::schema_complaint("breakdown.schema.json", document);
}

// The example with `name` in place of one of its names, a property, and two device ops.
std::string changed_example(const temporary_folder& folder, const std::string& name) {
  nlohmann::ordered_json file = nlohmann::ordered_json::parse(read_file(example));
  for (auto& text : file["strings"])
    if (text == "diffusion_forward") text = name;
  file["run"]["note"] = name;
  const auto span = file["spans"]["id"][0];
  file["device_ops"] = {{"start_ns", {200'000'000, 300'000'000}},
                        {"duration_ns", {50'000'000, -1'000}},
                        {"span", {span, span}},
                        {"correlation", {0, 0}},
                        {"graph_node", {0, 0}},
                        {"replay", {0, 0}},
                        {"bytes", {0, 4096}},
                        {"name", {0, 0}},
                        {"device", {0, 1}},
                        {"stream", {7, 7}},
                        {"kind", {"kernel", "memcpy"}},
                        {"direction", {"none", "host_to_device"}},
                        {"reason", {"none", "none"}}};
  const std::string path = folder / "changed.json";
  std::FILE* const out = std::fopen(path.c_str(), "w");
  std::fputs(file.dump().c_str(), out);
  std::fclose(out);
  return path;
}

// The sample run with all that can be known of a device: two kernels in every denoising step, each
// a graph of one node, of which one was captured in "step" and the other is not known, a copy per
// block, marks, windows, and totals as if another run had been pooled with it.
std::string device_example(const temporary_folder& folder) {
  using namespace latency;
  recording run = test::sample_run();
  run.launch_shapes.resize(1);
  for (const span& s : std::vector<span>(run.spans)) {
    const std::string name = run.strings[s.name];
    if (name == "interactive_denoising_step") {
      for (const std::int64_t at_ns : {s.start_ns + 1000, s.start_ns + 5000}) {
        const std::uint64_t correlation = 1 + run.api_calls.size();
        test::add_call(run, api_call_kind::launch, s.id, at_ns - 900, at_ns - 500, correlation);
        device_op& op = test::add_op(run, "void f<Functor<float> >(int)", s.id, at_ns,
                                     at_ns + 2000 + at_ns % 7, 7);
        op.correlation = op.replay = correlation;
        op.graph_node = at_ns == s.start_ns + 1000 ? 1 : 2;
        op.shape = 0;
      }
      test::add_call(run, api_call_kind::synchronize, s.id, s.end_ns - 100, s.end_ns);
      run.event_windows.push_back(
          {s.start_ns, s.end_ns, s.id, 0, run.strings.add("step"), 0, 7, 61});
    }
    if (name == "temporal_block") {
      const std::uint64_t correlation = 1 + run.api_calls.size();
      test::add_call(run, api_call_kind::launch, s.id, s.start_ns, s.start_ns + 10, correlation);
      test::add_copy(run, copy_direction::host_to_device, s.id, s.start_ns + 20, s.start_ns + 40,
                     1000, 8)
          .correlation = correlation;
      run.marks.push_back({s.end_ns, 0, s.id, run.strings.add("latent_frame"), 0, 7});
    }
  }
  run.span_paths = {{-1, run.strings.add("step")}};
  run.graph_nodes = {{1, 0, 0, {}}, {2, 0, -1, capture_reason::unknown_node}};
  run.hygiene.changed_graph_nodes = 1;
  device_total total;
  total.path = 0;
  total.name = run.strings.add("void g<Functor<float> >(int)");
  total.count = total.sum_ns = total.min_ns = total.max_ns = 1;
  run.device_totals = {total};
  run.device_histograms = {{0, 1, 1}};
  run.api_totals.resize(1);
  run.api_totals[0].count = run.api_totals[0].sum_ns = 1;
  const std::string path = folder / "device.json";
  write_timing_file(run, path);
  return path;
}

}  // namespace

TEST_CASE("breakdown schema: every table about a device obeys it and is there") {
  const temporary_folder folder;
  const std::string file = device_example(folder);
  const nlohmann::json found = report(file + " --detailed");
  CHECK(complaint(found) == "");
  const auto tables = [&found](const char* section) {
    std::string names;
    for (const auto& [name, rows] : found["sections"][section]["tables"].items())
      names += (names.empty() ? "" : " ") + name;
    return names;
  };
  CHECK(tables("device") == "device_components device_totals device_windows");
  CHECK(tables("kernels") == "kernel_names kernel_shapes kernels");
  CHECK(tables("gaps") == "gap_causes largest_gaps streams");
  CHECK(tables("copies") == "copies");
  CHECK(tables("calls") == "graphs host_calls launches_per_latent_frame");
  CHECK(tables("events") == "event_windows marks");

  // 7 steps of 2 kernels and 7 copies; windows around all of the kernels.
  const auto lines = found["sections"]["device"]["lines"];
  CHECK(lines[0]["figures"]["ops_recorded"] == 21);
  CHECK(lines[2]["figures"]["event_checks"] == 7);
  CHECK(lines[2]["figures"]["event_checks_held"] == 7);
  CHECK(found["sections"]["calls"]["tables"]["launches_per_latent_frame"][0]["launches"] == 1);
  const auto graphs = found["sections"]["calls"]["tables"]["graphs"];
  REQUIRE(graphs.size() == 2);
  CHECK(graphs[0]["replays"] == 7);
  CHECK(graphs[0]["ops_with_spans"] == 7);
  CHECK(graphs[1]["ops_with_spans"] == 0);
  CHECK(graphs[1]["launches"] == 7);
  CHECK(graphs[1]["launch_median_ns"] == 400);
  int known = 0, unknown = 0;
  for (const auto& row : found["sections"]["device"]["tables"]["device_components"]) {
    known += row["component"] == "step" && row["ops"] == 7 ? 1 : 0;
    unknown += row["component"] == "(graph: unknown node)" && row["ops"] == 7 ? 1 : 0;
  }
  CHECK(known == 1);
  CHECK(unknown == 1);
  CHECK(found["sections"]["events"]["tables"]["marks"][0]["n"] == 6);
  CHECK(complaint(report(file + " " + example)) == "");
}

TEST_CASE("breakdown schema: every arrangement of the report obeys it") {
  for (const std::string& arguments :
       {example, example + " --detailed", example + " " + example,
        example + " " + example + " --pool --detailed", trace, trace + " --detailed",
        example + " " + trace,
        example + " --require 'p50(diffusion_forward)<=1s' --require 'count(temporal_block)==6'"})
    CHECK_MESSAGE(complaint(report(arguments)) == "", arguments);
}

TEST_CASE("breakdown schema: device ops and impossible records obey it, each count by itself") {
  const temporary_folder folder;
  const nlohmann::json found = report(changed_example(folder, "a\"b{}\\c") + " --detailed");
  CHECK(complaint(found) == "");
  const auto counts = found["sections"]["hygiene"]["lines"][0]["figures"];
  CHECK(counts["device_op_reversed_times"] == 1);
  CHECK(counts["span_reversed_times"] == 0);
  CHECK(found["sections"]["device"]["lines"][1]["figures"]["devices"] == 2);
  CHECK(found["sections"]["copies"]["tables"].empty());  // the copy ends before it starts
}

TEST_CASE(
    "breakdown schema: a figure without its unit, a lost section and a newer version are seen") {
  const nlohmann::json good = report(example);
  nlohmann::json bad = good;
  bad["sections"]["components"]["tables"]["components"][0]["exclusive_ns"] = "1 ms";
  CHECK(complaint(bad) != "");
  bad = good;
  bad["sections"].erase("proof");
  CHECK(complaint(bad) != "");
  bad = good;
  bad["schema"]["version"] = "2.0";
  CHECK(complaint(bad) != "");
  bad = good;
  bad["sections"]["components"]["tables"]["surprise"] = nlohmann::json::array();
  CHECK(complaint(bad) != "");
}

TEST_CASE("latency breakdown: a requirement on a name with braces shows the name, not a figure") {
  const temporary_folder folder;
  const std::string text = output_of(program + " breakdown " + changed_example(folder, "{}") +
                                     " --require 'count({})==19'");
  CHECK(text.find("count({})==19 holds: it is 19 (n = 19)") != text.npos);
}

TEST_CASE("latency breakdown: names that steer a terminal reach neither it nor the error stream") {
  const temporary_folder folder;
  const std::string evil = "\x1b[31mred\x1b]0;title\x07\xc2\x9b\xe2\x80\xae";
  const std::string file = changed_example(folder, evil);
  for (const std::string format : {"table", "csv", "json", "markdown"}) {
    // script(1) runs it with a terminal as its output.
    std::string shown = output_of("NO_COLOR=1 script -qec '" + program + " breakdown " + file +
                                  " --detailed --format " + format + "' /dev/null </dev/null");
    if (shown.find("red") == shown.npos) {
      MESSAGE("skipped: no script(1) here");
      return;
    }
    for (const char* const part : {"\x1b", "\x07", "\xc2\x9b", "\xe2\x80\xae"})
      CHECK_MESSAGE(shown.find(part) == shown.npos, format);
  }
  const std::string refused =
      output_of(program + " breakdown " + file + " --require 'p50(?[31mred)<=1s'");
  CHECK(refused.find("red") != refused.npos);
  CHECK(refused.find('\x1b') == refused.npos);
}

TEST_CASE("latency: an unknown subcommand is named") {
  CHECK(output_of(program + " brekdown").find("brekdown") != std::string::npos);
  CHECK(output_of(program) == "latency: which subcommand? (latency --help)\n");
}

TEST_CASE("latency breakdown: side by side names each file in one piece") {
  const temporary_folder folder;
  const std::string name = folder / (std::string(150, 'p') + ".json");
  std::rename(changed_example(folder, "forward").c_str(), name.c_str());
  const std::string text = output_of(program + " breakdown " + example + " " + name);
  CHECK(text.find("  B  " + name + "\n") != text.npos);
}
