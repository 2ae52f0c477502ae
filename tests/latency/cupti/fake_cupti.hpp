#pragma once
// A libcupti that remembers what is switched on, refuses what a test says, and tells what a test
// makes up: so that a collector can be tested without a device.

#include <cupti.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

struct fake_cupti {
  bool subscribed = false;
  std::set<int> callbacks;   // numbers of the driver's functions
  std::set<int> resources;   // callbacks of the resource domain
  std::set<int> captures;    // numbers of the runtime's functions
  std::set<int> activities;  // kinds
  int refused_activity = -1;
  std::vector<CUpti_TimestampCallbackFunc> clocks;  // that were chosen
  bool refuses_buffers = false;                     // cuptiActivityRegisterCallbacks fails
  std::map<std::uint64_t, std::uint64_t> moved;     // handles of nodes, and their later numbers

  CUpti_CallbackFunc callback = nullptr;  // that subscribed, with its `user`
  void* user = nullptr;
  CUpti_BuffersCallbackRequestFunc request = nullptr;
  CUpti_BuffersCallbackCompleteFunc complete = nullptr;
};

// The one that this process has loaded.
extern "C" __attribute__((visibility("default"))) fake_cupti& the_fake_cupti();
// The next flush delivers these kernels, in as many buffers as they fill.
extern "C" __attribute__((visibility("default"))) void deliver_kernels(
    const CUpti_ActivityKernel9* first, std::size_t count);
