// The ways through the tiles, walked on the CPU: every tile once, whatever the grid.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include "kernels/attention/causal_schedule_sm90.cuh"
#include "kernels/attention/few_keys_walk_sm90.cuh"

using kernels::sm90::causal_schedule;
using kernels::sm90::few_keys_walk;
using kernels::sm90::unit_pass;
using kernels::sm90::unit_shares;

namespace {

struct launch {
  int row_blocks, heads, batch, grid;
  int tiles() const { return row_blocks * heads * batch; }
};

launch some_launch() {
  return {*rc::gen::inRange(1, 200), *rc::gen::inRange(1, 20), *rc::gen::inRange(1, 4),
          *rc::gen::inRange(1, 150)};
}

// Calls visit(block, work) for everything that is not nothing.
template <class MakeSchedule, class Visit>
void walk(const launch& l, const MakeSchedule& make, const Visit& visit) {
  for (int block = 0; block < l.grid; ++block) {
    const auto schedule = make(block);
    for (int i = 0; i < schedule.turns(); ++i)
      if (const auto work = schedule.turn(i); work.row_block >= 0) visit(block, work);
  }
}

// How often each half of a tile is computed.
using half_tile = std::tuple<int, int, int, int>;  // batch, head, row block, half

bool each_once(const launch& l, const std::map<half_tile, int>& times) {
  if (static_cast<int>(times.size()) != 2 * l.tiles()) return false;
  for (const auto& [tile, count] : times) {
    const auto& [batch, head, row_block, half] = tile;
    if (count != 1 || batch >= l.batch || head >= l.heads || row_block >= l.row_blocks)
      return false;
  }
  return true;
}

// Blocks of keys that each block of the grid computes, a tile of row block i counting i + 1.
std::vector<int> loads(const launch& l) {
  std::vector<int> of(l.grid, 0);
  walk(
      l,
      [&](int block) {
        return causal_schedule<>(l.row_blocks, l.heads, l.batch, {l.grid, block});
      },
      [&](int block, const auto& work) { of[block] += work.row_block + 1; });
  return of;
}

// Every tile once, and in each turn neighbours of one head in the blocks of a cluster.
template <int Cluster>
void check_causal_schedule(launch l) {
  l.grid = (l.grid + Cluster - 1) / Cluster * Cluster;
  const auto make = [&](int block) {
    return causal_schedule<Cluster>(l.row_blocks, l.heads, l.batch, {l.grid, block});
  };
  std::map<half_tile, int> times;
  walk(l, make, [&](int, const auto& work) {
    if (work.row_block >= l.row_blocks) return;  // beyond the last queries
    for (const int half : {0, 1}) ++times[{work.batch, work.head, work.row_block, half}];
  });
  RC_ASSERT(each_once(l, times));
  for (int block = 0; block < l.grid; ++block) {
    const auto schedule = make(block), first = make(block / Cluster * Cluster);
    RC_ASSERT(schedule.turns() == first.turns());
    for (int i = 0; i < schedule.turns(); ++i) {
      const auto work = schedule.turn(i), neighbour = first.turn(i);
      if (work.row_block < 0) {
        RC_ASSERT(neighbour.row_block < 0);
        continue;
      }
      RC_ASSERT(neighbour.row_block % Cluster == 0);
      RC_ASSERT(work.row_block == neighbour.row_block + block % Cluster);
      RC_ASSERT(work.head == neighbour.head && work.batch == neighbour.batch);
    }
  }
}

}  // namespace

TEST_CASE("causal_schedule: computes every tile once, and ends within about one tile") {
  CHECK(rc::check([] {
    const launch l = some_launch();
    check_causal_schedule<1>(l);
    check_causal_schedule<2>(l);
    const auto of = loads(l);
    const auto [least, most] = std::minmax_element(of.begin(), of.end());
    RC_ASSERT(*most - *least <= l.row_blocks);
  }));
}

TEST_CASE("causal_schedule: 8192 queries of 32 heads on 132 multiprocessors end almost level") {
  const auto of = loads({64, 16, 2, 132});
  CHECK(*std::max_element(of.begin(), of.end()) <= 509);  // pairs: 8 * 65 = 520; level: 504.2
}

TEST_CASE("few_keys_walk: every unit once, shares even to within one, no pass over two heads") {
  CHECK(rc::check([] {
    launch l = some_launch();
    l.grid = std::min(l.grid, l.tiles());
    const int rows = unit_shares::unit_rows;
    const unit_shares shares =
        unit_shares::of(rows * l.row_blocks - *rc::gen::inRange(0, rows), l.heads, l.batch, l.grid,
                        *rc::gen::arbitrary<bool>());
    std::map<std::tuple<int, int, int>, int> times;  // batch, head, unit
    std::vector<int> units(l.grid, 0);
    for (int block = 0; block < l.grid; ++block) {
      few_keys_walk walk(shares, block);
      for (unit_pass pass; walk.next(shares, pass);) {
        RC_ASSERT(pass.units >= 1 && pass.units <= few_keys_walk::consumers);
        units[block] += pass.units;
        for (int i = 0; i < pass.units; ++i) ++times[{pass.batch, pass.head, pass.first_unit + i}];
      }
    }
    RC_ASSERT(static_cast<int>(times.size()) == l.tiles());
    for (const auto& [unit, count] : times) {
      const auto& [batch, head, row_block] = unit;
      RC_ASSERT(count == 1 && batch < l.batch && head < l.heads && row_block < l.row_blocks);
    }
    const auto [least, most] = std::minmax_element(units.begin(), units.end());
    RC_ASSERT(*least >= 1);
    RC_ASSERT(*most - *least <= 1);
  }));
}

TEST_CASE("few_keys_walk: 12 heads on 132 multiprocessors, at most 7 units in three passes") {
  for (const bool smaller_first : {false, true}) {
    const unit_shares shares = unit_shares::of(4680, 12, 1, 132, smaller_first);
    std::vector<int> first_block;  // the units of its passes
    for (int block = 0; block < 132; ++block) {
      few_keys_walk walk(shares, block);
      int units = 0, passes = 0;
      for (unit_pass pass; walk.next(shares, pass); ++passes) {
        units += pass.units;
        if (block == 0) first_block.push_back(pass.units);
      }
      CHECK(units == (block < 96 ? 7 : 6));  // 888 = 96 * 7 + 36 * 6
      CHECK(passes <= 3);
    }
    CHECK(first_block == (smaller_first ? std::vector{2, 2, 3} : std::vector{3, 2, 2}));
  }
}
