// How fast a PyTorch trace is read, attributed and accounted, on one core, and how much memory that
// takes, against parsing it into a document: nlohmann::json, and Python's json where there is one.
//
//   trace_reading [--bytes N] [--sizes N...] [--rounds N] [--model TRACE] [--folder DIR]
//                 [-o benchmarks/results/<machine>/trace_reading.json]
//
// The trace is a real one, repeated with other times and ids up to the size. The parsers get one of
// a tenth of that, for they hold it all. Then ours reads traces of each of the sizes: rate and
// memory stay what they are if both grow in proportion. A sample is a process of its own; the files
// are in the page cache.

#include <fmt/format.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <latency/device_accounting.hpp>
#include <latency/latency.hpp>
#include <latency/proof.hpp>
#include <latency/span_tree.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "analyzers/timeline/reader.hpp"
#include "benchmarks/in_a_child.hpp"
#include "benchmarks/repeated_trace.hpp"
#include "benchmarks/result_file.hpp"

namespace {

// Removed at the end.
class file_on_disk {
 public:
  explicit file_on_disk(std::string path) : path_(std::move(path)) {}
  ~file_on_disk() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  file_on_disk(const file_on_disk&) = delete;
  file_on_disk& operator=(const file_on_disk&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// This process and its children, on one of the cores that they may use.
void stay_on_one_core() {
  cpu_set_t allowed, one;
  CPU_ZERO(&one);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &allowed)) continue;
    CPU_SET(core, &one);
    break;
  }
  ::sched_setaffinity(0, sizeof one, &one);
}

bool account(const std::string& path) {
  const latency::recording run = latency::open_recording(path);
  const latency::span_tree tree(run);
  const latency::device_accounting accounting(run, tree);
  const latency::proof proven = latency::make_proof(run, tree, accounting);
  if (!proven.clean() || run.device_ops.empty()) throw latency::error(path, "", "does not add up");
  return true;
}

nlohmann::json parse(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return nlohmann::json::parse(file);
}

bool python(const std::string& path) {
  const std::string command =
      "python3 -c 'import json,sys; json.load(open(sys.argv[1]))' '" + path + "'";
  if (std::system(command.c_str()) != 0) throw latency::error(path, "", "Python cannot parse it");
  return true;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures how fast PyTorch traces are read."};
  double bytes = 1e9;
  std::vector<double> sizes = {1e7, 1e8, 4e9};
  int rounds = 3;
  std::string output, machine = benchmarks::this_machine(), folder = ".",
                      model = LATENCY_MODEL_TRACE;
  app.add_option("--bytes", bytes, "of the trace, at least")
      ->check(CLI::Range(1e6, 1e11))
      ->capture_default_str();
  app.add_option("--sizes", sizes, "of further traces, to see whether cost grows in proportion")
      ->check(CLI::Range(1e6, 1e11))
      ->capture_default_str();
  app.add_option("--rounds", rounds, "samples of each figure")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--model", model, "the trace that is repeated")->check(CLI::ExistingFile);
  app.add_option("--folder", folder, "where the traces go while measuring")
      ->check(CLI::ExistingDirectory);
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("-o", output, "result file to write");
  CLI11_PARSE(app, argc, argv);
  stay_on_one_core();

  const std::string stem = folder + fmt::format("/trace_reading.{}", ::getpid());
  const file_on_disk large(stem + ".json"), small(stem + ".small.json"), gzip(stem + ".json.gz");
  const auto large_bytes = static_cast<double>(
      benchmarks::write_repeated_trace(model, large.path(), static_cast<std::uint64_t>(bytes)));
  const auto small_bytes = static_cast<double>(benchmarks::write_repeated_trace(
      model, small.path(), static_cast<std::uint64_t>(bytes / 10)));
  benchmarks::write_gzip(large.path(), gzip.path());

  std::map<std::string, std::vector<double>> peaks;  // over the size of the JSON
  const auto alternative = [&peaks](const std::string& name, double json_bytes, auto work,
                                    const std::string& reference) {
    return benchmarks::alternative{
        name,
        [=, &peak = peaks[name]] {
          const auto s = benchmarks::in_a_child(work);
          peak.push_back(static_cast<double>(s.peak_rss_bytes) / json_bytes);
          return json_bytes * 1e-6 / s.seconds;
        },
        reference};
  };
  const std::string document = "nlohmann::json, parsed only";
  std::vector<benchmarks::alternative> alternatives = {
      alternative(
          document, small_bytes, [&] { return parse(small.path()); }, ""),
      alternative(
          "read, attributed and accounted", large_bytes, [&] { return account(large.path()); },
          document),
      alternative(
          "the same from gzip", large_bytes, [&] { return account(gzip.path()); }, document)};
  const bool has_python = std::system("python3 -c '' 2> /dev/null") == 0;
  if (has_python)
    alternatives.push_back(alternative(
        "Python's json, parsed only", small_bytes, [&] { return python(small.path()); }, document));

  std::vector<benchmarks::row> rows = benchmarks::compare(alternatives, "MB/s", rounds);
  for (const double size : sizes) {
    const file_on_disk trace(stem + ".size.json");
    const auto trace_bytes = static_cast<double>(
        benchmarks::write_repeated_trace(model, trace.path(), static_cast<std::uint64_t>(size)));
    const std::vector<benchmarks::row> measured = benchmarks::compare(
        {alternative(
            fmt::format("read, attributed and accounted, {:.0f} MB", size * 1e-6), trace_bytes,
            [&] { return account(trace.path()); }, "")},
        "MB/s", rounds);
    rows.insert(rows.end(), measured.begin(), measured.end());
  }
  for (const auto& [name, samples] : peaks)
    if (name.find("Python") == name.npos)  // which is a process of its own
      rows.push_back(
          benchmarks::summarize(name + ": most memory resident", "of the JSON", samples));
  benchmarks::report(rows, machine,
                     fmt::format("trace_reading --bytes {:.0f} --rounds {}", bytes, rounds),
                     output);
} catch (const latency::error& e) {
  std::fprintf(stderr, "trace_reading: %s\n", e.what());
  return 2;
}
