// What a collector switches on in CUPTI, and that it switches it off again, against a libcupti that
// refuses what it is told to.
#include <doctest/doctest.h>

#include <cstdlib>
#include <latency/cupti.hpp>
#include <latency/latency.hpp>

#include "fake_cupti.hpp"

using namespace latency;

namespace {

// A fresh fake, in place of the library.
fake_cupti& fresh_fake() {
  setenv("LATENCY_CUPTI", FAKE_CUPTI, 1);
  return the_fake_cupti() = {};
}

void check_nothing_is_on(const fake_cupti& fake) {
  CHECK_FALSE(fake.subscribed);
  CHECK(fake.callbacks.empty());
  CHECK(fake.resources.empty());
  CHECK(fake.captures.empty());
  CHECK(fake.activities.empty());
}

std::string tier_reason(const recording& r) {
  return std::get<std::string>(r.run.at("tier_reason"));
}

}  // namespace

TEST_CASE("cupti: kernels, copies, memsets and order are asked for; copies between devices never") {
  const fake_cupti& fake = fresh_fake();
  session run;
  cupti::collector gpu{run};
  REQUIRE_MESSAGE(gpu.started(), gpu.why_not());
  CHECK(fake.subscribed);
  CHECK(fake.callbacks == std::set<int>{1, 2});
  // What becomes of graphs, and nothing that a launch causes.
  CHECK(fake.resources ==
        std::set<int>{
            CUPTI_CBID_RESOURCE_GRAPH_CREATED, CUPTI_CBID_RESOURCE_GRAPH_DESTROY_STARTING,
            CUPTI_CBID_RESOURCE_GRAPHNODE_CREATE_STARTING, CUPTI_CBID_RESOURCE_GRAPHNODE_CREATED,
            CUPTI_CBID_RESOURCE_GRAPHEXEC_CREATED, CUPTI_CBID_RESOURCE_GRAPHNODE_DESTROY_STARTING,
            CUPTI_CBID_RESOURCE_GRAPHNODE_CLONED, CUPTI_CBID_RESOURCE_GRAPH_NODE_SET_PARAMS});
  CHECK(fake.captures.size() == 2);
  CHECK(fake.activities == std::set<int>{CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL,
                                         CUPTI_ACTIVITY_KIND_MEMCPY, CUPTI_ACTIVITY_KIND_MEMSET,
                                         CUPTI_ACTIVITY_KIND_SYNCHRONIZATION,
                                         CUPTI_ACTIVITY_KIND_CUDA_EVENT});
  (void)run.stop();
  check_nothing_is_on(fake);

  // Times come by a clock that nobody sets; chosen once, however many collectors follow.
  REQUIRE(fake.clocks.size() == 1);
  const std::int64_t before_ns = read_clock_ns(CLOCK_MONOTONIC_RAW);
  const auto now_ns = static_cast<std::int64_t>(fake.clocks[0]());
  CHECK(now_ns >= before_ns);
  CHECK(now_ns <= read_clock_ns(CLOCK_MONOTONIC_RAW));
  session next;
  cupti::collector again{next};
  CHECK(again.started());
  CHECK(fake.clocks.size() == 1);
}

TEST_CASE("cupti: a start that fails half way says why and leaves nothing on") {
  fake_cupti& fake = fresh_fake();
  fake.refused_activity = CUPTI_ACTIVITY_KIND_MEMSET;
  {
    session run;
    cupti::collector gpu{run};
    CHECK_FALSE(gpu.started());
    CHECK(gpu.why_not() == "CUPTI: refused (" + std::to_string(CUPTI_ERROR_NOT_READY) +
                               "), when asked to record memsets");
    check_nothing_is_on(fake);
    CHECK(tier_reason(run.stop()) == gpu.why_not());
  }
  fake.refused_activity = -1;
  fake.refuses_buffers = true;
  {
    session run;
    cupti::collector gpu{run};
    CHECK_FALSE(gpu.started());
    check_nothing_is_on(fake);
  }
  fake.refuses_buffers = false;
  session run;
  cupti::collector gpu{run};
  CHECK_MESSAGE(gpu.started(), gpu.why_not());
}
