#pragma once
// What a chart shows, before anybody decides how it is drawn: axes, series, marks, and the table
// that it was made from. Every figure is raw (nanoseconds, bytes, plain ratios), as in
// render/document.hpp; option.hpp turns a chart into an ECharts option and picks units for people.
//
// A chart is small whatever the run: who makes one aggregates first (most_points, most_boxes).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyzers/render/document.hpp"

namespace latency::charts {

// More than this cannot be told apart at the width of a page.
inline constexpr std::size_t most_points = 2000;  // of one series
inline constexpr std::size_t most_boxes = 4000;   // of one chart
inline constexpr std::size_t most_rows = 40;      // categories that stand below each other
inline constexpr std::size_t most_letters = 60;   // of a name that came out of a file

struct axis {
  std::string title;  // for people, without a unit
  render::unit type = render::unit::number;
  std::vector<std::string> categories = {};  // not empty: positions are indices into them
  bool from_top = false;                     // of categories: the first stands at the top
  bool hidden = false;
  std::optional<double> min = {};
  std::optional<double> max = {};
};

struct point {
  double x = 0;  // NaN in either: a gap
  double y = 0;
};

struct box {
  double x0 = 0, x1 = 0;
  double y0 = 0, y1 = 0;
  std::string label;   // shown in it as far as it fits, and on hover
  std::string colour;  // empty: that of its series
};

enum class shape : std::uint8_t { bar, line, step, points, boxes };

struct series {
  std::string name;    // empty: not in the legend
  std::string colour;  // "#rrggbb"
  shape as = shape::bar;
  std::string stack = {};  // bars of equal, non-empty stack stand on each other
  std::vector<point> points = {};
  std::vector<box> boxes = {};                  // of shape::boxes, instead of points
  std::vector<std::string> point_colours = {};  // one for each point, or empty: that of the series
  std::vector<std::string> point_labels = {};   // one for each point, or empty: beside the bar
  bool wide = false;  // of a line: others that run along it do not hide it
};

// A line across the chart at a value of an axis.
struct mark {
  enum class across : std::uint8_t { at_x, at_y };
  double at = 0;
  std::string label;
  std::string colour;  // empty: that of the text
  across direction = across::at_x;
};

// A region of the x axis behind everything else.
struct band {
  double from = 0, to = 0;
  std::string label;
  bool emphasised = false;
};

struct chart {
  std::string key;      // snake_case, name of its files
  std::string title;    // for people
  std::string shown;    // one sentence: what is drawn, by which definition
  std::int64_t n = 0;   // what `counted` counts
  std::string counted;  // "spans", "pixel frames"
  std::string source;   // the file or files
  axis x;
  axis y;
  std::vector<series> data;
  std::vector<mark> marks;
  std::vector<band> bands;
  int height = 400;     // pixels
  render::table table;  // everything drawn, and no less: the csv behind the chart
};

// Rows that the legend takes on a page; none for a chart of one series.
[[nodiscard]] int legend_rows(const chart& of);

// The text as one printable line of at most `most` code points, the middle of a longer one left
// out.
[[nodiscard]] std::string shortened(const std::string& text, std::size_t most = most_letters);

}  // namespace latency::charts
