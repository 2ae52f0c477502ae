// Real traces, reckoned twice: by our reader and accounting, and by tests/oracle/kineto_oracle.py,
// which shares nothing with them.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "analyzers/timeline/reader.hpp"
#include "latency/device_accounting.hpp"
#include "latency/interval_set.hpp"
#include "latency/proof.hpp"
#include "latency/span_tree.hpp"
#include "tests/temporary_folder.hpp"

namespace {

using nlohmann::json;

json oracle(const std::string& trace) {
  const latency_test::temporary_folder folder;
  const std::string command = std::string("'") + LATENCY_PYTHON + "' '" + LATENCY_ORACLE + "' '" +
                              trace + "' > '" + (folder / "out.json") + "'";
  REQUIRE(std::system(command.c_str()) == 0);
  return json::parse(latency_test::read_file(folder / "out.json"));
}

std::string path_of(const latency::recording& run, const latency::span_tree& tree,
                    std::uint32_t span) {
  std::string path;
  for (; span != latency::no_span; span = tree[span].parent)
    path = run.name_of(run.spans[span]) + (path.empty() ? "" : ";" + path);
  return path;
}

struct sums {
  std::int64_t spans = 0, open_ns = 0, ops = 0, sum_ns = 0, busy_ns = 0, share_ns = 0,
               copy_exposed_ns = 0;
};

std::map<std::string, sums> sums_by_path(const latency::recording& run,
                                         const latency::span_tree& tree,
                                         const latency::device_accounting& accounting) {
  std::map<std::string, sums> paths;
  std::map<std::pair<std::string, std::uint32_t>, std::vector<latency::interval>> busy;
  for (std::uint32_t s = 0; s < run.spans.size(); ++s) {
    sums& path = paths[path_of(run, tree, s)];
    ++path.spans;
    path.open_ns += run.spans[s].end_ns - run.spans[s].start_ns;
  }
  for (std::size_t i = 0; i < run.device_ops.size(); ++i) {
    const latency::device_op& op = run.device_ops[i];
    const latency::device_op_account& account = accounting.ops()[i];
    const std::string name = path_of(run, tree, account.span);
    sums& path = paths[name];
    ++path.ops;
    path.sum_ns += op.end_ns - op.start_ns;
    (op.kind == latency::device_op_kind::memcpy ? path.copy_exposed_ns : path.share_ns) +=
        account.share_ns;
    busy[{name, op.device}].push_back({op.start_ns, op.end_ns});
  }
  for (auto& [where, intervals] : busy)
    paths[where.first].busy_ns += latency::interval_set(std::move(intervals)).total_ns();
  return paths;
}

// Shares are whole nanoseconds here and fractions there: where ops of several streams run together,
// an op may differ by one nanosecond for each change of what runs beside it.
bool near(std::int64_t found, const json& expected, std::size_t tolerance_ns) {
  const std::int64_t difference = found - expected.get<std::int64_t>();
  return std::llabs(difference) <= static_cast<std::int64_t>(tolerance_ns);
}

void compare(const std::string& trace, bool several_streams) {
  CAPTURE(trace);
  const json expected = oracle(trace);
  const latency::recording run = latency::open_recording(trace);
  const latency::span_tree tree(run);
  const latency::device_accounting accounting(run, tree);
  const std::size_t tolerance_ns = several_streams ? 2 * run.device_ops.size() : 0;

  CHECK(latency::make_proof(run, tree, accounting).clean());
  REQUIRE(accounting.devices().size() == expected.at("devices").size());
  for (const latency::device_account& device : accounting.devices()) {
    const json& known = expected.at("devices").at(std::to_string(device.device));
    CHECK(device.window.length_ns() == known.at("window_ns"));
    CHECK(device.idle_ns == known.at("idle_ns"));
    CHECK(device.busy_ns == known.at("busy_ns"));
    CHECK(device.copy_exposed_ns == known.at("copy_exposed_ns"));
    CHECK(near(device.share_ns, known.at("share_ns"), tolerance_ns));
    CHECK(near(device.unattributed_total_ns(), known.at("unattributed_ns"), tolerance_ns));
  }

  const auto paths = sums_by_path(run, tree, accounting);
  REQUIRE(paths.size() == expected.at("paths").size());
  for (const auto& [name, path] : paths) {
    const std::string& span_path = name;  // clang 14 captures no structured binding
    CAPTURE(span_path);
    REQUIRE(expected.at("paths").contains(name));
    const json& known = expected.at("paths").at(name);
    CHECK(path.spans == known.at("spans"));
    CHECK(path.open_ns == known.at("open_ns"));
    CHECK(path.ops == known.at("ops"));
    CHECK(path.sum_ns == known.at("sum_ns"));
    CHECK(path.busy_ns == known.at("busy_ns"));
    CHECK(near(path.share_ns, known.at("share_ns"), tolerance_ns));
    CHECK(near(path.copy_exposed_ns, known.at("copy_exposed_ns"), tolerance_ns));
  }
}

// Traces that are not part of the repository; empty where they are not.
std::string shared_traces() {
  const char* const named = std::getenv("LATENCY_SHARED_FIXTURES");
  const std::filesystem::path folder =
      (named != nullptr ? std::filesystem::path(named)
                        : std::filesystem::path(LATENCY_SOURCE_DIR) / "../shared/fixtures") /
      "traces";
  return std::filesystem::is_directory(folder) ? folder.string() : "";
}

}  // namespace

TEST_CASE("kineto_oracle: a trace of LongLive gives the same sums for every path and device") {
  compare(LATENCY_SOURCE_DIR "/tests/data/traces/longlive_interactive.pt.trace.json.gz", false);
}

TEST_CASE("kineto_oracle: other traces with device ops give the same sums") {
  const std::string folder = shared_traces();
  if (folder.empty()) {
    MESSAGE("skipped: no shared fixtures here (LATENCY_SHARED_FIXTURES)");
    return;
  }
  for (const char* const name :
       {"fa_vs_vsa/profile.fa.pt.trace.json.gz", "fa_vs_vsa/profile.vsa.pt.trace.json.gz"})
    compare(folder + "/" + name, false);
  for (const char* const name :
       {"public/kineto_multi_stream.json.gz", "public/kineto_sampled_rank0.json.gz"})
    compare(folder + "/" + name, true);
}

TEST_CASE("kineto_oracle: every trace reads, and its time adds up") {
  const std::string folder = shared_traces();
  if (folder.empty()) {
    MESSAGE("skipped: no shared fixtures here (LATENCY_SHARED_FIXTURES)");
    return;
  }
  std::size_t read = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".gz") continue;
    CAPTURE(entry.path().string());
    const latency::recording run = latency::open_recording(entry.path().string());
    const latency::span_tree tree(run);
    CHECK(latency::make_proof(run, tree, latency::device_accounting(run, tree)).exact());
    CHECK_FALSE(run.hygiene.incomplete);
    CHECK(run.wall_ns > 0);
    ++read;
  }
  CHECK(read >= 6);
}
