#include "latency/detail/trace_matcher.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <random>

using namespace latency;
using namespace latency::detail;

namespace {

traced_apis all_apis() {
  traced_apis apis;
  std::uint16_t number = 0;
  for (const char* name :
       {"cuLaunchKernel", "cuMemcpyHtoDAsync_v2", "cuGraphLaunch", "cuStreamSynchronize",
        "cuEventRecord", "cuStreamWaitEvent", "cuMemAlloc_v2", "cuMemcpyPeerAsync"})
    apis.add(number++, traced_apis::classify(name));
  return apis;
}
enum : std::uint16_t {
  launch_kernel,
  copy_async,
  launch_graph,
  synchronize,
  record_event,
  wait_event,
  allocate,
  copy_peer
};

traced_call call_of(std::uint32_t correlation, span_id span, std::uint16_t api = launch_kernel,
                    std::uint8_t flags = 0) {
  traced_call call;
  call.correlation = correlation;
  call.span = span;
  call.api = api;
  call.flags = flags;
  return call;
}
traced_op op_of(std::uint32_t correlation, std::uint32_t stream = 7) {
  traced_op op;
  op.start_ns = 100;
  op.end_ns = 200;
  op.correlation = correlation;
  op.stream = stream;
  op.context = 1;
  op.device = 3;
  return op;
}

struct collected : trace_sink {
  struct op_row {
    std::uint64_t correlation;
    span_id span;
    unattributed_reason reason;
  };
  struct call_row {
    std::uint64_t correlation;
    std::uint16_t api;
    call_place place;
  };
  void op(const traced_op&, const traced_call* launch, std::uint64_t correlation,
          unattributed_reason reason) override {
    ops.push_back({correlation, launch == nullptr ? 0 : launch->span, reason});
  }
  void call(const traced_call& one, std::uint64_t correlation, const call_place& place) override {
    calls.push_back({correlation, one.api, place});
  }
  std::vector<op_row> ops;
  std::vector<call_row> calls;
};

}  // namespace

TEST_CASE("traced_apis: functions are known by name, whatever their version and stream kind") {
  const auto kind = [](const char* name) { return traced_apis::classify(name).kind; };
  CHECK(std::string(traced_apis::classify("cuLaunchKernel_ptsz").name) == "cuLaunchKernel");
  CHECK(std::string(traced_apis::classify("cuMemcpyHtoDAsync_v2_ptsz").name) ==
        "cuMemcpyHtoDAsync");
  CHECK(traced_apis::classify("cuLaunchKernelEx").launches == traced_apis::ops::kernel);
  CHECK(traced_apis::classify("cuLaunchCooperativeKernel").launches == traced_apis::ops::kernel);
  CHECK(traced_apis::classify("cuGraphLaunch_ptsz").launches == traced_apis::ops::many);
  CHECK(traced_apis::classify("cuMemcpyBatchAsync_v2").launches == traced_apis::ops::many);
  CHECK(traced_apis::classify("cuMemsetD8Async").launches == traced_apis::ops::copy);
  CHECK(traced_apis::classify("cuMemcpyPeer_ptds").launches == traced_apis::ops::peer);
  CHECK(traced_apis::classify("cuMemcpy3DPeerAsync").launches == traced_apis::ops::peer);
  CHECK(kind("cuStreamSynchronize") == api_call_kind::synchronize);
  CHECK(kind("cuCtxSynchronize_v2") == api_call_kind::synchronize);
  CHECK(kind("cuEventRecordWithFlags") == api_call_kind::event_record);
  CHECK(kind("cuStreamWaitEvent") == api_call_kind::stream_wait);
  CHECK(kind("cuMemAllocAsync") == api_call_kind::allocate);
  CHECK(kind("cuMemFree_v2") == api_call_kind::allocate);
  for (const char* untraced : {"cuLaunchHostFunc", "cuStreamQuery", "cuCtxGetCurrent", ""})
    CHECK(traced_apis::classify(untraced).name == nullptr);
}

TEST_CASE("trace_matcher: an op belongs to the span of its call, whichever comes first") {
  const traced_apis apis = all_apis();
  collected got;
  trace_matcher matcher(apis, got, true);
  matcher.call(call_of(5, 50));
  CHECK(matcher.outstanding() == 1);
  matcher.op(op_of(5));
  CHECK(matcher.outstanding() == 0);
  matcher.op(op_of(6));
  CHECK(got.ops.size() == 1);
  matcher.call(call_of(6, 60));
  matcher.call(call_of(7, 0));
  matcher.op(op_of(7));
  REQUIRE(got.ops.size() == 3);
  CHECK(got.ops[0].span == 50);
  CHECK(got.ops[1].span == 60);
  CHECK(got.ops[2].reason == unattributed_reason::no_open_span);
  REQUIRE(got.calls.size() == 3);
  CHECK(got.calls[0].place.device == 3);
  CHECK(got.calls[0].place.stream == 7);
  matcher.finish();
  CHECK(matcher.take_unmatched_ops() == 0);
  CHECK(matcher.take_unmatched_launches() == 0);
  CHECK(got.calls.size() == 3);
}

TEST_CASE("trace_matcher: all ops of a graph belong to its launch, however late they come") {
  const traced_apis apis = all_apis();
  collected got;
  trace_matcher matcher(apis, got, true);
  matcher.call(call_of(1, 10, launch_graph));
  matcher.op(op_of(1));
  for (std::uint32_t i = 2; i < 300000; ++i) {
    matcher.call(call_of(i, 20));
    matcher.op(op_of(i));
  }
  matcher.op(op_of(1));
  CHECK(got.ops.back().span == 10);
  CHECK(got.calls.size() == 299999);
}

TEST_CASE("trace_matcher: a kernel that runs through 300000 other calls finds its launch") {
  const traced_apis apis = all_apis();
  collected got;
  trace_matcher matcher(apis, got, true);
  matcher.call(call_of(1, 10));
  for (std::uint32_t i = 2; i < 300000; ++i) {
    matcher.call(call_of(i, 20));
    matcher.op(op_of(i));
  }
  CHECK(matcher.outstanding() == 1);
  matcher.op(op_of(1));
  CHECK(got.ops.back().span == 10);
  CHECK(matcher.outstanding() == 0);
}

TEST_CASE("trace_matcher: failed and captured launches wait for nothing, lost ops are counted") {
  const traced_apis apis = all_apis();
  collected got;
  trace_matcher matcher(apis, got, true);
  matcher.call(call_of(1, 10, launch_kernel, call_failed));
  matcher.call(call_of(2, 10, launch_kernel, call_captured));
  CHECK(matcher.outstanding() == 0);
  matcher.call(call_of(3, 10));
  matcher.call(call_of(4, 10, copy_async));  // may have had nothing to copy
  matcher.finish();
  CHECK(matcher.take_unmatched_launches() == 1);
  CHECK(matcher.take_unmatched_launches() == 0);
  CHECK(got.calls.size() == 4);
}

TEST_CASE(
    "trace_matcher: copies between devices whose op does not come are counted by themselves") {
  const traced_apis apis = all_apis();
  collected got;
  trace_matcher matcher(apis, got, true);
  matcher.call(call_of(1, 10, copy_peer));
  matcher.call(call_of(2, 10, copy_peer));  // of a device to itself
  matcher.op(op_of(2));
  matcher.call(call_of(3, 10, copy_peer, call_failed));
  matcher.call(call_of(4, 10, copy_peer, call_captured));
  matcher.call(call_of(5, 10, copy_peer, call_outside));
  CHECK(matcher.outstanding() == 0);  // nobody waits for them
  matcher.finish();
  CHECK(matcher.take_untraced_copies() == 1);
  CHECK(matcher.take_untraced_copies() == 0);
  CHECK(matcher.take_unmatched_launches() == 0);
  CHECK(got.ops.size() == 1);
  CHECK(got.calls.size() == 4);
}

TEST_CASE("trace_matcher: ops without a call are kept and counted; those after the end are not") {
  const traced_apis apis = all_apis();
  collected got;
  trace_matcher matcher(apis, got, true);
  matcher.op(op_of(9));
  matcher.call(call_of(10, 1));
  matcher.op(op_of(11));  // launched after the last call that was handed over
  matcher.finish();
  REQUIRE(got.ops.size() == 1);
  CHECK(got.ops[0].correlation == 9);
  CHECK(got.ops[0].reason == unattributed_reason::no_launch_record);
  CHECK(matcher.take_unmatched_ops() == 1);
}

TEST_CASE("trace_matcher: what a conditional node ran waits for no call, and misses none") {
  const traced_apis apis = all_apis();
  collected got;
  trace_matcher matcher(apis, got, true);
  matcher.call(call_of(10, 1));
  traced_op body = op_of(0);
  body.graph_node = std::uint64_t{7} << 32;
  matcher.op(body);
  REQUIRE(got.ops.size() == 1);
  CHECK(got.ops[0].correlation == 0);
  CHECK(got.ops[0].reason == unattributed_reason::conditional_body);
  matcher.finish();
  CHECK(got.ops.size() == 1);
  CHECK(matcher.take_unmatched_ops() == 0);
}

TEST_CASE("trace_matcher: ops without usable times are kept and counted once") {
  const traced_apis apis = all_apis();
  collected got;
  trace_matcher matcher(apis, got, true);
  traced_op untimed = op_of(1), reversed = op_of(2);
  untimed.start_ns = untimed.end_ns = 0;
  reversed.end_ns = 50;
  matcher.op(untimed);  // before its call
  matcher.call(call_of(1, 10));
  matcher.call(call_of(2, 10));
  matcher.op(reversed);
  CHECK(got.ops.size() == 2);
  CHECK(matcher.take_invalid_ops() == 2);
}

TEST_CASE("trace_matcher: what was launched outside recorded regions leaves no trace") {
  const traced_apis apis = all_apis();
  collected got;
  trace_matcher matcher(apis, got, true);
  matcher.call(call_of(1, 0, launch_kernel, call_outside));
  matcher.op(op_of(1));
  matcher.finish();
  CHECK(got.ops.empty());
  CHECK(got.calls.empty());
  CHECK(matcher.take_unmatched_ops() == 0);
}

TEST_CASE("trace_matcher: a stream wait names the event record that it waits for") {
  const traced_apis apis = all_apis();
  collected got;
  trace_matcher matcher(apis, got, true);
  traced_sync recorded, waited;
  recorded = {20, 1, 13, 77, true};
  waited = {21, 1, 14, 77, false};
  matcher.op(op_of(1));  // makes the device of context 1 known
  matcher.call(call_of(1, 1));
  matcher.call(call_of(20, 1, record_event));
  matcher.sync(recorded);
  matcher.sync(waited);  // before its call
  matcher.call(call_of(21, 1, wait_event));
  matcher.sync({22, 1, traced_sync::nowhere, 0, false});
  matcher.call(call_of(22, 1, synchronize));
  matcher.call(call_of(23, 1, allocate));
  REQUIRE(got.calls.size() == 5);
  CHECK(got.calls[1].place.stream == 13);
  CHECK(got.calls[1].place.waits_for == 0);
  CHECK(got.calls[2].place.stream == 14);
  CHECK(got.calls[2].place.waits_for == 20);
  CHECK(got.calls[2].place.device == 3);
  CHECK(got.calls[3].place.stream == -1);
  CHECK(got.calls[3].place.device == 3);
  CHECK(got.calls[4].place.device == -1);
}

TEST_CASE("trace_matcher: correlations go on counting where the driver starts again") {
  const traced_apis apis = all_apis();
  collected got;
  trace_matcher matcher(apis, got, true);
  for (const std::uint32_t correlation : {UINT32_MAX - 1, UINT32_MAX, 1u, 0u, 2u}) {
    matcher.call(call_of(correlation, 1));
    matcher.op(op_of(correlation));
  }
  REQUIRE(got.ops.size() == 5);
  const std::uint64_t wrap = std::uint64_t{1} << 32;
  CHECK(got.ops[1].correlation == UINT32_MAX);
  CHECK(got.ops[2].correlation == wrap + 1);
  CHECK(got.ops[3].correlation == wrap);
  CHECK(got.ops[4].correlation == wrap + 2);
}

TEST_CASE("trace_matcher: any order of calls and ops gives each op its own span, once") {
  CHECK(rc::check([](const std::vector<std::uint8_t>& kinds, unsigned seed) {
    const traced_apis apis = all_apis();
    collected got;
    trace_matcher matcher(apis, got, true);
    std::vector<std::pair<bool, std::uint32_t>> events;  // is a call, correlation
    std::map<std::uint64_t, span_id> expected;
    std::size_t ops = 0;
    for (std::uint32_t i = 0; i < kinds.size(); ++i) {
      events.push_back({true, i + 1});
      expected[i + 1] = kinds[i] % 7;
      for (int op = 0; op <= kinds[i] % 3; ++op, ++ops) events.push_back({false, i + 1});
    }
    std::shuffle(events.begin(), events.end(), std::mt19937(seed));
    for (const auto& [is_call, correlation] : events) {
      if (is_call)
        matcher.call(call_of(correlation, expected[correlation], launch_graph));
      else
        matcher.op(op_of(correlation));
    }
    matcher.finish();
    RC_ASSERT(got.ops.size() == ops);
    for (const auto& op : got.ops) RC_ASSERT(op.span == expected[op.correlation]);
    RC_ASSERT(got.calls.size() == kinds.size());
    RC_ASSERT(matcher.take_unmatched_ops() == 0u);
  }));
}

TEST_CASE("trace_matcher: floods of ops without calls stay bounded, and each is delivered once") {
  const traced_apis apis = all_apis();
  collected got;
  trace_matcher matcher(apis, got, true);
  constexpr std::uint32_t flood = 200000;
  for (std::uint32_t i = 1; i <= flood; ++i) matcher.op(op_of(i));
  CHECK(got.ops.size() == flood - (1u << 16));
  matcher.call(call_of(flood + 1, 1));
  matcher.finish();
  CHECK(got.ops.size() == flood);
  CHECK(matcher.take_unmatched_ops() == flood);
}
