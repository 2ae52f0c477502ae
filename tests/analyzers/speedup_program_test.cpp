// The subcommand `latency speedup` against what tests/oracle/speedup_oracle.py, which shares
// nothing with it, reckons from the same logs and traces of dense and sparse attention.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/temporary_folder.hpp"

namespace {

using doctest::Approx;
using latency_test::read_file;
using latency_test::temporary_folder;
using nlohmann::json;

const std::string data = LATENCY_TEST_DATA "/fa_vs_vsa/";
const std::string logs =
    " --baseline-log " + data + "profile.fa.log --candidate-log " + data + "profile.vsa.log";
const std::string inputs = logs + " --baseline-trace " + data +
                           "profile.fa.pt.trace.json.gz --candidate-trace " + data +
                           "profile.vsa.pt.trace.json.gz";

struct result {
  int status = -1;
  std::string out;
  std::string err;
};

result run(const std::string& command) {
  const temporary_folder folder;
  const int status =
      std::system((command + " >" + (folder / "out") + " 2>" + (folder / "err")).c_str());
  return {WEXITSTATUS(status), read_file(folder / "out"), read_file(folder / "err")};
}

result speedup(const std::string& arguments) {
  return run(std::string(LATENCY_TOOL) + " speedup" + arguments);
}

json report(const std::string& arguments) {
  return json::parse(speedup(arguments + " --format json").out)["sections"];
}

json ops_row(const json& sections, const std::string& side, const std::string& measured) {
  for (const auto& row : sections["traces"]["tables"]["ops"])
    if (row["side"] == side && row["measured"] == measured) return row;
  FAIL("no row");
  return {};
}

}  // namespace

TEST_CASE("latency speedup: every figure is that of the independent reckoning") {
  const json found = report(inputs);
  const std::string kernel = ops_row(found, "baseline", "kernel")["name"];
  CHECK(kernel.find("flash_fwd_kernel") != std::string::npos);
  const json by_hand =
      json::parse(run("'" LATENCY_PYTHON "' '" LATENCY_ORACLE "' " + data + "profile.fa.log " +
                      data + "profile.fa.pt.trace.json.gz '" + kernel + "' " + data +
                      "profile.vsa.log " + data + "profile.vsa.pt.trace.json.gz _attn_fwd_sparse")
                      .out);
  const json runs = found["runs"]["tables"]["runs"];
  REQUIRE(runs.size() == 7);
  const json attention = found["attention"]["tables"]["attention"];
  for (const char* const name : {"baseline", "candidate"}) {
    const json& side = by_hand[name];
    const std::string column = std::string(name) + "_ns";
    for (std::size_t i = 0; i < 5; ++i)
      CHECK(runs[i][column].get<double>() == Approx(side["runs_ms"][i].get<double>() * 1e6));
    CHECK(runs[5]["what"] == "avg_all_rounds");
    CHECK(runs[5][column].get<double>() == Approx(side["avg_all_rounds_ms"].get<double>() * 1e6));
    CHECK(runs[6][column].get<double>() == Approx(side["avg_excl_warmup_ms"].get<double>() * 1e6));
    const json row = ops_row(found, name, "kernel");
    CHECK(row["occurrences"] == side["kernel_n"]);
    CHECK(row["min_ns"].get<double>() == Approx(side["kernel_min_us"].get<double>() * 1e3));
    CHECK(row["max_ns"].get<double>() == Approx(side["kernel_max_us"].get<double>() * 1e3));
    CHECK(row["average_ns"].get<double>() == Approx(side["kernel_avg_us"].get<double>() * 1e3));
    const json sample = attention[name == std::string("baseline") ? 0 : 1];
    CHECK(sample["n"] == side["attention_n"]);
    CHECK(sample["mean_ns"].get<double>() == Approx(side["attention_ms"].get<double>() * 1e6));
    CHECK(sample["all_mean_ns"].get<double>() ==
          Approx(side["attention_all_ms"].get<double>() * 1e6));
  }
  const json three = found["speedups"]["tables"]["speedups"];
  REQUIRE(three.size() == 3);
  const auto ratio = [&](const char* figure) {
    return by_hand["baseline"][figure].get<double>() / by_hand["candidate"][figure].get<double>();
  };
  CHECK(three[0]["speedup"].get<double>() == Approx(ratio("kernel_avg_us")));
  CHECK(three[1]["speedup"].get<double>() == Approx(ratio("attention_ms")));
  CHECK(three[2]["speedup"].get<double>() == Approx(ratio("avg_excl_warmup_ms")));
}

TEST_CASE("latency speedup: the parts of the gap add up to the stage") {
  const json rows = report(inputs)["gap"]["tables"]["gap"];
  REQUIRE(rows.size() == 4);
  for (const char* const column : {"baseline_ns", "candidate_ns", "saved_ns"}) {
    double sum = 0;
    for (std::size_t i = 0; i < 3; ++i) sum += rows[i][column].get<double>();
    CHECK(sum == Approx(rows[3][column].get<double>()));
  }
}

TEST_CASE("latency speedup: dropped samples, sections and the unit are reported") {
  const json found = report(inputs +
                            " --baseline-attention-max-s 0.02 --candidate-section-from map_to_index"
                            " --candidate-section-to _attn_fwd_sparse");
  CHECK(found["attention"]["tables"]["attention"][0]["above_max"] == 1);  // 21.1 ms, the first
  CHECK(ops_row(found, "candidate", "section")["occurrences"] == 8);
  CHECK(found["units"]["lines"][0]["text"].get<std::string>().find("read as s") !=
        std::string::npos);
}

TEST_CASE("latency speedup: different work is refused, unless forced, and then said first") {
  const std::string other = inputs +
                            " --baseline-metadata pixel_frames=81 --candidate-metadata "
                            "pixel_frames=21";
  const result refused = speedup(other);
  CHECK(refused.status == 2);
  CHECK(refused.out.empty());
  CHECK(refused.err.find("pixel_frames 81 against 21") != std::string::npos);
  const result forced = speedup(other + " --force");
  CHECK(forced.status == 0);
  CHECK(forced.out.find("NOT THE SAME WORK") < forced.out.find("Speedups"));

  const temporary_folder folder;
  const std::string text = read_file(data + "profile.vsa.log");
  const std::size_t last = text.rfind("[InputValidationStage] Starting");
  std::ofstream(folder / "short.log") << text.substr(0, text.rfind('\n', last) + 1);
  std::string shorter = inputs;
  const std::string whole = data + "profile.vsa.log";
  shorter.replace(shorter.find(whole), whole.size(), folder / "short.log");
  const result fewer = speedup(shorter);
  CHECK(fewer.status == 2);
  CHECK(fewer.err.find("5 runs in") != std::string::npos);
}

TEST_CASE("latency speedup: metadata that is missing is listed, given metadata is not") {
  const result plain = speedup(inputs);
  CHECK(plain.out.find("missing (--metadata NAME=VALUE): attention_backend") != std::string::npos);
  const temporary_folder folder;
  std::ofstream(folder / "m.json")
      << R"({"model": "LTX2", "baseline": {"attention_backend": "FLASH_ATTN"},
             "candidate": {"attention_backend": "VIDEO_SPARSE_ATTN"}})";
  const json found = report(inputs + " --metadata-file " + (folder / "m.json"));
  CHECK(found["metadata"]["lines"][0]["text"].get<std::string>().find("attention_backend") ==
        std::string::npos);
}

TEST_CASE("latency speedup: a bundle holds the report and everything it came from") {
  const temporary_folder folder;
  const std::string bundle = folder / "bundle";
  CHECK(speedup(inputs + " --bundle " + bundle).status == 0);
  CHECK(read_file(bundle + "/report.md").find("# Speedup report") != std::string::npos);
  CHECK(read_file(bundle + "/baseline/profile.fa.log") == read_file(data + "profile.fa.log"));
  CHECK(std::filesystem::exists(bundle + "/candidate/profile.vsa.pt.trace.json.gz"));
  CHECK(speedup(inputs + " --bundle " + bundle).status == 2);  // it is not empty any more
}

TEST_CASE("latency speedup: a folder of traces is a folder of ranks") {
  const temporary_folder folder;
  for (const char* rank : {"rank0", "rank1"})
    std::filesystem::copy_file(data + "profile.fa.pt.trace.json.gz",
                               folder / (std::string(rank) + ".json.gz"));
  const json found = report(logs + " --force --baseline-trace " + (folder / "") +
                            " --candidate-trace " + data + "profile.vsa.pt.trace.json.gz");
  CHECK(ops_row(found, "baseline", "kernel")["occurrences"] == 16);
}
