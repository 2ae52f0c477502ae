#include "analyzers/timeline/span_layout.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "latency/span_tree.hpp"

using latency::recording;
using latency::span;
using latency::timeline::lay_out;
using latency::timeline::length_of;
using latency::timeline::placed_span;

namespace {

placed_span one(const std::string& name, std::int64_t duration_ns,
                std::optional<std::int64_t> end_ns = {}, std::vector<placed_span> children = {}) {
  placed_span result;
  result.name = name;
  result.duration_ns = duration_ns;
  result.end_ns = end_ns;
  result.children = std::move(children);
  return result;
}

// "a 0..10, b 10..15", in the order of their starts.
std::string shown(const recording& run) {
  std::vector<span> spans = run.spans;
  std::stable_sort(spans.begin(), spans.end(), [](const span& a, const span& b) {
    return std::pair(a.start_ns, -a.end_ns) < std::pair(b.start_ns, -b.end_ns);
  });
  std::string result;
  for (const span& s : spans)
    result += (result.empty() ? "" : ", ") + run.name_of(s) + " " + std::to_string(s.start_ns) +
              ".." + std::to_string(s.end_ns);
  return result;
}

std::string laid_out(std::vector<placed_span> roots) {
  recording run;
  lay_out(std::move(roots), run);
  return shown(run);
}

}  // namespace

TEST_CASE("span_layout: without any time spans lie end to end") {
  recording run;
  CHECK(lay_out({one("a", 10), one("b", 5, {}, {one("c", 2), one("d", 3)})}, run) == 0);
  CHECK(shown(run) == "a 0..10, b 10..15, c 10..12, d 12..15");
  CHECK(run.wall_ns == 15);
  CHECK(run.spans.back().parent == 0);
}

TEST_CASE("span_layout: known ends hold, and the others lie before the next one or at the end") {
  recording run;
  CHECK(lay_out({one("a", 10), one("b", 5, 1100), one("c", 20, 1200), one("d", 7)}, run) == 1085);
  CHECK(shown(run) == "a 0..10, b 10..15, c 95..115, d 115..122");
}

TEST_CASE("span_layout: ends that would overlap or stick out move as little as possible") {
  CHECK(laid_out({one("a", 10, 100), one("b", 10, 105)}) == "a 0..10, b 10..20");
  CHECK(laid_out({one("p", 30, 100, {one("a", 10, 75), one("b", 10, 101)})}) ==
        "p 0..30, a 0..10, b 20..30");
}

TEST_CASE("span_layout: a parent without an end takes that of its children") {
  CHECK(laid_out({one("a", 10, 100), one("p", 30, {}, {one("b", 10, 145), one("c", 2)})}) ==
        "a 0..10, p 27..57, b 45..55, c 55..57");
  CHECK(length_of({one("a", 10, 100), one("b", 5, 130)}) == 40);
  CHECK(length_of({one("a", 10), one("b", 5)}) == 15);
}

TEST_CASE("span_layout: children longer than their parent keep their length and are flagged") {
  recording run;
  lay_out({one("p", 5, {}, {one("a", 4), one("b", 4)})}, run);
  const latency::span_tree tree(run);
  std::uint32_t problems = 0;
  for (const auto& node : tree.nodes()) problems |= node.problems;
  CHECK(problems != 0);
  for (const span& s : run.spans)
    if (run.name_of(s) != "p") CHECK(s.end_ns - s.start_ns == 4);
}

TEST_CASE("span_layout: absurd times do not overflow") {
  recording run;
  constexpr std::int64_t far = std::int64_t{1} << 61;
  lay_out({one("a", far, -far), one("b", far, far), one("c", far), one("d", far)}, run);
  const latency::span_tree tree(run);
  for (const auto& thread : tree.threads()) CHECK(thread.exact());
}
