#pragma once
// What device_events.hpp asks of CUDA. What happens for each event goes to the driver itself: the
// runtime's functions of the same names cost some 30 ns more each, and leave their failures, and
// that an event is not complete yet, where the program's next cudaGetLastError() finds them.

#include <cuda.h>
#include <cuda_runtime.h>
#include <dlfcn.h>

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "../error.hpp"
#include "device_events.hpp"
#include "graph_windows.hpp"

namespace latency::detail {

// Calls below it neither break nor fail because of a capture in progress on another thread.
class beside_captures {
 public:
  beside_captures() noexcept { (void)cudaThreadExchangeStreamCaptureMode(&mode_); }
  ~beside_captures() { (void)cudaThreadExchangeStreamCaptureMode(&mode_); }
  beside_captures(const beside_captures&) = delete;
  beside_captures& operator=(const beside_captures&) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

#define LATENCY_DRIVER_FUNCTIONS(F) \
  F(cuCtxGetCurrent)                \
  F(cuCtxPopCurrent_v2)             \
  F(cuCtxPushCurrent_v2)            \
  F(cuEventCreate)                  \
  F(cuEventDestroy_v2)              \
  F(cuEventQuery)                   \
  F(cuEventRecord)                  \
  F(cuEventRecordWithFlags)         \
  F(cuGraphExecEventRecordNodeSetEvent) F(cuStreamGetCtx) F(cuStreamGetId) F(cuStreamIsCapturing)

struct cuda_driver {
  using event = cudaEvent_t;
  using stream = cudaStream_t;
  using graph = CUgraph;
  using node = CUgraphNode;
  using executable = CUgraphExec;
  cudaStream_t anchors = nullptr;
#define LATENCY_MEMBER(name) decltype(&::name) name = nullptr;
  LATENCY_DRIVER_FUNCTIONS(LATENCY_MEMBER)
#undef LATENCY_MEMBER
  // The second version, by whatever name the headers know it now.
  CUresult (*cuStreamGetCaptureInfo_v2)(CUstream, CUstreamCaptureStatus*, cuuint64_t*, CUgraph*,
                                        const CUgraphNode**, std::size_t*) = nullptr;

  // Throws latency::error.
  void load() {
    void* const driver = dlopen("libcuda.so.1", RTLD_NOW);
    if (driver == nullptr) throw error(std::string("no NVIDIA driver: ") + dlerror());
#define LATENCY_LOOK_UP(function)                                            \
  function = reinterpret_cast<decltype(function)>(dlsym(driver, #function)); \
  if (function == nullptr) throw error("the NVIDIA driver is too old: it has no " #function);
    LATENCY_DRIVER_FUNCTIONS(LATENCY_LOOK_UP)
#undef LATENCY_LOOK_UP
    cuStreamGetCaptureInfo_v2 = reinterpret_cast<decltype(cuStreamGetCaptureInfo_v2)>(
        dlsym(driver, "cuStreamGetCaptureInfo_v2"));
  }

  // Whether a call of the runtime did. A failure here must not be what the program's next
  // cudaGetLastError() finds.
  static bool succeeded(cudaError_t code) noexcept {
    if (code != cudaSuccess) (void)cudaGetLastError();
    return code == cudaSuccess;
  }

  [[nodiscard]] bool record(cudaEvent_t one, cudaStream_t on) const noexcept {
    CUresult code = cuEventRecord(one, on);
    if (__builtin_expect(code == CUDA_ERROR_INVALID_CONTEXT, 0) && enter_context())
      code = cuEventRecord(one, on);
    return code == CUDA_SUCCESS;
  }
  [[nodiscard]] bool record_anchor(cudaEvent_t one) const noexcept {
    return record(one, anchors);
  }
  // Also while the legacy default stream may not be used because of another stream's capture.
  [[nodiscard]] bool captures(cudaStream_t one) const noexcept {
    CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
    return cuStreamIsCapturing(one, &status) != CUDA_SUCCESS ||
           status != CU_STREAM_CAPTURE_STATUS_NONE;
  }
  // In the context of its device, whichever is the calling thread's.
  [[nodiscard]] bool renew(cudaEvent_t& one) const noexcept {
    const beside_captures any;
    if (cuCtxPushCurrent_v2(context_of(anchors)) != CUDA_SUCCESS) return false;
    CUevent made = nullptr;
    const bool renewed = cuEventCreate(&made, CU_EVENT_DEFAULT) == CUDA_SUCCESS;
    CUcontext popped = nullptr;
    (void)cuCtxPopCurrent_v2(&popped);
    if (renewed) (void)cuEventDestroy_v2(std::exchange(one, made));
    return renewed;
  }
  // Only where the stream itself captures, and the driver says so: a question about the legacy
  // stream while another one captures is answered with an error, and it is left alone.
  [[nodiscard]] bool record_node(cudaEvent_t one, cudaStream_t on,
                                 captured_node<cuda_driver>& made) const noexcept {
    CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
    if (cuStreamGetCaptureInfo_v2 == nullptr || cuStreamIsCapturing(on, &status) != CUDA_SUCCESS ||
        status != CU_STREAM_CAPTURE_STATUS_ACTIVE ||
        cuEventRecordWithFlags(one, on, CU_EVENT_RECORD_EXTERNAL) != CUDA_SUCCESS)
      return false;
    // The node is what the stream's next one will depend on, and nothing else is.
    cuuint64_t capture = 0;
    const CUgraphNode* last = nullptr;
    std::size_t count = 0;
    made = {};
    if (cuStreamGetCaptureInfo_v2(on, &status, &capture, &made.graph, &last, &count) ==
            CUDA_SUCCESS &&
        status == CU_STREAM_CAPTURE_STATUS_ACTIVE && count == 1)
      made.node = last[0];
    made.capture = capture;
    return true;
  }
  [[nodiscard]] bool set_event(CUgraphExec exec, CUgraphNode of, cudaEvent_t one) const noexcept {
    return cuGraphExecEventRecordNodeSetEvent(exec, of, one) == CUDA_SUCCESS;
  }
  [[nodiscard]] std::uint32_t number_of(cudaStream_t one) const noexcept {
    unsigned long long id = 0;
    return cuStreamGetId(one, &id) == CUDA_SUCCESS ? static_cast<std::uint32_t>(id) : 0;
  }
  // nullptr when CUDA does not tell.
  [[nodiscard]] CUcontext context_of(cudaStream_t one) const noexcept {
    CUcontext context = nullptr;
    if (!is_default(one)) return cuStreamGetCtx(one, &context) == CUDA_SUCCESS ? context : nullptr;
    // cuStreamGetCtx of the legacy stream would end a capture that the stream has to leave alone.
    (void)cuCtxGetCurrent(&context);
    if (__builtin_expect(context == nullptr, 0) && enter_context()) (void)cuCtxGetCurrent(&context);
    return context;
  }
  [[nodiscard]] event_progress query(cudaEvent_t one) const noexcept {
    const CUresult code = cuEventQuery(one);
    if (code == CUDA_SUCCESS) return event_progress::complete;
    if (code == CUDA_ERROR_CAPTURED_EVENT) return event_progress::captured;
    return code == CUDA_ERROR_NOT_READY ? event_progress::pending : event_progress::failed;
  }
  [[nodiscard]] float elapsed_ms(cudaEvent_t from, cudaEvent_t to) const noexcept {
    float ms = 0;
    return succeeded(cudaEventElapsedTime(&ms, from, to)) ? ms
                                                          : std::numeric_limits<float>::quiet_NaN();
  }

 private:
  // The default streams' handles stand for a stream of the thread's current context.
  [[nodiscard]] static bool is_default(cudaStream_t one) noexcept {
    return one == nullptr || one == cudaStreamLegacy || one == cudaStreamPerThread;
  }
  // A thread that has not used CUDA yet has no context: the runtime gives it one.
  static bool enter_context() noexcept {
    const beside_captures any;
    int device = 0;
    return succeeded(cudaGetDevice(&device)) && succeeded(cudaSetDevice(device));
  }
};

#undef LATENCY_DRIVER_FUNCTIONS

}  // namespace latency::detail
