// Any text as LATENCY_FLIGHT: it is refused with one line, or says what a flight recorder can do.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "latency/detail/flight_settings.hpp"
#include "tests/fuzz/refusal.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  latency::flight_recorder_options options;
  try {
    options = latency::detail::parse_flight(text);
  } catch (const latency::error& refused) {
    fuzz::require_one_line(refused,
                           "LATENCY_FLIGHT: \"" + latency::detail::printable(text) + "\": ");
    return 0;
  }
  using namespace std::chrono_literals;
  if (options.window <= 0ms || options.window > 24h || options.after > 1min) std::abort();
  if (options.at_most_every > 24h || options.pixel_frame_period > 1h) std::abort();
  if (options.files > 1000000 || options.signal < 0) std::abort();
  return 0;
}
