#pragma once
// The flight recorder: a session that keeps only the last seconds, in fixed memory, and writes them
// as a timing file when something goes wrong, while the program goes on.
//
//   latency::session_options options;
//   options.flight_recorder.window = std::chrono::seconds(10);
//   options.flight_recorder.signal = SIGUSR2;
//   options.flight_recorder.pixel_frame_period = std::chrono::milliseconds(40);
//   latency::session run{"timing.json", options};
//   ...
//   run.dump("the client gave up");  // timing.flight-0001.json, 200 ms later
//
// or, without code, LATENCY_FLIGHT="seconds=10,signal=USR2,period_ms=40" (docs/flight-recorder.md).

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace latency {

struct flight_recorder_options {
  std::chrono::milliseconds window{0};  // how far back a file goes; 0: no flight recorder
  // What is kept, of all threads and devices; a span takes 44. Where the window is more than that,
  // a file goes back less far.
  std::size_t bytes = std::size_t{64} << 20;
  // A file is taken this long after its cause, so that what devices report late is in it.
  std::chrono::milliseconds after{200};
  std::chrono::milliseconds at_most_every{5000};  // causes that come sooner are counted as skipped
  std::size_t files = 16;  // of this session; the oldest goes when there are more
  std::string folder;      // where files go; empty: beside the session's own
  int signal = 0;          // one that asks for a file; 0: none
  // Deadline: pixel frames play out at this distance (deadline.hpp); the first one that is late
  // after one that was not asks for a file. 0: none.
  std::chrono::nanoseconds pixel_frame_period{0};
};

// What became of the causes so far. A file that could not be written stops nothing; it is counted.
struct flight_recorder_status {
  std::int64_t written = 0;
  std::int64_t failed = 0;
  std::int64_t skipped = 0;  // came too soon after another
  std::string last_file;
  std::string last_error;
};

}  // namespace latency
