#pragma once
// Which of the older tracker's scopes ran in which, told from their times, and what they are called
// in our own files.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "analyzers/timeline/span_layout.hpp"
#include "analyzers/timeline/tracker_file.hpp"

namespace latency::timeline {

// What a scope is to the run: where it goes when its time does not tell.
enum class tracker_role : std::uint8_t {
  text_encoding,
  switch_part,
  context_pass,  // the last of a block
  vae,           // decoding and what is done around it
  other
};
[[nodiscard]] tracker_role role_of(const std::string& span_name);

// The name that our own pipelines give to the scope: components that lump several operations
// together are split by operation. `switches`: the run has prompt switches.
[[nodiscard]] std::string span_name_of(const std::string& component, const std::string& operation,
                                       bool switches);

// The span of one scope, without children.
[[nodiscard]] placed_span span_of(const tracker_event& event, bool switches);

struct nested_events {
  struct root {
    std::int64_t start_ns = 0, end_ns = 0;  // on the host
    std::optional<std::int64_t> segment;
    placed_span span;
  };
  std::vector<root> roots;                    // by end
  std::map<std::string, std::int64_t> twice;  // by component: left out, see nest
};

// Nests scopes of one thread by their times; each must have an end. A scope straight inside one of
// the same component and operation is the same call recorded again (the tracker wraps its methods
// once more for each prompt of a run): it is left out and counted. O(n log n).
[[nodiscard]] nested_events nest(std::vector<tracker_event> events, bool switches);

}  // namespace latency::timeline
