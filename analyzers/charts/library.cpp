#include "analyzers/charts/library.hpp"

#include "analyzers/embedded_file.hpp"

LATENCY_EMBED(echarts_source, LATENCY_CHART_FILES "/echarts.min.js")
LATENCY_EMBED(echarts_bytecode, LATENCY_CHART_FILES "/echarts.bytecode")
LATENCY_EMBED(echarts_licence, LATENCY_CHART_FILES "/echarts.licence")
LATENCY_EMBED(box_series, LATENCY_CHART_SOURCES "/box_series.js")
LATENCY_EMBED(mark_labels, LATENCY_CHART_SOURCES "/mark_labels.js")

namespace latency::charts {

std::string_view echarts_source() {
  return LATENCY_EMBEDDED(echarts_source);
}
std::string_view echarts_bytecode() {
  return LATENCY_EMBEDDED(echarts_bytecode);
}
std::string_view echarts_licence() {
  return LATENCY_EMBEDDED(echarts_licence);
}
std::string_view box_series() {
  return LATENCY_EMBEDDED(box_series);
}
std::string_view mark_labels() {
  return LATENCY_EMBEDDED(mark_labels);
}

}  // namespace latency::charts
