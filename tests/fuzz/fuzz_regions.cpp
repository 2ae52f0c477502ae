// Any text as LATENCY_REGIONS: it is refused with one line, or every rule has a name and phases
// that follow each other.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "latency/detail/region_rules.hpp"
#include "tests/fuzz/refusal.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    for (latency::detail::region_rule& rule : latency::detail::parse_regions(text)) {
      if (rule.name.empty() || rule.name.size() > size) std::abort();
      using latency::detail::region_phase;
      for (std::uint64_t i = 0; i < 8; ++i) {
        const region_phase phase = latency::detail::next_phase(rule);
        const bool waiting = i < rule.wait, warming = !waiting && i < rule.wait + rule.warm_up;
        if ((phase == region_phase::warm_up) != warming) std::abort();
        if (waiting && phase != region_phase::skipped) std::abort();
      }
    }
  } catch (const latency::error& refused) {
    fuzz::require_one_line(refused,
                           "LATENCY_REGIONS: \"" + latency::detail::printable(text) + "\": ");
  }
  return 0;
}
