#include "analyzers/analysis/stream_gaps.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>

#include "tests/analyzers/device_builder.hpp"

using namespace latency;
using namespace latency::analysis;
using latency::test::accounted;
using latency::test::add_call;
using latency::test::add_op;

namespace {

std::int64_t ns_of(const gap_times& causes, gap_cause cause) {
  return causes[static_cast<std::size_t>(cause)].ns;
}

// An op and its launch.
device_op& launched(recording& run, std::int64_t call_start_ns, std::int64_t call_end_ns,
                    std::int64_t start_ns, std::int64_t end_ns, std::uint32_t stream = 0) {
  const std::uint64_t correlation = 1000 + run.api_calls.size();
  api_call& call = add_call(run, api_call_kind::launch, 0, call_start_ns, call_end_ns, correlation);
  call.device = 0;
  call.stream = stream;
  device_op& op = add_op(run, "k", 0, start_ns, end_ns, stream);
  op.correlation = correlation;
  return op;
}

// Twelve kernels of 10 ns that were all launched before 1000 begins, 3 ns apart: 1000..1153.
recording queued() {
  recording run;
  run.wall_ns = 10'000;
  for (int i = 0; i < 12; ++i) launched(run, 10 * i, 10 * i + 5, 1000 + 13 * i, 1010 + 13 * i);
  return run;
}

gap_report gaps_of(recording run, std::size_t most_largest = 100) {
  const accounted all(std::move(run));
  return gaps(all.run, all.devices, most_largest);
}

}  // namespace

TEST_CASE("gaps: kernels back to back are measured, and as short a gap is the hardware's") {
  recording run = queued();
  launched(run, 200, 205, 1159, 1170);  // 6 = twice the 3
  launched(run, 210, 215, 1177, 1180);  // 7
  const gap_report found = gaps_of(run);
  CHECK(found.back_to_back_n == 13);
  CHECK(found.back_to_back_ns == 3);
  CHECK(found.gaps == 13);
  CHECK(ns_of(found.causes, gap_cause::hardware) == 11 * 3 + 6);
  CHECK(ns_of(found.causes, gap_cause::other) == 7);
  REQUIRE(found.streams.size() == 1);
  CHECK(found.streams[0].busy_ns == 134);
  CHECK(found.streams[0].window_ns == 180);
  CHECK(found.streams[0].gap_ns == 46);
}

TEST_CASE("gaps: too few queued kernels do not measure the hardware") {
  recording run;
  for (int i = 0; i < 10; ++i) launched(run, 10 * i, 10 * i + 5, 1000 + 13 * i, 1010 + 13 * i);
  const gap_report found = gaps_of(run);
  CHECK(found.back_to_back_n == 9);
  CHECK(std::isnan(found.back_to_back_ns));
  CHECK(ns_of(found.causes, gap_cause::hardware) == 0);
  CHECK(ns_of(found.causes, gap_cause::other) == 27);
}

TEST_CASE("gaps: a launch that came late is the host's up to the end of the call") {
  recording run = queued();               // ends at 1153
  launched(run, 1190, 1200, 1204, 1300);  // host 47, then 4: hardware
  launched(run, 1390, 1400, 1395, 1410);  // starts inside its call: host all 95
  launched(run, 1420, 1430, 1450, 1460);  // host 20, then 20: other
  const gap_report found = gaps_of(run);
  CHECK(ns_of(found.causes, gap_cause::host) == 47 + 95 + 20);
  CHECK(ns_of(found.causes, gap_cause::hardware) == 11 * 3 + 4);
  CHECK(ns_of(found.causes, gap_cause::other) == 20);
  CHECK(found.causes[static_cast<std::size_t>(gap_cause::host)].gaps == 3);
  REQUIRE(found.largest.size() == 14);
  CHECK(found.largest[0].length_ns == 95);
  CHECK(found.largest[0].start_ns == 1300);
  CHECK(found.largest[0].main_cause() == gap_cause::host);
  CHECK(found.largest[1].length_ns == 51);
  CHECK(found.largest[1].main_cause() == gap_cause::host);
}

TEST_CASE("gaps: inside a replay they are the graph's, before it they are not") {
  recording run = queued();
  for (const std::int64_t start_ns : {1200, 1240}) {
    device_op& op = launched(run, 100, 110, start_ns, start_ns + 10);
    op.replay = 7;
  }
  const gap_report found = gaps_of(run);
  CHECK(ns_of(found.causes, gap_cause::graph_internal) == 30);
  CHECK(ns_of(found.causes, gap_cause::other) == 47);
}

TEST_CASE("gaps: a recorded wait makes a dependency, up to the end of what was waited for") {
  // Stream 1 runs 1100..1400, an event behind it; stream 0 waits for it and goes on at 1405.
  const auto with_wait = [](bool event_known, std::int64_t wait_at_ns) {
    recording run = queued();
    launched(run, 300, 305, 1100, 1400, 1);
    launched(run, 330, 335, 1400, 1500, 1);  // behind the event: not waited for
    api_call& event = add_call(run, api_call_kind::event_record, 0, 320, 321, 5);
    event.device = 0;
    event.stream = 1;
    api_call& wait = add_call(run, api_call_kind::stream_wait, 0, wait_at_ns, wait_at_ns + 1);
    wait.device = 0;
    wait.stream = 0;
    wait.waits_for = event_known ? 5 : 0;
    launched(run, 340, 345, 1405, 1410);
    return gaps_of(std::move(run));
  };
  const gap_report found = with_wait(true, 325);
  CHECK(ns_of(found.causes, gap_cause::dependency) == 1400 - 1153);
  CHECK(ns_of(found.causes, gap_cause::hardware) == 11 * 3 + 5);
  CHECK(found.back_to_back_n == 12);  // and the pair of stream 1; not the one with the wait
  // Whose event is not known: all of it.
  CHECK(ns_of(with_wait(false, 325).causes, gap_cause::dependency) == 1405 - 1153);
  // Made after the launch: not for this op.
  CHECK(ns_of(with_wait(true, 350).causes, gap_cause::dependency) == 0);
}

TEST_CASE("gaps: without launches only the length is known; ops that overlap leave none") {
  recording run;
  add_op(run, "a", 0, 10, 30);
  add_op(run, "b", 0, 15, 20);
  add_op(run, "c", 0, 30, 31);
  add_op(run, "d", 0, 41, 42);
  const accounted all(std::move(run));
  const gap_report found = gaps(all.run, all.devices, 100);
  CHECK(found.gaps == 1);
  CHECK(ns_of(found.causes, gap_cause::other) == 10);
  REQUIRE(found.largest.size() == 1);
  CHECK(all.run.strings[all.run.device_ops[found.largest[0].before].name] == "c");
  CHECK(all.run.strings[all.run.device_ops[found.largest[0].after].name] == "d");
}

TEST_CASE("gaps: busy and gaps are each stream's window, causes are the gaps, exactly") {
  CHECK(rc::check([](std::uint64_t seed, bool absurd) {
    const accounted all(test::random_device_run(seed, absurd));
    const gap_report found = gaps(all.run, all.devices, 3);
    std::int64_t ops = 0;
    std::int64_t total_ns = 0;
    for (const stream_gaps& s : found.streams) {
      ops += s.ops;
      total_ns += s.gap_ns;
      RC_ASSERT(s.busy_ns + s.gap_ns == s.window_ns);
      std::int64_t causes_ns = 0;
      for (const gap_time& time : s.causes) causes_ns += time.ns;
      RC_ASSERT(causes_ns == s.gap_ns);
    }
    RC_ASSERT(total_ns == found.gap_ns);
    std::int64_t placed = 0;
    for (const device_op_account& op : all.devices.ops()) placed += op.placed() ? 1 : 0;
    RC_ASSERT(ops == placed);
    RC_ASSERT(found.largest.size() == std::min<std::size_t>(3, found.gaps));
    for (std::size_t i = 1; i < found.largest.size(); ++i)
      RC_ASSERT(found.largest[i - 1].length_ns >= found.largest[i].length_ns);
  }));
}
