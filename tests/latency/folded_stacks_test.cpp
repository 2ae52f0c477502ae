#include "latency/folded_stacks.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "sample_recording.hpp"
#include "tests/temporary_folder.hpp"

using latency::recording;
using latency_test::sample_recording;
using latency_test::temporary_folder;

namespace {

std::string written(const recording& run) {
  const temporary_folder folder;
  latency::write_folded_stacks(run, folder / "stacks.folded");
  return latency_test::read_file(folder / "stacks.folded");
}

// Two threads of spans opened and closed at random, as a program would.
recording random_recording() {
  recording run;
  run.threads = {{"a", 1}, {"b", 2}};
  const std::vector<latency::string_id> names = {run.strings.add("x"), run.strings.add("y z"),
                                                 run.strings.add("y;z")};
  for (std::uint32_t thread = 0; thread < 2; ++thread) {
    std::int64_t now_ns = 0;
    std::uint64_t next_id = (std::uint64_t{thread} << 40) + 1;
    std::vector<latency::span> open;
    for (const int action : *rc::gen::container<std::vector<int>>(60, rc::gen::inRange(0, 6))) {
      now_ns += action;
      if (action % 2 == 0) {
        latency::span s;
        s.id = next_id++;
        s.parent = open.empty() ? 0 : open.back().id;
        s.start_ns = now_ns;
        s.name = names[static_cast<std::size_t>(action / 2)];
        s.thread = thread;
        open.push_back(s);
      } else if (!open.empty()) {
        open.back().end_ns = now_ns;
        run.spans.push_back(open.back());
        open.pop_back();
      }
    }
    for (; !open.empty(); open.pop_back()) {
      open.back().end_ns = now_ns;
      run.spans.push_back(open.back());
    }
    run.wall_ns = std::max(run.wall_ns, now_ns);
  }
  return run;
}

}  // namespace

TEST_CASE("folded_stacks: each line is a path and its exclusive nanoseconds") {
  CHECK(written(sample_recording()) ==
        "generate 2100\n"
        "generate;block 800\n"
        "generate;block;step 600\n"
        "generate;load 2500\n"
        "generate;decode_\"x\" 500\n");
}

TEST_CASE("folded_stacks: spans with one path share a line, a path without own time has none") {
  recording run;
  run.threads = {{"main", 1}};
  run.wall_ns = 100;
  const auto outer = run.strings.add("outer");
  const auto inner = run.strings.add("inner");
  run.spans = {{2, 1, 0, 30, inner, 0, 0, {}},
               {3, 1, 30, 50, inner, 0, 0, {}},
               {1, 0, 0, 50, outer, 0, 0, {}}};
  CHECK(written(run) == "outer;inner 50\n");
}

TEST_CASE("folded_stacks: separators in names are replaced") {
  using latency::detail::folded_name;
  CHECK(folded_name("a;b c\nd\te\x7f") == "a:b_c_d_e_");
  CHECK(folded_name("") == "(unnamed)");
  CHECK(folded_name("\xE2\x82\xAC\xFF") == "\xE2\x82\xAC\xEF\xBF\xBD");
}

TEST_CASE("folded_stacks: names that become equal share a line") {
  recording run;
  run.threads = {{"main", 1}};
  run.wall_ns = 100;
  run.spans = {{1, 0, 0, 10, run.strings.add("a b"), 0, 0, {}},
               {2, 0, 10, 30, run.strings.add("a_b"), 0, 0, {}}};
  CHECK(written(run) == "a_b 30\n");
}

TEST_CASE("folded_stacks: no spans make an empty file") {
  CHECK(written({}).empty());
}

TEST_CASE("folded_stacks: the lines add up to the tracked time of all threads") {
  CHECK(rc::check([] {
    const recording run = random_recording();
    std::int64_t roots_ns = 0;  // nothing overlaps, so the roots cover what is tracked
    for (const latency::span& s : run.spans)
      if (s.parent == 0) roots_ns += s.end_ns - s.start_ns;
    std::int64_t sum_ns = 0;
    std::istringstream lines(written(run));
    std::vector<std::string> paths;
    std::string line;
    while (std::getline(lines, line)) {
      const std::size_t space = line.find(' ');
      RC_ASSERT(line.rfind(' ') == space);
      paths.push_back(line.substr(0, space));
      const std::int64_t ns = std::stoll(line.substr(space));
      RC_ASSERT(ns > 0);
      sum_ns += ns;
    }
    RC_ASSERT(sum_ns == roots_ns);
    std::sort(paths.begin(), paths.end());
    RC_ASSERT(std::adjacent_find(paths.begin(), paths.end()) == paths.end());
  }));
}
