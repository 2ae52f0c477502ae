#include "latency/span_tree.hpp"

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "made_recordings.hpp"

using latency::no_span;
using latency::recording;
using latency::span_tree;
using made::recording_of;
using made::span_of;

namespace {

std::int64_t count_of(const span_tree& tree, latency::span_problem problem) {
  for (std::size_t bit = 0; bit < tree.problems().of.size(); ++bit)
    if (problem == (1u << bit)) return tree.problems().of[bit];
  return -1;
}

std::vector<std::uint32_t> list(latency::span_range range) {
  return {range.begin(), range.end()};
}

// Everything that holds for any input.
void check_always(const recording& r, const span_tree& tree) {
  RC_ASSERT(tree.nodes().size() == r.spans.size());
  const std::int64_t wall_ns = tree.wall_ns();
  std::int64_t spans = 0;
  for (const auto& thread : tree.threads()) {
    spans += thread.spans;
    RC_ASSERT(thread.wall_ns == wall_ns);
    RC_ASSERT(thread.exclusive_ns + thread.untracked_ns == wall_ns);
    RC_ASSERT(thread.untracked_ns >= 0);
  }
  RC_ASSERT(spans == static_cast<std::int64_t>(r.spans.size()));

  std::vector<std::vector<latency::interval>> inside(r.spans.size());
  for (std::uint32_t i = 0; i < r.spans.size(); ++i) {
    const auto& n = tree[i];
    RC_ASSERT(0 <= n.start_ns && n.start_ns <= n.end_ns && n.end_ns <= wall_ns);
    if (n.host_parent == no_span) continue;
    const auto& around = tree[n.host_parent];
    RC_ASSERT(r.spans[n.host_parent].thread == r.spans[i].thread);
    RC_ASSERT(around.start_ns <= n.start_ns && n.end_ns <= around.end_ns);
    inside[n.host_parent].push_back({n.start_ns, n.end_ns});
  }
  for (std::uint32_t i = 0; i < r.spans.size(); ++i) {
    const std::int64_t children_ns = latency::interval_set(inside[i]).total_ns();
    RC_ASSERT(tree[i].exclusive_ns == tree[i].inclusive_ns() - children_ns);
  }

  // The tree: each span once, parents first, subtrees contiguous.
  RC_ASSERT(tree.preorder().size() == r.spans.size());
  std::set<std::uint32_t> seen;
  std::size_t listed = tree.roots().size();
  for (std::uint32_t at = 0; at < tree.preorder().size(); ++at) {
    const std::uint32_t s = tree.preorder()[at];
    const auto& n = tree[s];
    RC_ASSERT(n.preorder == at);
    RC_ASSERT(seen.insert(s).second);
    RC_ASSERT(n.depth == (n.parent == no_span ? 0 : tree[n.parent].depth + 1));
    if (n.parent != no_span) RC_ASSERT(seen.count(n.parent) == 1u);
    std::uint32_t size = 1;
    for (const std::uint32_t child : tree.children(s)) {
      RC_ASSERT(tree[child].parent == s);
      RC_ASSERT(tree.contains(s, child));
      RC_ASSERT(!tree.contains(child, s));
      size += tree[child].subtree_size;
    }
    RC_ASSERT(n.subtree_size == size);
    listed += tree.children(s).size();
  }
  RC_ASSERT(listed == r.spans.size());

  std::int64_t flagged = 0;
  for (const auto& n : tree.nodes()) flagged += n.problems != 0 ? 1 : 0;
  RC_ASSERT(tree.problems().records == flagged);
}

}  // namespace

TEST_CASE("span_tree: exclusive is inclusive minus the children") {
  //  root [10,100): a [20,50) { c [25,30) }, b [50,90)
  const auto r = recording_of(120, 1,
                              {span_of(4, 2, 25, 30), span_of(2, 1, 20, 50), span_of(3, 1, 50, 90),
                               span_of(1, 0, 10, 100)});
  const span_tree tree(r);
  CHECK(tree.problems().records == 0);
  const std::uint32_t c = 0, a = 1, b = 2, root = 3;
  CHECK(tree[root].inclusive_ns() == 90);
  CHECK(tree[root].exclusive_ns == 20);
  CHECK(tree[a].inclusive_ns() == 30);
  CHECK(tree[a].exclusive_ns == 25);
  CHECK(tree[b].exclusive_ns == 40);
  CHECK(tree[c].exclusive_ns == 5);
  CHECK(tree[c].depth == 2);
  CHECK(list(tree.roots()) == std::vector<std::uint32_t>{root});
  CHECK(list(tree.children(root)) == std::vector<std::uint32_t>{a, b});
  CHECK(tree.preorder() == std::vector<std::uint32_t>{root, a, c, b});
  CHECK(tree.contains(root, c));
  CHECK_FALSE(tree.contains(b, c));
  CHECK(tree.find(3) == b);
  CHECK(tree.find(99) == no_span);
  REQUIRE(tree.threads().size() == 1);
  CHECK(tree.threads()[0].exclusive_ns == 90);
  CHECK(tree.threads()[0].untracked_ns == 30);
}

TEST_CASE("span_tree: a handed-over span roots its own thread and costs its parent nothing") {
  auto r = recording_of(
      100, 2, {span_of(1, 0, 0, 60, 0), span_of(2, 1, 10, 90, 1), span_of(3, 2, 20, 40, 1)});
  const span_tree tree(r);
  CHECK(tree.problems().records == 0);
  CHECK(tree[0].exclusive_ns == 60);
  CHECK(tree[1].parent == 0);
  CHECK(tree[1].host_parent == no_span);
  CHECK(tree[1].depth == 1);
  CHECK(tree[1].exclusive_ns == 60);
  CHECK(tree.threads()[0].untracked_ns == 40);
  CHECK(tree.threads()[1].untracked_ns == 20);
}

TEST_CASE("span_tree: a handed-over span inside an open span takes that span's time") {
  const auto r = recording_of(
      100, 2, {span_of(1, 0, 1, 99, 0), span_of(2, 0, 10, 90, 1), span_of(3, 1, 20, 40, 1)});
  const span_tree tree(r);
  CHECK(tree.problems().records == 0);
  CHECK(tree[2].parent == 0);
  CHECK(tree[2].host_parent == 1);
  CHECK(tree[1].exclusive_ns == 60);
  CHECK(tree[0].exclusive_ns == 98);
}

TEST_CASE("span_tree: a thread without spans is all untracked") {
  const span_tree tree(recording_of(70, 2, {span_of(1, 0, 1, 70, 1)}));
  CHECK(tree.threads()[0].untracked_ns == 70);
  CHECK(tree.threads()[1].untracked_ns == 1);
}

TEST_CASE("span_tree: sound recordings give each thread the time a stopwatch would") {
  CHECK(rc::check([] {
    const auto made = made::play(*made::actions());
    const span_tree tree(made.recording);
    check_always(made.recording, tree);
    RC_ASSERT(tree.problems().records == 0);
    for (std::uint32_t i = 0; i < made.recording.spans.size(); ++i) {
      const auto& s = made.recording.spans[i];
      RC_ASSERT(tree[i].exclusive_ns == made.exclusive_ns[i]);
      RC_ASSERT(tree[i].inclusive_ns() == s.end_ns - s.start_ns);
      RC_ASSERT(tree[i].parent == tree.find(s.parent));
    }
    for (std::size_t t = 0; t < made::sound_threads; ++t)
      RC_ASSERT(tree.threads()[t].untracked_ns == made.untracked_ns[t]);
  }));
}

TEST_CASE("span_tree: nonsense never breaks the identity") {
  CHECK(rc::check([] {
    const auto wall_ns = *rc::gen::element<std::int64_t>(-3, 0, 30, 50, INT64_MAX);
    const auto r = recording_of(wall_ns, 3, *made::any_spans());
    check_always(r, span_tree(r));
  }));
}

TEST_CASE("span_tree: a sound recording with one record broken keeps the identity and is flagged") {
  CHECK(rc::check([] {
    auto r = made::play(*made::actions()).recording;
    if (r.spans.empty()) return;
    const auto which = *rc::gen::inRange<std::size_t>(0, r.spans.size());
    auto& s = r.spans[which];
    switch (*rc::gen::inRange(0, 5)) {
      case 0:
        s.end_ns = s.start_ns - 1;
        break;
      case 1:
        s.parent = 1'000'000;
        break;
      case 2:
        s.parent = s.id;
        break;
      case 3:
        s.thread = 77;
        break;
      default:
        s.end_ns = r.wall_ns + 5;
        break;
    }
    const span_tree tree(r);
    check_always(r, tree);
    RC_ASSERT(tree[static_cast<std::uint32_t>(which)].problems != 0u);
  }));
}

TEST_CASE("span_tree: a child outside its parent is clipped to it and flagged") {
  const span_tree tree(recording_of(100, 1, {span_of(1, 0, 20, 60), span_of(2, 1, 10, 80)}));
  CHECK(tree[1].start_ns == 20);
  CHECK(tree[1].end_ns == 60);
  CHECK(tree[0].exclusive_ns == 0);
  CHECK(tree[1].problems == latency::span_outside_parent);
  CHECK(tree[0].problems == 0);
}

TEST_CASE("span_tree: of overlapping siblings the later gets what the earlier left") {
  const span_tree tree(
      recording_of(100, 1, {span_of(1, 0, 1, 90), span_of(2, 1, 10, 40), span_of(3, 1, 30, 50)}));
  CHECK(tree[1].inclusive_ns() == 30);
  CHECK(tree[2].inclusive_ns() == 10);
  CHECK(tree[0].exclusive_ns == 89 - 40);
  CHECK(tree[2].problems == latency::span_overlaps_sibling);
  CHECK(tree[1].problems == 0);
}

TEST_CASE("span_tree: two roots that overlap on a thread are not counted twice") {
  const span_tree nested(recording_of(100, 1, {span_of(1, 0, 10, 90), span_of(2, 0, 20, 30)}));
  CHECK(nested[0].exclusive_ns == 70);
  CHECK(nested[1].exclusive_ns == 10);
  CHECK(nested[1].problems == latency::span_overlaps_sibling);
  const span_tree crossed(recording_of(100, 1, {span_of(1, 0, 10, 50), span_of(2, 0, 40, 60)}));
  CHECK(crossed.threads()[0].exclusive_ns == 50);
  CHECK(crossed[1].problems == latency::span_overlaps_sibling);
}

TEST_CASE("span_tree: a span whose parent was lost keeps its time inside what surrounds it") {
  // 2 was dropped: 3 ran inside 1.
  const span_tree tree(recording_of(100, 1, {span_of(1, 0, 10, 90), span_of(3, 2, 20, 50)}));
  CHECK(tree[1].parent == no_span);
  CHECK(tree[1].inclusive_ns() == 30);
  CHECK(tree[0].exclusive_ns == 50);
  CHECK(tree[1].problems == latency::span_unknown_parent);
}

TEST_CASE("span_tree: spans that lie inside each other's children do not vanish") {
  const span_tree tree(recording_of(
      100, 1,
      {span_of(1, 0, 20, 40), span_of(2, 1, 5, 90), span_of(3, 0, 25, 35), span_of(4, 3, 10, 80)}));
  CHECK(tree.threads()[0].exclusive_ns == 10);
  CHECK(tree[0].host_parent == 3);
  CHECK(tree[2].host_parent == no_span);
}

TEST_CASE("span_tree: each impossible record is flagged by its name") {
  SUBCASE("reversed times") {
    const span_tree tree(recording_of(100, 1, {span_of(1, 0, 50, 40)}));
    CHECK(count_of(tree, latency::span_reversed_times) == 1);
    CHECK(tree[0].inclusive_ns() == 0);
  }
  SUBCASE("zero times") {
    const span_tree tree(recording_of(100, 1, {span_of(1, 0, 0, 0)}));
    CHECK(count_of(tree, latency::span_zero_times) == 1);
  }
  SUBCASE("outside the recording") {
    const span_tree tree(recording_of(
        100, 1, {span_of(1, 0, -10, 20), span_of(2, 0, 90, 101), span_of(3, 0, 30, 40)}));
    CHECK(count_of(tree, latency::span_outside_recording) == 2);
    CHECK(tree.threads()[0].exclusive_ns == 40);
  }
  SUBCASE("duplicate id: children belong to the first") {
    const span_tree tree(
        recording_of(100, 1, {span_of(1, 0, 1, 40), span_of(1, 0, 50, 60), span_of(2, 1, 10, 20)}));
    CHECK(count_of(tree, latency::span_duplicate_id) == 1);
    CHECK(tree[1].problems == latency::span_duplicate_id);
    CHECK(tree[2].parent == 0);
  }
  SUBCASE("id zero") {
    const span_tree tree(recording_of(100, 1, {span_of(0, 0, 1, 40), span_of(0, 0, 50, 60)}));
    CHECK(count_of(tree, latency::span_duplicate_id) == 2);
    CHECK(tree[1].parent == no_span);
  }
  SUBCASE("unknown thread: gets a track of its own") {
    const span_tree tree(recording_of(100, 1, {span_of(1, 0, 10, 40, 900)}));
    CHECK(count_of(tree, latency::span_unknown_thread) == 1);
    REQUIRE(tree.threads().size() == 2);
    CHECK(tree.threads()[1].thread == 900);
    CHECK(tree.threads()[1].exclusive_ns == 30);
  }
  SUBCASE("parent cycle: cut where it starts first") {
    const span_tree tree(recording_of(100, 1,
                                      {span_of(1, 3, 20, 30), span_of(2, 1, 10, 40),
                                       span_of(3, 2, 22, 28), span_of(4, 3, 24, 26)}));
    CHECK(count_of(tree, latency::span_parent_cycle) == 3);
    CHECK(tree[1].parent == no_span);
    CHECK(tree[0].parent == 2);
    CHECK(tree[3].depth == 2);
  }
}

TEST_CASE("span_tree: spans of no length disturb nothing") {
  const span_tree tree(
      recording_of(100, 1,
                   {span_of(1, 0, 10, 50), span_of(2, 0, 50, 50), span_of(3, 0, 50, 60),
                    span_of(4, 1, 10, 10), span_of(5, 1, 10, 20), span_of(6, 1, 20, 20)}));
  CHECK(tree.problems().records == 0);
  CHECK(tree.threads()[0].exclusive_ns == 50);
}

TEST_CASE("span_tree: warm-up covers the subtree") {
  auto r =
      recording_of(100, 1, {span_of(1, 0, 1, 50), span_of(2, 1, 2, 20), span_of(3, 0, 60, 70)});
  r.spans[0].flags = latency::span_warm_up;
  const span_tree tree(r);
  CHECK(tree[0].warm_up);
  CHECK(tree[1].warm_up);
  CHECK_FALSE(tree[2].warm_up);
}

TEST_CASE("span_tree: an empty recording is a tree of nothing") {
  const recording r;
  const span_tree tree(r);
  CHECK(tree.roots().empty());
  CHECK(tree.threads().empty());
}

TEST_CASE("span_tree: a chain of a million spans needs no stack") {
  constexpr std::uint32_t deep = 1'000'000;
  std::vector<latency::span> spans;
  for (std::uint32_t i = 0; i < deep; ++i)
    spans.push_back(span_of(i + 1, i, 1 + i, 3 * std::int64_t{deep} - i));
  const span_tree tree(recording_of(3 * std::int64_t{deep}, 1, std::move(spans)));
  CHECK(tree.problems().records == 0);
  CHECK(tree[deep - 1].depth == deep - 1);
  CHECK(tree[0].exclusive_ns == 2);
  CHECK(tree.threads()[0].exact());
}
