// LATENCY_ENABLED=0 at compile time: scopes vanish, the rest of the program still builds and runs.
#define LATENCY_ENABLED 0
#include <doctest/doctest.h>

#include <latency/latency.hpp>
#include <type_traits>

TEST_CASE("disabled: scopes and regions record nothing and hold nothing") {
  static_assert(std::is_empty_v<latency::scope>);
  static_assert(std::is_trivially_destructible_v<latency::scope>);
  latency::session run;
  {
    LATENCY_SCOPE("outer", {"block", 1});
    LATENCY_REGION("region");
    latency::scope s{"inner", {"a", 1}, {"b", 2.0}, {"c", "text"}};
    s.add({"d", 4});
    CHECK(s.id() == 0);
    s.close();
  }
  CHECK(run.stop().spans.empty());
}
