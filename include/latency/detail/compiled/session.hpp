#pragma once
// What a session does: see session.hpp.

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "../../session.hpp"
#include "../../version.hpp"
#include "../finish.hpp"
#include "../recorder.hpp"
#include "../utc_now.hpp"
#include "attach.hpp"
#include "inline.hpp"

namespace latency {
namespace detail {

[[nodiscard]] inline std::string command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  while (!text.empty() && text.back() == '\0') text.pop_back();
  for (char& c : text)
    if (c == '\0') c = ' ';
  return text;
}

// What one recorded span costs here and now: the least mean of a few batches, on a scratch buffer.
// Mutex held, no session in progress.
[[nodiscard]] inline double measure_span_cost_ns(clock_kind clock) {
  const auto scratch = std::make_unique<thread_state>();
  scratch->prepare(min_chunks, clock, true);
  const std::uint64_t before = active_generation.load(std::memory_order_relaxed);
  const std::uint64_t trial =
      ++process().last_generation;  // another thread that sees it waits for the mutex
  scratch->generation.store(trial, std::memory_order_relaxed);
  thread_state* const own = std::exchange(this_thread, scratch.get());
  active_generation.store(trial, std::memory_order_relaxed);
  constexpr int batches = 8, spans = 256;
  std::int64_t least_ns = INT64_MAX;
  for (int batch = 0; batch < batches; ++batch) {
    const std::int64_t start_ns = read_clock_ns(CLOCK_MONOTONIC_RAW);
    for (int i = 0; i < spans; ++i) const recording_on::scope trial_span{"latency_trial"};
    least_ns = std::min(least_ns, read_clock_ns(CLOCK_MONOTONIC_RAW) - start_ns);
  }
  active_generation.store(before, std::memory_order_relaxed);
  this_thread = own;
  scratch->release();
  return static_cast<double>(least_ns) / spans;
}

}  // namespace detail

LATENCY_DETAIL_INLINE session::session(std::string output, const session_options& options) {
  const std::lock_guard<std::mutex> lock(detail::process().mutex);
  detail::registry& shared = detail::process();
  const char* const from_environment = std::getenv("LATENCY_OUTPUT");
  const bool named = from_environment != nullptr && *from_environment != 0;
  if (shared.current != nullptr && !shared.current->ended() && shared.current->enabled()) {
    if (!shared.current->take_offer())
      throw error("a session is in progress (output \"" + shared.current->output() +
                  "\"): end it first");
    recorder_ = shared.current;  // LATENCY_OUTPUT started it before the program did
    return;
  }
  if (named && shared.last_generation == detail::undecided) output = from_environment;
  recorder_ = std::make_shared<detail::recorder>(std::move(output), options);
  const double span_cost_ns =
      recorder_->enabled() ? detail::measure_span_cost_ns(recorder_->clock()) : 0;
  detail::install(recorder_);
  if (!recorder_->enabled()) return;
  recorder_->describe(detail::overhead_key("span_ns"), span_cost_ns);
  recorder_->describe("date", detail::utc_now());
  recorder_->describe("command_line", detail::command_line());
  recorder_->describe("latency_version", std::string(LATENCY_VERSION_STRING));
}

LATENCY_DETAIL_INLINE void session::describe_overhead(const std::vector<distortion>& found) {
  std::map<std::string, run_value> entries;
  for (const distortion& d : found)
    for (const auto& [name, ratio] : overhead_entries(d))
      entries[detail::overhead_key(name)] = ratio;
  for (const auto& [key, ratio] : entries) put(key, ratio);
}

LATENCY_DETAIL_INLINE const std::string& session::output() const noexcept {
  return recorder_->output();
}

LATENCY_DETAIL_INLINE void session::poll() {
  recorder_->poll_sources();
}

LATENCY_DETAIL_INLINE void session::put(const std::string& key, const run_value& what) {
  const std::lock_guard<std::mutex> lock(detail::process().mutex);
  if (!recorder_->ended()) recorder_->describe(key, what);
}

LATENCY_DETAIL_INLINE bool session::dump(std::string reason) noexcept {
  detail::flight_control* const flight = recorder_->flight();
  if (flight == nullptr || !recorder_->of_this_process()) return false;
  detail::flight_cause cause;
  cause.trigger = "call";
  cause.reason = std::move(reason);
  cause.ticks = recorder_->now_ticks();
  const detail::thread_state* const t = detail::recording_thread();
  cause.span = t == nullptr ? 0 : detail::innermost_span(*t);
  return flight->ask(std::move(cause));
}

LATENCY_DETAIL_INLINE flight_recorder_status session::flight_recorder() const {
  const detail::flight_control* const flight = recorder_->flight();
  return flight == nullptr || !recorder_->of_this_process() ? flight_recorder_status{}
                                                            : flight->status();
}

LATENCY_DETAIL_INLINE recording session::stop() {
  if (recorder_->ended()) throw error("the session has ended already");
  recorder_->stop();
  if (!recorder_->enabled()) return {};
  recording result = detail::read_back(*recorder_);
  if (!recorder_->output().empty()) ::unlink(recorder_->journal_path().c_str());
  return result;
}

LATENCY_DETAIL_INLINE recording session::finish() {
  if (recorder_->ended() || !recorder_->of_this_process()) return {};
  return detail::finish(*recorder_);
}

LATENCY_DETAIL_INLINE std::chrono::nanoseconds now() noexcept {
  const std::lock_guard<std::mutex> lock(detail::process().mutex);
  const auto& current = detail::process().current;
  const bool running = current != nullptr && current->enabled() && !current->ended();
  return std::chrono::nanoseconds(running ? current->now_ns() : 0);
}

LATENCY_DETAIL_INLINE void name_thread(const char* name) {
  pthread_setname_np(pthread_self(), std::string(name).substr(0, 15).c_str());
  detail::thread_state* const t = detail::recording_thread();
  const std::lock_guard<std::mutex> lock(detail::process().mutex);
  if (t == nullptr) return;
  t->name = name;
  const auto& current = detail::process().current;
  if (current != nullptr && !current->ended()) current->write_thread(*t);
}

}  // namespace latency
