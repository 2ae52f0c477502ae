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

#include <ctime>
#include <fstream>
#include <map>

#include "detail/attach.hpp"
#include "distortion.hpp"
#include "events.hpp"
#include "scope.hpp"
#include "version.hpp"

namespace latency {
namespace detail {

[[nodiscard]] inline std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

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
  void describe_overhead(const std::vector<distortion>& found) {
    std::map<std::string, run_value> entries;
    for (const distortion& d : found)
      for (const auto& [name, ratio] : overhead_entries(d))
        entries[detail::overhead_key(name)] = ratio;
    for (const auto& [key, ratio] : entries) put(key, ratio);
  }

  [[nodiscard]] const std::string& output() const noexcept { return recorder_->output(); }

  // Lets device back ends take in what has completed, without waiting for it. A session with a file
  // does so by itself.
  void poll() { recorder_->poll_sources(); }

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
  void put(const std::string& key, const run_value& what) {
    const std::lock_guard<std::mutex> lock(detail::process().mutex);
    if (!recorder_->ended()) recorder_->describe(key, what);
  }

  std::shared_ptr<detail::recorder> recorder_;
};

// Time since the session started, for use while it runs: good to about a microsecond per second.
// Zero without a session. The recording's own times are exact; see stamp().
[[nodiscard]] inline std::chrono::nanoseconds now() noexcept {
  const std::lock_guard<std::mutex> lock(detail::process().mutex);
  const auto& current = detail::process().current;
  const bool running = current != nullptr && current->enabled() && !current->ended();
  return std::chrono::nanoseconds(running ? current->now_ns() : 0);
}

// Names the calling thread in recordings (the operating system keeps at most 15 characters of it).
inline void name_thread(const char* name) {
  pthread_setname_np(pthread_self(), std::string(name).substr(0, 15).c_str());
  detail::thread_state* const t = detail::recording_thread();
  const std::lock_guard<std::mutex> lock(detail::process().mutex);
  if (t == nullptr) return;
  t->name = name;
  const auto& current = detail::process().current;
  if (current != nullptr && !current->ended()) current->write_thread(*t);
}

// ---------------------------------------------------------------------------------------------

inline session::session(std::string output, const session_options& options) {
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

inline bool session::dump(std::string reason) noexcept {
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

inline flight_recorder_status session::flight_recorder() const {
  const detail::flight_control* const flight = recorder_->flight();
  return flight == nullptr || !recorder_->of_this_process() ? flight_recorder_status{}
                                                            : flight->status();
}

inline recording session::stop() {
  if (recorder_->ended()) throw error("the session has ended already");
  recorder_->stop();
  if (!recorder_->enabled()) return {};
  recording result = detail::read_back(*recorder_);
  if (!recorder_->output().empty()) ::unlink(recorder_->journal_path().c_str());
  return result;
}

inline recording session::finish() {
  if (recorder_->ended() || !recorder_->of_this_process()) return {};
  return detail::finish(*recorder_);
}

}  // namespace latency
