#pragma once
// Raw figures as people read them. The only place that turns nanoseconds into milliseconds.

#include <string>
#include <string_view>
#include <vector>

#include "analyzers/render/document.hpp"
#include "latency/detail/printable.hpp"

namespace latency::render {

// One unit and one number of decimals for a whole column, so that its figures compare at a glance.
struct scale {
  double divisor = 1;
  const char* unit = "";  // "ms", "%", "MiB"; empty for counts and texts
  int decimals = 0;
};

// Fits the largest value, and the smallest one other than zero with two digits where three decimals
// allow it.
[[nodiscard]] scale scale_for(unit type, const std::vector<const cell*>& cells);

// "12.35", "-" for an empty cell, "<0.001" for what would look like zero and is not. Texts come
// back as they are, except that control characters become '?'.
[[nodiscard]] std::string shown(const cell& value, const scale& as);

// The line's text with every figure in it, each in a unit of its own ("12.35 ms").
[[nodiscard]] std::string sentence(const line& from);

// Columns of a table as a terminal or a page shows them.
struct shown_table {
  std::vector<std::string> titles;
  std::vector<std::string> units;
  std::vector<bool> right_aligned;
  std::vector<std::vector<std::string>> rows;
};
[[nodiscard]] shown_table shown(const table& from, std::string_view indentation);

using detail::printable;  // for titles and whatever else came out of a file

// Characters that a UTF-8 text takes on a terminal (code points).
[[nodiscard]] std::size_t width_of(std::string_view text);

}  // namespace latency::render
