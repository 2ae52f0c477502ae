#pragma once
// A Chrome trace as it was written, and its events.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "latency/chrome_trace.hpp"
#include "tests/temporary_folder.hpp"

namespace latency_test {

using nlohmann::json;

inline std::string written(const latency::recording& run) {
  const temporary_folder folder;
  latency::write_chrome_trace(run, folder / "trace.json");
  return read_file(folder / "trace.json");
}

inline std::vector<json> events(const json& trace, const std::string& phase) {
  std::vector<json> result;
  for (const json& event : trace.at("traceEvents"))
    if (event.at("ph") == phase) result.push_back(event);
  return result;
}

inline std::int64_t ns(const json& microseconds) {
  return std::llround(microseconds.get<double>() * 1e3);
}

inline latency::trace_interval interval(const json& event) {
  return {ns(event.at("ts")), ns(event.at("ts")) + ns(event.at("dur"))};
}

// Name of each track, by process and track.
inline std::map<std::pair<int, int>, std::string> track_names(const json& trace) {
  std::map<std::pair<int, int>, std::string> names;
  for (const json& event : events(trace, "M"))
    if (event.at("name") == "thread_name")
      names[{event.at("pid"), event.at("tid")}] = event.at("args").at("name");
  return names;
}

inline std::string track_of(const json& trace, const json& event) {
  return track_names(trace).at({event.at("pid"), event.at("tid")});
}

inline json find_event(const std::vector<json>& list, const std::string& name) {
  const auto found =
      std::find_if(list.begin(), list.end(), [&](const json& e) { return e.at("name") == name; });
  REQUIRE(found != list.end());
  return *found;
}

}  // namespace latency_test
