// What matching takes: memory that does not grow, however many launches there are.
#include <doctest/doctest.h>

#include <latency/detail/trace_matcher.hpp>

#include "allocated_bytes.hpp"

using namespace latency::detail;

namespace {

struct forgetful : trace_sink {
  void op(const traced_op&, const traced_call*, std::uint64_t,
          latency::unattributed_reason) override {
    ++ops;
  }
  void call(const traced_call&, std::uint64_t, const call_place&) override {}
  std::int64_t ops = 0;
};

}  // namespace

// A call that may still bring ops, as every launch of a graph may, and a kernel whose op never
// comes are kept: those that a program makes in its first minutes must not be seen in its memory.
TEST_CASE("trace_matcher: launches of graphs and lost kernels take no memory") {
  traced_apis apis;
  apis.add(0, traced_apis::classify("cuLaunchKernel"));
  apis.add(1, traced_apis::classify("cuGraphLaunch"));
  forgetful sink;
  trace_matcher matcher(apis, sink, true);
  std::uint32_t correlation = 0;
  const auto replay = [&](int launches) {
    for (int i = 0; i < launches; ++i) {
      traced_call launch;
      launch.correlation = ++correlation;
      launch.api = 1;
      matcher.call(launch);
      traced_op op;
      op.correlation = correlation;
      op.start_ns = op.end_ns = 1;
      op.graph_node = 1;
      for (int node = 0; node < 3; ++node) matcher.op(op);
      launch.correlation = ++correlation;
      launch.api = 0;
      matcher.call(launch);
    }
  };
  replay(1);
  const std::int64_t before_bytes = latency_test::allocated_bytes();
  replay(300000);
  CHECK(latency_test::allocated_bytes() == before_bytes);
  CHECK(sink.ops == 3 * 300001);
}
