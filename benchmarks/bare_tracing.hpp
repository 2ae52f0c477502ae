#pragma once
// Kernel tracing by CUPTI alone: what the library's tracing is compared with.

#include <cupti.h>
#include <dlfcn.h>

#include <atomic>
#include <cstdint>
#include <latency/detail/activity_buffers.hpp>
#include <latency/detail/cupti_library.hpp>
#include <latency/error.hpp>
#include <string>

namespace benchmarks {

// CUPTI's kernel tracing as a program would use it that wants no more than the records: buffers
// made ahead, read on CUPTI's own thread. With `external`, also an external correlation id around
// each launch, the other way to learn which span a kernel belongs to.
class bare_tracing {
 public:
  explicit bare_tracing(bool external) {
    std::string why;
    if (!library().load(why)) throw latency::error(why);
    auto& cupti = library();
    std::uint8_t yes = 1;
    std::size_t size = sizeof yes;
    check(cupti.cuptiActivitySetAttribute(CUPTI_ACTIVITY_ATTR_ZEROED_OUT_ACTIVITY_BUFFER, &size,
                                          &yes));
    check(cupti.cuptiSubscribe(
        &subscriber_, [](void*, CUpti_CallbackDomain, CUpti_CallbackId, const void*) {}, nullptr));
    check(cupti.cuptiActivityRegisterCallbacks(
        [](std::uint8_t** buffer, std::size_t* bytes, std::size_t* most) {
          *buffer = buffers().take();
          *bytes = buffers().bytes();
          *most = 0;
        },
        [](CUcontext, std::uint32_t, std::uint8_t* buffer, std::size_t, std::size_t bytes) {
          CUpti_Activity* record = nullptr;
          while (bytes > 0 &&
                 library().cuptiActivityGetNextRecord(buffer, bytes, &record) == CUPTI_SUCCESS)
            records().fetch_add(record->kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL ? 1 : 0);
          buffers().recycle({buffer, bytes});
        }));
    check(cupti.cuptiActivityEnable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL));
    if (external) {
      check(cupti.cuptiActivityEnable(CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION));
      void* const handle = dlopen(cupti.path.c_str(), RTLD_NOW);
      const auto enable = reinterpret_cast<decltype(&cuptiActivityEnableRuntimeApi)>(
          dlsym(handle, "cuptiActivityEnableRuntimeApi"));
      push =
          reinterpret_cast<decltype(push)>(dlsym(handle, "cuptiActivityPushExternalCorrelationId"));
      pop = reinterpret_cast<decltype(pop)>(dlsym(handle, "cuptiActivityPopExternalCorrelationId"));
      check(enable(CUPTI_RUNTIME_TRACE_CBID_cudaLaunchKernel_v7000, 1));
    }
  }
  bare_tracing(const bare_tracing&) = delete;
  bare_tracing& operator=(const bare_tracing&) = delete;
  ~bare_tracing() {
    for (const CUpti_ActivityKind kind :
         {CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION})
      library().cuptiActivityDisable(kind);
    library().cuptiUnsubscribe(subscriber_);
  }

  // After the device is done: the records since tracing began.
  [[nodiscard]] std::uint64_t finish() {
    check(library().cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED));
    return records().exchange(0);
  }

  decltype(&cuptiActivityPushExternalCorrelationId) push = nullptr;
  decltype(&cuptiActivityPopExternalCorrelationId) pop = nullptr;

 private:
  static latency::detail::cupti_library& library() {
    static latency::detail::cupti_library loaded;
    return loaded;
  }
  static latency::detail::activity_buffers& buffers() {
    static latency::detail::activity_buffers made(std::size_t{2} << 20, 16);
    return made;
  }
  static std::atomic<std::uint64_t>& records() {
    static std::atomic<std::uint64_t> count{0};
    return count;
  }
  static void check(CUptiResult result) {
    if (result != CUPTI_SUCCESS) throw latency::error("CUPTI: " + library().text_of(result));
  }
  CUpti_SubscriberHandle subscriber_ = nullptr;
};

}  // namespace benchmarks
