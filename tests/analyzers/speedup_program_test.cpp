// The subcommand `latency speedup` against what tests/oracle/speedup_oracle.py, which shares
// nothing with it, reckons from the same logs and traces of dense and sparse attention.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "schema_complaint.hpp"
#include "tests/analyzers/run_command.hpp"
#include "tests/temporary_folder.hpp"

namespace {

using doctest::Approx;
using latency_test::command_result;
using latency_test::read_file;
using latency_test::temporary_folder;
using nlohmann::json;

const std::string data = LATENCY_TEST_DATA "/fa_vs_vsa/";
const std::string logs =
    " --baseline-log " + data + "profile.fa.log --candidate-log " + data + "profile.vsa.log";
const std::string inputs = logs + " --baseline-trace " + data +
                           "profile.fa.pt.trace.json.gz --candidate-trace " + data +
                           "profile.vsa.pt.trace.json.gz";

command_result speedup(const std::string& arguments) {
  return latency_test::run_latency("speedup" + arguments);
}

json report(const std::string& arguments) {
  const json found = json::parse(speedup(arguments + " --format json").out);
  CHECK(latency_test::schema_complaint("speedup.schema.json", found) == "");
  return found["sections"];
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
      json::parse(latency_test::run_command(
                      "'" LATENCY_PYTHON "' '" LATENCY_ORACLE "' " + data + "profile.fa.log " +
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
  const json gap = report(inputs)["gap"];
  CHECK(gap["lines"][2]["figures"]["candidate_launches_per_call"] == 1.0);
  const json rows = gap["tables"]["gap"];
  REQUIRE(rows.size() == 4);
  for (const char* const column : {"baseline_ns", "candidate_ns", "saved_ns"}) {
    double sum = 0;
    for (std::size_t i = 0; i < 3; ++i) sum += rows[i][column].get<double>();
    CHECK(sum == Approx(rows[3][column].get<double>()));
  }
}

// Twelve calls in a run: two launches in each cost twice the kernel.
TEST_CASE("latency speedup: launches in an attention call are given, or counted in the section") {
  const json once = report(inputs)["gap"]["tables"]["gap"];
  const std::string two = inputs + " --candidate-kernels-per-call 2";
  const json twice = report(two + " --baseline-kernels-per-call 1")["gap"]["tables"]["gap"];
  CHECK(twice[0]["candidate_ns"].get<double>() ==
        Approx(2 * once[0]["candidate_ns"].get<double>()));
  CHECK(twice[0]["baseline_ns"] == once[0]["baseline_ns"]);
  CHECK(twice[3]["candidate_ns"] == once[3]["candidate_ns"]);
  // Both launch it 8 times under the annotation: then it is two in a call on the other side, too.
  CHECK(report(two)["gap"]["lines"][2]["figures"]["baseline_launches_per_call"] == 2.0);
  // Three of these in each attention call; the baseline has one of its own for each of them.
  const json counted = report(inputs +
                              " --candidate-kernel _fused_block_mean_kernel"
                              " --candidate-section-from 192x192"
                              " --candidate-section-to _attn_fwd_sparse");
  const json figures = counted["gap"]["lines"][2]["figures"];
  CHECK(figures["candidate_launches_per_call"] == 3.0);
  CHECK(figures["baseline_launches_per_call"] == 1.0);
}

TEST_CASE("latency speedup: without samples the section takes the place of attention") {
  const temporary_folder folder;
  std::string arguments = inputs.substr(logs.size());
  for (const std::string side : {"fa", "vsa"}) {
    std::ofstream log(folder / side);
    std::istringstream lines(read_file(data + "profile." + side + ".log"));
    for (std::string line; std::getline(lines, line);)
      if (line.find(">>>>") == line.npos) log << line << '\n';
    arguments += (side == "fa" ? " --baseline-log " : " --candidate-log ") + (folder / side);
  }
  CHECK(report(arguments)["gap"]["tables"].empty());
  const std::string sections =
      " --baseline-section-from layer_norm --baseline-section-to flash_fwd"
      " --candidate-section-from layer_norm --candidate-section-to sparse";
  const json gap = report(arguments + sections)["gap"]["tables"]["gap"];
  REQUIRE(gap.size() == 3);
  CHECK(gap[2]["what"] == "= the section");
  for (const char* const column : {"baseline_ns", "candidate_ns"})
    CHECK(gap[0][column].get<double>() + gap[1][column].get<double>() ==
          Approx(gap[2][column].get<double>()));
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
  const command_result refused = speedup(other);
  CHECK(refused.status == 2);
  CHECK(refused.out.empty());
  CHECK(refused.err.find("pixel_frames 81 against 21") != std::string::npos);
  const command_result forced = speedup(other + " --force");
  CHECK(forced.status == 0);
  CHECK(forced.out.find("NOT THE SAME WORK") < forced.out.find("Speedups"));

  const temporary_folder folder;
  const std::string text = read_file(data + "profile.vsa.log");
  const std::size_t last = text.rfind("[InputValidationStage] Starting");
  std::ofstream(folder / "short.log") << text.substr(0, text.rfind('\n', last) + 1);
  std::string shorter = inputs;
  const std::string whole = data + "profile.vsa.log";
  shorter.replace(shorter.find(whole), whole.size(), folder / "short.log");
  const command_result fewer = speedup(shorter);
  CHECK(fewer.status == 2);
  CHECK(fewer.err.find("5 runs in") != std::string::npos);
}

TEST_CASE("latency speedup: metadata that is missing is listed, given metadata is not") {
  const command_result plain = speedup(inputs);
  CHECK(plain.out.find("missing (--metadata NAME=VALUE): attention_backend") != std::string::npos);
  const temporary_folder folder;
  std::ofstream(folder / "m.json")
      << R"({"model": "LTX2", "baseline": {"attention_backend": "FLASH_ATTN"},
             "candidate": {"attention_backend": "VIDEO_SPARSE_ATTN"}})";
  const json found = report(inputs + " --metadata-file " + (folder / "m.json"));
  CHECK(found["metadata"]["lines"][0]["text"].get<std::string>().find("attention_backend") ==
        std::string::npos);
  const auto property = [&found](const std::string& name) {
    for (const auto& row : found["metadata"]["tables"]["metadata"])
      if (row["property"] == name) return row;
    return json();
  };
  CHECK(property("attention_backend")["candidate"] == "VIDEO_SPARSE_ATTN");
  CHECK(property("device_type")["baseline"] == "NVIDIA H200");  // read from the traces
  CHECK(property("device_count")["baseline"] == "1");
  CHECK(property("date")["candidate"] == "2026-11-20T08:40:41Z");
  const json given = report(inputs + " --metadata date=yesterday");
  CHECK(given["metadata"]["tables"]["metadata"][0]["baseline"] == "yesterday");
}

TEST_CASE("latency speedup: a bundle holds the report and everything it came from") {
  const temporary_folder folder;
  const std::string bundle = folder / "bundle";
  CHECK(speedup(inputs + " --bundle " + bundle).status == 0);
  CHECK(read_file(bundle + "/report.md").find("# Speedup report") != std::string::npos);
  CHECK(read_file(bundle + "/baseline/profile.fa.log") == read_file(data + "profile.fa.log"));
  CHECK(std::filesystem::exists(bundle + "/candidate/profile.vsa.pt.trace.json.gz"));
  CHECK(speedup(inputs + " --bundle " + bundle).status == 2);  // it is not empty any more
  CHECK(folder.names() == std::vector<std::string>{"bundle"});
}

TEST_CASE("latency speedup: a bundle that fails leaves nothing behind") {
  const temporary_folder folder;
  // The log's name is taken by the trace: the second copy fails.
  std::filesystem::create_directory(folder / "other");
  std::filesystem::copy_file(data + "profile.fa.pt.trace.json.gz", folder / "other/profile.fa.log");
  const std::string same_name = " --baseline-log " + data + "profile.fa.log --baseline-trace " +
                                (folder / "other/profile.fa.log") + " --candidate-log " + data +
                                "profile.vsa.log --candidate-trace " + data +
                                "profile.vsa.pt.trace.json.gz";
  const command_result failed = speedup(same_name + " --bundle " + (folder / "bundle/"));
  CHECK(failed.status == 2);
  CHECK(failed.out.empty());
  CHECK(failed.err.find("cannot copy into the bundle") != failed.err.npos);
  CHECK(folder.names() == std::vector<std::string>{"other"});
  const command_result nowhere = speedup(inputs + " --bundle " + (folder / "no/such/bundle"));
  CHECK(nowhere.status == 2);
  CHECK(latency_test::is_one_line(nowhere.err));
  std::filesystem::create_directory(folder / "empty");
  CHECK(speedup(inputs + " --bundle " + (folder / "empty")).status == 0);
  CHECK(std::filesystem::exists(folder / "empty/report.md"));
}

TEST_CASE("latency speedup: a log of one run counts it, and says so") {
  const temporary_folder folder;
  std::string arguments = inputs.substr(logs.size());
  for (const std::string side : {"fa", "vsa"}) {
    const std::string text = read_file(data + "profile." + side + ".log");
    const std::size_t second = text.find("[InputValidationStage] Starting",
                                         text.find("[InputValidationStage] Starting") + 1);
    std::ofstream(folder / (side + ".log")) << text.substr(0, text.rfind('\n', second) + 1);
    arguments +=
        (side == "fa" ? " --baseline-log " : " --candidate-log ") + (folder / (side + ".log"));
  }
  const json found = report(arguments);
  CHECK(found["speedups"]["tables"]["speedups"][2]["baseline_ns"] == 200'372'271.0);
  CHECK(found["runs"]["tables"]["runs"][2]["baseline_ns"].is_null());  // avg_excl_warmup
  CHECK(found["anomalies"]["lines"][0]["text"] ==
        "baseline: there is only one run: it counts, although it warms up");
}

TEST_CASE("latency speedup: limits that drop everything or contradict each other are told") {
  const command_result crossed =
      speedup(inputs + " --baseline-attention-min-s 0.05 --baseline-attention-max-s 0.005");
  CHECK(crossed.status == 2);
  CHECK(latency_test::is_one_line(crossed.err));
  const json none = report(inputs + " --baseline-attention-min-s 1");
  CHECK(none["attention"]["tables"]["attention"][0]["below_min"] == 60);
  CHECK(none["gap"]["tables"].empty());
}

TEST_CASE("latency speedup: a name that is not there is answered with those that are") {
  const auto refusal = [](const std::string& arguments) {
    const command_result r = speedup(inputs + arguments);
    CHECK(r.status == 2);
    CHECK(latency_test::is_one_line(r.err));
    return r.err;
  };
  CHECK(refusal(" --stage Denoise")
            .find("no completed stage 'Denoise' (there are DecodingStage, "
                  "InputValidationStage, LTX2DenoisingStage,") != std::string::npos);
  CHECK(refusal(" --candidate-kernel gemm")
            .find("no kernel 'gemm' (the busiest is "
                  "'_attn_fwd_sparse')") != std::string::npos);
  CHECK(refusal(" --baseline-series VSA").find("no '>>>> VSA time:' lines (there are Vanilla)") !=
        std::string::npos);
}

TEST_CASE("latency speedup: a folder of traces is a folder of ranks") {
  const temporary_folder folder;
  for (const char* rank : {"rank0", "rank1"})
    std::filesystem::copy_file(data + "profile.fa.pt.trace.json.gz",
                               folder / (std::string(rank) + ".json.gz"));
  const std::string ranks = logs + " --baseline-trace " + (folder / "") + " --candidate-trace " +
                            data + "profile.vsa.pt.trace.json.gz";
  CHECK(speedup(ranks).err.find("different work: 2 ranks against 1") != std::string::npos);
  const json found = report(ranks + " --force");
  CHECK(ops_row(found, "baseline", "kernel")["occurrences"] == 16);
}

TEST_CASE("latency speedup: samples of several ranks in one log are told by their sum") {
  const temporary_folder folder;
  std::string arguments = inputs.substr(logs.size());
  for (const std::string side : {"fa", "vsa"}) {
    std::istringstream log(read_file(data + "profile." + side + ".log"));
    std::ofstream of_four_ranks(folder / (side + ".log"));
    for (std::string line; std::getline(log, line);)
      for (int rank = 0; rank < (line.find(">>>>") == line.npos ? 1 : 4); ++rank)
        of_four_ranks << line << '\n';
    arguments +=
        (side == "fa" ? " --baseline-log " : " --candidate-log ") + (folder / (side + ".log"));
  }
  const auto anomalies_of = [](const json& of) { return of["anomalies"]["lines"].dump(); };
  const json doubted = report(arguments);
  CHECK(anomalies_of(doubted).find("baseline: the unit of Vanilla is in doubt: say it with "
                                   "--baseline-sample-unit") != std::string::npos);
  const json said = report(arguments + " --baseline-sample-unit s --candidate-sample-unit s");
  CHECK(anomalies_of(said).find("in doubt") == std::string::npos);
  CHECK(anomalies_of(said).find("baseline: the attention calls of a run add up to 3.55 times its "
                                "stage") != std::string::npos);
  CHECK(said["gap"]["lines"].dump().find("more than there is of it") != std::string::npos);
  CHECK(anomalies_of(report(inputs)).find("several ranks") == std::string::npos);
}
