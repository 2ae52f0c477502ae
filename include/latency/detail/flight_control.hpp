#pragma once
// What a recorder knows of its flight recorder (flight_dumper.hpp).

#include <cstdint>
#include <string>

#include "../flight_recorder.hpp"
#include "../span_id.hpp"

namespace latency::detail {

// Why a file is asked for.
struct flight_cause {
  const char* trigger = "";  // "call", "signal", "deadline"
  std::string reason;
  std::uint64_t ticks = 0;        // when
  span_id span = 0;               // open where it was asked for
  std::int32_t pixel_frame = -1;  // that was late
  std::int64_t lateness_ns = 0;
};

class flight_control {
 public:
  virtual ~flight_control() = default;
  // From any thread. False when it is skipped, or the session has ended.
  virtual bool ask(flight_cause cause) noexcept = 0;
  // By the collector, for each row and about every `collect_every`.
  virtual void pixel_frame(std::int32_t index, std::uint64_t complete_ticks) noexcept = 0;
  virtual void poll() noexcept = 0;
  // Writes what was asked for, and ends. Before the session does.
  virtual void finish() noexcept = 0;
  [[nodiscard]] virtual flight_recorder_status status() const = 0;
};

}  // namespace latency::detail
