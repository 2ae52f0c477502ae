#include "analyzers/analysis/copies.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "tests/analyzers/device_builder.hpp"

using namespace latency;
using namespace latency::analysis;
using latency::test::accounted;
using latency::test::add_copy;
using latency::test::add_op;

TEST_CASE("copies: bytes, rate, exposed and hidden time by direction, worked out by hand") {
  // A kernel 10..30. To the device: 0..20 (10 exposed, 10 hidden), 30..40 (10 exposed); back:
  // 35..45, of which 35..40 is shared with the other: 2 or 3 of those 5, and 5 of its own.
  recording run;
  run.wall_ns = 100;
  add_op(run, "kernel", 0, 10, 30);
  add_copy(run, copy_direction::host_to_device, 0, 0, 20, 4000, 1);
  add_copy(run, copy_direction::host_to_device, 0, 30, 40, 2000, 1);
  add_copy(run, copy_direction::device_to_host, 0, 35, 45, 500, 2);
  add_op(run, "set", 0, 50, 60).kind = device_op_kind::memset;
  add_copy(run, copy_direction::peer, 0, 9, 8, 1);  // ends before it starts
  const accounted all(std::move(run));
  const std::vector<copy_row> rows = copies(all.run, all.devices);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].direction == copy_direction::host_to_device);
  CHECK(rows[0].count == 2);
  CHECK(rows[0].bytes == 6000);
  CHECK(rows[0].sum_ns == 30);
  CHECK(rows[0].bytes_per_second().value() == doctest::Approx(200e9));
  CHECK(rows[0].exposed_ns.value() == 10 + 5 + 3);  // the odd one goes to the lower stream
  CHECK(rows[0].hidden_ns.value() == 10);
  CHECK(rows[1].direction == copy_direction::device_to_host);
  CHECK(rows[1].exposed_ns.value() == 2 + 5);
  CHECK(rows[1].hidden_ns.value() == 0);
}

TEST_CASE("copies: of totals, what ran beside them is not known") {
  recording run;
  device_total total;
  total.kind = device_op_kind::memcpy;
  total.direction = copy_direction::device_to_host;
  total.count = 3;
  total.sum_ns = 0;
  total.bytes = 10;
  run.device_totals.push_back(total);
  run.device_totals.push_back({});  // a kernel
  const accounted all(std::move(run));
  const std::vector<copy_row> rows = copies(all.run, all.devices);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].count == 3);
  CHECK(rows[0].bytes == 10);
  CHECK_FALSE(rows[0].bytes_per_second());
  CHECK_FALSE(rows[0].exposed_ns);
}

TEST_CASE("copies: exposed times are those of the devices, exactly; nothing is more than it took") {
  CHECK(rc::check([](std::uint64_t seed, bool absurd) {
    const accounted all(test::random_device_run(seed, absurd));
    std::int64_t expected_ns = 0;
    for (const device_account& d : all.devices.devices()) expected_ns += d.copy_exposed_ns;
    std::int64_t exposed_ns = 0;
    for (const copy_row& row : copies(all.run, all.devices)) {
      exposed_ns += row.exposed_ns.value();
      RC_ASSERT(row.exposed_ns.value() + row.hidden_ns.value() <= row.sum_ns);
    }
    RC_ASSERT(exposed_ns == expected_ns);
  }));
}
