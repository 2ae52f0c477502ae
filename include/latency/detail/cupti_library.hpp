#pragma once
// libcupti, loaded at run time: a program links nothing for it and starts without it.

#include <cupti.h>
#include <dlfcn.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace latency::detail {

// Functions that are called, all of them in every version that is accepted.
#define LATENCY_CUPTI_FUNCTIONS(F)          \
  F(cuptiGetVersion)                        \
  F(cuptiGetResultString)                   \
  F(cuptiSubscribe)                         \
  F(cuptiUnsubscribe)                       \
  F(cuptiEnableCallback)                    \
  F(cuptiGetCallbackName)                   \
  F(cuptiActivityRegisterCallbacks)         \
  F(cuptiActivityRegisterTimestampCallback) \
  F(cuptiActivityEnable)                    \
  F(cuptiActivityDisable)                   \
  F(cuptiActivitySetAttribute)              \
  F(cuptiActivityFlushAll)                  \
  F(cuptiActivityGetNextRecord) F(cuptiActivityGetNumDroppedRecords) F(cuptiGetTimestamp)

struct cupti_library {
  std::string path;           // as it was asked for
  std::uint32_t version = 0;  // CUPTI_API_VERSION of the library
#define LATENCY_MEMBER(name) decltype(&::name) name = nullptr;
  LATENCY_CUPTI_FUNCTIONS(LATENCY_MEMBER)
#undef LATENCY_MEMBER
#if CUPTI_API_VERSION >= 130000
  decltype(&::cuptiSubscribe_v2) cuptiSubscribe_v2 = nullptr;  // from 13.0 on; says who is there
#endif
  decltype(&::cuptiGetGraphNodeId) cuptiGetGraphNodeId = nullptr;  // these two: both or none
  decltype(&::cuptiGetGraphId) cuptiGetGraphId = nullptr;
  // Not in every version's headers either; then nodes that move are not followed.
  CUptiResult(CUPTIAPI* cuptiGetGraphExecId)(CUgraphExec, std::uint32_t*) = nullptr;
  decltype(&::cuDeviceGetName) cuDeviceGetName = nullptr;  // of the driver

  // The toolkit's major version that an API version belongs to.
  [[nodiscard]] static std::uint32_t major_of(std::uint32_t api_version) noexcept {
    return api_version >= 130000 ? api_version / 10000 : api_version >= 18 ? 12 : 11;
  }

  // Loads it, or leaves in `why` one line that says why not. It stays loaded.
  [[nodiscard]] bool load(std::string& why) {
    // Without a driver CUPTI reports no more than an unknown error.
    void* const driver = dlopen("libcuda.so.1", RTLD_NOW);
    if (driver == nullptr) {
      why = std::string("no NVIDIA driver: ") + dlerror();
      return false;
    }
    cuDeviceGetName = reinterpret_cast<decltype(cuDeviceGetName)>(dlsym(driver, "cuDeviceGetName"));
    void* library = nullptr;
    for (const std::string& candidate : candidates()) {
      library = dlopen(candidate.c_str(), RTLD_NOW);
      if (library == nullptr) {
        why = dlerror();
        continue;
      }
      path = candidate;
      break;
    }
    if (library == nullptr) {
      why = "libcupti.so." + std::to_string(major_of(CUPTI_API_VERSION)) +
            " was not found; LATENCY_CUPTI may name it (" + why + ")";
      return false;
    }
    const char* missing = nullptr;
#define LATENCY_LOOK_UP(function)                                             \
  function = reinterpret_cast<decltype(function)>(dlsym(library, #function)); \
  if (function == nullptr) missing = #function;
    LATENCY_CUPTI_FUNCTIONS(LATENCY_LOOK_UP)
#undef LATENCY_LOOK_UP
#if CUPTI_API_VERSION >= 130000
    cuptiSubscribe_v2 =
        reinterpret_cast<decltype(cuptiSubscribe_v2)>(dlsym(library, "cuptiSubscribe_v2"));
#endif
    cuptiGetGraphNodeId =
        reinterpret_cast<decltype(cuptiGetGraphNodeId)>(dlsym(library, "cuptiGetGraphNodeId"));
    cuptiGetGraphId =
        reinterpret_cast<decltype(cuptiGetGraphId)>(dlsym(library, "cuptiGetGraphId"));
    cuptiGetGraphExecId =
        reinterpret_cast<decltype(cuptiGetGraphExecId)>(dlsym(library, "cuptiGetGraphExecId"));
    if (missing != nullptr) {
      why = path + " has no " + missing;
      return false;
    }
    if (cuptiGetVersion(&version) != CUPTI_SUCCESS) version = 0;
    if (major_of(version) != major_of(CUPTI_API_VERSION)) {
      why = path + " is CUPTI of CUDA " + std::to_string(major_of(version)) +
            ", and this program was built with that of CUDA " +
            std::to_string(major_of(CUPTI_API_VERSION));
      return false;
    }
    return true;
  }

  // Whether it numbers graphs and their nodes.
  [[nodiscard]] bool numbers_graphs() const noexcept {
    return cuptiGetGraphNodeId != nullptr && cuptiGetGraphId != nullptr;
  }

  // Of a device on which something ran. Not in a callback.
  [[nodiscard]] std::string device_name(std::uint32_t number) const {
    char name[256] = "";
    if (cuDeviceGetName != nullptr)  // a CUdevice is the number of a device
      (void)cuDeviceGetName(name, sizeof name, static_cast<CUdevice>(number));
    return name;
  }

  [[nodiscard]] std::string text_of(CUptiResult result) const {
    const char* text = nullptr;
    if (cuptiGetResultString(result, &text) != CUPTI_SUCCESS || text == nullptr) text = "error";
    return std::string(text) + " (" + std::to_string(static_cast<int>(result)) + ")";
  }

 private:
  [[nodiscard]] static std::vector<std::string> candidates() {
    const char* const named = std::getenv("LATENCY_CUPTI");
    if (named != nullptr && *named != 0) return {named};
    const std::string major = std::to_string(major_of(CUPTI_API_VERSION));
    std::vector<std::string> found{"libcupti.so." + major};
    for (const char* const variable : {"CUDA_HOME", "CUDA_PATH"}) {
      const char* const toolkit = std::getenv(variable);
      if (toolkit != nullptr && *toolkit != 0) add_toolkit(found, toolkit, major);
    }
    add_toolkit(found, "/usr/local/cuda-" + major, major);
    add_toolkit(found, "/usr/local/cuda", major);
    return found;
  }
  static void add_toolkit(std::vector<std::string>& to, const std::string& toolkit,
                          const std::string& major) {
    for (const char* const folder :
         {"/lib64", "/extras/CUPTI/lib64", "/targets/x86_64-linux/lib", "/lib"})
      to.push_back(toolkit + folder + "/libcupti.so." + major);
  }
};

#undef LATENCY_CUPTI_FUNCTIONS

}  // namespace latency::detail
