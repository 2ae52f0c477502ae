// When a collector starts, and what it leaves out.
#include <doctest/doctest.h>

#include <latency/cupti.hpp>
#include <latency/detail/cupti_library.hpp>
#include <latency/latency.hpp>
#include <map>
#include <thread>

#include "accounted.hpp"
#include "work.cuh"

using namespace latency;
using work::stream;

TEST_CASE("cupti: beside another profiler it does not start, says so, and the program goes on") {
  using cupti_library = latency::detail::cupti_library;
  std::string why;
  cupti_library holder;
  REQUIRE_MESSAGE(holder.load(why), why);
  CUpti_SubscriberHandle subscriber = nullptr;
  CUpti_SubscriberParams parameters{};
  parameters.structSize = CUpti_SubscriberParams_STRUCT_SIZE;
  parameters.subscriberName = "somebody";
  const auto nothing = [](void*, CUpti_CallbackDomain, CUpti_CallbackId, const void*) {};
  REQUIRE(holder.cuptiSubscribe_v2(&subscriber, nothing, nullptr, &parameters) == CUPTI_SUCCESS);
  {
    session run;
    cupti::collector gpu{run};
    CHECK(!gpu.started());
    CHECK(gpu.why_not() == "another profiler is attached: CUPTI for somebody");
    { LATENCY_SCOPE("work"); }
    work::empty<<<1, 1>>>();
    CUDA_OK(cudaDeviceSynchronize());
    const recording r = run.stop();
    CHECK(r.spans.size() == 1);
    CHECK(std::get<std::string>(r.run.at("tier")) == "host");
    CHECK(std::get<std::string>(r.run.at("tier_reason")) == gpu.why_not());
  }
  CHECK(holder.cuptiUnsubscribe(subscriber) == CUPTI_SUCCESS);
  session run;
  cupti::collector gpu{run};
  CHECK_MESSAGE(gpu.started(), gpu.why_not());
  cupti::collector second{run};
  CHECK(second.why_not() == "another latency::cupti::collector is collecting");
}

TEST_CASE("cupti: outside recorded regions nothing is recorded, and nothing counts as lost") {
  CUDA_OK(cudaFree(nullptr));
  setenv("LATENCY_REGIONS", "measured:active=1", 1);
  session run;
  unsetenv("LATENCY_REGIONS");
  cupti::collector gpu{run};
  REQUIRE_MESSAGE(gpu.started(), gpu.why_not());
  stream mine;
  for (int i = 0; i < 3; ++i) {
    const region measured{"measured"};
    work::empty<<<1, 1, 0, mine>>>();
  }
  mine.wait();
  const recording r = run.stop();
  CHECK(r.device_ops.size() == 1);
  CHECK(r.hygiene.unmatched_launches == 0);
  CHECK(r.hygiene.unmatched_device_ops == 0);
}
