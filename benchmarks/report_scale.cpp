// How long `latency plot` takes for a report and how much memory, how large the report is, and how
// long Chromium takes to open it and to zoom, 10^4 to 10^7 spans; and 10^2, which is what starting
// the program takes.
//
//   report_scale [--largest N] [--folder DIR] [-o benchmarks/results/<machine>/report_scale.json]
//
// 10^7 spans need 8 GB of memory and 2 GB of disk; --largest 1000000 leaves them out. Opening: from
// the start of navigation until the timeline is drawn and its frame is on the screen, in a browser
// that runs already; zooming: the slowest step on the way from the whole run to single spans
// (tests/page/page_times.mjs). Both are left out where Chromium, Node.js or npm is missing.

#include <fmt/format.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <latency/latency.hpp>
#include <latency/timing_file.hpp>
#include <optional>

#include "benchmarks/in_a_child.hpp"
#include "benchmarks/result_file.hpp"

namespace {

namespace fs = std::filesystem;

struct plot_cost {
  double seconds = 0;
  double peak_bytes = 0;
};

// A process of its own; this one is small when it forks, or its pages would count as the child's.
plot_cost plot(const std::string& file, const std::string& folder, bool svg) {
  const std::int64_t start_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
  const pid_t child = ::fork();
  if (child < 0) throw latency::error("cannot fork");
  if (child == 0) {
    if (std::freopen("/dev/null", "w", stdout) == nullptr) ::_exit(2);
    ::execl(LATENCY_PROGRAM, "latency", "plot", file.c_str(), "-o", folder.c_str(),
            svg ? nullptr : "--no-svg", nullptr);
    ::_exit(2);
  }
  int status = 0;
  struct rusage used {};
  if (::wait4(child, &status, 0, &used) != child || status != 0)
    throw latency::error("latency plot failed");
  return {static_cast<double>(latency::read_clock_ns(CLOCK_MONOTONIC_RAW) - start_ns) * 1e-9,
          1024. * static_cast<double>(used.ru_maxrss)};
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

struct page_times {
  double opening_ms = 0;
  double zoom_step_ms = 0;
};

// Nothing where the script cannot run.
std::optional<page_times> times_of(const std::string& report, const std::string& folder) {
  const std::string command = std::string(LATENCY_PAGE_TESTS) + "/run.sh " + LATENCY_PROGRAM + " " +
                              folder + " page_times.mjs " + report;
  std::FILE* const output = ::popen(command.c_str(), "r");
  if (output == nullptr) return std::nullopt;
  page_times times;
  const bool read = std::fscanf(output, "%lf %lf", &times.opening_ms, &times.zoom_step_ms) == 2;
  return ::pclose(output) == 0 && read ? std::optional(times) : std::nullopt;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures how reports scale."};
  std::uint64_t largest = 10000000;
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
  for (const std::uint64_t spans : {100, 10'000, 100'000, 1'000'000, 10'000'000}) {
    if (spans > largest) break;
    const std::string file = place / "timing.json";
    (void)benchmarks::in_a_child([&] {
      latency::write_timing_file(run_of(spans), file);
      return 0;
    });
    std::vector<double> plot_s, plot_svg_s, peak_mb, page_mb, opening_s, zoom_s;
    for (int round = 0; round < rounds; ++round) {
      const plot_cost without_svg = plot(file, place / "report", false);
      plot_s.push_back(without_svg.seconds);
      plot_svg_s.push_back(plot(file, place / "report", true).seconds);
      peak_mb.push_back(without_svg.peak_bytes * 1e-6);
      const fs::path report = place / "report" / "report.html";
      page_mb.push_back(static_cast<double>(fs::file_size(report)) * 1e-6);
      if (const std::optional<page_times> times = times_of(report, place / "browser")) {
        opening_s.push_back(times->opening_ms * 1e-3);
        zoom_s.push_back(times->zoom_step_ms * 1e-3);
      }
    }
    const auto add = [&](const char* what, const char* unit, const std::vector<double>& values) {
      if (!values.empty())
        rows.push_back(benchmarks::summarize(
            fmt::format("{}, {:.0e} spans", what, static_cast<double>(spans)), unit, values));
    };
    add("latency plot --no-svg", "s", plot_s);
    add("latency plot", "s", plot_svg_s);
    add("its peak memory, --no-svg", "MB", peak_mb);
    add("report.html", "MB", page_mb);
    add("opening it in Chromium", "s", opening_s);
    add("slowest step of zooming in", "s", zoom_s);
  }
  fs::remove_all(place);
  benchmarks::report(rows, machine,
                     fmt::format("report_scale --largest {} --rounds {}", largest, rounds), output);
} catch (const latency::error& e) {
  std::fprintf(stderr, "report_scale: %s\n", e.what());
  return 2;
}
