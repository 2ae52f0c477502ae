// The program `latency`, run as a user runs it.
#include <doctest/doctest.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>

#include "analyzers/render/display.hpp"
#include "latency/timing_file.hpp"
#include "tests/analyzers/csv_reader.hpp"
#include "tests/analyzers/run_command.hpp"
#include "tests/temporary_folder.hpp"

namespace {

using latency_test::command_result;
using latency_test::csv_rows;
using latency_test::is_one_line;
using latency_test::read_file;
using latency_test::run_command;
using latency_test::temporary_folder;

const std::string program = LATENCY_TOOL;
const std::string example = std::string(LATENCY_TEST_DATA) + "/timing/two_segments.json";
const std::string trace =
    std::string(LATENCY_TEST_DATA) + "/traces/longlive_interactive.pt.trace.json.gz";

command_result breakdown(const std::string& arguments) {
  return run_command(program + " breakdown " + arguments);
}

nlohmann::json tables(const std::string& section) {
  return nlohmann::json::parse(
      breakdown(example + " --detailed --format json").out)["sections"][section]["tables"];
}

nlohmann::json row(const nlohmann::json& rows, const std::string& key, const std::string& value) {
  for (const auto& entry : rows)
    if (entry[key] == value) return entry;
  FAIL("no row " << value);
  return {};
}

}  // namespace

TEST_CASE("latency breakdown: the unit of samples in a log can be given") {
  const std::string log = std::string(LATENCY_TEST_DATA) + "/fa_vs_vsa/profile.vsa.log";
  CHECK(breakdown(log).out.find("60 samples labelled ms are read as s") != std::string::npos);
  const command_result given = breakdown(log + " --sample-unit us");
  CHECK(given.status == 0);
  CHECK(given.out.find("read as us") != std::string::npos);
  CHECK(breakdown(log + " --sample-unit hours").status == 2);
}

TEST_CASE("latency breakdown: prompt switches can be left to latency switch") {
  CHECK(breakdown(example).out.find("\nPrompt switches\n") != std::string::npos);
  const command_result without = breakdown(example + " --without-switches");
  CHECK(without.status == 0);
  CHECK(without.out.find("\nPrompt switches\n") == std::string::npos);
  CHECK(without.out.find("\nFrame generation\n") != std::string::npos);
}

TEST_CASE("latency breakdown: hygiene comes first and the file is clean") {
  const command_result r = breakdown(example);
  CHECK(r.status == 0);
  CHECK(r.err.empty());
  const std::size_t title = r.out.find('\n');
  CHECK(r.out.substr(title, 19) == "\n\nHygiene\n  clean: ");
  CHECK(r.out.find("exclusive 1080000000 ns + untracked 20000000 ns = wall 1100000000 ns") !=
        r.out.npos);
}

// The numbers below are worked out by hand from the example: 6 blocks of 100 ms, the fourth 40 ms
// longer for its switch, 30 ms of VAE after each, all under a root of 1080 ms in a wall of 1100 ms.
TEST_CASE(
    "latency breakdown: exclusive times are those worked out by hand and add up to the wall") {
  const auto rows = tables("components")["components"];
  CHECK(row(rows, "component", "diffusion_forward")["exclusive_ns"] == 534'000'000);
  CHECK(row(rows, "component", "diffusion_forward")["count"] == 19);
  CHECK(row(rows, "component", "interactive_inference")["exclusive_ns"] == 220'000'000);
  CHECK(row(rows, "component", "temporal_block")["exclusive_ns"] == 30'000'000);
  CHECK(row(rows, "component", "temporal_block")["inclusive_ns"] == 640'000'000);
  CHECK(row(rows, "component", "interactive_denoising_step")["exclusive_ns"] == 0);
  CHECK(row(rows, "component", "(untracked)")["exclusive_ns"] == 20'000'000);
  std::int64_t sum = 0;
  double share = 0;
  for (const auto& entry : rows) {
    if (entry["component"] == "= wall") continue;
    sum += entry["exclusive_ns"].get<std::int64_t>();
    share += entry["exclusive_share_ratio"].get<double>();
  }
  CHECK(sum == 1'100'000'000);
  CHECK(share == doctest::Approx(1));
}

TEST_CASE("latency breakdown: the switch has both definitions and its parts add up") {
  const auto one = tables("switches")["switches"][0];
  CHECK(one["delta_ns"] == 40'000'000);
  CHECK(one["absolute_ns"] == 169'890'000);
  CHECK(one["switch_total_ns"] == 40'000'000);
  const auto parts = tables("switches")["switch_parts"][0];
  CHECK(parts["cache_reset_ns"] == 9'000'000);
  CHECK(parts["recache_set_up_ns"] == 5'000'000);
  CHECK(parts["recache_forward_ns"] == 25'000'000);
  CHECK(parts["denoising_ns"] == 95'000'000);
  CHECK(parts["decode_ns"] == 29'890'000);
  CHECK(parts["unaccounted_ns"] == 6'000'000);
  std::int64_t sum = 0;
  for (const auto& [name, value] : parts.items())
    if (name != "switch") sum += value.get<std::int64_t>();
  CHECK(sum == 169'890'000);
}

TEST_CASE("latency breakdown: frame rates, scenarios and steps are those worked out by hand") {
  const auto generation = tables("generation");
  const auto without = row(generation["frame_rate"], "counted", "without VAE");
  CHECK(without["latent_frames_per_second"] == doctest::Approx(18 / 0.64));
  CHECK(without["pixel_frames_per_second"] == doctest::Approx(69 / 0.64));
  const auto with = row(generation["frame_rate"], "counted", "with VAE");
  CHECK(with["latent_frames_per_second"] == doctest::Approx(18 / 0.82));
  CHECK(row(generation["scenarios"], "scenario", "switch")["mean_ns"] == 140e6);
  CHECK(row(generation["scenarios"], "scenario", "full")["n"] == 2);
  CHECK(tables("blocks")["blocks"].size() == 6);
  const auto steps = tables("steps")["steps"];
  CHECK(steps.size() == 24);  // 6 x (step 0, its preparation, step 1, its preparation)
  CHECK(row(tables("steps")["step_durations"], "component",
            "interactive_denoising_step_final")["mean_ns"] == 30e6);
}

TEST_CASE("latency breakdown: the cache figures are those worked out by hand") {
  const auto lines = nlohmann::json::parse(
      breakdown(example + " --format=json").out)["sections"]["kv_cache"]["lines"];
  CHECK(lines[0]["figures"]["attended_tokens"] == 17'100);
  CHECK(lines[0]["figures"]["reused_tokens"] == 10'800);
  CHECK(lines[0]["figures"]["hit_ratio"] == doctest::Approx(10'800.0 / 17'100.0));
  CHECK(lines[2]["figures"]["resets"] == 3);
  CHECK(lines[2]["figures"]["resets_per_block"] == 0.5);
}

TEST_CASE("latency breakdown: of a device, each sum is shown with its parts") {
  const auto sections =
      nlohmann::json::parse(breakdown(trace + " --detailed --format json").out)["sections"];
  const auto ops = sections["device"]["lines"][0]["figures"];
  CHECK(ops["ops_recorded"] == ops["launches"]);
  CHECK(ops["dropped"] == 0);
  const auto time = sections["device"]["lines"][1]["figures"];
  const auto ns = [&](const char* key) { return time[key].get<std::int64_t>(); };
  CHECK(ns("share_ns") + ns("copy_exposed_ns") + ns("unattributed_ns") + ns("idle_ns") ==
        ns("device_window_ns"));
  CHECK(ns("unattributed_ns") == ns("unattributed_no_open_span_ns"));

  std::int64_t time_ns = 0;
  for (const auto& component : sections["device"]["tables"]["device_components"])
    if (component["component"] != "= window") time_ns += component["time_ns"].get<std::int64_t>();
  CHECK(time_ns == ns("device_window_ns"));
  CHECK(row(sections["device"]["tables"]["device_components"], "component",
            "= window")["time_ns"] == time_ns);
  for (const auto& stream : sections["gaps"]["tables"]["streams"])
    CHECK(stream["busy_ns"].get<std::int64_t>() + stream["gap_ns"].get<std::int64_t>() ==
          stream["window_ns"]);
  std::int64_t exposed_ns = 0;
  for (const auto& copy : sections["copies"]["tables"]["copies"])
    exposed_ns += copy["exposed_ns"].get<std::int64_t>();
  CHECK(exposed_ns == ns("copy_exposed_ns"));

  const auto kernels = sections["kernels"]["tables"]["kernels"];
  const auto sum = row(kernels, "kernel", "= all");
  CHECK(sum["share_ns"] == ns("share_ns") + ns("unattributed_ns"));
  std::int64_t share_ns = 0;
  std::set<std::string> names;
  for (const auto& kernel : kernels) {
    names.insert(kernel["kernel"]);
    if (kernel["kernel"] != "= all") share_ns += kernel["share_ns"].get<std::int64_t>();
  }
  CHECK(sum["share_ns"] == share_ns);
  CHECK(names.size() == kernels.size());
}

TEST_CASE("latency breakdown: of a trace nothing is said that it does not hold") {
  const temporary_folder folder;
  std::ofstream(folder / "trace.json") << R"({"traceEvents":[
{"ph":"X","cat":"user_annotation","name":"prompt_switch_kv_reset","pid":1,"tid":1,"ts":1,"dur":9},
{"ph":"X","cat":"kernel","name":"gemm","pid":0,"tid":7,"ts":2,"dur":3,
 "args":{"device":0,"stream":7,"correlation":5}}]})";
  const command_result r = breakdown(folder / "trace.json");
  CHECK(r.status == 0);
  CHECK(r.out.find("ops: 1 recorded without the calls that launched them") != r.out.npos);
  CHECK(r.out.find("= 1 launch") == r.out.npos);
  CHECK(r.out.find("recorded, 1 span on 1 thread") != r.out.npos);
  CHECK(r.out.find("clock") == r.out.npos);
  CHECK(r.out.find("By operation") == r.out.npos);
}

TEST_CASE("latency breakdown: long tables end after ten rows and say so, the sum stays") {
  const auto kernels =
      nlohmann::json::parse(breakdown(trace + " --format json").out)["sections"]["kernels"];
  const auto all = nlohmann::json::parse(
      breakdown(trace + " --detailed --format json").out)["sections"]["kernels"];
  CHECK(kernels["tables"]["kernels"].size() == 12);
  CHECK(kernels["tables"]["kernels"][11] == all["tables"]["kernels"].back());
  const std::size_t hidden = all["tables"]["kernels"].size() - 11;
  CHECK(kernels["lines"].back()["text"] ==
        std::to_string(hidden) + " more kernels: --detailed shows all.");
  CHECK(row(kernels["tables"]["kernels"], "kernel",
            "(" + std::to_string(hidden) + " others)")["count"] > 0);
}

TEST_CASE("latency breakdown: a run without a device has no sections about it") {
  const auto sections =
      nlohmann::json::parse(breakdown(example + " --format json").out)["sections"];
  CHECK_FALSE(sections.contains("device"));
  CHECK_FALSE(sections.contains("kernels"));
}

TEST_CASE("latency breakdown: real output fits 100 columns in every arrangement") {
  for (const std::string& arguments : {example, example + " --detailed", example + " " + example,
                                       example + " " + example + " " + example + " --detailed",
                                       example + " " + example + " --pool --detailed", trace,
                                       trace + " --detailed", trace + " " + example}) {
    std::istringstream lines(breakdown(arguments).out);
    bool names = false;  // shown in full, however long one is
    for (std::string line; std::getline(lines, line);) {
      names = line == "  Names in full" || (names && !line.empty());
      if (!names) CHECK_MESSAGE(latency::render::width_of(line) <= 100, line);
    }
  }
}

TEST_CASE("latency breakdown: csv parses back and carries its units") {
  const auto rows = csv_rows(breakdown(example + " --format csv").out);
  std::vector<std::string> header;
  bool found = false;
  for (const auto& fields : rows) {
    if (fields[0] == "table") header = fields;
    CHECK(fields.size() == header.size());
    if (fields[0] != "components" || fields[1] != "diffusion_forward") continue;
    found = true;
    CHECK(header[2] == "exclusive_ns");
    CHECK(fields[2] == "534000000");
  }
  CHECK(found);
}

TEST_CASE("latency breakdown: no colour without a terminal") {
  CHECK(breakdown(example).out.find('\x1b') == std::string::npos);
}

TEST_CASE("latency breakdown: a requirement that holds exits with 0, one that does not with 1") {
  CHECK(breakdown(example + " --require 'p50(temporal_block)<=100ms'").status == 0);
  CHECK(breakdown(example + " --require 'exclusive(diffusion_forward)==534ms' "
                            "--require 'count(temporal_block)==6'")
            .status == 0);
  const command_result r = breakdown(example +
                                     " --require 'max(temporal_block)<=100ms' --require "
                                     "'share(interactive_inference)<=20%'");
  CHECK(r.status == 1);
  CHECK(r.err == "latency: " + example +
                     ": max(temporal_block)<=100ms DOES NOT HOLD: it is 140.0 "
                     "ms (n = 6)\n");
  CHECK(r.out.find("share(interactive_inference)<=20% holds") != r.out.npos);
}

TEST_CASE("latency breakdown: P99 of few spans is judged by their maximum, which no P99 exceeds") {
  CHECK(breakdown(example + " --require 'p99(temporal_block)<=140ms'").status == 0);
  const command_result missed = breakdown(example + " --require 'p99(temporal_block)<140ms'");
  CHECK(missed.status == 1);
  CHECK(missed.err.find("(n = 6; below 100 their maximum stands for P99)") != missed.err.npos);
}

TEST_CASE("latency breakdown: a requirement that cannot be decided exits with 2") {
  const command_result typo = breakdown(example + " --require 'mean(temporal_blok)<1s'");
  CHECK(typo.status == 2);
  CHECK(typo.out.empty());
  CHECK(typo.err.find("no span is called 'temporal_blok'; the nearest is 'temporal_block'") !=
        typo.err.npos);
  CHECK(breakdown(example + " --require 'p98(a)<1s'").status == 2);
}

TEST_CASE("latency breakdown: bad input is one line on stderr, exit 2, and no output file") {
  const temporary_folder folder;
  std::ofstream(folder / "bad.json") << read_file(example).substr(0, 5000);
  for (const std::string& input : {folder / "bad.json", folder / "missing.json", folder / ""}) {
    const command_result r = breakdown(input + " -o " + (folder / "report.txt"));
    CHECK(r.status == 2);
    CHECK(is_one_line(r.err));
    CHECK(r.err.rfind("latency: " + input + ": ", 0) == 0);
    CHECK(r.out.empty());
  }
  CHECK(folder.names() == std::vector<std::string>{"bad.json"});
}

TEST_CASE("latency breakdown: an output that cannot be written leaves nothing and exits with 2") {
  const command_result missing = breakdown(example + " -o /nonexistent/report.txt");
  CHECK(missing.status == 2);
  CHECK(missing.err ==
        "latency: /nonexistent/report.txt: cannot create: No such file or directory\n");
  const command_result full = run_command(program + " breakdown " + example + " >/dev/full");
  CHECK(full.status == 2);
  CHECK(is_one_line(full.err));
}

TEST_CASE("latency breakdown: -o replaces the file as a whole") {
  const temporary_folder folder;
  std::ofstream(folder / "report.md") << "old";
  CHECK(breakdown(example + " --format markdown -o " + (folder / "report.md")).status == 0);
  CHECK(read_file(folder / "report.md").rfind("# Latency breakdown\n", 0) == 0);
  CHECK(folder.names() == std::vector<std::string>{"report.md"});
}

TEST_CASE("latency breakdown: standard input, a pipe and an early reader") {
  CHECK(run_command("cat " + example + " | " + program + " breakdown -").out.find("): stdin") ==
        std::string::npos);
  const command_result piped = run_command("cat " + example + " | " + program + " breakdown -");
  CHECK(piped.status == 0);
  CHECK(piped.out.rfind("Latency breakdown: stdin\n", 0) == 0);
  // The reader has gone before the first byte is written.
  const command_result gone = run_command("( sleep 0.3; " + program + " breakdown " + example +
                                          "; echo status $? >&2 ) | true");
  CHECK(gone.err == "status 0\n");
  const command_result head = run_command(program + " breakdown " + example + " | head -1");
  CHECK(head.err.empty());
  CHECK(head.out == "Latency breakdown: " + example + "\n");
}

TEST_CASE("latency breakdown: following ends with the reader, although the run goes on") {
  const temporary_folder folder;
  const std::string journal = folder / "run.journal";
  const std::string whole = LATENCY_TEST_DATA "/../fuzz/corpus/fuzz_breakdown/every_record";
  // Descriptor 9 is the run, which writes no more but is there.
  const command_result gone =
      run_command("head -c $(($(wc -c <" + whole + ") / 16 * 8)) " + whole + " >" + journal +
                  "; exec 9>>" + journal + "; ( sleep 0.3; timeout 60 " + program +
                  " breakdown --follow " + journal + "; echo status $? >&2 ) | true");
  CHECK(gone.err == "status 0\n");
}

TEST_CASE("latency breakdown: hostile nesting through a pipe ends at once") {
  const command_result r = run_command(
      "( printf '{'; yes '\"a\":{' | tr -d '\\n' ) 2>/dev/null | " + program + " breakdown -");
  CHECK(r.status == 2);
  CHECK(r.err.find("nested deeper than 16 levels") != r.err.npos);
}

TEST_CASE("latency breakdown: a stream that is no recording is refused at its start") {
  const std::string what = ": is not JSON and not a journal (it starts with byte 0x00)\n";
  CHECK(breakdown("/dev/zero").err == "latency: /dev/zero" + what);
  CHECK(run_command(program + " breakdown - </dev/zero").err == "latency: stdin" + what);
  const command_result text = run_command("yes | " + program + " breakdown -");
  CHECK(text.err == "latency: stdin: is not JSON and not a journal (it starts with 'y')\n");
}

TEST_CASE("latency breakdown: spans nested without end are shown without their whole paths") {
  constexpr std::uint64_t depth = 5000;
  latency::recording deep;
  deep.wall_ns = 2 * depth;
  deep.threads.push_back({"main", 1});
  for (std::uint64_t i = 1; i <= depth; ++i) {
    latency::span s;
    s.id = i, s.parent = i - 1;
    s.start_ns = static_cast<std::int64_t>(i), s.end_ns = static_cast<std::int64_t>(2 * depth - i);
    s.name = deep.strings.add("name");
    deep.spans.push_back(s);
  }
  const temporary_folder folder;
  latency::write_timing_file(deep, folder / "deep.json");
  const command_result r = breakdown((folder / "deep.json") + " --format csv");
  CHECK(r.status == 0);
  CHECK(r.out.find("(level 410);name") != r.out.npos);  // each name takes 5 of 2048 bytes
  CHECK(r.out.size() < depth * 3000);
}

TEST_CASE("latency breakdown: pooled ranks add up, percentiles are over all values") {
  const auto report = nlohmann::json::parse(
      breakdown("--pool --format json " + example + " " + example).out)["sections"];
  const auto rows = report["components"]["tables"]["components"];
  CHECK(row(rows, "component", "diffusion_forward")["exclusive_ns"] == 2 * 534'000'000);
  CHECK(row(rows, "component", "diffusion_forward")["count"] == 2 * 19);
  CHECK(report["switches"]["tables"]["switches"].size() == 2);
}

TEST_CASE("latency breakdown: an empty recording says why its sections are absent") {
  const temporary_folder folder;
  latency::write_timing_file({}, folder / "empty.json");
  const command_result r = breakdown((folder / "empty.json") + " --detailed");
  CHECK(r.status == 0);
  for (const char* const why :
       {"absent: no spans were recorded", "absent: no prompt switches were recorded",
        "absent: no temporal blocks and no pixel frames were recorded",
        "absent: no span has the attribute step"})
    CHECK_MESSAGE(r.out.find(why) != r.out.npos, why);
}

TEST_CASE("latency: published name, version, help, underscores in options") {
  const std::string folder = program.substr(0, program.rfind('/') + 1);
  const command_result published =
      run_command(folder + "analyze_latency_breakdown " + example + " --detailed --format csv");
  CHECK(published.status == 0);
  CHECK(published.out == breakdown(example + " --detailed --format csv").out);
  CHECK(run_command(program + " --version").out == "latency 0.1.0\n");
  const command_result help = breakdown("--help");
  CHECK(help.status == 0);
  CHECK(help.out.find("Examples:") != help.out.npos);
  CHECK(help.out.find("p99 of fewer than 100 spans is judged by their maximum") != help.out.npos);
  for (const std::string& wrong : {std::string(), std::string("--nonsense"),
                                   example + " --format xml", std::string("--format")}) {
    const command_result r = breakdown(wrong);
    CHECK(r.status == 2);
    CHECK(is_one_line(r.err));
  }
  CHECK(is_one_line(breakdown("'missing\nfile'").err));
  CHECK(is_one_line(breakdown("$(printf 'a%.0s' $(seq 50000)) x").err));
  CHECK(run_command(program).status == 2);
}
