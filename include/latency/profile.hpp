#pragma once
// Looks at a part of a program:
//
//   {
//     latency::profile look{"trace.json"};
//     generate();
//   }   // trace.json is a Chrome trace of what was recorded meanwhile
//
// When a session is in progress the trace shows what that one recorded during the scope (spans that
// were open before it too), and the session goes on. Otherwise the scope is a session of its own.

#include <algorithm>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "latency/chrome_trace.hpp"
#include "latency/detail/process.hpp"
#include "latency/detail/recorder.hpp"
#include "latency/error.hpp"
#include "latency/journal_reader.hpp"
#include "latency/recording.hpp"
#include "latency/session.hpp"

namespace latency {
namespace detail {

// The session in progress that records, or null. Mutex held.
[[nodiscard]] inline std::shared_ptr<recorder> recorder_in_progress() {
  const std::shared_ptr<recorder>& current = process().current;
  const bool records = current != nullptr && !current->ended() && current->enabled();
  return records ? current : nullptr;
}

// What a session recorded up to now; it goes on. Throws latency::error when it has ended.
[[nodiscard]] inline recording recorded_so_far(recorder& running) {
  std::vector<std::uint64_t> words;
  {
    const std::lock_guard<std::mutex> lock(process().mutex);
    if (running.ended())
      throw error("profile", "", "the session that was in progress has ended before the profile");
    running.collect_now();
    words = running.journal_words();
  }
  // A file that still grows may end in the middle of a block: the reader leaves that one out.
  return running.output().empty() ? read_journal(words.data(), words.size(), "")
                                  : read_journal(running.journal_path());
}

// Leaves out what was over before `start_ns`.
inline void keep_from(recording& run, std::int64_t start_ns) {
  const auto keep = [](auto& rows, const auto& wanted) {
    rows.erase(std::remove_if(rows.begin(), rows.end(), [&](const auto& r) { return !wanted(r); }),
               rows.end());
  };
  const auto ends_later = [&](const auto& r) { return r.end_ns >= start_ns; };
  const auto is_later = [&](const auto& r) { return r.time_ns >= start_ns; };
  keep(run.spans, ends_later);
  keep(run.async_spans, ends_later);
  keep(run.device_ops, ends_later);
  keep(run.api_calls, ends_later);
  keep(run.instants, is_later);
  keep(run.counters, is_later);
  keep(run.memory, is_later);
}

}  // namespace detail

class profile {
 public:
  // Throws latency::error when it has to start a session and cannot.
  explicit profile(std::string path) : path_(std::move(path)) {
    {
      const std::lock_guard<std::mutex> lock(detail::process().mutex);
      outer_ = detail::recorder_in_progress();
      if (outer_ != nullptr) {
        if (outer_->mode() == session_mode::ring)
          throw error(path_, "", "the session in progress is in ring mode: it tells at its end");
        outer_->collect_now();  // makes the clock exact up to here
        start_ns_ = outer_->now_ns();
      }
    }
    if (outer_ == nullptr) own_.emplace();
  }
  profile(const profile&) = delete;
  profile& operator=(const profile&) = delete;
  // Writes as finish() does; an error is lost, so call finish() where it matters.
  ~profile() {
    try {
      finish();
    } catch (const std::exception&) {
    }
  }

  // Writes the trace; does nothing the second time. Throws latency::error.
  void finish() {
    if (std::exchange(finished_, true)) return;
    if (own_) return write_chrome_trace(own_->stop(), path_);
    recording run = detail::recorded_so_far(*outer_);
    detail::keep_from(run, start_ns_);
    write_chrome_trace(run, path_);
  }

 private:
  std::string path_;
  std::shared_ptr<detail::recorder> outer_;  // the session in progress
  std::int64_t start_ns_ = 0;                // on its clock
  std::optional<session> own_;               // without one
  bool finished_ = false;
};

}  // namespace latency
