#pragma once
// A table on a page: sortable, cut where it is long.

#include <string>

#include "analyzers/render/document.hpp"

namespace latency::render {

// Tables and names longer than this are cut, and say so: the csv beside the page has all.
inline constexpr std::size_t most_table_rows = 200;
inline constexpr std::size_t most_cell_letters = 300;

[[nodiscard]] std::string html_table(const table& whole);

}  // namespace latency::render
