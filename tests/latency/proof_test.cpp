#include "latency/proof.hpp"

#include <cstdint>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "made_recordings.hpp"

using latency::device_accounting;
using latency::recording;
using latency::span_tree;
using made::kernel;
using made::recording_of;
using made::span_of;

TEST_CASE("proof: a clean run says so, and each doubt shows") {
  recording r = recording_of(100, 2, {span_of(1, 0, 10, 90)});
  r.device_ops = {kernel(1, 20, 30), kernel(1, 40, 50), kernel(1, 60, 70),
                  kernel(1, 70, 75), kernel(1, 80, 81), kernel(1, 81, 82)};
  for (std::size_t i = 0; i < 6; ++i) r.device_ops[i].correlation = i < 2 ? i + 1 : 9 + i / 4;
  for (std::size_t i = 2; i < 6; ++i) {
    r.device_ops[i].replay = i / 2;  // two replays of a graph of two nodes
    r.device_ops[i].graph_node = 100 + i % 2;
  }
  const auto prove = [](const recording& run) {
    const span_tree tree(run);
    return latency::make_proof(run, tree, device_accounting(run, tree));
  };
  const latency::proof p = prove(r);
  CHECK(p.clean());
  CHECK(p.thread_wall_ns == 200);
  CHECK(p.exclusive_ns == 80);
  CHECK(p.untracked_ns == 120);
  CHECK(p.device_window_ns == 80);
  CHECK(p.share_ns == 27 + 10);
  CHECK(p.idle_ns == 43);
  CHECK(p.busy_ns == 37);
  CHECK(p.busy_recomputed_ns == 37);
  CHECK(p.ops_recorded == 6);
  CHECK(p.launches == 2);
  CHECK(p.replays == 2);
  CHECK(p.replay_ops == 4);

  recording lost = r;
  lost.device_ops.pop_back();
  CHECK_FALSE(prove(lost).ops_complete());
  CHECK(prove(lost).exact());
  CHECK_FALSE(prove(lost).clean());
  recording doubled = r;
  doubled.device_ops[1].correlation = 1;
  CHECK(prove(doubled).launches == 1);
  CHECK_FALSE(prove(doubled).ops_complete());
  recording dropped = r;
  dropped.hygiene.dropped_spans = 1;
  CHECK_FALSE(prove(dropped).clean());
  recording impossible = r;
  impossible.spans.push_back(span_of(2, 55, 20, 30));
  CHECK(prove(impossible).exact());
  CHECK_FALSE(prove(impossible).clean());
}

TEST_CASE("proof: totals in place of rows are counted, and must not contradict themselves") {
  recording r = recording_of(100, 1, {span_of(1, 0, 10, 90)});
  latency::device_total total;
  total.count = 3;
  total.sum_ns = 60;
  total.min_ns = 10;
  total.max_ns = 30;
  r.device_totals = {total, total};
  r.device_histograms = {{0, 10, 1}, {0, 20, 2}, {1, 20, 3}};
  latency::api_total launches;
  launches.count = 6;
  launches.sum_ns = 12'000;
  launches.min_ns = launches.max_ns = 2'000;
  r.api_totals = {launches, launches};
  r.api_totals[1].kind = latency::api_call_kind::synchronize;
  const auto prove = [](const recording& run) {
    const span_tree tree(run);
    return latency::make_proof(run, tree, device_accounting(run, tree));
  };
  CHECK(prove(r).clean());
  CHECK(prove(r).total_ops == 6);
  CHECK(prove(r).total_launch_calls == 6);
  const auto doubtful = [&](const auto& change) {
    recording wrong = r;
    change(wrong);
    CHECK_FALSE(prove(wrong).clean());
    return prove(wrong).unsound_totals;
  };
  CHECK(doubtful([](recording& w) { w.device_totals[0].sum_ns = 29; }) == 1);
  CHECK(doubtful([](recording& w) { w.device_totals[0].sum_ns = 93; }) == 1);
  CHECK(doubtful([](recording& w) { w.device_totals[1].min_ns = -1; }) == 1);
  CHECK(doubtful([](recording& w) { w.device_totals[1].count = 0; }) == 1);
  CHECK(doubtful([](recording& w) { w.device_histograms[1].count = 1; }) == 1);
  CHECK(doubtful([](recording& w) { w.api_totals[1].max_ns = 1'999; }) == 1);
  CHECK(doubtful([](recording& w) { w.hygiene.invalid_device_ops = 1; }) == 0);
  CHECK(doubtful([](recording& w) { w.hygiene.unmatched_device_ops = 1; }) == 0);
}

TEST_CASE("proof: a call may make several copies, and none twice") {
  recording r = recording_of(100, 1, {span_of(1, 0, 10, 90)});
  r.device_ops = {made::copy(1, 20, 30), made::copy(1, 30, 40), made::copy(1, 30, 40, 1),
                  made::copy(1, 30, 40, 1, 1), kernel(1, 50, 60)};
  for (latency::device_op& op : r.device_ops) op.correlation = 7;
  r.device_ops.back().correlation = 8;
  const auto complete = [](const recording& run) {
    const span_tree tree(run);
    return latency::make_proof(run, tree, device_accounting(run, tree)).ops_complete();
  };
  CHECK(complete(r));
  recording twice = r;
  twice.device_ops.push_back(r.device_ops[1]);
  CHECK_FALSE(complete(twice));
}

TEST_CASE("proof: replays of different graphs are counted apart") {
  recording r = recording_of(100, 1, {span_of(1, 0, 10, 90)});
  const std::vector<std::pair<std::uint64_t, std::uint64_t>> runs = {
      {1, 10}, {1, 11}, {1, 12}, {2, 20}, {3, 10}, {3, 11}, {3, 12}, {4, 20}, {5, 10}};
  for (const auto& [replay, node] : runs) {
    r.device_ops.push_back(kernel(1, 20, 30));
    r.device_ops.back().replay = replay;
    r.device_ops.back().graph_node = node;
  }
  const span_tree tree(r);
  const auto p = latency::make_proof(r, tree, device_accounting(r, tree));
  CHECK(p.replays == 5);
  CHECK(p.replay_ops == 3 * 3 + 2);  // the fifth replay lost two of its three
  CHECK_FALSE(p.ops_complete());
}
