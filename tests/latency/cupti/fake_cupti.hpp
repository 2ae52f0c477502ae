#pragma once
// A libcupti that does nothing but remember what is switched on, and refuses what a test says: so
// that starting and stopping can be tested without a device.

#include <cupti.h>

#include <set>
#include <vector>

struct fake_cupti {
  bool subscribed = false;
  std::set<int> callbacks;   // numbers of the driver's functions
  std::set<int> activities;  // kinds
  int refused_activity = -1;
  std::vector<CUpti_TimestampCallbackFunc> clocks;  // that were chosen
  bool refuses_buffers = false;                     // cuptiActivityRegisterCallbacks fails
};

// The one that this process has loaded.
extern "C" __attribute__((visibility("default"))) fake_cupti& the_fake_cupti();
