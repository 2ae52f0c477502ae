#pragma once
// What a back end runs on.

#include <cstdint>
#include <string>

namespace ops {

struct device_facts {
  std::string type;               // "cpu", "cuda"
  std::string name;               // of a GPU; empty for the CPU
  std::string attention_backend;  // who computes attention, and in which numbers
  int host_threads = 1;           // that compute
  std::int64_t free_bytes = 0;    // of its memory, now; of a host's all that it has
  std::int64_t total_bytes = 0;
};

}  // namespace ops
