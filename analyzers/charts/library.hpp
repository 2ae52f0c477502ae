#pragma once
// ECharts as it was when this program was built, and what it needs of us. Fetched from npm by the
// build (fetch_echarts.cmake); what comes from there is empty when it could not be.

#include <string_view>

namespace latency::charts {

[[nodiscard]] std::string_view echarts_source();    // echarts.min.js
[[nodiscard]] std::string_view echarts_bytecode();  // the same, compiled for Duktape
[[nodiscard]] std::string_view echarts_licence();   // LICENSE and NOTICE
[[nodiscard]] std::string_view box_series();        // box_series.js: draws charts::box
[[nodiscard]] std::string_view mark_labels();       // mark_labels.js: keeps names of marks apart

}  // namespace latency::charts
