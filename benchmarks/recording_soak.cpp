// Very many spans from several threads: memory stays bounded, and every span that was opened is
// accounted for: kept (counted in the journal, block by block), dropped or overwritten.
//
//   recording_soak [--spans N] [--threads N] [--folder DIR]
//                  [-o benchmarks/results/<machine>/recording_soak.json]
//
// Three modes: ring; keep, where the threads wait when the journal falls far behind, so that
// nothing need be dropped; and keep at full speed, where more is recorded than the machine can
// write. Exit code: 0; 2 when a count or the memory is not as promised.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <latency/detail/recorder.hpp>
#include <latency/latency.hpp>
#include <latency/memory.hpp>
#include <thread>

#include "benchmarks/journal_count.hpp"
#include "benchmarks/result_file.hpp"

namespace {

constexpr std::size_t capacity_spans = 262144;  // per thread: 10 MiB
constexpr std::int64_t most_resident_bytes = std::int64_t{128} << 20;

struct soak_mode {
  const char* name;
  latency::session_mode mode;
  bool waits;
};
constexpr soak_mode modes[] = {{"ring", latency::session_mode::ring, false},
                               {"keep", latency::session_mode::keep, true},
                               {"keep at full speed", latency::session_mode::keep, false}};

// Opens and closes spans, two deep, until `count` were opened.
void record(std::uint64_t count, const std::function<void(std::uint64_t)>& every_while) {
  constexpr int inner_spans = 499;
  for (std::uint64_t opened = 0; opened < count;) {
    every_while(opened);
    LATENCY_SCOPE("outer", {"opened", opened});
    ++opened;
    for (int i = 0; i < inner_spans && opened < count; ++i, ++opened) LATENCY_SCOPE("inner");
  }
}

struct soak_result {
  benchmarks::journal_count::totals journal;
  double seconds = 0;
};

soak_result soak(const soak_mode& mode, std::uint64_t spans, int thread_count,
                 const std::string& file) {
  latency::session_options options;
  options.capacity_spans = capacity_spans;
  options.mode = mode.mode;
  latency::session run{file, options};
  const auto recorder = [] {
    const std::lock_guard<std::mutex> lock(latency::detail::process().mutex);
    return latency::detail::process().current;
  }();
  benchmarks::journal_count count(recorder->journal_path());

  std::atomic<std::uint64_t> opened{0};
  const auto wait = [&](std::uint64_t added) {
    opened.fetch_add(added);
    while (opened.load() > count.spans() + capacity_spans * 3 / 4)
      std::this_thread::sleep_for(std::chrono::microseconds(200));
  };
  const std::int64_t start_ns = latency::read_clock_ns(CLOCK_MONOTONIC_RAW);
  std::vector<std::thread> threads;
  for (int t = 0; t < thread_count; ++t)
    threads.emplace_back([&, t] {
      std::uint64_t said = 0;
      record(spans / thread_count + (t == 0 ? spans % thread_count : 0), [&](std::uint64_t done) {
        if (mode.waits) wait(done - said);
        said = done;
      });
    });
  for (std::thread& thread : threads) thread.join();
  soak_result result;
  result.seconds =
      static_cast<double>(latency::read_clock_ns(CLOCK_MONOTONIC_RAW) - start_ns) * 1e-9;
  // Not run.finish(), which reads all of it into memory to write the timing file.
  recorder->stop();
  result.journal = count.finish();
  std::filesystem::remove(recorder->journal_path());
  return result;
}

void add_rows(std::vector<benchmarks::row>& rows, const soak_mode& mode, std::uint64_t spans,
              int threads, soak_result result) {
  using latency::detail::total;
  const std::uint64_t kept = result.journal.spans,
                      dropped = result.journal.of_session[total::dropped_spans],
                      overwritten = result.journal.of_session[total::overwritten_spans];
  if (kept + dropped + overwritten != spans)
    throw latency::error(
        fmt::format("{}: {} spans were opened, but {} kept, {} dropped and {} "
                    "overwritten",
                    mode.name, spans, kept, dropped, overwritten));
  const std::int64_t peak_bytes = latency::memory::read_usage().peak_rss_bytes;
  if (peak_bytes > most_resident_bytes)
    throw latency::error(fmt::format("{}: {} bytes of memory were resident, more than {}",
                                     mode.name, peak_bytes, most_resident_bytes));
  const auto add = [&](const std::string& what, double value, const char* unit) {
    benchmarks::row row;
    row.name = fmt::format("{}: {}", mode.name, what);
    row.value = value;
    row.unit = unit;
    row.n = 1;
    rows.push_back(row);
  };
  add(fmt::format("opened by {} threads", threads), static_cast<double>(spans), "spans");
  add("kept in the journal", static_cast<double>(kept), "spans");
  add("overwritten", static_cast<double>(overwritten), "spans");
  add("dropped", static_cast<double>(dropped), "spans");
  add("journal", static_cast<double>(result.journal.bytes), "bytes");
  add("most memory resident so far", static_cast<double>(peak_bytes), "bytes");
  add("time", result.seconds, "s");
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Records very many spans and accounts for each."};
  std::uint64_t spans = 1000000000;
  int threads = 4;
  std::string output, machine = benchmarks::this_machine(), folder = ".";
  app.add_option("--spans", spans, "opened in each mode")->capture_default_str();
  app.add_option("--threads", threads)->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--folder", folder, "where the journal goes, a few GiB of it at a time")
      ->check(CLI::ExistingDirectory);
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("-o", output, "result file to write");
  CLI11_PARSE(app, argc, argv);

  std::vector<benchmarks::row> rows;
  for (const soak_mode& mode : modes)
    add_rows(rows, mode, spans, threads,
             soak(mode, spans, threads, folder + "/recording_soak.tmp.json"));
  benchmarks::report(rows, machine,
                     fmt::format("recording_soak --spans {} --threads {}", spans, threads), output);
} catch (const latency::error& e) {
  std::fprintf(stderr, "recording_soak: %s\n", e.what());
  return 2;
}
