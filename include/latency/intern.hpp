#pragma once
// Turns a text that is not static into one that may name a span or be an attribute's value.

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>

namespace latency {

// The same pointer for the same text, valid until the process ends; texts are never given back.
// Takes a lock: intern once, outside loops. Thread-safe.
__attribute__((visibility("default"))) inline const char* intern(std::string_view text) {
  struct pool {
    std::mutex mutex;
    std::unordered_set<std::string> texts;
  };
  static pool* const shared = new pool;
  const std::lock_guard<std::mutex> lock(shared->mutex);
  return shared->texts.emplace(text).first->c_str();
}

}  // namespace latency
