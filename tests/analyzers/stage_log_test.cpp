#include "analyzers/timeline/stage_log.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <string>

#include "latency/error.hpp"
#include "tests/temporary_folder.hpp"

using namespace latency::timeline;
using unit_basis = sample_series::unit_basis;

namespace {

const std::string data = LATENCY_TEST_DATA "/fa_vs_vsa/";

std::string begun(const std::string& stage) {
  return "INFO 11-20 08:40:40 [base.py:1] [" + stage + "] Starting execution\n";
}
std::string done(const std::string& stage, const std::string& time) {
  return "INFO 11-20 08:40:40 [base.py:2] [" + stage + "] Execution completed in " + time + "\n";
}
std::string stage_of(const std::string& samples, const std::string& time) {
  return begun("Denoise") + samples + done("Denoise", time);
}
std::string refusal(const std::string& text) {
  try {
    (void)parse_stage_log(text, "t.log");
  } catch (const latency::error& refused) {
    return refused.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("stage_log: stages, rounds and samples with the numbers of their lines") {
  const stage_log log = parse_stage_log(begun("Text") + done("Text", "1.5 ms") + begun("Denoise") +
                                            ">>>> VSA time: 2 ms\nnothing of interest\n" +
                                            ">>>> VSA time: 3.25 ms\n" + done("Denoise", "8 ms") +
                                            begun("Text") + done("Text", "0.5 ms"),
                                        "t.log");
  REQUIRE(log.rounds.size() == 2);
  REQUIRE(log.rounds[0].stages.size() == 2);
  CHECK(log.rounds[0].stages[0].stage == "Text");
  CHECK(log.rounds[0].stages[0].duration_ns == 1500000);
  CHECK(log.rounds[0].stages[0].start_line == 1);
  CHECK(log.rounds[0].stages[0].end_line == 2);
  const stage_run& denoise = log.rounds[0].stages[1];
  CHECK(denoise.duration_ns == 8000000);
  REQUIRE(denoise.samples.size() == 2);
  CHECK(denoise.samples[0].line == 4);
  CHECK(denoise.samples[1].line == 6);
  CHECK(denoise.samples[1].value == 3.25);
  CHECK(denoise.samples[1].duration_ns == 3250000);
  CHECK(log.rounds[1].stages[0].duration_ns == 500000);
  CHECK(log.stray_samples.empty());
  CHECK(log.remarks.empty());
}

TEST_CASE("stage_log: colours, progress bars and bars without an end of line do not hide a line") {
  const stage_log log = parse_stage_log(
      "\x1b[32mINFO\x1b[0m x \x1b[1;34m[Denoise]\x1b[0m Starting execution\r\n"
      "  0%|      | 0/2 [00:00<?]\r 50%|###   | 1/2 [00:01]>>>> \x1b[33mVSA\x1b[0m time: 2 ms\r"
      "100%|######| 2/2 [00:02]INFO [base.py:2] [Denoise] Execution completed in 4 ms\n",
      "t.log");
  REQUIRE(log.rounds.size() == 1);
  const stage_run& stage = log.rounds[0].stages[0];
  CHECK(stage.stage == "Denoise");
  CHECK(stage.duration_ns == 4000000);
  CHECK(stage.end_line == 2);
  REQUIRE(stage.samples.size() == 1);
  CHECK(log.series[0].name == "VSA");
  CHECK(stage.samples[0].line == 2);
}

TEST_CASE("stage_log: samples belong to the innermost stage that is open") {
  const stage_log log = parse_stage_log(begun("Outer") + begun("Inner") + ">>>> K time: 1 ms\n" +
                                            done("Inner", "2 ms") + ">>>> K time: 3 ms\n" +
                                            done("Outer", "9 ms") + ">>>> K time: 4 ms\n",
                                        "t.log");
  REQUIRE(log.rounds.size() == 1);
  REQUIRE(log.rounds[0].stages.size() == 2);
  CHECK(log.rounds[0].stages[0].samples.size() == 1);
  CHECK(log.rounds[0].stages[1].samples[0].duration_ns == 1000000);
  CHECK(log.stray_samples.size() == 1);
}

TEST_CASE("stage_log: seconds labelled ms are read as what they are") {
  const stage_log log = parse_stage_log(
      stage_of(">>>> VSA time: 0.009 ms\n>>>> VSA time: 0.011 ms\n", "40 ms"), "t.log");
  const sample_series& series = log.series[0];
  CHECK(series.labelled == log_unit::milliseconds);
  CHECK(series.used == log_unit::seconds);
  CHECK(series.basis == unit_basis::detected);
  CHECK(*series.labelled_share == doctest::Approx(0.0005));
  CHECK(*series.used_share == doctest::Approx(0.5));
  CHECK(log.rounds[0].stages[0].samples[1].duration_ns == 11000000);
  CHECK(unit_note(series) ==
        "VSA: 2 samples labelled ms are read as s: as ms they would be 0.05 % of their stages, as "
        "s they are 50 %");
}

TEST_CASE("stage_log: a label is kept when it fits, when nothing fits and when nothing tells") {
  const auto read = [](const std::string& text) {
    return parse_stage_log(text, "t.log").series[0];
  };
  CHECK(read(stage_of(">>>> K time: 4 ms\n", "40 ms")).basis == unit_basis::labelled);
  CHECK(unit_note(read(stage_of(">>>> K time: 4 ms\n", "40 ms"))) ==
        "K: 1 sample labelled ms is read as ms: as ms they are 10 % of their stages");
  // 0.2 % of the stage by its label, and twice the stage as seconds.
  const sample_series small = read(stage_of(">>>> K time: 0.08 ms\n", "40 ms"));
  CHECK(small.used == log_unit::milliseconds);
  CHECK(*small.used_share == doctest::Approx(0.002));
  const sample_series stray = read(">>>> K time: 0.08 ms\n");
  CHECK(stray.used == log_unit::milliseconds);
  CHECK_FALSE(stray.used_share.has_value());
  CHECK(unit_note(stray) ==
        "K: 1 sample labelled ms is read as ms: no completed stage is around them to check it "
        "against");
}

TEST_CASE("stage_log: samples that may be of several ranks leave their unit in doubt") {
  // Four ranks, each with 80 % of the stage: 0.32 % of it by the label, 320 % as seconds.
  const std::string sample = ">>>> K time: 0.016 ms\n";
  std::string samples;
  for (int i = 0; i < 8; ++i) samples += sample;
  const sample_series labelled_ms = parse_stage_log(stage_of(samples, "40 ms"), "t.log").series[0];
  CHECK(labelled_ms.basis == unit_basis::doubtful);
  CHECK(labelled_ms.used == log_unit::milliseconds);
  CHECK(labelled_ms.of_several_ranks == log_unit::seconds);
  CHECK(unit_note(labelled_ms) ==
        "K: 8 samples labelled ms are read as ms: as ms they are 0.32 % of their stages, as s they "
        "would be 320 %: are they of several ranks?");
  // The same with the right label.
  std::string in_seconds;
  for (int i = 0; i < 8; ++i) in_seconds += ">>>> K time: 0.016 s\n";
  const sample_series labelled_s =
      parse_stage_log(stage_of(in_seconds, "40 ms"), "t.log").series[0];
  CHECK(labelled_s.basis == unit_basis::doubtful);
  CHECK(labelled_s.used == log_unit::seconds);
  CHECK(unit_note(labelled_s) ==
        "K: 8 samples labelled s are read as s: as s they are 320 % of their stages: are they of "
        "several ranks?");
  // Said by the caller, there is no doubt; nor where one sample would outlast its stage.
  CHECK_FALSE(parse_stage_log(stage_of(samples, "40 ms"), "t.log", log_unit::seconds)
                  .series[0]
                  .of_several_ranks.has_value());
  CHECK_FALSE(parse_stage_log(stage_of(">>>> K time: 0.1 ms\n", "40 ms"), "t.log")
                  .series[0]
                  .of_several_ranks.has_value());
}

TEST_CASE("stage_log: a label by which samples outlast their stage is not believed") {
  const stage_log log = parse_stage_log(stage_of(">>>> K time: 12 s\n", "40 ms"), "t.log");
  CHECK(log.series[0].used == log_unit::milliseconds);
  CHECK(log.series[0].basis == unit_basis::detected);
}

TEST_CASE("stage_log: the caller's unit holds whatever the stages say") {
  const stage_log log =
      parse_stage_log(stage_of(">>>> K time: 4 ms\n", "40 ms"), "t.log", log_unit::microseconds);
  CHECK(log.series[0].basis == unit_basis::given);
  CHECK(log.rounds[0].stages[0].samples[0].duration_ns == 4000);
  CHECK(unit_note(log.series[0]).find("as asked for") != std::string::npos);
}

TEST_CASE("stage_log: one name under two labels is two series") {
  const stage_log log =
      parse_stage_log(stage_of(">>>> K time: 4 ms\n>>>> K time: 4000 us\n", "20 ms"), "t.log");
  REQUIRE(log.series.size() == 2);
  for (const log_sample& sample : log.rounds[0].stages[0].samples)
    CHECK(sample.duration_ns == 4000000);
}

TEST_CASE("stage_log: the table of averages") {
  const std::string table =
      "============ AVERAGE TIMING SUMMARY ============\n"
      "Stage names, Text,Denoise\n"
      "Avg (all rounds),     0.51932,176.33700\n"
      "Avg (excl. warmup),   0.05592,170.32819\n"
      "Total avg (all),      176.85632 ms\n"
      "Total avg (no warmup),170.38411 ms\n";
  const stage_log log = parse_stage_log(stage_of("", "8 ms") + table, "t.log");
  REQUIRE(log.averages.has_value());
  CHECK(log.averages->line == 4);
  CHECK(log.averages->stages == std::vector<std::string>{"Text", "Denoise"});
  CHECK(log.averages->all_rounds_ns == std::vector<std::int64_t>{519320, 176337000});
  CHECK(log.averages->after_warm_up_ns == std::vector<std::int64_t>{55920, 170328190});
  CHECK(log.averages->total_all_rounds_ns == 176856320);
  CHECK(log.averages->total_after_warm_up_ns == 170384110);
  CHECK(log.remarks.empty());

  const stage_log twice = parse_stage_log(
      stage_of("", "8 ms") + table + "Stage names, Denoise\nAvg (all rounds), 1.5,2\n", "t.log");
  CHECK(twice.averages->all_rounds_ns.empty());
  REQUIRE(twice.remarks.size() == 2);
  CHECK(twice.remarks[0].text == "another table of averages; the last one counts");
  CHECK(twice.remarks[1].line == 10);
}

TEST_CASE("stage_log: a log that is cut off or damaged is read as far as it goes, with remarks") {
  const stage_log log =
      parse_stage_log(done("Text", "1 ms") + begun("Denoise") + ">>>> K time: soon\n" +
                          begun("Text") + done("Text", "nan ms") + begun("Denoise"),
                      "t.log");
  REQUIRE(log.rounds.size() == 2);
  CHECK(log.rounds[0].stages[0].start_line == 0);
  CHECK_FALSE(log.rounds[0].stages[1].duration_ns.has_value());
  CHECK_FALSE(log.rounds[1].stages[0].duration_ns.has_value());
  REQUIRE(log.remarks.size() == 5);
  CHECK(log.remarks[0].text == "Text completed, but its start is not in the log");
  CHECK(log.remarks[1].text == "a sample of K whose time cannot be read");
  CHECK(log.remarks[2].text == "Denoise began and never completed");
  CHECK(log.remarks[2].line == 2);
  CHECK(log.remarks[3].text == "Text completed in a time that cannot be read");
  CHECK(log.remarks[4].line == 6);
}

TEST_CASE("stage_log: remarks are bounded, and the rest counted") {
  std::string text = stage_of("", "8 ms");
  for (int i = 0; i < 250; ++i) text += ">>>> K time: ?\n";
  const stage_log log = parse_stage_log(text, "t.log");
  CHECK(log.remarks.size() == stage_log_remark_limit);
  CHECK(log.remarks_left_out == 150);
}

TEST_CASE("stage_log: what is no log is refused in one line") {
  CHECK(refusal("hello\n").rfind("t.log: holds no stage line", 0) == 0);
  CHECK(refusal("").rfind("t.log: holds no stage line", 0) == 0);
  const latency_test::temporary_folder folder;
  std::ofstream(folder / "a") << "PK\x03\x04";
  CHECK_THROWS_WITH_AS(
      (void)read_stage_log(folder / "a"),
      (folder / "a" + ": is a zip archive (a PyTorch checkpoint?), not a log of pipeline stages")
          .c_str(),
      latency::error);
}

TEST_CASE("stage_log: real logs of one workload with dense and with sparse attention") {
  const stage_log dense = read_stage_log(data + "profile.fa.log");
  const stage_log sparse = read_stage_log(data + "profile.vsa.log");
  for (const stage_log* log : {&dense, &sparse}) {
    REQUIRE(log->rounds.size() == 5);
    CHECK(log->remarks.empty());
    CHECK(log->series.size() == 1);
    CHECK(log->series[0].count == 60);
    CHECK(log->series[0].used == log_unit::seconds);
    // The averages that the pipeline printed are those of its stage lines.
    REQUIRE(log->averages.has_value());
    for (std::size_t s = 0; s < log->averages->stages.size(); ++s) {
      double sum = 0, warm = 0;
      for (const stage_round& round : log->rounds) {
        REQUIRE(round.stages.size() == 5);
        CHECK(round.stages[s].stage == log->averages->stages[s]);
        sum += static_cast<double>(*round.stages[s].duration_ns);
        if (&round != &log->rounds[0]) warm += static_cast<double>(*round.stages[s].duration_ns);
      }
      CHECK(static_cast<double>(log->averages->all_rounds_ns[s]) ==
            doctest::Approx(sum / 5).epsilon(1e-3));
      CHECK(static_cast<double>(log->averages->after_warm_up_ns[s]) ==
            doctest::Approx(warm / 4).epsilon(1e-3));
    }
  }
  CHECK(dense.series[0].name == "Vanilla");
  CHECK(sparse.series[0].name == "VSA");
  const stage_run& denoising = dense.rounds[0].stages[3];
  CHECK(denoising.stage == "LTX2DenoisingStage");
  CHECK(denoising.duration_ns == 200372271);
  CHECK(denoising.samples[0].duration_ns == 21096194);
  CHECK(denoising.samples[0].line == 8);
}
