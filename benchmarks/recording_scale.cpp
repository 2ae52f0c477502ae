// How recording, collecting, writing and breaking down grow with the number of spans, 10^4 to 10^7.
//
//   recording_scale [--largest N] [--folder DIR] [-o
//   benchmarks/results/<machine>/recording_scale.json]

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <latency/latency.hpp>
#include <thread>

#include "benchmarks/result_file.hpp"

namespace {

[[nodiscard]] double seconds_of(const std::function<void()>& work) {
  const std::int64_t start_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
  work();
  return static_cast<double>(latency::read_clock_ns(CLOCK_MONOTONIC_RAW) - start_ns) * 1e-9;
}

// A tree like that of a generative loop: blocks of 4 steps of 8 layers, indices on each.
std::uint64_t record_spans(std::uint64_t wanted) {
  std::uint64_t made = 0;
  for (int block = 0; made < wanted; ++block) {
    LATENCY_SCOPE("temporal_block", {"block", block});
    ++made;
    for (int step = 0; step < 4; ++step) {
      LATENCY_SCOPE("interactive_denoising_step", {"block", block}, {"step", step});
      ++made;
      for (int layer = 0; layer < 8; ++layer) {
        LATENCY_SCOPE("self_attention");
        ++made;
      }
    }
  }
  return made;
}

// Bytes of a file once the collector has written all there is.
double settled_size(const std::string& path) {
  std::uintmax_t size = 0, before = 0;
  do {
    before = size;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    size = std::filesystem::file_size(path);
  } while (size != before);
  return static_cast<double>(size);
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures how recording and reading scale."};
  std::uint64_t largest = 10000000;
  std::string output, machine = benchmarks::this_machine(), folder = ".";
  app.add_option("--largest", largest, "most spans recorded");
  app.add_option("--folder", folder, "where the timing files go while measuring")
      ->check(CLI::ExistingDirectory);
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("-o", output, "result file to write");
  CLI11_PARSE(app, argc, argv);

  std::vector<benchmarks::row> rows;
  const std::string file = folder + "/recording_scale.tmp.json";
  for (std::uint64_t spans = 10000; spans <= largest; spans *= 10) {
    std::vector<double> record_ns, write_ns, journal_bytes, file_bytes, breakdown_s;
    const int samples = spans >= 10000000 ? 3 : 7;
    for (int sample = 0; sample < samples; ++sample) {
      latency::session_options options;  // room for what the collector has not taken yet
      options.capacity_spans = std::max<std::uint64_t>(65536, spans * 2);
      latency::session run{file, options};
      { LATENCY_SCOPE("attach"); }  // the buffer is made when a thread opens its first span
      std::uint64_t made = 0;
      record_ns.push_back(seconds_of([&] { made = record_spans(spans); }) * 1e9 /
                          static_cast<double>(made));
      journal_bytes.push_back(settled_size(file + ".journal") / static_cast<double>(made));
      write_ns.push_back(seconds_of([&] { run.finish(); }) * 1e9 / static_cast<double>(made));
      file_bytes.push_back(static_cast<double>(std::filesystem::file_size(file)) /
                           static_cast<double>(made));
      const std::string command =
          std::string(LATENCY_PROGRAM) + " breakdown " + file + " > /dev/null";
      int status = 0;
      breakdown_s.push_back(seconds_of([&] { status = std::system(command.c_str()); }));
      if (status != 0) throw latency::error(command + " failed");
    }
    std::filesystem::remove(file);
    const auto add = [&](const char* what, const char* unit, const std::vector<double>& values) {
      rows.push_back(benchmarks::summarize(
          fmt::format("{}, {:.0e} spans", what, static_cast<double>(spans)), unit, values));
    };
    add("record", "ns/span", record_ns);
    add("journal", "bytes/span", journal_bytes);
    add("read back and write the timing file", "ns/span", write_ns);
    add("timing file", "bytes/span", file_bytes);
    add("latency breakdown of it", "s", breakdown_s);
  }
  benchmarks::report(rows, machine, fmt::format("recording_scale --largest {}", largest), output);
} catch (const latency::error& e) {
  std::fprintf(stderr, "recording_scale: %s\n", e.what());
  return 2;
}
