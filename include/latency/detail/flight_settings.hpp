#pragma once
// What a flight recorder is asked to do: LATENCY_FLIGHT, and whether it can be done.
// "seconds=10[,mebibytes=64,after_ms=200,every_ms=5000,files=16,folder=PATH,signal=USR2,
// period_ms=40]", for a program that sets no window itself.

#include <signal.h>
#include <sys/stat.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "../error.hpp"
#include "../flight_recorder.hpp"
#include "flight_ring.hpp"
#include "next_part.hpp"
#include "printable.hpp"

namespace latency::detail {

// By number or name, with or without SIG; 0 when it is none that a program may use for itself.
[[nodiscard]] inline int signal_number(std::string_view text) {
  struct named {
    std::string_view name;
    int number;
  };
  static constexpr named known[] = {{"HUP", SIGHUP},   {"INT", SIGINT},     {"QUIT", SIGQUIT},
                                    {"USR1", SIGUSR1}, {"USR2", SIGUSR2},   {"TERM", SIGTERM},
                                    {"CONT", SIGCONT}, {"WINCH", SIGWINCH}, {"URG", SIGURG}};
  if (text.substr(0, 3) == "SIG") text.remove_prefix(3);
  for (const named& one : known)
    if (text == one.name) return one.number;
  int number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() && end == text.data() + text.size() && number > 0 ? number : 0;
}

[[nodiscard]] inline flight_recorder_options parse_flight(std::string_view text) {
  const auto fail = [&](const std::string& why) {
    return error("LATENCY_FLIGHT", "\"" + printable(text) + "\"", why);
  };
  flight_recorder_options result;
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view setting = next_part(rest, ',');
    const std::string_view key = next_part(setting, '=');
    const std::string value(setting);
    if (key == "folder") {
      result.folder = value;
      continue;
    }
    if (key == "signal") {
      result.signal = signal_number(value);
      if (result.signal == 0) throw fail("\"" + printable(value) + "\" is no signal, as USR2 is");
      continue;
    }
    double number = 0;
    const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
    const bool sound =
        read.ec == std::errc() && read.ptr == value.data() + value.size() && number >= 0;
    const auto amount = [&](double most) {
      if (!sound || number > most)
        throw fail(std::string(key) + " needs a number from 0 to " +
                   std::to_string(static_cast<std::int64_t>(most)));
      return number;
    };
    const auto milliseconds = [&](double most_ms) {
      return std::chrono::milliseconds(std::llround(amount(most_ms)));
    };
    if (key == "seconds")
      result.window = std::chrono::milliseconds(std::llround(amount(86400) * 1000));
    else if (key == "mebibytes")
      result.bytes = static_cast<std::size_t>(std::llround(amount(65536))) << 20;
    else if (key == "after_ms")
      result.after = milliseconds(60000);
    else if (key == "every_ms")
      result.at_most_every = milliseconds(86400000);
    else if (key == "files")
      result.files = static_cast<std::size_t>(std::llround(amount(1000000)));
    else if (key == "period_ms")
      result.pixel_frame_period = std::chrono::nanoseconds(std::llround(amount(3600000) * 1e6));
    else
      throw fail("\"" + printable(key) +
                 "\" is not seconds, mebibytes, after_ms, every_ms, files, folder, signal or "
                 "period_ms");
  }
  if (result.window.count() == 0) throw fail("says not how many seconds");
  return result;
}

inline void read_flight_environment(flight_recorder_options& options) {
  const char* const text = std::getenv("LATENCY_FLIGHT");
  if (text != nullptr && *text != 0 && options.window.count() == 0) options = parse_flight(text);
}

// Throws latency::error when they ask for what cannot be.
inline void check_flight_options(const flight_recorder_options& options,
                                 const std::string& output) {
  const auto fail = [](const char* what, const std::string& why) {
    return error("flight_recorder", what, why);
  };
  if (output.empty()) throw fail("output", "needs a session with a file");
  if (options.window < std::chrono::milliseconds(1) || options.window > std::chrono::hours(24))
    throw fail("window", "must be from 1 ms to 24 h");
  if (options.bytes < flight_ring::least_bytes || options.bytes > std::size_t{1} << 36)
    throw fail("bytes", "must be from 4 MiB to 64 GiB");
  if (options.after.count() < 0 || options.after > std::chrono::minutes(1))
    throw fail("after", "must be from 0 to 1 min");
  if (options.at_most_every.count() < 0) throw fail("at_most_every", "must not be negative");
  if (options.files == 0) throw fail("files", "must be at least 1");
  if (options.pixel_frame_period.count() < 0 || options.pixel_frame_period > std::chrono::hours(1))
    throw fail("pixel_frame_period", "must be from 0 to 1 h");
  for (const int never : {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP})
    if (options.signal == never)
      throw fail("signal", std::string(strsignal(never)) + " cannot ask for a file");
  if (options.signal < 0 || options.signal > SIGRTMAX)
    throw fail("signal", std::to_string(options.signal) + " is no signal");
  struct stat info {};
  if (!options.folder.empty() &&
      (::stat(options.folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)))
    throw error(options.folder, "", "is no folder for the flight recorder's files");
}

}  // namespace latency::detail
