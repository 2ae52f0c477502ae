#pragma once
// What a report is made of beside its figures: the files of page/, embedded at build time.

#include <string_view>
#include <vector>

namespace latency::render {

[[nodiscard]] std::string_view page_style();                 // page.css
[[nodiscard]] std::string_view page_theme_script();          // theme.js: before anything is drawn
[[nodiscard]] std::vector<std::string_view> page_scripts();  // the others, in order

}  // namespace latency::render
