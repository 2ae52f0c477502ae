#pragma once
// The text after --require: "p99(interactive_vae_decode)<=85ms".
//
//   requirement := metric "(" name ")" bound_kind value
//   metric      := mean | p50 | p95 | p99 | max | min | sum | exclusive | count | share
//   name        := a span's name, in double quotes when it holds ")" or spaces at its ends
//   bound_kind  := "<=" | "<" | ">=" | ">" | "=="
//   value       := number unit; the unit is ns, us, ms or s for times, % or nothing for share,
//                  nothing for count
// White space is allowed between all of them.

#include <cstdint>
#include <string>

#include "analyzers/analysis/requirement.hpp"

namespace latency::commands {

enum class bound_kind : std::uint8_t { at_most, below, at_least, above, equal };

struct requirement {
  std::string text;  // as given
  analysis::metric metric = analysis::metric::mean;
  std::string name;
  bound_kind relation = bound_kind::at_most;
  double bound = 0;  // nanoseconds, or a plain number for count and share (1 = all)
};

// Throws latency::error naming the text, the character (from 1) and what was expected there.
[[nodiscard]] requirement parse_requirement(const std::string& text);

[[nodiscard]] bool holds(const requirement& wanted, double value);

}  // namespace latency::commands
