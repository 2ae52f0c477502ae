// Links latency::compiled: what its headers only declare must be there.
#include <cstdio>
#include <latency/journal_reader.hpp>
#include <latency/latency.hpp>
#include <latency/timing_file.hpp>

#ifndef LATENCY_COMPILED
#error latency::compiled does not say that it is compiled
#endif

int main() {
  latency::session run;
  {
    const latency::region part("part");
    const latency::scope token("token");
  }
  const latency::recording recorded = run.stop();
  std::printf("%zu spans\n", recorded.spans.size());
  return recorded.spans.size() == 2 ? 0 : 1;
}
