#pragma once
// Small pieces that every section is put together from.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyzers/render/document.hpp"
#include "latency/device_rows.hpp"
#include "latency/statistics.hpp"

namespace latency::commands {

using render::as_key;
using render::cell;
using render::column;
using render::tone;
using render::unit;

template <class number>
[[nodiscard]] cell count_cell(number value) {
  return static_cast<std::int64_t>(value);
}
template <class number>
[[nodiscard]] cell optional_cell(const std::optional<number>& value) {
  return value ? cell(*value) : cell();
}

[[nodiscard]] cell cell_if(bool known, double value);  // empty when it is not known

// n, mean, P50, P95, P99 and max of durations; with standard deviation and min when `detailed`.
// Every table that shows a percentile shows its n this way.
[[nodiscard]] std::vector<column> summary_columns(const std::string& counted, bool detailed);
[[nodiscard]] std::vector<cell> summary_cells(const summary& of, bool detailed);

template <class item>
void append(std::vector<item>& to, std::vector<item> added) {
  for (item& a : added) to.push_back(std::move(a));
}

// "1 block", "2 blocks".
[[nodiscard]] std::string counted(std::int64_t count, const std::string& noun);

// Rows of a long table that are shown: the first few, all when `detailed`; and the line that says
// how many are not.
[[nodiscard]] std::size_t rows_shown(std::size_t rows, bool detailed);
[[nodiscard]] render::line more_line(std::size_t not_shown, const std::string& noun);

[[nodiscard]] const char* direction_name(copy_direction direction);  // "host to device"

[[nodiscard]] render::line plain_line(std::string text, std::vector<render::figure> figures = {});
[[nodiscard]] render::line absent_line(std::string why);  // for a section without data
[[nodiscard]] render::line note_line(std::string text);   // how to read the table below

// The line with "A: " before it; as it is when there is no letter, for the only file.
[[nodiscard]] render::line of_file(const std::string& letter, render::line text);

}  // namespace latency::commands
