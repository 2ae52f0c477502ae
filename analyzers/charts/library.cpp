#include "analyzers/charts/library.hpp"

// The assembler puts the files between two labels; a compiler would take minutes for an array of
// this size.
#define LATENCY_EMBED(name, path)             \
  __asm__(                                    \
      ".section .rodata\n"                    \
      ".global latency_" #name                \
      "_begin\n"                              \
      ".global latency_" #name                \
      "_end\n"                                \
      "latency_" #name                        \
      "_begin:\n"                             \
      ".incbin \"" path                       \
      "\"\n"                                  \
      "latency_" #name                        \
      "_end:\n"                               \
      ".byte 0\n"                             \
      ".previous\n");                         \
  extern "C" {                                \
  extern const char latency_##name##_begin[]; \
  extern const char latency_##name##_end[];   \
  }

LATENCY_EMBED(echarts_source, LATENCY_CHART_FILES "/echarts.min.js")
LATENCY_EMBED(echarts_bytecode, LATENCY_CHART_FILES "/echarts.bytecode")
LATENCY_EMBED(echarts_licence, LATENCY_CHART_FILES "/echarts.licence")
LATENCY_EMBED(box_series, LATENCY_CHART_SOURCES "/box_series.js")

#define LATENCY_EMBEDDED(name)                                                  \
  {                                                                             \
    latency_##name##_begin,                                                     \
        static_cast<std::size_t>(latency_##name##_end - latency_##name##_begin) \
  }

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

}  // namespace latency::charts
