#include "analyzers/timeline/call_names.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>

using latency::api_call_kind;

TEST_CASE("call_names: names say what a call does") {
  const std::pair<const char*, api_call_kind> names[] = {
      {"cudaLaunchKernelExC", api_call_kind::launch},
      {"cuLaunchKernelEx", api_call_kind::launch},
      {"cudaGraphLaunch", api_call_kind::launch},
      {"hipModuleLaunchKernel", api_call_kind::launch},
      {"cudaMemset2DAsync", api_call_kind::launch},
      {"cudaLaunchHostFunc", api_call_kind::other},
      {"cudaDeviceSynchronize", api_call_kind::synchronize},
      {"cuCtxSynchronize", api_call_kind::synchronize},
      {"cudaEventRecordWithFlags", api_call_kind::event_record},
      {"cudaStreamWaitEvent", api_call_kind::stream_wait},
      {"cudaHostAlloc", api_call_kind::allocate},
      {"cuMemAlloc_v2", api_call_kind::allocate},
      {"cudaStreamIsCapturing", api_call_kind::other}};
  for (const auto& one : names)
    CHECK_MESSAGE(latency::timeline::call_kind(one.first) == one.second, one.first);
}

TEST_CASE("call_names: what makes a launch different is told by id, as often as one asks") {
  latency::string_table strings;
  latency::timeline::call_names names(strings);
  const latency::string_id graph = strings.add("cuGraphLaunch_ptsz");
  CHECK(names[graph].launches_graph);
  CHECK_FALSE(names[graph].launches_kernel);
  const latency::string_id copy = strings.add("cudaMemcpyAsync"), set = strings.add("cuMemsetD8"),
                           begin = strings.add("cudaStreamBeginCapture"),
                           end = strings.add("cudaStreamEndCapture"),
                           kernel = strings.add("cudaLaunchKernelExC");
  for (int round = 0; round < 2; ++round) {
    CHECK(names[copy].copies);
    CHECK(names[copy].kind == api_call_kind::launch);
    CHECK(names[set].sets);
    CHECK_FALSE(names[set].copies);
    CHECK(names[begin].begins_capture);
    CHECK(names[end].ends_capture);
    CHECK(names[kernel].launches_kernel);
  }
}
