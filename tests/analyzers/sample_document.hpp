#pragma once
// A document with every kind of figure and every awkward text, for the tests of the writers.

#include "analyzers/render/document.hpp"

namespace latency_test {

inline latency::render::document sample_document() {
  using namespace latency::render;
  document result{"sample", "Sample report", "runs/a, \"b\".json", {}};

  section first{"first", "First section", {}};
  first.items.emplace_back(line{"clean: {} of {} took {}, {} of the wall",
                                {{"good", unit::integer, std::int64_t{3}},
                                 {"all", unit::integer, std::int64_t{4}},
                                 {"time", unit::duration_ns, std::int64_t{12'345'678}},
                                 {"wall", unit::ratio, 0.0625},
                                 {"hidden", unit::bytes, std::int64_t{7}}},
                                tone::good});
  table times{"times",
              "Times | of *things*",
              {{"name", "name", unit::text},
               {"count", "count", unit::integer},
               {"mean", "mean", unit::duration_ns, true},
               {"p99", "P99", unit::duration_ns},
               {"share", "share of the wall", unit::ratio, true},
               {"moved", "moved", unit::bytes},
               {"rate", "pixel frames", unit::rate},
               {"factor", "factor", unit::number}},
              {}};
  times.rows.push_back({"plain", std::int64_t{120}, 1'234'567.5, std::int64_t{9'000'000}, 0.5,
                        std::int64_t{3 << 20}, 25.0, 1.5});
  times.rows.push_back({"comma, \"quote\" | bar", std::int64_t{1}, 0.25, cell(), 0.0,
                        std::int64_t{1}, cell(), -0.125});
  times.rows.push_back({"esc\x1b[31m\nnew \xc3\xa9", std::int64_t{0}, cell(), cell(), cell(),
                        cell(), cell(), cell()});
  first.items.emplace_back(times);

  section second{"second", "Second section", {}};
  second.items.emplace_back(line{"absent: nothing of the kind was recorded", {}, tone::faint});
  table tree{"tree",
             "",
             {{"path", "span", unit::path}, {"inclusive", "inclusive", unit::duration_ns, true}},
             {{"root", std::int64_t{2'000}}, {"root;child", std::int64_t{1'999}}}};
  second.items.emplace_back(tree);
  result.sections = {first, second};
  return result;
}

}  // namespace latency_test
