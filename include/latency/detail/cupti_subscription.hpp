#pragma once
// Our subscription to CUPTI: which calls it tells us of, and which activities it records. Ended, or
// not begun for whatever reason, it leaves nothing switched on.

#include <cupti.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "../clock.hpp"
#include "cupti_graph_tracer.hpp"
#include "cupti_library.hpp"
#include "traced_records.hpp"

namespace latency::detail {

class cupti_subscription {
 public:
  // How far the times of ops may be off because of the rate at which CUPTI takes a device's clock
  // to run. It learns that from two readings of the clock, one when it is switched on and one when
  // it first delivers, then anew every 4 s (CUDA 13.0). The clock ticks every 32 ns: with 0.4 ms
  // between the two, times of kernels strayed by 90 us a second. So the first start of a process
  // waits a while before anything can be delivered.
  static constexpr std::chrono::milliseconds between_readings{100};
  static constexpr std::int64_t rate_error_ns = 32 * (4'000 / between_readings.count());

  struct callbacks {
    CUpti_CallbackFunc call = nullptr;
    CUpti_BuffersCallbackRequestFunc request_buffer = nullptr;
    CUpti_BuffersCallbackCompleteFunc complete_buffer = nullptr;
  };

  // The library outlives it.
  explicit cupti_subscription(const cupti_library& cupti) : cupti_(cupti) {}

  // `syncs`: also what waits, and what orders streams. False, and why, if that fails.
  [[nodiscard]] bool begin(const callbacks& to, void* user, const traced_apis& apis, bool syncs,
                           std::string& why) {
    if (!subscribe(to, user, why)) return false;
    // Callbacks first: every op then has a call.
    if (!enable_callbacks(1, apis, syncs, why) || !enable_activities(syncs, why)) {
      end();
      return false;
    }
    if (!std::exchange(rate_known_, true)) std::this_thread::sleep_for(between_readings);
    return true;
  }

  // No call is seen any more; ops of those that were are still recorded.
  void end_callbacks(const traced_apis& apis, bool syncs) noexcept {
    std::string ignored;
    (void)enable_callbacks(0, apis, syncs, ignored);
  }

  // CUPTI itself stays: finalizing it has crashed programs.
  void end() noexcept {
    for (const CUpti_ActivityKind kind : enabled_) (void)cupti_.cuptiActivityDisable(kind);
    enabled_.clear();
    (void)cupti_.cuptiUnsubscribe(subscriber_);
  }

 private:
  [[nodiscard]] bool subscribe(const callbacks& to, void* user, std::string& why) {
    std::uint8_t yes = 1;
    std::size_t size = sizeof yes;
    // We hand out zeroed buffers, so that a launch need not wait until one has been zeroed.
    (void)cupti_.cuptiActivitySetAttribute(CUPTI_ACTIVITY_ATTR_ZEROED_OUT_ACTIVITY_BUFFER, &size,
                                           &yes);
    char holder[CUPTI_OLD_SUBSCRIBER_NAME_MIN_LEN] = "";
    CUptiResult result = CUPTI_ERROR_UNKNOWN;
#if CUPTI_API_VERSION >= 130000
    if (cupti_.cuptiSubscribe_v2 != nullptr) {
      CUpti_SubscriberParams parameters{};
      parameters.structSize = CUpti_SubscriberParams_STRUCT_SIZE;
      parameters.subscriberName = "latency";
      parameters.oldSubscriberName = holder;
      parameters.oldSubscriberSize = sizeof holder;
      result = cupti_.cuptiSubscribe_v2(&subscriber_, to.call, user, &parameters);
    } else
#endif
      result = cupti_.cuptiSubscribe(&subscriber_, to.call, user);
    if (result == CUPTI_SUCCESS) {
      if (!std::exchange(clock_chosen_, true))
        (void)cupti_.cuptiActivityRegisterTimestampCallback(&steady_time_ns);
      result = cupti_.cuptiActivityRegisterCallbacks(to.request_buffer, to.complete_buffer);
      if (result == CUPTI_SUCCESS) return true;
      (void)cupti_.cuptiUnsubscribe(subscriber_);
    }
    why = reason(result, holder);
    return false;
  }

  // The clock to which CUPTI maps the devices' own: one that nobody sets or slews, unlike
  // CLOCK_REALTIME, its first choice. Chosen once in a process, because records of kernels have
  // come with wrong times after a second choice; so a profiler that follows us finds it, too.
  // Without it (CUPTI may refuse) anchors follow the other clock.
  static std::uint64_t CUPTIAPI steady_time_ns() noexcept {
    return static_cast<std::uint64_t>(read_clock_ns(CLOCK_MONOTONIC_RAW));
  }

  [[nodiscard]] std::string reason(CUptiResult result, const char* holder) const {
    if (result == CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED) {
      if (*holder != 0) return std::string("another profiler is attached: ") + holder;
      for (const char* const variable : {"CUDA_INJECTION64_PATH", "NVTX_INJECTION64_PATH"}) {
        const char* const injected = std::getenv(variable);
        if (injected != nullptr && *injected != 0)
          return std::string("another profiler is attached: ") + variable + "=" + injected;
      }
      return "another profiler is attached";
    }
    if (result == CUPTI_ERROR_INSUFFICIENT_PRIVILEGES ||
        result == CUPTI_ERROR_VIRTUALIZED_DEVICE_INSUFFICIENT_PRIVILEGES)
      return "no permission to profile on this machine: " + cupti_.text_of(result);
    return "CUPTI: " + cupti_.text_of(result);
  }

  [[nodiscard]] bool enable_callbacks(std::uint32_t on, const traced_apis& apis, bool syncs,
                                      std::string& why) {
    for (std::size_t number = 0; number < apis.size(); ++number) {
      const traced_apis::function function = apis[static_cast<std::uint16_t>(number)];
      if (function.name == nullptr) continue;
      const bool orders = function.kind == api_call_kind::event_record ||
                          function.kind == api_call_kind::stream_wait;
      if (orders && !syncs) continue;
      const CUptiResult result = cupti_.cuptiEnableCallback(
          on, subscriber_, CUPTI_CB_DOMAIN_DRIVER_API, static_cast<CUpti_CallbackId>(number));
      // Old functions of the driver need not be known to it any more.
      if (result != CUPTI_SUCCESS && function.launches == traced_apis::ops::kernel &&
          std::string_view(function.name) == "cuLaunchKernel") {
        why = "CUPTI: " + cupti_.text_of(result);
        return false;
      }
    }
    // Tells launches that become nodes of a graph from those that run.
    (void)cupti_.cuptiEnableCallback(on, subscriber_, CUPTI_CB_DOMAIN_RESOURCE,
                                     CUPTI_CBID_RESOURCE_GRAPHNODE_CREATED);
    if (!cupti_.numbers_graphs()) return true;
    for (const CUpti_CallbackId id : cupti_graph_tracer::callbacks)
      (void)cupti_.cuptiEnableCallback(on, subscriber_, CUPTI_CB_DOMAIN_RESOURCE, id);
    for (const CUpti_CallbackId id : cupti_graph_tracer::captures)
      (void)cupti_.cuptiEnableCallback(on, subscriber_, CUPTI_CB_DOMAIN_RUNTIME_API, id);
    return true;
  }

  // Not CUPTI_ACTIVITY_KIND_MEMCPY2, copies between devices: with it on, launches of graphs have
  // failed with error 719 after a device had copied to itself.
  [[nodiscard]] bool enable_activities(bool syncs, std::string& why) {
    struct wanted {
      CUpti_ActivityKind kind;
      const char* name;
    };
    enabled_.reserve(6);
    for (const wanted& one : {wanted{CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, "kernels"},
                              {CUPTI_ACTIVITY_KIND_MEMCPY, "copies"},
                              {CUPTI_ACTIVITY_KIND_MEMSET, "memsets"}}) {
      const CUptiResult result = cupti_.cuptiActivityEnable(one.kind);
      if (result != CUPTI_SUCCESS) {
        why = reason(result, "") + ", when asked to record " + one.name;
        return false;
      }
      enabled_.push_back(one.kind);
    }
    if (!syncs) return true;
    for (const CUpti_ActivityKind kind :
         {CUPTI_ACTIVITY_KIND_SYNCHRONIZATION, CUPTI_ACTIVITY_KIND_CUDA_EVENT})
      if (cupti_.cuptiActivityEnable(kind) == CUPTI_SUCCESS) enabled_.push_back(kind);
    return true;
  }

  const cupti_library& cupti_;
  CUpti_SubscriberHandle subscriber_ = nullptr;
  bool clock_chosen_ = false;
  bool rate_known_ = false;
  std::vector<CUpti_ActivityKind> enabled_;
};

}  // namespace latency::detail
