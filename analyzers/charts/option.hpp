#pragma once
// A chart as an ECharts option object.

#include <string>

#include "analyzers/charts/chart.hpp"

namespace latency::charts {

// Of the height of a chart: its title and what stands below it, for whoever shows them elsewhere.
inline constexpr int header_pixels = 58;

// JSON, figures in units for people, texts as they are (whoever puts it into a page escapes "<").
// Its custom series are drawn by the function `latency_boxes` (box_series.js), which the page or
// picture.cpp must have registered. `indentation`: spaces for each level, -1 for one line.
[[nodiscard]] std::string option_json(const chart& from, int indentation = -1);

}  // namespace latency::charts
