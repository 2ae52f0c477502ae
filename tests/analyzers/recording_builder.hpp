#pragma once
// Makes recordings by hand for tests. Times in milliseconds, as written in the tests' comments.

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "latency/recording.hpp"

namespace latency::test {

inline constexpr std::int64_t ms = 1'000'000;

using attribute_list = std::initializer_list<std::pair<std::string_view, std::int64_t>>;

class recording_builder {
 public:
  explicit recording_builder(std::int64_t wall_ms) {
    run_.wall_ns = wall_ms * ms;
    run_.clock = {"tsc", 0.5, 25, 1'700'000'000'000'000'000};
    thread("main");
  }

  std::uint32_t thread(std::string_view name) {
    const auto index = static_cast<std::uint32_t>(run_.threads.size());
    run_.threads.push_back({std::string(name), 1000 + index});
    spans_on_thread_.push_back(0);
    return index;
  }

  // Rows come in the order of the calls; readers must not depend on it.
  span_id span(std::string_view name, span_id parent, std::int64_t start_ms, std::int64_t end_ms,
               attribute_list attributes = {}, std::uint32_t on_thread = 0,
               std::uint32_t flags = 0) {
    latency::span row;
    row.id = (static_cast<span_id>(on_thread) << 40) | ++spans_on_thread_.at(on_thread);
    row.parent = parent;
    row.start_ns = start_ms * ms;
    row.end_ns = end_ms * ms;
    row.name = run_.strings.add(name);
    row.thread = on_thread;
    row.flags = flags;
    row.attributes = add(attributes);
    run_.spans.push_back(row);
    return row.id;
  }

  recording& run() { return run_; }

 private:
  attribute_range add(attribute_list list) {
    const attribute_range range{run_.attributes.size(), static_cast<std::uint32_t>(list.size())};
    for (const auto& [key, number] : list) {
      recorded_attribute attribute;
      attribute.key = run_.strings.add(key);
      attribute.integer = number;
      run_.attributes.push_back(attribute);
    }
    return range;
  }

  recording run_;
  std::vector<std::uint64_t> spans_on_thread_;
};

}  // namespace latency::test
