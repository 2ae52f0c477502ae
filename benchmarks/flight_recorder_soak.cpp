// A run that always flies: pixel frames at 25 a second, each made by 200 spans, and every so often
// a stall that makes some late. Every stall must have its file, and neither memory nor the time of
// a pixel frame may drift meanwhile. With --device, each also launches 20 kernels and 5 replays of
// a graph of 100, which are recorded one by one (ops) or as sums (totals). Exit code: 0; 2 when a
// file is missing, a record was dropped, or memory grew.
//
//   flight_recorder_soak [--seconds 480] [--miss-every 10] [--device ops|totals]
//                        [-o benchmarks/results/<machine>/flight_recorder_soak.json]

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <latency/latency.hpp>
#include <latency/memory.hpp>
#include <latency/statistics.hpp>
#include <thread>

#include "benchmarks/result_file.hpp"
#include "benchmarks/soak_device.hpp"

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds period{40};
constexpr milliseconds stall{400};  // more than it is ahead
constexpr std::int64_t most_growth_bytes = std::int64_t{8} << 20;

struct pixel_frame_sample {
  double work_us = 0;
  std::int64_t rss_bytes = 0;
};

double make_pixel_frame(int index, benchmarks::soak_device* device) {
  const std::int64_t start_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
  {
    LATENCY_SCOPE("pixel_frame", {"index", index});
    for (int i = 0; i < 200; ++i) {
      LATENCY_SCOPE("part");
      volatile unsigned sum = 0;
      for (unsigned k = 0; k < 5000; ++k) sum = sum + k;
    }
    if (device != nullptr) device->make_pixel_frame();
    latency::pixel_frame row;
    row.index = index;
    latency::record(row);
  }
  return static_cast<double>(latency::read_clock_ns(CLOCK_MONOTONIC_RAW) - start_ns) / 1000;
}

struct soak_result {
  std::vector<pixel_frame_sample> samples;
  int stalls = 0;
  latency::flight_recorder_status status;
  latency::hygiene_counts hygiene;
};

soak_result soak(const std::string& folder, int seconds, int miss_every,
                 const std::string& device_mode) {
  latency::session_options options;
  options.flight_recorder.window = std::chrono::seconds(10);
  options.flight_recorder.pixel_frame_period = period;
  options.flight_recorder.at_most_every = std::chrono::seconds(1);
  options.flight_recorder.files = 4;
  latency::session run{folder + "/soak.json", options};
  std::unique_ptr<benchmarks::soak_device> device;
  if (device_mode != "none") device = benchmarks::make_soak_device(run, device_mode == "totals");
  soak_result result;
  const auto start = steady_clock::now();
  auto next_stall = start + std::chrono::seconds(miss_every);
  const auto end = start + std::chrono::seconds(seconds);
  for (int index = 0; steady_clock::now() < end; ++index) {
    // Half a period ahead of when it is due, or as fast as it goes when it is late already.
    std::this_thread::sleep_until(start + index * period - period / 2);
    if (steady_clock::now() >= next_stall) {
      LATENCY_SCOPE("stall");
      std::this_thread::sleep_for(stall);
      ++result.stalls;
      next_stall += std::chrono::seconds(miss_every);
    }
    const double work_us = make_pixel_frame(index, device.get());
    result.samples.push_back({work_us, latency::memory::read_usage().rss_bytes});
  }
  result.hygiene = run.finish().hygiene;
  result.status = run.flight_recorder();
  return result;
}

// Median and 99th percentile of a quarter of the run, and its most memory; against `before`.
std::vector<benchmarks::row> quarter_rows(const soak_result& result, std::size_t quarter,
                                          const std::string& name,
                                          const std::vector<benchmarks::row>& before) {
  std::vector<benchmarks::row> rows;
  const std::size_t n = result.samples.size() / 4;
  std::vector<double> work_us;
  double most_bytes = 0;
  for (std::size_t i = quarter * n; i < (quarter + 1) * n; ++i) {
    work_us.push_back(result.samples[i].work_us);
    most_bytes = std::max(most_bytes, static_cast<double>(result.samples[i].rss_bytes));
  }
  rows.push_back(benchmarks::summarize(name + ": time of a pixel frame", "us", work_us));
  benchmarks::row row;
  row.name = name + ": its 99th percentile";
  row.value = latency::percentile(work_us, 99);
  row.unit = "us";
  row.n = work_us.size();
  rows.push_back(row);
  row.name = name + ": most memory resident";
  row.value = most_bytes;
  row.unit = "bytes";
  rows.push_back(row);
  for (std::size_t i = 0; i < before.size(); ++i) {
    rows[i].reference_name = before[i].name;
    rows[i].reference_value = before[i].value;
  }
  return rows;
}

benchmarks::row count(const std::string& name, std::int64_t value, const char* unit = "files") {
  benchmarks::row row;
  row.name = name;
  row.value = static_cast<double>(value);
  row.unit = unit;
  row.n = 1;
  return row;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Flies for a while, and misses a deadline every so often."};
  int seconds = 480, miss_every = 10;
  std::string output, machine = benchmarks::this_machine(), folder = ".", device = "none";
  app.add_option("--seconds", seconds)->check(CLI::Range(4, 1000000))->capture_default_str();
  app.add_option("--miss-every", miss_every, "seconds between two stalls")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--device", device, "what is recorded of a device")
      ->check(CLI::IsMember({"none", "ops", "totals"}))
      ->capture_default_str();
  app.add_option("--folder", folder, "where the files go")->check(CLI::ExistingDirectory);
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("-o", output, "result file to write");
  CLI11_PARSE(app, argc, argv);

  const soak_result result = soak(folder, seconds, miss_every, device);
  std::vector<benchmarks::row> rows;
  rows.push_back(count("stalls that were made", result.stalls));
  rows.push_back(count("files written", result.status.written));
  rows.push_back(count("files skipped", result.status.skipped));
  rows.push_back(count("files failed", result.status.failed));
  const std::int64_t dropped = result.hygiene.dropped_spans + result.hygiene.dropped_records +
                               result.hygiene.dropped_device_ops +
                               result.hygiene.unmatched_device_ops;
  rows.push_back(count("records dropped", dropped, "records"));
  const auto first = quarter_rows(result, 0, "first quarter", {});
  const auto last = quarter_rows(result, 3, "last quarter", first);
  rows.insert(rows.end(), first.begin(), first.end());
  rows.insert(rows.end(), last.begin(), last.end());
  benchmarks::report(rows, machine,
                     fmt::format("flight_recorder_soak --seconds {} --miss-every {} --device {}",
                                 seconds, miss_every, device),
                     output);
  // A busy machine may make more pixel frames late than the stalls do.
  if (result.status.written + result.status.skipped < result.stalls || result.status.failed != 0)
    throw latency::error(fmt::format("{} stalls, but {} files, {} skipped, {} failed: {}",
                                     result.stalls, result.status.written, result.status.skipped,
                                     result.status.failed, result.status.last_error));
  if (dropped != 0) throw latency::error(fmt::format("{} records were dropped", dropped));
  const std::size_t half = result.samples.size() / 2;
  const std::int64_t growth_bytes =
      result.samples.back().rss_bytes - result.samples[half].rss_bytes;
  if (growth_bytes > most_growth_bytes)
    throw latency::error(fmt::format("memory grew by {} bytes in the second half", growth_bytes));
} catch (const latency::error& e) {
  std::fprintf(stderr, "flight_recorder_soak: %s\n", e.what());
  return 2;
}
