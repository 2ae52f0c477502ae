#pragma once
// Charts as SVG: ECharts' server-side rendering, in an embedded JavaScript engine (Duktape).

#include <memory>
#include <string>

#include "analyzers/charts/chart.hpp"
#include "analyzers/charts/palette.hpp"

namespace latency::charts {

// Why this build draws no SVG, one line that says how to get it; empty when it does.
[[nodiscard]] std::string svg_missing();

// Starting one loads ECharts (about 0.1 s); a picture then takes 20 ms, one of thousands of marks
// half a second. One thread at a time.
class painter {
 public:
  // Throws latency::error when svg_missing(), or when ECharts does not start.
  explicit painter(theme which = theme::light);
  ~painter();
  painter(const painter&) = delete;
  painter& operator=(const painter&) = delete;

  // An SVG document, `width` pixels wide. Throws latency::error naming the chart when ECharts
  // refuses the option or complains about it.
  [[nodiscard]] std::string svg(const chart& of, int width = 1000);

 private:
  struct engine;
  std::unique_ptr<engine> engine_;
};

}  // namespace latency::charts
