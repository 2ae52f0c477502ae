#include "analyzers/analysis/kernels.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "latency/histogram.hpp"
#include "tests/analyzers/device_builder.hpp"

using namespace latency;
using namespace latency::analysis;
using latency::test::accounted;
using latency::test::add_copy;
using latency::test::add_op;

namespace {

// Root 0..100. Stream 0: gemm 10..30 and 40..60, stream 1: add 20..30, copy 60..70; outside of
// every span a memset 80..84. Shares: gemm 10 + 5 + 20 = 35, add 5, memset 4.
recording small_run() {
  test::recording_builder made(0);
  recording& run = made.run();
  run.wall_ns = 100;
  const span_id root = made.span("root", 0, 0, 0);
  run.spans.back().end_ns = 100;
  run.launch_shapes.resize(2);
  run.launch_shapes[0].grid_x = 8;
  run.launch_shapes[1].grid_x = 9;
  add_op(run, "gemm", root, 10, 30).shape = 1;
  add_op(run, "gemm", root, 40, 60).shape = 0;
  add_op(run, "add", root, 20, 30, 1);
  add_copy(run, copy_direction::host_to_device, root, 60, 70, 1000, 1);
  add_op(run, "set", 0, 80, 84).kind = device_op_kind::memset;
  return std::move(run);
}

}  // namespace

TEST_CASE("kernels: counts, durations, shares and shapes are those worked out by hand") {
  const accounted all(small_run());
  const kernel_table table = kernels(all.run, all.devices);
  REQUIRE(table.rows.size() == 3);
  CHECK(all.run.strings[table.rows[0].name] == "gemm");
  CHECK(table.rows[0].count == 2);
  CHECK(table.rows[0].sum_ns == 40);
  CHECK(table.rows[0].mean_ns() == 20);
  CHECK(table.rows[0].p95_ns.value() == 20);
  CHECK(table.rows[0].share_ns.value() == 35);
  CHECK(table.rows[0].shapes == 2);
  CHECK(table.rows[0].shape.value().grid_x == 8);  // both once: the first in the recording
  CHECK(all.run.strings[table.rows[1].name] == "add");
  CHECK(table.rows[1].share_ns.value() == 5);
  CHECK_FALSE(table.rows[1].shape);
  CHECK(table.rows[2].kind == device_op_kind::memset);
  CHECK(table.count == 4);
  CHECK(table.sum_ns == 54);
  CHECK(table.share_ns == 44);
  CHECK(table.window_ns == 100);
}

TEST_CASE("kernels: the commonest shape, and the percentile over all launches of a name") {
  recording run = small_run();
  for (int i = 0; i < 18; ++i) add_op(run, "gemm", 1, 100, 101 + i).shape = 1;  // 1..18
  const accounted all(std::move(run));
  const kernel_table table = kernels(all.run, all.devices);
  CHECK(table.rows[0].count == 20);
  CHECK(table.rows[0].shape.value().grid_x == 9);
  CHECK(table.rows[0].shapes == 2);
  // Of 1..18, 20, 20: position 18.05.
  CHECK(table.rows[0].p95_ns.value() == doctest::Approx(20));
  CHECK(table.rows[0].min_ns == 1);
  CHECK(table.rows[0].max_ns == 20);
}

TEST_CASE("kernels: shares of the table are those of the spans and the unattributed, exactly") {
  CHECK(rc::check([](std::uint64_t seed, bool absurd) {
    const accounted all(test::random_device_run(seed, absurd));
    std::int64_t expected_ns = 0;
    for (const device_account& d : all.devices.devices())
      expected_ns += d.share_ns + d.unattributed_total_ns();
    const kernel_table table = kernels(all.run, all.devices);
    RC_ASSERT(table.share_ns == expected_ns);
    std::int64_t share_ns = 0;
    std::int64_t count = 0;
    for (const kernel_row& row : table.rows) {
      share_ns += row.share_ns.value();
      count += row.count;
      RC_ASSERT(static_cast<double>(row.min_ns) <= row.p95_ns.value());
      RC_ASSERT(static_cast<double>(row.max_ns) >= row.p95_ns.value());
    }
    RC_ASSERT(share_ns == table.share_ns);
    RC_ASSERT(count == table.count);
  }));
}

TEST_CASE("kernels: totals give the same table, their percentile within a bucket") {
  // 100 durations 1000, 1010, ..., 1990 as a collector that aggregates writes them: two paths.
  recording run;
  const string_id name = run.strings.add("gemm");
  const histogram_buckets buckets(2);
  std::vector<std::int64_t> durations_ns;
  for (std::int64_t path = 0; path < 2; ++path) {
    device_total total;
    total.path = static_cast<std::int32_t>(path);
    total.name = name;
    std::map<std::int64_t, std::int64_t> counts;
    for (std::int64_t i = path; i < 100; i += 2) {
      const std::int64_t ns = 1000 + 10 * i;
      total.min_ns = total.count == 0 ? ns : std::min(total.min_ns, ns);
      total.max_ns = std::max(total.max_ns, ns);
      total.sum_ns += ns;
      ++total.count;
      ++counts[buckets.first_of(buckets.bucket_of(ns))];
      durations_ns.push_back(ns);
    }
    for (const auto& [least_ns, count] : counts)
      run.device_histograms.push_back({static_cast<std::uint32_t>(path), least_ns, count});
    run.device_totals.push_back(total);
  }
  device_total copied;
  copied.name = name;
  copied.kind = device_op_kind::memcpy;
  copied.count = 7;
  run.device_totals.push_back(copied);
  const accounted all(std::move(run));
  const kernel_table table = kernels(all.run, all.devices);
  REQUIRE(table.rows.size() == 1);
  CHECK(table.rows[0].count == 100);
  CHECK(table.rows[0].sum_ns == 149'500);
  CHECK(table.rows[0].min_ns == 1000);
  CHECK(table.rows[0].max_ns == 1990);
  CHECK_FALSE(table.rows[0].share_ns);
  const double exact = percentile(durations_ns, 95);
  CHECK(table.rows[0].p95_ns.value() <= exact);
  CHECK(table.rows[0].p95_ns.value() >= exact * (1 - 1.0 / 128));
}
