#include "fake_cupti.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>

namespace {
std::mutex delivering;
std::vector<CUpti_ActivityKernel9> kernels;
}  // namespace

extern "C" {

fake_cupti& the_fake_cupti() {
  static fake_cupti fake;
  return fake;
}

void deliver_kernels(const CUpti_ActivityKernel9* first, std::size_t count) {
  const std::lock_guard<std::mutex> lock(delivering);
  kernels.insert(kernels.end(), first, first + count);
}

CUptiResult CUPTIAPI cuptiGetVersion(std::uint32_t* version) {
  *version = CUPTI_API_VERSION;
  return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiGetResultString(CUptiResult, const char** text) {
  *text = "refused";
  return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiSubscribe(CUpti_SubscriberHandle*, CUpti_CallbackFunc callback,
                                    void* user) {
  if (the_fake_cupti().subscribed) return CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED;
  the_fake_cupti().subscribed = true;
  the_fake_cupti().callback = callback;
  the_fake_cupti().user = user;
  return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiUnsubscribe(CUpti_SubscriberHandle) {
  the_fake_cupti().subscribed = false;
  the_fake_cupti().callbacks.clear();
  the_fake_cupti().resources.clear();
  the_fake_cupti().captures.clear();
  return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiEnableCallback(std::uint32_t on, CUpti_SubscriberHandle,
                                         CUpti_CallbackDomain domain, CUpti_CallbackId id) {
  std::set<int>& of_domain = domain == CUPTI_CB_DOMAIN_DRIVER_API ? the_fake_cupti().callbacks
                             : domain == CUPTI_CB_DOMAIN_RESOURCE ? the_fake_cupti().resources
                                                                  : the_fake_cupti().captures;
  if (on != 0)
    of_domain.insert(static_cast<int>(id));
  else
    of_domain.erase(static_cast<int>(id));
  return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiGetCallbackName(CUpti_CallbackDomain, std::uint32_t id,
                                          const char** name) {
  *name = id == 1 ? "cuLaunchKernel" : id == 2 ? "cuGraphLaunch_ptsz" : nullptr;
  return *name != nullptr ? CUPTI_SUCCESS : CUPTI_ERROR_INVALID_PARAMETER;
}
// Handles are the numbers of what they stand for, until that moves.
CUptiResult CUPTIAPI cuptiGetGraphNodeId(CUgraphNode node, std::uint64_t* number) {
  *number = reinterpret_cast<std::uint64_t>(node);
  const auto moved = the_fake_cupti().moved.find(*number);
  if (moved != the_fake_cupti().moved.end()) *number = moved->second;
  return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiGetGraphExecId(CUgraphExec graph, std::uint32_t* number) {
  *number = static_cast<std::uint32_t>(reinterpret_cast<std::uint64_t>(graph));
  return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiGetGraphId(CUgraph graph, std::uint32_t* number) {
  *number = static_cast<std::uint32_t>(reinterpret_cast<std::uint64_t>(graph));
  return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiActivityRegisterCallbacks(CUpti_BuffersCallbackRequestFunc request,
                                                    CUpti_BuffersCallbackCompleteFunc complete) {
  the_fake_cupti().request = request;
  the_fake_cupti().complete = complete;
  return the_fake_cupti().refuses_buffers ? CUPTI_ERROR_UNKNOWN : CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiActivityRegisterTimestampCallback(CUpti_TimestampCallbackFunc clock) {
  the_fake_cupti().clocks.push_back(clock);
  return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiActivityEnable(CUpti_ActivityKind kind) {
  if (static_cast<int>(kind) == the_fake_cupti().refused_activity) return CUPTI_ERROR_NOT_READY;
  the_fake_cupti().activities.insert(static_cast<int>(kind));
  return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiActivityDisable(CUpti_ActivityKind kind) {
  the_fake_cupti().activities.erase(static_cast<int>(kind));
  return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiActivitySetAttribute(CUpti_ActivityAttribute, std::size_t*, void*) {
  return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiActivityFlushAll(std::uint32_t) {
  fake_cupti& fake = the_fake_cupti();
  const std::lock_guard<std::mutex> lock(delivering);
  for (std::size_t delivered = 0; delivered < kernels.size();) {
    std::uint8_t* buffer = nullptr;
    std::size_t bytes = 0, most = 0;
    fake.request(&buffer, &bytes, &most);
    if (buffer == nullptr) return CUPTI_ERROR_OUT_OF_MEMORY;
    const std::size_t count = std::min(kernels.size() - delivered, bytes / sizeof kernels[0]);
    std::memcpy(buffer, &kernels[delivered], count * sizeof kernels[0]);
    fake.complete(nullptr, 0, buffer, bytes, count * sizeof kernels[0]);
    delivered += count;
  }
  kernels.clear();
  return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiActivityGetNextRecord(std::uint8_t* buffer, std::size_t bytes,
                                                CUpti_Activity** record) {
  auto* const at = reinterpret_cast<std::uint8_t*>(*record);
  std::uint8_t* const next = at == nullptr ? buffer : at + sizeof(CUpti_ActivityKernel9);
  if (next >= buffer + bytes) return CUPTI_ERROR_MAX_LIMIT_REACHED;
  *record = reinterpret_cast<CUpti_Activity*>(next);
  return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiActivityGetNumDroppedRecords(CUcontext, std::uint32_t,
                                                       std::size_t* dropped) {
  *dropped = 0;
  return CUPTI_SUCCESS;
}
CUptiResult CUPTIAPI cuptiGetTimestamp(std::uint64_t* now_ns) {
  *now_ns = 1;
  return CUPTI_SUCCESS;
}

}  // extern "C"
