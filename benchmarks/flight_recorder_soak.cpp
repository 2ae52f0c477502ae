// A run that always flies: pixel frames at 25 a second, each made by 200 spans, and every so often
// a stall that makes some late. Every stall must be in a file, and neither memory nor the time of a
// pixel frame may drift meanwhile. With --device, each also launches 20 kernels and 5 replays of
// a graph of 100, which are recorded one by one (ops) or as sums (totals). Exit code: 0; 2 when a
// stall is in no file, a file failed, a record was dropped, or memory grew.
//
// Files follow each other as closely as they wait for what devices report late, so that a miss is
// skipped only for a file that is still to be taken and holds it.
//
// Memory is compared half a run apart, by the least in the second and in the last quarter: writing
// a file takes memory that it gives back. What the heap has in use tells what was kept from what
// malloc holds free; what was allocated with new is this program's and the library's alone, the
// rest of the heap that of CUPTI, the driver and the C library.
//
//   flight_recorder_soak [--seconds 480] [--miss-every 10] [--device ops|totals]
//                        [-o benchmarks/results/<machine>/flight_recorder_soak.json]

#include <fmt/format.h>

#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <latency/latency.hpp>
#include <latency/memory.hpp>
#include <latency/statistics.hpp>
#include <thread>

#include "benchmarks/miss_files.hpp"
#include "benchmarks/result_file.hpp"
#include "benchmarks/soak_device.hpp"
#include "tests/latency/allocated_bytes.hpp"

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds period{40};
constexpr milliseconds stall{400};  // more than it is ahead
constexpr std::int64_t most_growth_bytes = std::int64_t{8} << 20;

struct pixel_frame_sample {
  double work_us = 0;
  std::int64_t complete_ns = 0;
  std::int64_t resident_bytes = 0;
  std::int64_t heap_bytes = 0;  // that malloc has given out
  std::int64_t new_bytes = 0;   // those of them that operator new has
};

std::int64_t heap_in_use() {
  const struct mallinfo2 heap = mallinfo2();
  return static_cast<std::int64_t>(heap.uordblks + heap.hblkhd);
}

// Its times alone.
pixel_frame_sample make_pixel_frame(int index, benchmarks::soak_device* device) {
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
  const std::int64_t complete_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
  return {static_cast<double>(complete_ns - start_ns) / 1000, complete_ns};
}

struct soak_result {
  std::vector<pixel_frame_sample> samples;  // by the pixel frame's index
  std::vector<std::size_t> stalls;          // the pixel frames behind them
  std::vector<benchmarks::miss_file> files;
  latency::flight_recorder_status status;
  latency::hygiene_counts hygiene;
  std::string device;  // what it is called; empty: none
};

soak_result soak(const std::string& folder, int seconds, int miss_every,
                 const std::string& device_mode) {
  latency::session_options options;
  options.flight_recorder.window = std::chrono::seconds(10);
  options.flight_recorder.pixel_frame_period = period;
  options.flight_recorder.at_most_every = options.flight_recorder.after;
  options.flight_recorder.files = 4;
  latency::session run{folder + "/soak.json", options};
  std::unique_ptr<benchmarks::soak_device> device;
  if (device_mode != "none") device = benchmarks::make_soak_device(run, device_mode == "totals");
  soak_result result;
  result.samples.reserve(static_cast<std::size_t>(std::chrono::seconds(seconds) / period + 1));
  if (device != nullptr) result.device = device->name();
  benchmarks::miss_files files(folder, "soak");
  const auto start = steady_clock::now();
  auto next_stall = start + std::chrono::seconds(miss_every);
  const auto end = start + std::chrono::seconds(seconds);
  for (int index = 0; steady_clock::now() < end; ++index) {
    // Half a period ahead of when it is due, or as fast as it goes when it is late already.
    std::this_thread::sleep_until(start + index * period - period / 2);
    if (steady_clock::now() >= next_stall) {
      LATENCY_SCOPE("stall");
      std::this_thread::sleep_for(stall);
      result.stalls.push_back(result.samples.size());
      next_stall += std::chrono::seconds(miss_every);
    }
    pixel_frame_sample& made = result.samples.emplace_back(make_pixel_frame(index, device.get()));
    made.resident_bytes = latency::memory::read_usage().rss_bytes;
    made.heap_bytes = heap_in_use();
    made.new_bytes = latency_test::allocated_bytes();
    files.look(run.flight_recorder().written);
  }
  result.hygiene = run.finish().hygiene;
  result.status = run.flight_recorder();
  files.look(result.status.written);
  result.files = files.found();
  return result;
}

// Whether a file's window holds the stall ahead of a pixel frame and that pixel frame complete.
bool is_in_a_file(std::size_t stalled, const soak_result& of) {
  const std::int64_t complete_ns = of.samples[stalled].complete_ns;
  return std::any_of(of.files.begin(), of.files.end(), [&](const benchmarks::miss_file& file) {
    const std::int64_t since_miss_ns =
        complete_ns - of.samples.at(static_cast<std::size_t>(file.pixel_frame)).complete_ns;
    const std::int64_t stall_ns = std::chrono::nanoseconds(stall).count();
    return since_miss_ns - stall_ns >= -file.before_ns && since_miss_ns <= file.after_ns;
  });
}

// The samples of a quarter of the run, 0 to 3.
std::vector<pixel_frame_sample> quarter_of(const soak_result& result, std::size_t quarter) {
  const std::size_t n = result.samples.size() / 4;
  const auto at = [&](std::size_t i) {
    return result.samples.begin() + static_cast<std::ptrdiff_t>(i * n);
  };
  return {at(quarter), at(quarter + 1)};
}

benchmarks::row figure(const std::string& name, double value, const char* unit, std::size_t n) {
  benchmarks::row row;
  row.name = name;
  row.value = value;
  row.unit = unit;
  row.n = n;
  return row;
}
benchmarks::row count(const std::string& name, std::int64_t value, const char* unit = "files") {
  return figure(name, static_cast<double>(value), unit, 1);
}

// Median and 99th percentile of the time that a pixel frame took.
std::vector<benchmarks::row> time_rows(const std::vector<pixel_frame_sample>& quarter,
                                       const std::string& name) {
  std::vector<double> work_us;
  for (const pixel_frame_sample& one : quarter) work_us.push_back(one.work_us);
  return {benchmarks::summarize(name + ": time of a pixel frame", "us", work_us),
          figure(name + ": its 99th percentile", latency::percentile(work_us, 99), "us",
                 work_us.size())};
}

struct memory_range {
  std::int64_t least_resident = INT64_MAX;
  std::int64_t most_resident = 0;
  std::int64_t least_heap = INT64_MAX;
  std::int64_t least_new = INT64_MAX;
};
memory_range memory_of(const std::vector<pixel_frame_sample>& quarter) {
  memory_range found;
  for (const pixel_frame_sample& one : quarter) {
    found.least_resident = std::min(found.least_resident, one.resident_bytes);
    found.most_resident = std::max(found.most_resident, one.resident_bytes);
    found.least_heap = std::min(found.least_heap, one.heap_bytes);
    found.least_new = std::min(found.least_new, one.new_bytes);
  }
  return found;
}
std::vector<benchmarks::row> memory_rows(const memory_range& of, const std::string& name,
                                         std::size_t n) {
  const auto bytes = [&](const char* what, std::int64_t value) {
    return figure(name + ": " + what, static_cast<double>(value), "bytes", n);
  };
  return {bytes("least memory resident", of.least_resident),
          bytes("most memory resident", of.most_resident),
          bytes("least heap in use", of.least_heap),
          bytes("least allocated with new", of.least_new)};
}

// Each against the one at the same place in `before`.
std::vector<benchmarks::row> against(const std::vector<benchmarks::row>& before,
                                     std::vector<benchmarks::row> rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].reference_name = before[i].name;
    rows[i].reference_value = before[i].value;
  }
  return rows;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Flies for a while, and misses a deadline every so often."};
  int seconds = 480, miss_every = 10;
  std::string output, machine, folder = ".", device = "none";
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
  const auto stalls = static_cast<std::int64_t>(result.stalls.size());
  const std::int64_t stalls_in_files =
      std::count_if(result.stalls.begin(), result.stalls.end(),
                    [&](std::size_t stalled) { return is_in_a_file(stalled, result); });
  rows.push_back(count("stalls that were made", stalls, "stalls"));
  rows.push_back(count("stalls that are in a file", stalls_in_files, "stalls"));
  rows.push_back(count("files written", result.status.written));
  rows.push_back(count("files skipped", result.status.skipped));
  rows.push_back(count("files failed", result.status.failed));
  const std::int64_t dropped = result.hygiene.dropped_spans + result.hygiene.dropped_records +
                               result.hygiene.dropped_device_ops +
                               result.hygiene.unmatched_device_ops;
  rows.push_back(count("records dropped", dropped, "records"));
  const std::vector<pixel_frame_sample> last = quarter_of(result, 3);
  const auto first_times = time_rows(quarter_of(result, 0), "first quarter");
  const auto last_times = against(first_times, time_rows(last, "last quarter"));
  const memory_range before = memory_of(quarter_of(result, 1)), after = memory_of(last);
  const auto memory_before = memory_rows(before, "second quarter", last.size());
  const auto memory_after = against(memory_before, memory_rows(after, "last quarter", last.size()));
  for (const auto* more : {&first_times, &last_times, &memory_before, &memory_after})
    rows.insert(rows.end(), more->begin(), more->end());
  if (machine.empty())
    machine = benchmarks::this_machine() + (result.device.empty() ? "" : ", " + result.device);
  benchmarks::report(rows, machine,
                     fmt::format("flight_recorder_soak --seconds {} --miss-every {} --device {}",
                                 seconds, miss_every, device),
                     output);
  // A busy machine may make more pixel frames late than the stalls do.
  if (stalls_in_files != stalls || result.status.failed != 0)
    throw latency::error(fmt::format("{} stalls, {} of them in {} files, {} skipped, {} failed: {}",
                                     stalls, stalls_in_files, result.status.written,
                                     result.status.skipped, result.status.failed,
                                     result.status.last_error));
  if (dropped != 0) throw latency::error(fmt::format("{} records were dropped", dropped));
  const std::int64_t growth_bytes = after.least_resident - before.least_resident;
  if (growth_bytes > most_growth_bytes)
    throw latency::error(fmt::format(
        "memory grew by {} bytes from the second quarter to the last, what the heap "
        "has in use by {}, what was allocated with new by {}",
        growth_bytes, after.least_heap - before.least_heap, after.least_new - before.least_new));
} catch (const latency::error& e) {
  std::fprintf(stderr, "flight_recorder_soak: %s\n", e.what());
  return 2;
}
