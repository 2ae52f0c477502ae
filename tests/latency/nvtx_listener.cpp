// A tool, as NVTX sees one: the library that NVTX_INJECTION64_PATH names. Prints what it is told.
#include <nvtx3/nvToolsExt.h>

#include <cinttypes>
#include <cstdio>
#include <string>

namespace {

// A handle is the text itself, so that what is printed later says which one was given.
template <class Handle>
Handle handle_of(const char* text) {
  return reinterpret_cast<Handle>(new std::string(text));
}
template <class Handle>
const char* text_of(Handle handle) {
  return handle == nullptr ? "(none)" : reinterpret_cast<const std::string*>(handle)->c_str();
}

nvtxDomainHandle_t NVTX_API create_domain(const char* name) {
  std::printf("domain %s\n", name);
  return handle_of<nvtxDomainHandle_t>(name);
}
nvtxStringHandle_t NVTX_API register_string(nvtxDomainHandle_t domain, const char* text) {
  std::printf("register %s %s\n", text_of(domain), text);
  return handle_of<nvtxStringHandle_t>(text);
}
int NVTX_API push(nvtxDomainHandle_t domain, const nvtxEventAttributes_t* range) {
  const bool registered = range->messageType == NVTX_MESSAGE_TYPE_REGISTERED;
  std::printf("push %s %s", text_of(domain),
              registered ? text_of(range->message.registered) : "(not registered)");
  if (range->payloadType == NVTX_PAYLOAD_TYPE_INT64)
    std::printf(" %" PRId64, range->payload.llValue);
  if (range->payloadType == NVTX_PAYLOAD_TYPE_DOUBLE) std::printf(" %g", range->payload.dValue);
  std::puts("");
  return 0;
}
int NVTX_API pop(nvtxDomainHandle_t domain) {
  std::printf("pop %s\n", text_of(domain));
  return 0;
}

template <class Function>
void listen(NvtxFunctionTable table, NvtxCallbackIdCore2 which, Function* function) {
  *table[which] = reinterpret_cast<NvtxFunctionPointer>(function);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int InitializeInjectionNvtx2(
    NvtxGetExportTableFunc_t get_table) {
  const auto* const callbacks =
      static_cast<const NvtxExportTableCallbacks*>(get_table(NVTX_ETID_CALLBACKS));
  NvtxFunctionTable table = nullptr;
  unsigned int size = 0;
  if (callbacks == nullptr ||
      callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &table, &size) == 0)
    return 0;
  listen(table, NVTX_CBID_CORE2_DomainCreateA, create_domain);
  listen(table, NVTX_CBID_CORE2_DomainRegisterStringA, register_string);
  listen(table, NVTX_CBID_CORE2_DomainRangePushEx, push);
  listen(table, NVTX_CBID_CORE2_DomainRangePop, pop);
  return 1;
}
