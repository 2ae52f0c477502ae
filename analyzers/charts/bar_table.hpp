#pragma once
// Horizontal bars, one below the other, largest first, with a name on the left: the commonest
// chart.

#include <string>
#include <utility>

#include "analyzers/charts/chart.hpp"
#include "analyzers/render/display.hpp"

namespace latency::charts {

inline constexpr double least_bar = 0.002;  // of the longest: a pixel or two

// Where the next bar goes: adds its name to the categories of the y axis. False when the chart has
// as many as a page can show; the table has the rest.
[[nodiscard]] inline bool add_bar_name(chart& to, const std::string& name) {
  if (to.y.categories.size() >= most_rows) return false;
  to.y.categories.push_back(shortened(name));
  return true;
}
[[nodiscard]] inline double last_bar(const chart& of) {
  return static_cast<double>(of.y.categories.size()) - 1;
}

// Says how many rows are not drawn, if any.
inline void say_left_out(chart& of, std::int64_t count) {
  if (count == 0) return;
  of.shown +=
      "; " + std::to_string(count) + (count == 1 ? " more is" : " more are") + " in the table only";
}

// "28.56 ms", to stand beside a name.
[[nodiscard]] inline std::string duration_label(double ns) {
  return render::sentence({"{}", {{"time", render::unit::duration_ns, ns}}});
}

// "12.3 %", to stand beside a bar; nothing when it is not known or too little to be seen.
[[nodiscard]] inline std::string percent_label(const render::cell& ratio) {
  const double* const known = std::get_if<double>(&ratio);
  if (known == nullptr || *known < 0.0005) return "";
  return render::shown(ratio, {0.01, "%", 1}) + " %";
}

// When all series are there: the first bar stands at the top, `bar_pixels` for each.
inline void finish_bars(chart& of, int bar_pixels = 22) {
  of.y.from_top = true;
  of.height = 164 + 20 * legend_rows(of) + bar_pixels * static_cast<int>(of.y.categories.size());
}

}  // namespace latency::charts
