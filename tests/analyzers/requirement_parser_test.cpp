#include "analyzers/commands/requirement_parser.hpp"

#include <doctest/doctest.h>

#include <string>

#include "latency/error.hpp"

using latency::analysis::metric;
using latency::commands::bound_kind;
using latency::commands::holds;
using latency::commands::parse_requirement;

TEST_CASE("requirement: the example of the help is understood") {
  const auto r = parse_requirement("p99(interactive_vae_decode)<=85ms");
  CHECK(r.metric == metric::p99);
  CHECK(r.name == "interactive_vae_decode");
  CHECK(r.relation == bound_kind::at_most);
  CHECK(r.bound == 85e6);
}

TEST_CASE("requirement: every metric, comparison and unit") {
  CHECK(parse_requirement("mean(a)<1s").bound == 1e9);
  CHECK(parse_requirement("p50(a)>2us").bound == 2e3);
  CHECK(parse_requirement("p95(a)>=3ns").bound == 3);
  CHECK(parse_requirement("max(a)==4.5ms").bound == 4.5e6);
  CHECK(parse_requirement("min(a)<1ms").metric == metric::min);
  CHECK(parse_requirement("sum(a)<1ms").metric == metric::sum);
  CHECK(parse_requirement("exclusive(a)<1ms").metric == metric::exclusive);
  CHECK(parse_requirement("count(a)==12").bound == 12);
  CHECK(parse_requirement("share(a)<5%").bound == doctest::Approx(0.05));
  CHECK(parse_requirement("share(a)<0.05").bound == 0.05);
  CHECK(parse_requirement("share(a)>0.05").relation == bound_kind::above);
  CHECK(parse_requirement("count(a)>=1").relation == bound_kind::at_least);
}

TEST_CASE("requirement: white space and quoted names") {
  const auto r = parse_requirement("  p95 ( \"odd (name) \" )  <=  10 ms ");
  CHECK(r.name == "odd (name) ");
  CHECK(r.bound == 10e6);
  CHECK(parse_requirement("mean( two words )<1s").name == "two words");
}

TEST_CASE("requirement: what cannot be understood is refused at its character") {
  const std::string metrics =
      "expected a metric: mean, p50, p95, p99, max, min, sum, exclusive, count or share";
  const std::string compare = "expected <=, <, >=, > or ==";
  const std::string unit = "expected a unit of time: ns, us, ms or s";
  const std::string number = "expected a number that is not negative";
  const struct {
    const char* text;
    int character;
    std::string message;
  } cases[] = {{"", 1, metrics},
               {"p98(a)<1ms", 1, metrics},
               {" P99(a)<1ms", 2, metrics},
               {"p99", 4, "expected '(' and the name of a span"},
               {"p99 a", 5, "expected '(' and the name of a span"},
               {"p99()<1ms", 5, "expected the name of a span"},
               {"p99(a<1ms", 10, "expected ')' after the name of the span"},
               {"p99(\"a)<1ms", 5, "this quote is never closed"},
               {"p99(a)", 7, compare},
               {"p99(a)=1ms", 7, compare},
               {"p99(a)!=1ms", 7, compare},
               {"p99(a)<=", 9, number},
               {"p99(a)<=x", 9, number},
               {"p99(a)<=-5ms", 9, number},
               {"p99(a)<=nan", 9, number},
               {"p99(a)<=85", 11, unit},
               {"p99(a)<=85mm", 11, unit},
               {"p99(a)<=85 %", 12, unit},
               {"p99(a)<=85ms and", 14, "expected nothing more"},
               {"count(a)<=3ms", 12, "a count has no unit"},
               {"share(a)<=3ms", 12, "expected % or nothing after a share"}};
  for (const auto& c : cases) {
    const std::string line = "--require '" + std::string(c.text) + "': character " +
                             std::to_string(c.character) + ": " + c.message;
    CHECK_THROWS_WITH_AS((void)parse_requirement(c.text), line.c_str(), latency::error);
  }
}

TEST_CASE("requirement: a bound belongs to <= and >=, not to < and >") {
  CHECK(holds(parse_requirement("max(a)<=1us"), 1000));
  CHECK_FALSE(holds(parse_requirement("max(a)<1us"), 1000));
  CHECK(holds(parse_requirement("max(a)>=1us"), 1000));
  CHECK_FALSE(holds(parse_requirement("max(a)>1us"), 1000));
  CHECK(holds(parse_requirement("max(a)==1us"), 1000));
  CHECK_FALSE(holds(parse_requirement("max(a)==1us"), 1001));
}
