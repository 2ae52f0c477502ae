#pragma once
// A core of its own for the thread that launches, so that the scheduler does not decide what a
// launch costs.

#include <sched.h>

#include <fstream>
#include <string>

namespace benchmarks {

inline constexpr int launching_processor = 2;

// The processors that share a core with the launching one, itself included.
inline cpu_set_t launching_core() {
  cpu_set_t core;
  CPU_ZERO(&core);
  CPU_SET(launching_processor, &core);
  std::ifstream list("/sys/devices/system/cpu/cpu" + std::to_string(launching_processor) +
                     "/topology/thread_siblings_list");
  for (int processor = 0; list >> processor; list.ignore()) CPU_SET(processor, &core);
  return core;
}

inline cpu_set_t launching_processor_alone() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(launching_processor, &one);
  return one;
}

// What this process may use besides; asked first before its first thread moves.
inline const cpu_set_t& other_cores() {
  static const cpu_set_t made = [] {
    cpu_set_t allowed, others;
    const cpu_set_t core = launching_core();
    sched_getaffinity(0, sizeof allowed, &allowed);
    CPU_XOR(&others, &allowed, &core);
    CPU_AND(&others, &others, &allowed);
    return others;
  }();
  return made;
}

// This thread, and those that it starts from now on.
inline void run_on(const cpu_set_t& processors) {
  sched_setaffinity(0, sizeof processors, &processors);
}

}  // namespace benchmarks
