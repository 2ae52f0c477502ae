#include "analyzers/analysis/hygiene.hpp"

#include <doctest/doctest.h>

#include <string_view>

#include "tests/analyzers/sample_run.hpp"

using namespace latency;
using namespace latency::analysis;
using latency::test::ms;

namespace {

hygiene_report hygiene_of(const recording& run) {
  const span_tree tree(run);
  return hygiene(run, tree, make_proof(run, tree, device_accounting(run, tree)));
}

std::int64_t count_of(const hygiene_report& report, std::string_view what) {
  for (const hygiene_count& c : report.counts)
    if (c.what == what) return c.count;
  FAIL("no such count: " << what);
  return -1;
}

}  // namespace

TEST_CASE("hygiene: a sound recording is clean, and every count is there and zero") {
  const hygiene_report report = hygiene_of(test::sample_run());
  CHECK(report.clean);
  CHECK(report.lost == 0);
  CHECK(report.impossible_records == 0);
  CHECK(report.counts.size() > 15);
  for (const hygiene_count& c : report.counts) CHECK_MESSAGE(c.count == 0, c.what);
}

TEST_CASE("hygiene: each kind of loss makes the recording dirty and is counted under its name") {
  struct loss {
    std::int64_t hygiene_counts::*member;
    std::string_view what;
  };
  const loss losses[] = {
      {&hygiene_counts::dropped_spans, "dropped spans"},
      {&hygiene_counts::dropped_records, "dropped records"},
      {&hygiene_counts::dropped_device_ops, "dropped device ops"},
      {&hygiene_counts::unmatched_launches, "launches without a device op"},
      {&hygiene_counts::untraced_copies, "copies between devices that were not traced"},
      {&hygiene_counts::too_deep_spans, "spans nested too deep"},
      {&hygiene_counts::damaged_blocks, "damaged journal blocks"},
      {&hygiene_counts::open_spans, "spans open at the end"}};
  for (const loss& l : losses) {
    recording run = test::sample_run();
    run.hygiene.*l.member = 3;
    const hygiene_report report = hygiene_of(run);
    CHECK_FALSE(report.clean);
    CHECK(report.lost == 3);
    CHECK(count_of(report, l.what) == 3);
  }
}

TEST_CASE("hygiene: what was left out on purpose is counted and stays clean") {
  recording run = test::sample_run();
  run.hygiene.warm_up_regions = 1;
  run.hygiene.skipped_regions = 2;
  run.hygiene.overwritten_spans = 4;
  for (span& s : run.spans)
    if (run.name_of(s) == "interactive_vae_decode") s.flags |= span_warm_up;
  const hygiene_report report = hygiene_of(run);
  CHECK(report.clean);
  CHECK(report.lost == 0);
  CHECK(report.warm_up_spans == 7);
  CHECK(count_of(report, "warm-up spans") == 7);
  CHECK(count_of(report, "warm-up regions") == 1);
  CHECK(count_of(report, "skipped regions") == 2);
  CHECK(count_of(report, "overwritten spans") == 4);
}

TEST_CASE("hygiene: spans that go on after a flight recorder's window are cut on purpose") {
  recording run = test::sample_run();
  run.hygiene.open_spans = 3;
  CHECK(!hygiene_of(run).clean);
  run.run["flight_window_start_ns"] = std::int64_t{12};
  const hygiene_report report = hygiene_of(run);
  CHECK(report.clean);
  CHECK(report.lost == 0);
  CHECK(count_of(report, "spans open at the end") == 3);
}

TEST_CASE("hygiene: a journal of a run that did not end is dirty without any count") {
  recording run = test::sample_run();
  run.hygiene.incomplete = true;
  const hygiene_report report = hygiene_of(run);
  CHECK(report.incomplete);
  CHECK_FALSE(report.clean);
}

TEST_CASE("hygiene: an impossible span is counted by its problem and makes the recording dirty") {
  recording run = test::sample_run();
  std::swap(run.spans.back().start_ns, run.spans.back().end_ns);
  const hygiene_report report = hygiene_of(run);
  CHECK(count_of(report, "span: reversed times") == 1);
  CHECK(report.impossible_records == 1);
  CHECK_FALSE(report.clean);
  CHECK(report.lost == 0);
}

TEST_CASE("hygiene: device problems are listed only when there are device ops") {
  recording run = test::sample_run();
  const std::size_t without = hygiene_of(run).counts.size();
  device_op op;
  op.start_ns = 500 * ms;
  op.end_ns = 400 * ms;
  op.reason = unattributed_reason::no_open_span;
  run.device_ops.push_back(op);
  const hygiene_report report = hygiene_of(run);
  CHECK(report.counts.size() == without + device_op_problem_names.size());
  CHECK(report.impossible_records == 1);
  CHECK_FALSE(report.clean);
}

TEST_CASE("hygiene: totals that contradict themselves are impossible") {
  recording run = test::sample_run();
  device_total total;
  total.count = 2;
  total.sum_ns = 20;
  total.min_ns = total.max_ns = 10;
  run.device_totals = {total};
  run.device_histograms = {{0, 10, 2}};
  CHECK(hygiene_of(run).clean);
  CHECK(count_of(hygiene_of(run), "totals of device ops or calls") == 0);
  run.device_totals[0].max_ns = 9;
  CHECK_FALSE(hygiene_of(run).clean);
  CHECK(hygiene_of(run).impossible_records == 1);
  CHECK(count_of(hygiene_of(run), "totals of device ops or calls") == 1);
}
