#include "analyzers/charts/palette.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace latency::charts {

TEST_CASE("palette: a name has one colour, the pipeline's names have fixed ones") {
  CHECK(colour_of("diffusion_forward") == "#0072b2");
  CHECK(colour_of("interactive_vae_decode") == colour_of("vae_decode"));
  CHECK(colour_of("my_component") == colour_of("my_component"));
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const std::string colour = colour_of("component_" + std::to_string(i));
    CHECK(colour.size() == 7);
    CHECK(colour != bad_colour);  // it means late
    seen.insert(colour);
  }
  CHECK(seen.size() == 24);
}

TEST_CASE("palette: what stands side by side differs") {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < 8; ++i) seen.insert(colour_of_index(i));
  CHECK(seen.size() == 8);
  CHECK(colour_of_index(8) == colour_of_index(0));
}

TEST_CASE("palette: both themes are JSON and differ in their background") {
  const auto light = nlohmann::json::parse(theme_json(theme::light));
  const auto dark = nlohmann::json::parse(theme_json(theme::dark));
  CHECK(light["backgroundColor"] != dark["backgroundColor"]);
  CHECK(light["valueAxis"]["axisLabel"]["color"] != dark["valueAxis"]["axisLabel"]["color"]);
}

}  // namespace latency::charts
