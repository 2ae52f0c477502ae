// What charts draw where a run is larger, or of another kind, than the one of chart_option_test.

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <string>

#include "analyzers/charts/charts.hpp"
#include "analyzers/charts/histogram_bins.hpp"
#include "analyzers/charts/palette.hpp"
#include "latency/statistics.hpp"
#include "tests/analyzers/charts/sample_charts.hpp"
#include "tests/analyzers/sample_run.hpp"

namespace latency::charts {

using test::ms;

namespace {

std::optional<chart> drawn(const recording& run, const std::string& key) {
  for (chart& c : test::charts_of(run))
    if (c.key == key) return std::move(c);
  return std::nullopt;
}

// Gaps of a recording without blocks: all within one clip.
chart histogram_of(const std::vector<std::int64_t>& gaps_ns) {
  recording run;
  run.source = "run";
  std::int64_t now_ns = 0;
  std::int32_t index = 0;
  run.pixel_frames.push_back({now_ns, index++, 0});
  for (const std::int64_t gap_ns : gaps_ns)
    run.pixel_frames.push_back({now_ns += gap_ns, index++, 0});
  return *drawn(run, "inter_frame_latency");
}

// The boxes of the bars: unnamed series before the titles and the percentiles.
const std::vector<box>& bars_of(const chart& of) {
  return of.data.front().boxes;
}
const std::vector<box>& titles_of(const chart& of) {
  return of.data[of.data.size() - 2].boxes;
}
const std::vector<box>& percentiles_of(const chart& of) {
  return of.data.back().boxes;
}

}  // namespace

TEST_CASE("histogram bins: round, and every value is in one") {
  const histogram_bins bins(33e6, 182e6, 50);
  CHECK(bins.width == 5e6);
  CHECK(bins.first == 30e6);
  CHECK(bins.index_of(33'000'000) == 0);
  CHECK(bins.index_of(34'999'999) == 0);
  CHECK(bins.index_of(35'000'000) == 1);
  CHECK(bins.index_of(182'000'000) == bins.count - 1);
  CHECK(bins.begin_of(bins.count) > 182e6);
  CHECK(bins.index_of(185'000'000) == bins.count);  // beyond
  CHECK(histogram_bins(7, 7, 50).index_of(7) == 0);
}

// 99 gaps of 40 to 49.8 ms and one of 10 s: P50 is 44.95, P95 49.405.
TEST_CASE("inter-frame latency: a long tail does not squeeze the rest, and is counted") {
  std::vector<std::int64_t> gaps_ns;
  for (int i = 0; i < 99; ++i) gaps_ns.push_back(40 * ms + i * ms / 10);
  gaps_ns.push_back(10'000 * ms);
  const chart of = histogram_of(gaps_ns);
  CHECK(of.n == 100);
  REQUIRE(of.x.max);
  CHECK(*of.x.max < 60e6);
  REQUIRE(of.bands.size() == 1);
  const double end_ns = of.bands[0].from;
  CHECK(of.shown.find("; bins end at the largest P95 of a scenario, what is longer stands right of "
                      "49.6 ms") != of.shown.npos);
  CHECK(end_ns == doctest::Approx(49.6e6));
  // Bins of 0.2: beyond are 49.6 to 49.8 and 10 s.
  const std::vector<box>& bars = bars_of(of);
  CHECK(bars.back().label == "4 of 100");
  CHECK(bars.back().x0 > end_ns);
  CHECK(bars.back().x1 < *of.x.max);
  CHECK(titles_of(of).front().label ==
        "within a block: n = 100, P50 45.0, P95 49.4, max 10000.0 ms, 4 off the scale");
  std::int64_t rows = 0;
  double share = 0;
  for (const auto& row : of.table.rows) {
    rows += std::get<std::int64_t>(row[3]);
    share += std::get<double>(row[4]);
  }
  CHECK(rows == 100);
  CHECK(share == doctest::Approx(1));
  CHECK(std::get<double>(of.table.rows.back()[2]) == 10e9);  // to the maximum
  REQUIRE(percentiles_of(of).size() == 2);                   // P99 is off the scale
  CHECK((percentiles_of(of)[0].x0 + percentiles_of(of)[0].x1) / 2 == doctest::Approx(44.95e6));
  CHECK((percentiles_of(of)[1].x0 + percentiles_of(of)[1].x1) / 2 == doctest::Approx(49.405e6));
}

TEST_CASE(
    "inter-frame latency: without a tail all gaps are in bins, the tallest bar fills its row") {
  const chart of = histogram_of({10 * ms, 10 * ms, 10 * ms, 19 * ms});
  CHECK(of.bands.empty());
  CHECK(of.shown.find("longer") == of.shown.npos);
  const std::vector<box>& bars = bars_of(of);
  REQUIRE(bars.size() == 2);
  CHECK(bars[0].label == "3 of 4");
  CHECK((bars[0].y1 - bars[0].y0) == doctest::Approx(3));  // rows
  CHECK((bars[1].y1 - bars[1].y0) == doctest::Approx(1));
  CHECK(bars[0].x0 == 10e6);
  CHECK(*of.x.max >= 19e6);
  CHECK(percentiles_of(of).size() == 2);  // no P99 of four
}

TEST_CASE("inter-frame latency: each scenario of the sample run has its row") {
  const chart of = *drawn(test::sample_run(), "inter_frame_latency");
  const std::vector<box>& titles = titles_of(of);
  REQUIRE(titles.size() == 4);
  CHECK(titles[0].label == "within a block: n = 74, P50 1.0, P95 1.0, max 1.0 ms");
  CHECK(titles[1].label.rfind("block boundary, cache filling or first block: n = 1, ", 0) == 0);
  CHECK(titles[2].label.rfind("block boundary, cache full: n = 3, P50 134.0,", 0) == 0);
  CHECK(titles[3].label.rfind("block boundary, switch: n = 2, ", 0) == 0);
  for (std::size_t i = 1; i < titles.size(); ++i) CHECK(titles[i].y0 > titles[i - 1].y1);
}

TEST_CASE("pixel frames: late ones are of another colour, clips follow each other") {
  recording run;
  for (std::int32_t i = 0; i < 10; ++i) run.pixel_frames.push_back({i * 40 * ms, i, 0});
  run.pixel_frames[4].complete_ns += 3 * ms;
  const chart of = *drawn(run, "pixel_frame_completion");
  REQUIRE(of.data.size() == 2);
  CHECK(of.data[0].points.size() == 9);
  REQUIRE(of.data[1].points.size() == 1);
  CHECK(of.data[1].name == "late");
  CHECK(of.data[1].colour == bad_colour);
  CHECK(of.data[1].points[0].x == 4);
  CHECK(of.data[1].points[0].y == 3e6);
  CHECK(of.shown.find("; 1 late") != of.shown.npos);
  REQUIRE(of.marks.size() == 1);
  CHECK(of.marks[0].at == 0);
  CHECK(of.marks[0].direction == mark::across::at_y);

  analysis::generation_report two;
  two.clips = 2;
  for (std::int32_t clip = 0; clip < 2; ++clip)
    for (std::int32_t i = 0; i < 3; ++i) {
      analysis::pixel_frame_timing frame;
      frame.clip = clip;
      frame.at_25_fps.index = i;
      two.pixel_frames.push_back(frame);
    }
  const chart both = *pixel_frame_completion(run, two);
  REQUIRE(both.data[0].points.size() == 6);
  for (int i = 0; i < 6; ++i) CHECK(both.data[0].points[i].x == i);
  CHECK(both.shown.find("2 clips one after the other") != both.shown.npos);
}

TEST_CASE("pixel frames: of many the latest of neighbours is drawn, and the chart says so") {
  recording run;
  for (std::int32_t i = 0; i < 5000; ++i) run.pixel_frames.push_back({i * 40 * ms, i, 0});
  run.pixel_frames[4321].complete_ns += 7 * ms;
  const chart of = *drawn(run, "pixel_frame_completion");
  CHECK(of.data[0].points.size() + of.data[1].points.size() == 1667);
  REQUIRE(of.data[1].points.size() == 1);
  CHECK(of.data[1].points[0].x == 4321);
  CHECK(of.table.rows.size() == 5000);
  CHECK(of.n == 5000);
  CHECK(of.shown.find("each point is the latest of 3 neighbours") != of.shown.npos);
}

TEST_CASE("components: bars too short to be seen are one, and shares still add up") {
  test::recording_builder made(10'000);
  const span_id root = made.span("root", 0, 0, 9'900);
  made.span("long", root, 0, 9'000);
  span_id last = 0;
  for (int i = 0; i < 4; ++i)
    last = made.span("short_" + std::to_string(i), root, 9'000 + 10 * i, 9'010 + 10 * i);
  made.span("inner", last, 9'032, 9'036);  // nobody's time twice
  made.span("short_4", root, 9'040, 9'050);
  const chart of = *drawn(made.run(), "component_breakdown");
  REQUIRE(of.y.categories == std::vector<std::string>{"long", "root", "(6 others)", "(untracked)"});
  CHECK(of.data[0].points[2].x == 50e6);
  CHECK(of.data[1].points[2].x == 0);  // nothing in it
  CHECK(of.data[1].point_labels == std::vector<std::string>{"90.0 %", "8.5 %", "0.5 %", "1.0 %"});
  CHECK(of.table.rows.size() == 9);
  CHECK(of.n == 8);
  // Inclusive time ends a bar: root's own 850 and 9050 of what is in it.
  CHECK(of.data[0].points[1].x == 850e6);
  CHECK(of.data[1].points[1].x == 9'050e6);
  CHECK(of.data[0].point_colours[0] == colour_of("long"));
}

TEST_CASE("components: more than a page has room for are one bar, too") {
  test::recording_builder made(1000);
  for (int i = 0; i < 60; ++i) made.span("c" + std::to_string(i), 0, 10 * i, 10 * i + 10);
  const chart of = *drawn(made.run(), "component_breakdown");
  CHECK(of.y.categories.size() == most_rows);
  CHECK(of.y.categories[most_rows - 2] == "(22 others)");
  CHECK(of.data[0].points[most_rows - 2].x == 220e6);
}

TEST_CASE("hierarchy: what runs on another thread stands after the roots, not in its parent") {
  recording run;
  run.source = "run";
  const string_id name = run.strings.add("a");
  analysis::hierarchy tree;
  tree.nodes = {{name, {}, 0, false, 1, 60, 20, 0.3, 0.1},
                {name, 0, 1, false, 1, 25, 25, 0.1, 0.1},
                {name, 0, 1, false, 1, 15, 15, 0.1, 0.1},
                {name, 0, 1, true, 1, 40, 40, 0.2, 0.2}};
  analysis::component_table parts;
  parts.thread_wall_ns = 200;
  const chart of = *icicle(run, tree, parts);
  const std::vector<box>& boxes = of.data[0].boxes;
  REQUIRE(boxes.size() == 4);
  CHECK(boxes[1].x0 == 0);
  CHECK(boxes[2].x0 == 25);
  CHECK(boxes[3].x0 == 60);
  CHECK(boxes[3].x1 == 100);
  CHECK(*of.x.max == 200);
}

TEST_CASE("KV cache: operations too short to be seen are in the table only") {
  recording run;
  run.source = "run";
  analysis::kv_cache_report cache;
  for (const std::int64_t time_ns : {1'000'000, 400'000, 1'000}) {
    analysis::cache_operation operation;
    operation.name = run.strings.add("operation");
    operation.count = 3;
    operation.inclusive_ns = time_ns;
    cache.operations.push_back(operation);
  }
  const chart of = *kv_cache(run, cache);
  CHECK(of.y.categories.size() == 2);
  CHECK(of.data[0].points.size() == 2);
  CHECK(of.table.rows.size() == 3);
  CHECK(of.n == 9);
  CHECK(of.shown.find("; 1 more is in the table only") != of.shown.npos);
}

TEST_CASE("segments: median and P95 of the steady blocks, n of all of them") {
  recording run;
  analysis::generation_report generated;
  for (std::int32_t s = 0; s < 50; ++s) {
    analysis::segment_row row;
    row.segment = s;
    row.blocks = 5;
    row.steady_per_latent_frame_ns = summarize(std::vector<std::int64_t>{10, 20, 30});
    generated.segments.push_back(row);
  }
  const chart of = *segments(run, generated);
  CHECK(of.n == 150);
  REQUIRE(of.y.categories.size() == most_rows);
  CHECK(of.y.categories[1] == "segment 1 (n = 3)");
  CHECK(of.data[0].points[1].x == 20);
  CHECK(of.data[1].points[1].x == doctest::Approx(29));
  CHECK(of.shown.find("; 10 more are in the table only") != of.shown.npos);
}

TEST_CASE("time budget: small parts are one, so that the bar is as long as its total") {
  recording run;
  analysis::time_budgets budgets;
  analysis::time_budget& frame = budgets.pixel_frame;
  frame.count = 12;
  frame.blocks = 1;
  frame.parts = {{run.strings.add("large"), 990.0},
                 {run.strings.add("small"), 3.0},
                 {run.strings.add("smaller"), 2.0}};
  frame.total_ns = 995;
  const chart of = *time_budget(run, budgets);
  REQUIRE(of.data.size() == 2);
  CHECK(of.data[1].name == "everything else");
  CHECK(of.data[0].points[0].x + of.data[1].points[0].x == 995);
  CHECK(of.y.categories[0] == "one pixel frame: 995.0 ns (n = 12 pixel frames)");
  CHECK(of.marks[0].at == 40e6);
}

TEST_CASE("kernels: largest first, share of the window beside the bar, the rest in the table") {
  recording run;
  run.source = "run";
  analysis::kernel_table table;
  table.window_ns = 1000 * ms;
  for (std::size_t i = 0; i < most_kernels + 5; ++i) {
    analysis::kernel_row row;
    row.name = run.strings.add("void kernel_" + std::to_string(i) + "<float>()");
    row.count = 2;
    row.sum_ns = 300 * ms;
    row.share_ns = i == 0 ? 250 * ms : 10 * ms;
    row.max_ns = 200 * ms;
    table.rows.push_back(row);
    table.share_ns += *row.share_ns;
    table.count += row.count;
  }
  const chart of = *kernels(run, table, {{table.rows[0].name, "kernel_0"}});
  CHECK(of.n == 60);
  REQUIRE(of.y.categories.size() == most_kernels);
  CHECK(of.y.categories[0] == "kernel_0");
  CHECK(of.y.from_top);
  CHECK(of.data[0].points[0].x == 250e6);
  CHECK(of.data[0].point_labels[0] == "25.0 %");
  CHECK(of.data[0].point_colours[0] == colour_of("kernel_0"));
  CHECK(of.table.rows.size() == most_kernels + 5);
  CHECK(of.shown.find("; the 25 largest of 30") != of.shown.npos);
  CHECK(std::get<std::int64_t>(of.table.rows[0][4]) == 300 * ms);

  table.share_ns = 0;  // no accounting: sums
  const chart sums = *kernels(run, table, {});
  CHECK(sums.data[0].points[0].x == 300e6);
  CHECK(sums.shown.rfind("sum of durations", 0) == 0);
}

TEST_CASE(
    "files compared: each file keeps its colour, a component that one lacks has no bar there") {
  test::recording_builder a(100), b(100);
  a.span("both", 0, 0, 40);
  a.span("only_a", 0, 40, 50);
  b.span("both", 0, 0, 20);
  b.span("only_b", 0, 20, 80);
  const auto parts_a = analysis::components(a.run(), span_tree(a.run()));
  const auto parts_b = analysis::components(b.run(), span_tree(b.run()));
  CHECK_FALSE(files_compared({{"a", &a.run(), &parts_a}}));
  const chart of = *files_compared({{"a", &a.run(), &parts_a}, {"b", &b.run(), &parts_b}});
  CHECK(of.y.categories == std::vector<std::string>{"only_b", "both", "only_a"});
  CHECK(of.source == "a, b");
  CHECK(of.n == 2);
  REQUIRE(of.data.size() == 2);
  CHECK(of.data[0].name == "a");
  CHECK(of.data[0].colour == colour_of_index(0));
  CHECK(of.data[1].colour == colour_of_index(1));
  REQUIRE(of.data[0].points.size() == 2);
  CHECK(of.data[0].points[0].x == 40e6);
  CHECK(of.data[0].points[0].y == 1);
  CHECK(of.data[0].points[1].y == 2);
  REQUIRE(of.data[1].points.size() == 2);
  CHECK(of.data[1].points[0].x == 60e6);
  CHECK(of.data[1].points[1].x == 20e6);
  CHECK(of.table.rows.size() == 4);
}

TEST_CASE("files compared: the largest of any file decides the order") {
  test::recording_builder a(100), b(100);
  a.span("first", 0, 0, 50);
  a.span("second", 0, 50, 80);
  b.span("first", 0, 0, 5);
  b.span("second", 0, 5, 25);
  const auto parts_a = analysis::components(a.run(), span_tree(a.run()));
  const auto parts_b = analysis::components(b.run(), span_tree(b.run()));
  const chart of = *files_compared({{"a", &a.run(), &parts_a}, {"b", &b.run(), &parts_b}});
  CHECK(of.y.categories == std::vector<std::string>{"first", "second"});
}

TEST_CASE("memory: of many snapshots the most of neighbours; unknown columns are left out") {
  recording run;
  run.source = "run";
  const string_id name = run.strings.add("s");
  for (int i = 0; i < 4001; ++i) run.memory.push_back({i * ms, name, 1000, 2000, 0, 0, 0, 0});
  run.memory[100].rss_bytes = 9000;
  const chart of = *drawn(run, "memory");
  REQUIRE(of.data.size() == 2);
  CHECK(of.data[0].name == "host, peak");
  CHECK(of.data[0].wide);
  CHECK(of.data[1].name == "host, resident");
  CHECK_FALSE(of.data[1].wide);
  CHECK(of.data[1].points.size() == 1334);
  double most = 0;
  for (const point& p : of.data[1].points) most = std::max(most, p.y);
  CHECK(most == 9000);
  CHECK(of.table.rows.size() == 4001);
}

TEST_CASE("denoising: a clip that begins again at block 0 has bars of its own, inner steps none") {
  recording run;
  analysis::step_report report;
  const string_id name = run.strings.add("step");
  for (int clip = 0; clip < 2; ++clip)
    for (std::int64_t step = 0; step < 2; ++step) {
      report.steps.push_back({name, step, 0, {}, 100 * clip + 10 * step, 10, false});
      report.steps.push_back({name, step, 0, {}, 100 * clip + 10 * step + 1, 5, true});
    }
  const chart of = *denoising_time(run, report);
  CHECK(of.x.categories == std::vector<std::string>{"0", "0"});
  REQUIRE(of.data.size() == 2);
  for (const series& s : of.data) {
    REQUIRE(s.points.size() == 2);
    CHECK(s.points[0].y == 10);
  }
  CHECK(of.n == 4);
}

TEST_CASE("denoising: many blocks share bars, as means, and the chart says so") {
  test::recording_builder made(100'000);
  for (int b = 0; b < 240; ++b) {
    const span_id block = made.span("temporal_block", 0, 400 * b, 400 * b + 100,
                                    {{"block", b}, {"latent_frame", 3 * b}, {"latent_frames", 3}});
    made.run().blocks.push_back({block, b, 0, 3 * b, 3, 0, 6, 0});
    made.span("interactive_denoising_step", block, 400 * b, 400 * b + (b % 2 == 0 ? 10 : 30),
              {{"block", b}, {"step", 0}});
  }
  const chart of = *drawn(made.run(), "denoising_time");
  CHECK(of.x.categories.size() == 120);
  CHECK(of.x.categories[1] == "2");
  REQUIRE(of.data.size() == 1);
  for (const point& p : of.data[0].points) CHECK(p.y == 20e6);
  CHECK(of.n == 240);
  CHECK(of.shown.find("each bar is the mean of 2 blocks") != of.shown.npos);
}

TEST_CASE("timeline: a picture has few boxes whatever the run, and loses no time") {
  test::recording_builder made(100'000);
  const span_id root = made.span("root", 0, 0, 100'000);
  for (int i = 0; i < 20'000; ++i)
    made.span(i % 3 == 0 ? "a" : "b", root, 5 * i, 5 * i + 2 + i % 3);
  const chart of = *drawn(made.run(), "timeline");
  CHECK(of.n == 20'001);
  std::size_t boxes = 0;
  for (const series& s : of.data) boxes += s.boxes.size();
  CHECK(boxes <= most_boxes);
  std::int64_t count = 0, time_ns = 0, root_ns = 0;
  for (const auto& row : of.table.rows) {
    count += std::get<std::int64_t>(row[5]);
    (std::get<std::string>(row[4]) == "root" ? root_ns : time_ns) += std::get<std::int64_t>(row[6]);
  }
  CHECK(count == 20'001);
  CHECK(root_ns == 100'000 * ms);
  CHECK(time_ns == 59'999 * ms);  // 6667 of 2, 6667 of 3, 6666 of 4
  REQUIRE(of.data.size() == 3);   // b has most of the time of each cell
  CHECK(of.data[1].name == "root");
  CHECK(of.data[1].colour == colour_of("root"));
  CHECK(of.data[2].name == "b");
}

}  // namespace latency::charts
