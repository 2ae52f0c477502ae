#pragma once
// The session of a tier that measure_overhead() tries.

#include <unistd.h>

#include <exception>
#include <filesystem>
#include <string>

#include "../error.hpp"
#include "../recording.hpp"
#include "../session.hpp"
#include "recorder.hpp"

namespace latency::detail {

// A session that writes to a file, as one that is measured would; ended, and its file removed.
class overhead_session {
 public:
  explicit overhead_session(const session_options& options = {})
      : path_((std::filesystem::temp_directory_path() / "latency_overhead.").string() +
              std::to_string(::getpid()) + ".json"),
        run_(path_, options) {
    if (!run_.recorder()->enabled()) throw error("the session does not record");
  }
  overhead_session(const overhead_session&) = delete;
  overhead_session& operator=(const overhead_session&) = delete;
  ~overhead_session() {
    try {
      if (!run_.recorder()->ended()) static_cast<void>(run_.stop());  // instead of writing the file
    } catch (const std::exception&) {
    }
  }

  [[nodiscard]] session& run() noexcept { return run_; }
  // Throws latency::error when something was lost.
  void finish() {
    const recording recorded = run_.stop();
    const hygiene_counts& h = recorded.hygiene;
    const std::int64_t lost = h.dropped_spans + h.dropped_records + h.dropped_device_ops;
    if (lost > 0)
      throw error("lost " + std::to_string(lost) +
                  " records for want of room: it did not measure all of the loop");
  }

 private:
  std::string path_;
  session run_;
};

}  // namespace latency::detail
