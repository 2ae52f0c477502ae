// How long `latency plot` takes for a report, how large the report is, and how long Chromium takes
// to open it, 10^4 to 10^6 spans (10^7 with --largest).
//
//   report_scale [--largest N] [--folder DIR] [-o benchmarks/results/<machine>/report_scale.json]
//
// Opening: from the start of navigation until the timeline is drawn and its frame is on the screen,
// in a browser that runs already (tests/page/opening_time.mjs). Left out where Chromium, Node.js or
// npm is missing.

#include <fmt/format.h>
#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <latency/latency.hpp>
#include <latency/timing_file.hpp>
#include <optional>

#include "benchmarks/result_file.hpp"

namespace {

namespace fs = std::filesystem;

double seconds_of(const std::string& command) {
  const std::int64_t start_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
  if (std::system(command.c_str()) != 0) throw latency::error(command + " failed");
  return static_cast<double>(latency::read_clock_ns(CLOCK_MONOTONIC_RAW) - start_ns) * 1e-9;
}

// An interactive run: blocks of 4 denoising steps of 30 layers, 3 latent and 12 pixel frames each,
// a prompt switch every 20 blocks. Layers take 150 to 250 us.
latency::recording run_of(std::uint64_t spans) {
  latency::recording run;
  run.clock = {"tsc", 0.5, 25, 1'700'000'000'000'000'000};
  run.threads.push_back({"main", 1});
  std::int64_t now_ns = 0;
  const auto open = [&](const char* name, latency::span_id parent) {
    latency::span row;
    row.id = run.spans.size() + 1;
    row.parent = parent;
    row.start_ns = now_ns;
    row.name = run.strings.add(name);
    run.spans.push_back(row);
    return row.id;
  };
  const auto close = [&](latency::span_id id) { run.spans[id - 1].end_ns = now_ns; };
  const latency::span_id root = open("interactive_inference", 0);
  for (std::int32_t block = 0; run.spans.size() < spans; ++block) {
    const latency::span_id span = open("temporal_block", root);
    const bool switched = block > 0 && block % 20 == 0;
    run.blocks.push_back(
        {span, block, block / 20, 3 * block, 3, std::min(3 * block, 12), 12, switched ? 1 : 0});
    if (switched) {
      const latency::span_id total = open("prompt_switch_total", span);
      run.switches.push_back(
          {total, block / 20, block, 3 * block, 3 * block, 12, now_ns, 12 * block - 3});
      now_ns += 20'000'000;
      close(total);
    }
    for (int step = 0; step < 4; ++step) {
      const latency::span_id denoising = open("interactive_denoising_step", span);
      for (int layer = 0; layer < 30; ++layer) {
        const latency::span_id attention = open("self_attention", denoising);
        now_ns += 150'000 + (block * 7 + step * 5 + layer * 3) % 11 * 10'000;
        close(attention);
      }
      close(denoising);
    }
    close(span);
    for (std::int32_t i = block == 0 ? 3 : 0; i < 12; ++i)
      run.pixel_frames.push_back({now_ns + i * 1000, 12 * block - 3 + i, block});
  }
  close(root);
  run.wall_ns = now_ns + 1'000'000;
  return run;
}

// Milliseconds that the script prints, or nothing where it cannot run.
std::optional<double> opening_ms(const std::string& report, const std::string& folder) {
  const std::string command = std::string(LATENCY_PAGE_TESTS) + "/run.sh " + LATENCY_PROGRAM + " " +
                              folder + " opening_time.mjs " + report;
  std::FILE* const output = ::popen(command.c_str(), "r");
  if (output == nullptr) return std::nullopt;
  double value = 0;
  const bool read = std::fscanf(output, "%lf", &value) == 1;
  return ::pclose(output) == 0 && read ? std::optional(value) : std::nullopt;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures how reports scale."};
  std::uint64_t largest = 1000000;
  int rounds = 5;
  std::string output, machine = benchmarks::this_machine(), folder = ".";
  app.add_option("--largest", largest, "most spans")->capture_default_str();
  app.add_option("--rounds", rounds, "samples of each figure")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--folder", folder, "where the files go while measuring")
      ->check(CLI::ExistingDirectory);
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("-o", output, "result file to write");
  CLI11_PARSE(app, argc, argv);

  const fs::path place = fs::absolute(folder) / fmt::format("report_scale.{}", ::getpid());
  fs::create_directories(place);
  std::vector<benchmarks::row> rows;
  for (std::uint64_t spans = 10000; spans <= largest; spans *= 10) {
    const std::string file = place / "timing.json";
    latency::write_timing_file(run_of(spans), file);
    std::vector<double> plot_s, plot_svg_s, megabytes, opening_s;
    for (int round = 0; round < rounds; ++round) {
      const std::string command = fmt::format("{} plot {} -o {} > {}", LATENCY_PROGRAM, file,
                                              (place / "report").string(), "/dev/null");
      plot_s.push_back(seconds_of(command + " --no-svg"));
      plot_svg_s.push_back(seconds_of(command));
      const fs::path report = place / "report" / "report.html";
      megabytes.push_back(static_cast<double>(fs::file_size(report)) * 1e-6);
      if (const std::optional<double> ms = opening_ms(report, place / "browser"))
        opening_s.push_back(*ms * 1e-3);
    }
    const auto add = [&](const char* what, const char* unit, const std::vector<double>& values) {
      if (!values.empty())
        rows.push_back(benchmarks::summarize(
            fmt::format("{}, {:.0e} spans", what, static_cast<double>(spans)), unit, values));
    };
    add("latency plot --no-svg", "s", plot_s);
    add("latency plot", "s", plot_svg_s);
    add("report.html", "MB", megabytes);
    add("opening it in Chromium", "s", opening_s);
  }
  fs::remove_all(place);
  benchmarks::report(rows, machine,
                     fmt::format("report_scale --largest {} --rounds {}", largest, rounds), output);
} catch (const latency::error& e) {
  std::fprintf(stderr, "report_scale: %s\n", e.what());
  return 2;
}
