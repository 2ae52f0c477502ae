#pragma once
// Looking things up in a recording, for tests: total functions that fail the test instead of
// crashing.

#include <doctest/doctest.h>

#include <latency/recording.hpp>
#include <string_view>
#include <vector>

namespace latency_test {

inline std::vector<latency::span> spans_named(const latency::recording& run,
                                              std::string_view name) {
  std::vector<latency::span> found;
  for (const latency::span& s : run.spans)
    if (run.name_of(s) == name) found.push_back(s);
  return found;
}

// The one span of a name.
inline latency::span span_named(const latency::recording& run, std::string_view name) {
  const auto found = spans_named(run, name);
  REQUIRE_MESSAGE(found.size() == 1, "spans named ", std::string(name), ": ", found.size());
  return found.front();
}

inline std::int64_t integer_of(const latency::recording& run, latency::attribute_range range,
                               std::string_view key) {
  return run.integer_attribute(range, run.strings.find(key), -1);
}

}  // namespace latency_test
