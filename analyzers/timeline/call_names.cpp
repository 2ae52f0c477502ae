#include "analyzers/timeline/call_names.hpp"

#include <algorithm>
#include <initializer_list>

namespace latency::timeline {

api_call_kind call_kind(std::string_view name) {
  for (const std::string_view prefix : {"cuda", "hip", "cu"}) {
    if (name.substr(0, prefix.size()) != prefix) continue;
    name.remove_prefix(prefix.size());
    break;
  }
  const auto begins_with = [name](std::initializer_list<std::string_view> words) {
    return std::any_of(words.begin(), words.end(), [name](std::string_view word) {
      return name.substr(0, word.size()) == word;
    });
  };
  if (begins_with({"LaunchHostFunc"})) return api_call_kind::other;
  if (begins_with({"Launch", "ModuleLaunch", "ExtLaunch", "ExtModuleLaunch", "GraphLaunch",
                   "Memcpy", "Memset"}))
    return api_call_kind::launch;
  if (begins_with({"DeviceSynchronize", "StreamSynchronize", "EventSynchronize", "CtxSynchronize",
                   "ThreadSynchronize"}))
    return api_call_kind::synchronize;
  if (begins_with({"EventRecord"})) return api_call_kind::event_record;
  if (begins_with({"StreamWaitEvent"})) return api_call_kind::stream_wait;
  if (begins_with({"Malloc", "Free", "HostAlloc", "HostFree", "HostMalloc", "HostRegister",
                   "HostUnregister", "MemAlloc", "MemFree", "MemHostAlloc", "MemHostRegister",
                   "MemHostUnregister", "MemCreate", "MemRelease", "MemMap", "MemUnmap"}))
    return api_call_kind::allocate;
  return api_call_kind::other;
}

const call_name& call_names::operator[](string_id name) {
  if (name >= names_.size()) names_.resize(strings_.size());
  known_name& found = names_[name];
  if (found.known) return found.is;
  found.known = true;
  // cudaGraphLaunch, cuGraphLaunch_ptsz, ...: no name is longer.
  const std::string_view text = std::string_view(strings_[name]).substr(0, 64);
  const auto has = [text](std::string_view part) { return text.find(part) != text.npos; };
  found.is.kind = call_kind(text);
  found.is.launches_graph = has("GraphLaunch");
  found.is.launches_kernel = has("Launch") && !found.is.launches_graph;
  found.is.copies = has("Memcpy");
  found.is.sets = has("Memset");
  found.is.begins_capture = has("StreamBeginCapture");
  found.is.ends_capture = has("StreamEndCapture");
  return found.is;
}

}  // namespace latency::timeline
