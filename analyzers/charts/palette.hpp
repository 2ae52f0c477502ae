#pragma once
// Colours. The same name has the same colour in every chart, on every page. The hues are those of
// Okabe and Ito (2008), told apart by colour-blind readers too, in tones that stand out from a
// white and from a dark page.

#include <string>
#include <string_view>

namespace latency::charts {

inline constexpr const char* good_colour = "#009e73";
inline constexpr const char* bad_colour = "#d55e00";
inline constexpr const char* quiet_colour = "#8a8f98";    // idle, untracked, everything else
inline constexpr const char* first_colour = "#0072b2";    // of a chart with one series
inline constexpr const char* switch_colour = "#b5658f";   // where a prompt switch took effect
inline constexpr const char* title_colour = "#8a8f9838";  // behind the name of a part of a chart

// Of boxes only: that of the text of the page, whatever its theme.
inline constexpr const char* text_colour = "text";

// The colours of the names that the LongLive pipeline uses are fixed; others come from a hash.
[[nodiscard]] std::string colour_of(std::string_view name);

// The n-th of colours that stand side by side: files, scenarios.
[[nodiscard]] std::string colour_of_index(std::size_t index);

enum class theme : unsigned char { light, dark };

// An ECharts theme: text, axes, grid lines, background. JSON.
[[nodiscard]] std::string theme_json(theme which);

}  // namespace latency::charts
