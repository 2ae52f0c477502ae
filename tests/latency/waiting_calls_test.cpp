#include "latency/detail/waiting_calls.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <deque>

using latency::detail::waiting_calls;

namespace {

struct entry {
  struct {
    std::uint32_t correlation;
  } call;
  int value;
};

}  // namespace

TEST_CASE("waiting_calls: keeps the newest, each found by its correlation") {
  CHECK(rc::check([] {
    const auto capacity = *rc::gen::inRange<std::size_t>(1, 40);
    waiting_calls<entry> calls(capacity);
    std::deque<entry> kept;  // the oldest first
    const auto correlation = rc::gen::inRange<std::uint32_t>(0, 120);
    const int steps = *rc::gen::inRange(0, 400);
    for (int step = 0; step < steps; ++step) {
      if (*rc::gen::inRange(0, 100) == 0) {
        calls.clear();
        kept.clear();
      }
      const entry one{{*correlation}, step};
      int lost = -1;
      calls.put(one, [&](entry& oldest) { lost = oldest.value; });
      kept.push_back(one);
      RC_ASSERT(lost == (kept.size() > capacity ? kept.front().value : -1));
      if (kept.size() > capacity) kept.pop_front();
      for (std::uint32_t wanted = 0; wanted < 120; ++wanted) {
        int newest = -1;
        for (const entry& e : kept)
          if (e.call.correlation == wanted) newest = e.value;
        const entry* const found = calls.find(wanted);
        RC_ASSERT((found == nullptr ? -1 : found->value) == newest);
      }
    }
    std::size_t visited = 0;
    calls.for_each([&](entry&) { ++visited; });
    RC_ASSERT(visited == kept.size());
  }));
}
