// In place of picture.cpp where Duktape is missing.

#include "analyzers/charts/picture.hpp"
#include "latency/error.hpp"

namespace latency::charts {

struct painter::engine {};

std::string svg_missing() {
  return "this build has no Duktape to draw SVG with: install it (Debian: duktape-dev) and build "
         "again";
}

painter::painter(theme) {
  throw error("", "charts", svg_missing());
}
painter::~painter() = default;
std::string painter::svg(const chart&, int) {
  return {};
}

}  // namespace latency::charts
