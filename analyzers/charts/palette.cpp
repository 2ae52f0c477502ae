#include "analyzers/charts/palette.hpp"

#include <array>
#include <cstdint>
#include <utility>

namespace latency::charts {
namespace {

// Vermilion is not among them: it means late.
constexpr std::array<const char*, 24> hashed_colours = {
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#a6a000", "#7b5fb5", "#8c6d4f",
    "#005280", "#a67200", "#007253", "#93577a", "#3e82a8", "#777300", "#594482", "#654e39",
    "#66aad1", "#f0c566", "#66c5ab", "#e0afca", "#9ad2f2", "#cac666", "#b09fd3", "#baa795"};

constexpr std::array<const char*, 8> indexed_colours = {"#0072b2", "#e69f00", "#009e73", "#cc79a7",
                                                        "#56b4e9", "#a6a000", "#7b5fb5", "#8c6d4f"};

constexpr std::pair<std::string_view, const char*> known_colours[] = {
    {"interactive_inference", "#a3adb8"},
    {"temporal_block", "#5d7490"},
    {"interactive_denoising_step", "#56b4e9"},
    {"denoising_step", "#56b4e9"},
    {"interactive_denoising_step_final", "#3e82a8"},
    {"denoising_step_final", "#3e82a8"},
    {"diffusion_forward", "#0072b2"},
    {"self_attention", "#005280"},
    {"cross_attention", "#66aad1"},
    {"interactive_kv_cache_update", "#e69f00"},
    {"kv_cache_update", "#e69f00"},
    {"interactive_vae_decode", "#009e73"},
    {"vae_decode", "#009e73"},
    {"vae_decode_final", "#009e73"},
    {"interactive_vae_input_prep", "#66c5ab"},
    {"vae_input_prep", "#66c5ab"},
    {"interactive_vae_postprocess", "#007253"},
    {"vae_postprocess", "#007253"},
    {"interactive_text_encoding", "#a6a000"},
    {"text_encoding", "#a6a000"},
    {"text_encoder", "#777300"},
    {"prompt_switch_total", "#cc79a7"},
    {"prompt_switch_recache", "#93577a"},
    {"prompt_switch_recache_setup", "#e0afca"},
    {"prompt_switch_kv_reset", "#7b5fb5"},
    {"prompt_switch_crossattn_reset", "#b09fd3"},
    {"prompt_switch_final_reset", "#594482"},
};

std::uint64_t hash_of(std::string_view name) {  // FNV-1a: the same on every machine
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash ^ (hash >> 32);
}

constexpr const char* light_theme = R"({
  "backgroundColor": "#ffffff",
  "textStyle": {"fontFamily": "Helvetica, Arial, sans-serif"},
  "title": {"textStyle": {"color": "#1f2328"}, "subtextStyle": {"color": "#57606a"}},
  "legend": {"textStyle": {"color": "#1f2328"}, "pageTextStyle": {"color": "#1f2328"}},
  "valueAxis": {"axisLine": {"lineStyle": {"color": "#6e7781"}}, "axisLabel": {"color": "#424a53"},
                "nameTextStyle": {"color": "#424a53"}, "splitLine": {"lineStyle": {"color": "#e4e7eb"}}},
  "categoryAxis": {"axisLine": {"lineStyle": {"color": "#6e7781"}}, "axisLabel": {"color": "#424a53"},
                   "nameTextStyle": {"color": "#424a53"}, "splitLine": {"show": false}},
  "line": {"symbol": "circle"},
  "markLine": {"label": {"color": "#1f2328"}, "lineStyle": {"color": "#1f2328"}},
  "markArea": {"label": {"color": "#57606a"}}
})";

constexpr const char* dark_theme = R"({
  "darkMode": true,
  "backgroundColor": "#16191d",
  "textStyle": {"fontFamily": "Helvetica, Arial, sans-serif"},
  "title": {"textStyle": {"color": "#e6e8eb"}, "subtextStyle": {"color": "#a4adb8"}},
  "legend": {"textStyle": {"color": "#e6e8eb"}, "pageTextStyle": {"color": "#e6e8eb"}},
  "valueAxis": {"axisLine": {"lineStyle": {"color": "#8b949e"}}, "axisLabel": {"color": "#c5ccd3"},
                "nameTextStyle": {"color": "#c5ccd3"}, "splitLine": {"lineStyle": {"color": "#2c3138"}}},
  "categoryAxis": {"axisLine": {"lineStyle": {"color": "#8b949e"}}, "axisLabel": {"color": "#c5ccd3"},
                   "nameTextStyle": {"color": "#c5ccd3"}, "splitLine": {"show": false}},
  "line": {"symbol": "circle"},
  "markLine": {"label": {"color": "#e6e8eb"}, "lineStyle": {"color": "#e6e8eb"}},
  "markArea": {"label": {"color": "#a4adb8"}}
})";

}  // namespace

std::string colour_of(std::string_view name) {
  for (const auto& [known, colour] : known_colours)
    if (known == name) return colour;
  return hashed_colours[hash_of(name) % hashed_colours.size()];
}

std::string colour_of_index(std::size_t index) {
  return indexed_colours[index % indexed_colours.size()];
}

std::string theme_json(theme which) {
  return which == theme::light ? light_theme : dark_theme;
}

}  // namespace latency::charts
