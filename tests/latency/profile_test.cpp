#include "latency/profile.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>

#include "tests/temporary_folder.hpp"

using latency_test::temporary_folder;
using nlohmann::json;

namespace {

// Names of the spans in a trace, with their categories.
std::multiset<std::string> slices(const std::string& path) {
  std::multiset<std::string> names;
  const json trace = json::parse(latency_test::read_file(path));
  for (const json& event : trace.at("traceEvents"))
    if (event.at("ph") == "X")
      names.insert(event.at("name").get<std::string>() + " " + event.at("cat").get<std::string>());
  return names;
}

}  // namespace

TEST_CASE("profile: without a session it traces what its scope recorded") {
  const temporary_folder folder;
  { LATENCY_SCOPE("before"); }
  {
    const latency::profile look{folder / "trace.json"};
    LATENCY_SCOPE("outer");
    for (int i = 0; i < 2; ++i) {
      LATENCY_SCOPE("inner", {"i", i});
    }
    CHECK(folder.names().empty());
  }
  { LATENCY_SCOPE("after"); }
  CHECK(slices(folder / "trace.json") ==
        std::multiset<std::string>{"inner span", "inner span", "outer span"});
}

TEST_CASE("profile: in a session it traces its part, and the session keeps all") {
  const temporary_folder folder;
  for (const char* output : {"", "timing.json"}) {
    CAPTURE(std::string(output));
    latency::session run{*output == 0 ? "" : folder / output};
    {
      LATENCY_SCOPE("before");
      latency::instant("early");
    }
    {
      LATENCY_SCOPE("around");
      {
        latency::profile look{folder / "trace.json"};
        {
          LATENCY_SCOPE("inside");
          std::thread([] { LATENCY_SCOPE("other thread"); }).join();
        }
        look.finish();
      }
      const std::string text = latency_test::read_file(folder / "trace.json");
      CHECK(slices(folder / "trace.json") == std::multiset<std::string>{"around span,open_at_end",
                                                                        "inside span",
                                                                        "other thread span"});
      CHECK(text.find("early") == std::string::npos);
    }
    { LATENCY_SCOPE("after"); }
    const latency::recording recorded = run.stop();
    std::multiset<std::string> names;
    for (const latency::span& s : recorded.spans) names.insert(recorded.name_of(s));
    CHECK(names ==
          std::multiset<std::string>{"after", "around", "before", "inside", "other thread"});
    CHECK(recorded.hygiene.open_spans == 0);
  }
}

TEST_CASE("profile: it can be repeated in one session") {
  const temporary_folder folder;
  latency::session run;
  for (const char* name : {"first", "second"}) {
    latency::profile look{folder / name};
    { const latency::scope span{name}; }
    look.finish();
    CHECK(slices(folder / name) == std::multiset<std::string>{name + std::string(" span")});
  }
}

TEST_CASE("profile: a session that ends within it, or tells only at its end, is an error") {
  const temporary_folder folder;
  auto run = std::make_unique<latency::session>();
  latency::profile look{folder / "trace.json"};
  run.reset();
  CHECK_THROWS_WITH_AS(look.finish(),
                       "profile: the session that was in progress has ended before the profile",
                       latency::error);

  latency::session_options options;
  options.mode = latency::session_mode::ring;
  const latency::session ring{"", options};
  CHECK_THROWS_AS(latency::profile{folder / "trace.json"}, latency::error);
  CHECK(folder.names().empty());
}

TEST_CASE("profile: a trace that cannot be written is an error of finish()") {
  const temporary_folder folder;
  const std::string path = folder / "missing/trace.json";
  latency::profile look{path};
  CHECK_THROWS_WITH_AS(look.finish(), (path + ": cannot create: No such file or directory").c_str(),
                       latency::error);
}
