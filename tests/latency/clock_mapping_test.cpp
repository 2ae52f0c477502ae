#include "latency/detail/clock_mapping.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

using latency::detail::clock_mapping;
using latency::detail::device_anchor;

namespace {

constexpr std::int64_t unix_ns = 1'795'000'000'000'000'123;  // a device clock of CUPTI's kind

}  // namespace

TEST_CASE("clock_mapping: anchors map to themselves, times between them along the line") {
  const clock_mapping map({{unix_ns, 1000, 20},
                           {unix_ns + 1'000'000'000, 1'000'101'000, 30},  // 100 us/s = 100 ppm fast
                           {unix_ns + 2'000'000'000, 2'000'201'000, 25}});
  CHECK(map.to_session_ns(unix_ns) == 1000);
  CHECK(map.to_session_ns(unix_ns + 1'000'000'000) == 1'000'101'000);
  CHECK(map.to_session_ns(unix_ns + 500'000'000) == 500'051'000);
  CHECK(map.to_session_ns(unix_ns + 1'500'000'000) == 1'500'151'000);
  CHECK(map.anchors() == 3);
  CHECK(map.drift_ppm() == doctest::Approx(100));
  CHECK(map.residual_ns() == 0);
  CHECK(map.uncertainty_ns() == 30);
}

TEST_CASE("clock_mapping: before the first and after the last anchor the whole line goes on") {
  const clock_mapping map({{1000, 0, 0}, {2000, 1000, 0}, {3000, 4000, 0}});  // slope 2 in all
  CHECK(map.to_session_ns(900) == -200);
  CHECK(map.to_session_ns(3100) == 4200);
}

TEST_CASE("clock_mapping: what the lines at an anchor differ by over the longer is the residual") {
  const clock_mapping map({{0, 0, 5}, {1000, 1070, 7}, {2000, 2140, 6}, {3000, 3070, 6}});
  CHECK(map.residual_ns() == 140);
  CHECK(map.uncertainty_ns() == 147);
  CHECK(clock_mapping({{0, 0, 0}, {1000, 1000, 0}, {1800, 1960, 0}}).residual_ns() == 200);
  // A short line says little about a long one.
  CHECK(clock_mapping({{0, 0, 0}, {1000, 1000, 0}, {1010, 1015, 0}}).residual_ns() == 10);
  CHECK(clock_mapping({{0, 0, 0}, {10, 15, 0}, {1010, 1015, 0}}).residual_ns() == 10);
}

TEST_CASE("clock_mapping: one anchor gives an offset, none gives 0 for every time") {
  const clock_mapping one({{unix_ns, 500, 9}});
  CHECK(one.to_session_ns(unix_ns + 77) == 577);
  CHECK(one.to_session_ns(unix_ns - 77) == 423);
  CHECK(one.uncertainty_ns() == 9);
  const clock_mapping none;
  CHECK(none.to_session_ns(unix_ns) == 0);
  CHECK(none.drift_ppm() == 0);
}

TEST_CASE("clock_mapping: order of times is kept, and a slewed clock is followed to 2 ns") {
  CHECK(rc::check([](std::int32_t offset) {
    // The device's clock runs 50 ppm fast for 5 s, then 30 ppm slow; an anchor each second.
    const auto device_of = [&](std::int64_t session_ns) {
      constexpr std::int64_t change_ns = 5'000'000'000;
      const std::int64_t fast = std::min(session_ns, change_ns), slow = session_ns - fast;
      return unix_ns + offset + fast + fast / 20000 + slow - slow * 3 / 100000;
    };
    std::vector<device_anchor> anchors;
    for (std::int64_t s = 0; s <= 10; ++s)
      anchors.push_back({device_of(s * 1'000'000'000), s * 1'000'000'000, 0});
    const clock_mapping map(anchors);
    std::int64_t before = map.to_session_ns(device_of(0));
    for (int i = 0; i < 50; ++i) {
      const std::int64_t session_ns = *rc::gen::inRange<std::int64_t>(0, 10'000'000'001);
      RC_ASSERT(std::llabs(map.to_session_ns(device_of(session_ns)) - session_ns) <= 2);
    }
    for (std::int64_t s = 0; s < 10'000'000'000; s += 97'000'003) {
      RC_ASSERT(map.to_session_ns(device_of(s)) >= before);
      before = map.to_session_ns(device_of(s));
    }
  }));
}

TEST_CASE("clock_mapping: a clock that is stepped or slewed strays no further than is stated") {
  CHECK(rc::check([](bool at_once) {
    // A quarter of a second between anchors, as far as bracket and moment allow; in the midst of
    // it the device's clock is set right by up to 1 ms, at once or at 500 ppm from then on.
    constexpr std::int64_t every_ns = 250'000'000, end_ns = 12 * every_ns + 40'000'000;
    const std::int64_t change_ns = *rc::gen::inRange<std::int64_t>(every_ns, end_ns - every_ns);
    const std::int64_t step_ns = *rc::gen::inRange<std::int64_t>(-1'000'000, 1'000'001);
    const auto device_of = [&](std::int64_t session_ns) {
      const std::int64_t since_ns = std::max<std::int64_t>(0, session_ns - change_ns);
      const std::int64_t set_ns = at_once       ? (since_ns > 0 ? step_ns : 0)
                                  : step_ns < 0 ? std::max(step_ns, -since_ns / 2000)
                                                : std::min(step_ns, since_ns / 2000);
      return unix_ns + session_ns + session_ns / 30'000 + set_ns;
    };
    std::vector<device_anchor> anchors;
    for (std::int64_t s = 0; s < end_ns + every_ns; s += every_ns) {
      const std::int64_t taken_ns = std::min(s + *rc::gen::inRange(0, 5'000'000), end_ns);
      const std::int64_t off_ns = *rc::gen::inRange(-50, 51);
      anchors.push_back({device_of(taken_ns), taken_ns + off_ns, 50});
    }
    const clock_mapping map(anchors);
    for (std::int64_t s = 0; s < end_ns; s += 1'234'567)
      RC_ASSERT(std::llabs(map.to_session_ns(device_of(s)) - s) <= map.uncertainty_ns() + 100);
    RC_ASSERT(map.uncertainty_ns() <= 2'100'000);
  }));
}

TEST_CASE("clock_mapping: absurd anchors overflow nothing") {
  CHECK(rc::check([](const std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>>& any,
                     std::int64_t time) {
    std::vector<device_anchor> anchors{{INT64_MIN, INT64_MAX, INT64_MAX},
                                       {INT64_MAX, INT64_MIN, 0}};
    for (const auto& [device, session, uncertainty] : any)
      anchors.push_back({device, session, uncertainty});
    const clock_mapping map(anchors);
    (void)map.to_session_ns(time);
    RC_ASSERT(map.residual_ns() >= 0);
  }));
}
