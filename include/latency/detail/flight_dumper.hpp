#pragma once
// The flight recorder's own thread, and what makes it write a file: a call, a signal, a pixel frame
// that was late. The thread copies what the session's ring holds and writes it as a timing file,
// while the collector goes on filling the ring.

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "../deadline.hpp"
#include "../timing_file.hpp"
#include "journal_decoder.hpp"
#include "recorder.hpp"
#include "signal_free_thread.hpp"

#pragma GCC visibility push(default)

namespace latency::detail {

// Set by the signal handler, which does nothing else.
inline std::atomic<bool> flight_signalled{false};
static_assert(std::atomic<bool>::is_always_lock_free);

// Which pixel frames are late, as they come: of those that follow each other late, the first.
class playout_watch {
 public:
  playout_watch(std::chrono::nanoseconds period) : period_ns_(period.count()) {}

  // How late, when the one before was not; else 0. An index that begins anew begins a playout.
  // Others that are not larger than the last one are left out: they came too late to be judged.
  [[nodiscard]] std::int64_t missed_by_ns(std::int32_t index, std::int64_t complete_ns) {
    if (period_ns_ == 0) return 0;
    if (!model_ || index <= first_) {
      model_.emplace(period_ns_);
      first_ = index;
      late_ = false;
    } else if (index <= last_) {
      return 0;
    }
    last_ = index;
    pixel_frame row;
    row.index = index;
    row.complete_ns = complete_ns;
    const std::int64_t lateness_ns = model_->next(row).lateness_ns;
    const bool was_late = std::exchange(late_, lateness_ns > 0);
    return late_ && !was_late ? lateness_ns : 0;
  }

 private:
  const std::int64_t period_ns_;
  std::optional<playout> model_;
  std::int32_t first_ = 0;
  std::int32_t last_ = 0;
  bool late_ = false;
};

class flight_dumper final : public flight_control {
 public:
  // Throws latency::error when there can be no thread or handler.
  explicit flight_dumper(recorder& of)
      : recorder_(of), options_(of.flight_options()), watch_(options_.pixel_frame_period) {
    const std::string& output = of.output();
    const std::size_t slash = output.rfind('/');
    const std::size_t name_at = slash == std::string::npos ? 0 : slash + 1;
    folder_ = !options_.folder.empty()     ? options_.folder
              : slash == std::string::npos ? "."
                                           : output.substr(0, std::max<std::size_t>(slash, 1));
    stem_ = output.substr(name_at);
    const std::size_t dot = stem_.rfind('.');
    if (dot != std::string::npos && dot > 0) stem_.resize(dot);
    stem_ += ".flight-";
    next_number_ = last_number() + 1;
    start_thread();
    if (options_.signal != 0) listen();
  }
  ~flight_dumper() override { finish(); }

  bool ask(flight_cause cause) noexcept override {
    const auto now = std::chrono::steady_clock::now();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (stopping_) return false;
      if (pending_ || (asked_ && now - *asked_ < options_.at_most_every)) {
        ++status_.skipped;
        ++skipped_since_file_;
        return false;
      }
      asked_ = now;
      pending_ = std::move(cause);
    }
    recorder_.hurry_totals(true);
    wake_.notify_one();
    return true;
  }

  void pixel_frame(std::int32_t index, std::uint64_t complete_ticks) noexcept override {
    const std::int64_t late_ns = watch_.missed_by_ns(index, recorder_.to_ns(complete_ticks));
    if (late_ns == 0) return;
    flight_cause cause;
    cause.trigger = "deadline";
    cause.ticks = complete_ticks;
    cause.pixel_frame = index;
    cause.lateness_ns = late_ns;
    ask(std::move(cause));
  }

  void poll() noexcept override {
    if (options_.signal == 0 || !flight_signalled.exchange(false, std::memory_order_relaxed))
      return;
    flight_cause cause;
    cause.trigger = "signal";
    cause.ticks = recorder_.now_ticks();
    ask(std::move(cause));
  }

  void finish() noexcept override {
    if (!thread_.joinable()) return;
    poll();  // a signal that came since
    if (options_.signal != 0) sigaction(options_.signal, &before_, nullptr);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  [[nodiscard]] flight_recorder_status status() const override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return status_;
  }

 private:
  // The number of the last file of earlier sessions; they are never overwritten.
  [[nodiscard]] std::int64_t last_number() const {
    std::int64_t last = 0;
    DIR* const folder = ::opendir(folder_.c_str());
    if (folder == nullptr) return 0;
    while (const dirent* const entry = ::readdir(folder)) {
      const std::string name = entry->d_name;
      if (name.compare(0, stem_.size(), stem_) != 0) continue;
      char* end = nullptr;
      const long long number = std::strtoll(name.c_str() + stem_.size(), &end, 10);
      if (std::string_view(end) == ".json" && number > last && number < 1000000000) last = number;
    }
    ::closedir(folder);
    return last;
  }
  [[nodiscard]] std::string path_of(std::int64_t number) const {
    char digits[24];
    std::snprintf(digits, sizeof digits, "%04lld", static_cast<long long>(number));
    return folder_ + "/" + stem_ + digits + ".json";
  }

  void start_thread() {
    try {
      thread_ = signal_free_thread([this] { work(); });
    } catch (const std::exception& e) {
      throw error("flight_recorder", "", std::string("cannot start its thread: ") + e.what());
    }
  }

  // The handler that was there comes back when the session ends.
  void listen() {
    flight_signalled.store(false, std::memory_order_relaxed);
    struct sigaction mine {};
    mine.sa_handler = [](int) { flight_signalled.store(true, std::memory_order_relaxed); };
    mine.sa_flags = SA_RESTART;
    sigemptyset(&mine.sa_mask);
    if (sigaction(options_.signal, &mine, &before_) == 0) return;
    const std::string why = std::strerror(errno);
    options_.signal = 0;
    finish();
    throw error("flight_recorder", "signal", why);
  }

  void work() {
    pthread_setname_np(pthread_self(), "latency_flight");
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || pending_.has_value(); });
      if (!pending_) return;
      wake_.wait_until(lock, *asked_ + options_.after, [this] { return stopping_; });
      const flight_cause cause = std::move(*pending_);
      pending_.reset();
      const std::int64_t skipped = std::exchange(skipped_since_file_, 0);
      const std::int64_t failed = failed_since_file_;
      recorder_.hurry_totals(false);
      lock.unlock();
      std::string path = path_of(next_number_), problem;
      const bool written = write(path, cause, skipped, failed, problem);
      lock.lock();
      if (written) {
        ++next_number_;
        ++status_.written;
        status_.last_file = std::move(path);
        failed_since_file_ = 0;
      } else {
        ++status_.failed;
        status_.last_error = std::move(problem);
        ++failed_since_file_;
        skipped_since_file_ += skipped;  // for the next one to say
      }
    }
  }

  [[nodiscard]] bool write(const std::string& path, const flight_cause& cause, std::int64_t skipped,
                           std::int64_t failed, std::string& problem) noexcept {
    try {
      recording last;
      {
        const std::vector<std::uint64_t> words = recorder_.last_seconds(cause.ticks);
        journal_decoder decoder(words.data(), words.size(), "");
        decoder.reserve_returned_tables();
        last = decoder.decode();
      }
      last.run["flight_number"] = next_number_;
      last.run["flight_trigger"] = std::string(cause.trigger);
      if (!cause.reason.empty()) last.run["flight_reason"] = cause.reason;
      if (cause.span != 0) last.run["flight_span"] = static_cast<std::int64_t>(cause.span);
      if (cause.pixel_frame >= 0) {
        last.run["flight_pixel_frame"] = std::int64_t{cause.pixel_frame};
        last.run["flight_lateness_ns"] = cause.lateness_ns;
      }
      last.run["flight_skipped"] = skipped;
      last.run["flight_failed"] = failed;
      write_timing_file(last, path);
      files_.push_back(path);
      for (; files_.size() > options_.files; files_.pop_front()) ::unlink(files_.front().c_str());
      return true;
    } catch (const std::exception& e) {
      problem = e.what();
      return false;
    }
  }

  recorder& recorder_;
  flight_recorder_options options_;
  std::string folder_;
  std::string stem_;     // of the files' names, before their numbers
  playout_watch watch_;  // the collector's
  struct sigaction before_ {};

  mutable std::mutex mutex_;  // after the process's, where both are taken
  std::condition_variable wake_;
  std::optional<flight_cause> pending_;
  std::optional<std::chrono::steady_clock::time_point> asked_;  // when the last file was
  flight_recorder_status status_;
  std::int64_t skipped_since_file_ = 0;
  std::int64_t failed_since_file_ = 0;
  bool stopping_ = false;

  std::int64_t next_number_ = 1;   // this and the rest: the thread's
  std::deque<std::string> files_;  // of this session
  std::thread thread_;
};

}  // namespace latency::detail

#pragma GCC visibility pop
