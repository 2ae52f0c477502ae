// SVGs of the charts: drawn without a complaint, well-formed, with everything in them.

#include "analyzers/charts/picture.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "tests/analyzers/charts/sample_charts.hpp"
#include "tests/analyzers/sample_run.hpp"
#include "tests/temporary_folder.hpp"

namespace latency::charts {

namespace {

bool can_draw() {
  const std::string missing = svg_missing();
  if (!missing.empty()) std::printf("skipped: %s\n", missing.c_str());
  return missing.empty();
}

// Empty, or what xmllint says.
std::string complaint_about(const std::string& svg) {
  const latency_test::temporary_folder folder;
  std::ofstream(folder / "a.svg") << svg;
  const int status = std::system(
      ("xmllint --nonet --noout " + (folder / "a.svg") + " 2>" + (folder / "err")).c_str());
  return WEXITSTATUS(status) == 0 ? "" : "xmllint: " + latency_test::read_file(folder / "err");
}

std::size_t count(const std::string& in, const std::string& of) {
  std::size_t n = 0;
  for (std::size_t at = in.find(of); at != in.npos; at = in.find(of, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("pictures: each chart of the sample run, on a light and on a dark page") {
  if (!can_draw()) return;
  recording run = test::sample_run();
  run.source = "sample_run";
  for (const theme which : {theme::light, theme::dark}) {
    painter paint(which);
    for (const chart& c : test::charts_of(run)) {
      CAPTURE(c.key);
      const std::string svg = paint.svg(c);
      CHECK(complaint_about(svg) == "");
      CHECK(svg.size() < 100'000);
      CHECK(svg.find(c.title) != svg.npos);
      CHECK(svg.find("sample_run") != svg.npos);
      CHECK(count(svg, "<path") > c.table.rows.size() / 4);
      CHECK(svg.find("undefined") == svg.npos);
      CHECK(svg.find("NaN") == svg.npos);
    }
  }
}

TEST_CASE("pictures: hostile names are text") {
  if (!can_draw()) return;
  recording run = test::sample_run();
  const std::string hostile[] = {"<b onload=\"alert(1)\">&amp;",
                                 "]]>",
                                 "\xF0\x9F\x98\x80 ok",
                                 std::string(10'000, 'w'),
                                 "\xEF\xBF\xBF\x01",
                                 "\xff"};
  std::size_t next = 0;
  for (span& s : run.spans)
    if (next < std::size(hostile)) s.name = run.strings.add(hostile[next++]);
  run.source = hostile[0];
  painter paint;
  for (const chart& c : test::charts_of(run)) {
    CAPTURE(c.key);
    const std::string svg = paint.svg(c);
    CHECK(complaint_about(svg) == "");
    CHECK(svg.find("<b onload") == svg.npos);
  }
}

TEST_CASE("pictures: an empty chart is a chart") {
  if (!can_draw()) return;
  chart empty;
  empty.key = "empty";
  empty.data = {{"boxes", "#000000", shape::boxes}};
  empty.x.categories = {"a"};
  painter paint;
  CHECK(complaint_about(paint.svg(empty)) == "");
}

}  // namespace latency::charts
