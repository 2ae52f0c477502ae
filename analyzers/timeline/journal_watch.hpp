#pragma once
// A journal that its run still writes: reads it as it is, and waits until there is more.

#include <chrono>
#include <string>

#include "latency/recording.hpp"

namespace latency::timeline {

class journal_watch {
 public:
  // Throws latency::error, one line, when the file cannot be opened or is no journal (an empty file
  // may become one).
  explicit journal_watch(std::string path);
  ~journal_watch();
  journal_watch(const journal_watch&) = delete;
  journal_watch& operator=(const journal_watch&) = delete;

  // What was written so far: nothing of it when the file is still empty. Memory: the recording.
  // Works on after the run has removed the journal. Throws latency::error.
  [[nodiscard]] recording read() const;
  [[nodiscard]] bool empty() const;

  // The run ended, or its process did: nothing more will come.
  [[nodiscard]] bool over();

  // Returns when `pause` has passed and the file has changed since the last wait, when the run is
  // over, or when `descriptor` becomes readable (-1: none), whichever comes first; sleeps
  // meanwhile.
  void wait(std::chrono::nanoseconds pause, int descriptor);

 private:
  void take_events();

  std::string path_;
  int file_ = -1;
  int events_ = -1;  // inotify
  bool changed_ = false;
  bool closed_ = false;  // by somebody who could write
};

}  // namespace latency::timeline
