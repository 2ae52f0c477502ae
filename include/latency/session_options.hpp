#pragma once
// What a session can be asked for when it is made.

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "flight_recorder.hpp"

namespace latency {

enum class session_mode : std::uint8_t {
  keep,  // every span; a full buffer means a counted drop
  ring   // the newest spans: the oldest make room, in fixed memory, until the session ends
};

struct session_options {
  std::size_t capacity_spans =
      0;  // per thread, without attributes; 0 = LATENCY_CAPACITY, else 65536
  session_mode mode = session_mode::keep;
  std::chrono::milliseconds collect_every{10};  // how often buffers are emptied into the journal
  flight_recorder_options flight_recorder;      // off unless its window is set
};

}  // namespace latency
