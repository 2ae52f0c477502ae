// Sorting and looking up what stands nearly in order: the same as with std::sort and a search from
// the start, whatever the order.
#include "latency/detail/nearly_ordered.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "latency/detail/launch_times.hpp"

using latency::api_call;
using latency::api_call_kind;
using latency::detail::launch_times;
using latency::detail::sort_nearly_ordered;

TEST_CASE("nearly_ordered: sorted as std::sort does, near or far from order") {
  CHECK(rc::check([](std::vector<int> numbers, bool nearly) {
    if (nearly) {
      std::sort(numbers.begin(), numbers.end());
      for (std::size_t i = 0; i + 2 < numbers.size(); i += 2) std::swap(numbers[i], numbers[i + 2]);
    }
    std::vector<std::pair<int, std::string>> pairs;  // moved, not copied in halves
    for (std::size_t i = 0; i < numbers.size(); ++i)
      pairs.emplace_back(numbers[i],
                         "a text that is too long for its object: " + std::to_string(i));
    auto sorted = pairs;
    std::sort(sorted.begin(), sorted.end());
    sort_nearly_ordered(pairs.begin(), pairs.end(), std::less<>());
    RC_ASSERT(pairs == sorted);
  }));
  std::vector<int> backwards;
  for (int i = 20'000; i > 0; --i) backwards.push_back(i);
  sort_nearly_ordered(backwards.begin(), backwards.end(), std::less<>());
  CHECK(std::is_sorted(backwards.begin(), backwards.end()));
}

TEST_CASE("nearly_ordered: a launch is the first with its correlation, asked for in any order") {
  CHECK(rc::check([](const std::vector<std::pair<std::uint8_t, bool>>& made,
                     const std::vector<std::uint8_t>& asked) {
    std::vector<api_call> calls;
    for (const auto& [correlation, launches] : made) {
      calls.emplace_back();
      calls.back().correlation = correlation;
      calls.back().kind = launches ? api_call_kind::launch : api_call_kind::synchronize;
    }
    launch_times launches(calls);
    for (const std::uint8_t correlation : asked) {
      const auto first = std::find_if(calls.begin(), calls.end(), [&](const api_call& c) {
        return correlation != 0 && c.correlation == correlation && c.kind == api_call_kind::launch;
      });
      RC_ASSERT(launches.find(correlation) == (first == calls.end() ? nullptr : &*first));
    }
  }));
}
