#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cstdlib>

#include "analyzers/analysis/generation.hpp"
#include "analyzers/analysis/rank_alignment.hpp"
#include "latency/device_accounting.hpp"
#include "latency/error.hpp"
#include "latency/span_tree.hpp"
#include "tests/analyzers/random_run.hpp"
#include "tests/analyzers/sample_run.hpp"

namespace {

using namespace latency::analysis;
using latency::recording;
using latency::test::ms;
using latency::test::recording_builder;

// Barriers from and to the given times, on one thread.
recording with_barriers(std::initializer_list<std::pair<std::int64_t, std::int64_t>> times) {
  recording_builder made(2000);
  for (const auto& [start, end] : times) made.span("barrier", 0, start, end);
  return made.run();
}

void add_kernel(recording& run, const char* name, std::int64_t start_ms, std::int64_t end_ms) {
  latency::device_op op;
  op.name = run.strings.add(name);
  op.start_ns = start_ms * ms;
  op.end_ns = end_ms * ms;
  run.device_ops.push_back(op);
}

}  // namespace

TEST_CASE("rank_alignment: barriers bound the offset from both sides") {
  // The other rank's clock shows 1000 ms less. First barrier: in at 100 and 130, out at 140 and
  // 142; second: in at 520 and 500, out at 525 and 523. From the first 100 - (-858) = 958 and
  // 140 - (-870) = 1010; from the second 520 - (-477) = 997 and 525 - (-500) = 1025.
  const std::vector<recording> ranks = {with_barriers({{100, 140}, {520, 525}}),
                                        with_barriers({{-870, -858}, {-500, -477}})};
  const auto aligned = align_ranks(ranks, {});
  REQUIRE(aligned.size() == 2);
  CHECK(aligned[0].method == alignment_method::reference);
  CHECK(aligned[0].offset_ns == 0);
  CHECK(aligned[1].method == alignment_method::synchronization);
  CHECK(aligned[1].points == 2);
  CHECK(aligned[1].offset_ns == 1003 * ms + ms / 2);  // of 997..1010
  CHECK(aligned[1].uncertainty_ns == 6 * ms + ms / 2);
  CHECK(uncertainty_between_ns(aligned) == 6 * ms + ms / 2);
}

TEST_CASE("rank_alignment: collectives count by name and order, others and odd numbers do not") {
  recording first = recording_builder(1000).run();
  recording second = recording_builder(1000).run();
  for (recording* run : {&first, &second}) {
    const std::int64_t behind = run == &first ? 0 : 50;
    add_kernel(*run, "ncclDevKernel_AllReduce_Sum_bf16_RING_LL", 200 - behind, 210 - behind);
    add_kernel(*run, "ncclDevKernel_Broadcast_RING_LL", 10, 11);  // its root need not wait
    add_kernel(*run, "gemm_allreduce", 30, 31);                   // not of NCCL
    add_kernel(*run, "ncclDevKernel_AllReduce_Sum_bf16_RING_LL", 100 - behind, 120 - behind);
  }
  add_kernel(first, "ncclDevKernel_AllGather_RING_LL", 500, 510);
  add_kernel(second, "ncclDevKernel_AllGather_RING_LL", 900, 910);
  add_kernel(second, "ncclDevKernel_AllGather_RING_LL", 950, 960);  // one more than the other has
  const auto aligned = align_ranks({first, second}, {});
  CHECK(aligned[1].points == 2);
  CHECK(aligned[1].offset_ns == 50 * ms);
  CHECK(aligned[1].uncertainty_ns == 10 * ms);  // the shorter of the two
}

TEST_CASE("rank_alignment: the true offset is within the uncertainty, whatever the ranks do") {
  rc::check([](std::int32_t offset_ms, const std::vector<std::uint8_t>& waits) {
    recording_builder first(100000);
    recording_builder other(100000);
    std::int64_t now = 10;
    for (const std::uint8_t byte : waits) {
      const std::int64_t in = now + (byte & 15);
      const std::int64_t other_in = now + (byte >> 4);
      const std::int64_t all_in = std::max(in, other_in);
      const std::int64_t out = all_in + 1 + byte % 3;
      const std::int64_t other_out = all_in + 1 + byte % 5;
      first.span("barrier", 0, in, out);
      other.span("barrier", 0, other_in - offset_ms, other_out - offset_ms);
      now = std::max(out, other_out) + 1;
    }
    if (waits.empty()) return;
    const auto aligned = align_ranks({first.run(), other.run()}, {});
    RC_ASSERT(std::llabs(aligned[1].offset_ns - std::int64_t{offset_ms} * ms) <=
              aligned[1].uncertainty_ns);
  });
}

TEST_CASE("rank_alignment: what contradicts itself is refused") {
  const std::vector<recording> ranks = {with_barriers({{100, 110}, {500, 510}}),
                                        with_barriers({{100, 110}, {700, 710}})};
  CHECK_THROWS_WITH_AS((void)align_ranks(ranks, {}), doctest::Contains("contradict"),
                       latency::error);
}

// Ten barriers of 1 ms, one a second; the other clock starts 200 ms behind and gains 100 ppm.
TEST_CASE("rank_alignment: with enough barriers the drift is fitted, and times follow it") {
  const auto of_both = [](std::int64_t barriers) {
    recording_builder first(20000);
    recording_builder other(20000);
    for (std::int64_t i = 1; i <= barriers; ++i) {
      first.span("barrier", 0, 1000 * i, 1000 * i + 1);
      other.span("barrier", 0, 0, 0);
      latency::span& theirs = other.run().spans.back();
      theirs.start_ns = 1000 * i * ms - 200 * ms + i * ms / 10;
      theirs.end_ns = theirs.start_ns + ms;
    }
    return std::vector<recording>{first.run(), other.run()};
  };
  auto ranks = of_both(20);
  const auto aligned = align_ranks(ranks, {});
  CHECK(aligned[1].points == 20);
  REQUIRE(aligned[1].drift.has_value());
  CHECK(*aligned[1].drift == doctest::Approx(-100e-6).epsilon(0.02));
  CHECK(std::llabs(aligned[1].offset_ns - 200 * ms) < ms / 10);
  CHECK(aligned[1].uncertainty_ns < 2 * ms);
  const recording all = merge_ranks(std::move(ranks), aligned);
  for (std::size_t i = 0; i < 20; ++i)
    CHECK(std::llabs(all.spans[20 + i].start_ns - all.spans[i].start_ns) < ms);
  // Too few to fit: 1 ms a barrier holds a drift of 0.6 ms in 6 s, and then no longer.
  CHECK_FALSE(align_ranks(of_both(7), {})[1].drift.has_value());
}

TEST_CASE("rank_alignment: named barriers are the only ones") {
  recording_builder first(1000);
  recording_builder other(1000);
  first.span("meet", 0, 100, 110);
  first.span("barrier", 0, 300, 310);
  other.span("meet", 0, 90, 100);
  other.span("barrier", 0, 700, 710);
  const auto aligned = align_ranks({first.run(), other.run()}, {{"meet"}, 0});
  CHECK(aligned[1].points == 1);
  CHECK(aligned[1].offset_ns == 10 * ms);
}

TEST_CASE("rank_alignment: without synchronization the wall clocks decide, or nothing does") {
  recording first = recording_builder(1000).run();
  recording other = first;
  other.clock.origin_unix_ns += 70 * ms;
  alignment_rules rules;
  rules.wall_clock_uncertainty_ns = 3 * ms;
  const auto aligned = align_ranks({first, other, other}, rules);
  CHECK(aligned[1].method == alignment_method::wall_clock);
  CHECK(aligned[1].offset_ns == 70 * ms);
  CHECK(aligned[1].uncertainty_ns == 3 * ms);
  CHECK(uncertainty_between_ns(aligned) == 6 * ms);
  other.clock.origin_unix_ns = 0;
  CHECK_THROWS_AS((void)align_ranks({first, other}, rules), latency::error);
}

TEST_CASE("rank_alignment: wall clocks are set beside what synchronization says") {
  recording first = with_barriers({{100, 102}});
  recording other = with_barriers({{60, 62}});
  other.clock.origin_unix_ns = first.clock.origin_unix_ns + 45 * ms;
  CHECK(align_ranks({first, other}, {})[1].wall_clock_difference_ns == 5 * ms);
}

TEST_CASE("merge_ranks: all times move, the earliest session starts at 0, and ranks stay apart") {
  const recording sample = latency::test::sample_run();
  std::vector<rank_alignment> alignment(2);
  alignment[1].offset_ns = -300 * ms;
  alignment[1].uncertainty_ns = 2 * ms;
  recording second = sample;
  second.run["rank"] = std::int64_t{7};
  const recording all = merge_ranks({sample, second}, alignment);
  CHECK(all.wall_ns == 1700 * ms);
  CHECK(all.spans.size() == 2 * sample.spans.size());
  CHECK(all.spans[0].start_ns == sample.spans[0].start_ns + 300 * ms);
  CHECK(all.spans[sample.spans.size()].start_ns == sample.spans[0].start_ns);
  CHECK(all.pixel_frames[0].complete_ns == sample.pixel_frames[0].complete_ns + 300 * ms);
  CHECK(all.switches[0].request_ns == sample.switches[0].request_ns + 300 * ms);
  CHECK(all.threads[0].name == "rank 0: main");
  CHECK(all.threads[1].name == "rank 7: main");
  CHECK(all.clock.uncertainty_ns == sample.clock.uncertainty_ns + 2 * ms);
  CHECK(all.clock.origin_unix_ns == sample.clock.origin_unix_ns - 300 * ms);
  const latency::span_tree tree(all);
  for (const latency::thread_account& thread : tree.threads()) CHECK(thread.exact());
  const auto one = generation(sample, latency::span_tree(sample));
  const auto both = generation(all, tree);
  CHECK(both.clips == 2);
  CHECK(both.steady_per_latent_frame_ns.n == 2 * one.steady_per_latent_frame_ns.n);
  CHECK(both.steady_per_latent_frame_ns.mean ==
        doctest::Approx(one.steady_per_latent_frame_ns.mean));
}

TEST_CASE("merge_ranks: rows of every table move, but what was never taken has no time to move") {
  recording one = recording_builder(1000).run();
  const auto at = [](auto row) {
    row.start_ns = 100 * ms;
    row.end_ns = 200 * ms;
    return row;
  };
  one.async_spans = {at(latency::recorded_async_span{})};
  one.device_ops = {at(latency::device_op{}), latency::device_op{}};
  one.api_calls = {at(latency::api_call{})};
  one.event_windows = {at(latency::event_window{})};
  one.instants.emplace_back().time_ns = 100 * ms;
  one.counters.emplace_back().time_ns = 100 * ms;
  one.marks.emplace_back().time_ns = 100 * ms;
  one.memory.emplace_back().time_ns = 100 * ms;
  one.strings.add("");
  std::vector<rank_alignment> alignment(2);
  alignment[1].offset_ns = 50 * ms;
  alignment[1].drift = 0.001;
  const recording all = merge_ranks({one, one}, alignment);
  const std::int64_t start_ns = 150 * ms + ms / 10;
  const std::int64_t end_ns = 250 * ms + ms / 5;
  const auto check = [&](const auto& rows) {
    CHECK(rows[rows.size() / 2].start_ns == start_ns);
    CHECK(rows[rows.size() / 2].end_ns == end_ns);
  };
  check(all.async_spans);
  check(all.device_ops);
  check(all.api_calls);
  check(all.event_windows);
  CHECK(all.device_ops[3].start_ns == 0);
  CHECK(all.device_ops[3].end_ns == 0);
  CHECK(all.instants[1].time_ns == start_ns);
  CHECK(all.counters[1].time_ns == start_ns);
  CHECK(all.marks[1].time_ns == start_ns);
  CHECK(all.memory[1].time_ns == start_ns);
  CHECK(all.wall_ns == 1051 * ms);
}

TEST_CASE("merge_ranks: absurd recordings are merged or refused") {
  int merged = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::vector<recording> ranks = {latency::test::absurd_run(seed),
                                    latency::test::absurd_run(seed + 1000)};
    const std::size_t spans = ranks[0].spans.size() + ranks[1].spans.size();
    std::size_t merged_spans = spans;
    try {
      const auto aligned = align_ranks(ranks, {{"temporal_block"}, 1000});
      merged_spans = merge_ranks(std::move(ranks), aligned).spans.size();
      ++merged;
    } catch (const latency::error&) {  // clocks that contradict, numbers that do not fit
    }
    CHECK(merged_spans == spans);
  }
  CHECK(merged > 0);
}

TEST_CASE("rank_alignment: typical is the median span, or device op where there are no spans") {
  CHECK(typical_duration_ns({with_barriers({{0, 1}, {10, 13}, {20, 29}})}) == 3 * ms);
  recording devices = recording_builder(100).run();
  add_kernel(devices, "k", 10, 14);
  CHECK(typical_duration_ns({devices}) == 4 * ms);
  CHECK(typical_duration_ns({recording_builder(100).run()}) == 0);
}
