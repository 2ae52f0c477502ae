#pragma once
// A session: from its making to its end, the process's spans are recorded. One at a time; the same
// one in every shared library. Making and ending it is not for hot paths; everything else here may
// be called from any thread.
//
//   latency::session run{"timing.json"};   // written when it ends, through timing.json.journal
//   latency::session run;                  // in memory: run.stop() returns the recording
//
// Environment: LATENCY_OUTPUT names the file of the process's first session, and starts one at the
// first scope of a program that makes none; LATENCY_CAPACITY (spans per thread), LATENCY_REGIONS
// (region.hpp), LATENCY_FLIGHT (flight_recorder.hpp), LATENCY_ENABLED=0 (nothing is recorded or
// written).
// After fork(), the child records nothing until it makes a session of its own; the parent goes on.

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "detail/attach.hpp"
#include "detail/process.hpp"
#include "distortion.hpp"
#include "events.hpp"
#include "recording.hpp"
#include "scope.hpp"
#include "session_options.hpp"

namespace latency {

class session {
 public:
  explicit session(std::string output = {}, const session_options& options = {});
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  // Ends and writes as finish() does; an error is lost, so call finish() where it matters.
  ~session() {
    try {
      finish();
    } catch (const std::exception&) {
    }
  }

  // Adds to the file's `run` object.
  void describe(const std::string& key, const std::string& text) { put(key, text); }
  void describe(const std::string& key, const char* text) { put(key, std::string(text)); }
  template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
  void describe(const std::string& key, T number) {
    if constexpr (std::is_floating_point_v<T>) {
      put(key, static_cast<double>(number));
    } else {
      put(key, static_cast<std::int64_t>(number));
    }
  }

  // Adds to the file's `overhead` object what measure_overhead() found: reports warn of tiers that
  // distort what they show. Entries of equal names take the place of earlier ones.
  void describe_overhead(const std::vector<distortion>& found);

  [[nodiscard]] const std::string& output() const noexcept;

  // Lets device back ends take in what has completed, without waiting for it. A session with a file
  // does so by itself.
  void poll();

  // Asks the flight recorder for a file of the last seconds, which says `reason` and the span that
  // is open here. Returns at once; a thread of the session writes the file. False when there is no
  // flight recorder, or the last file was asked for too short a time ago: then it is counted.
  bool dump(std::string reason) noexcept;
  // What became of such files. Empty without a flight recorder.
  [[nodiscard]] flight_recorder_status flight_recorder() const;

  // Ends the recording, writes the timing file and returns what it holds; the journal is removed
  // once that stands. Does nothing and returns an empty one when it ended before, is off or has no
  // output. Throws latency::error; the journal is then kept, and named.
  recording finish();

  // Ends the recording and returns it; writes no timing file. Throws when it ended before.
  [[nodiscard]] recording stop();

  // For device back ends: see detail/device_source.hpp.
  [[nodiscard]] const std::shared_ptr<detail::recorder>& recorder() const noexcept {
    return recorder_;
  }

 private:
  void put(const std::string& key, const run_value& what);

  std::shared_ptr<detail::recorder> recorder_;
};

// Time since the session started, for use while it runs: good to about a microsecond per second.
// Zero without a session. The recording's own times are exact; see stamp().
[[nodiscard]] std::chrono::nanoseconds now() noexcept;

// Names the calling thread in recordings (the operating system keeps at most 15 characters of it).
void name_thread(const char* name);

}  // namespace latency

#ifndef LATENCY_COMPILED
#include "detail/compiled/session.hpp"
#endif
