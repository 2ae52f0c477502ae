#include "latency/overhead.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <latency/journal_reader.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "tests/latency/schema_complaint.hpp"
#include "tests/temporary_folder.hpp"

using latency::distortion;
using latency::distortions_in;
using latency::measure_overhead;
using latency::measured_time;
using latency::overhead_options;
using latency::overhead_result;
using latency::overhead_sample;
using latency::overhead_trial;
using latency::detail::overhead_order;

namespace {

// A device whose times are told.
struct told_device {
  void begin() {}
  double end_ns() { return ns; }
  double ns;
};

void two_loops(overhead_trial& trial) {
  trial.time("spans", [] {
    for (int i = 0; i < 100; ++i) LATENCY_SCOPE("step", {"i", i});
  });
  told_device device{5000};
  trial.time(
      "told", [] {}, device);
}

overhead_options few(int rounds) {
  overhead_options options;
  options.rounds = rounds;
  options.passes = 3;
  options.warm_up_passes = 1;
  options.seed = 1;
  return options;
}

std::string message_of(const latency::overhead_workload& workload,
                       const overhead_options& options = few(1)) {
  try {
    static_cast<void>(measure_overhead(workload, options));
  } catch (const latency::error& e) {
    return e.what();
  }
  return "";
}

overhead_result told(const std::vector<double>& off_us, const std::vector<double>& events_us) {
  overhead_result result;
  result.seed = 42;
  result.tiers = {"off", "events"};
  result.loops = {"decode"};
  for (const double us : off_us) result.samples.push_back({"off", {{"decode", us * 1000, 0}}});
  for (const double us : events_us)
    result.samples.push_back({"events", {{"decode", us * 1000, 0}}});
  return result;
}

}  // namespace

TEST_CASE("overhead order: each round has every tier once, equal seeds give equal orders") {
  const auto orders = overhead_order(5, 200, 3);
  CHECK(orders.size() == 200);
  std::map<std::size_t, int> firsts;
  for (const auto& order : orders) {
    CHECK(std::set<std::size_t>(order.begin(), order.end()) ==
          std::set<std::size_t>{0, 1, 2, 3, 4});
    CHECK(order.size() == 5);
    ++firsts[order.front()];
  }
  for (std::size_t tier = 0; tier < 5; ++tier) {  // 40 expected, standard deviation 5.7
    CHECK_MESSAGE(firsts[tier] > 15, tier);
    CHECK_MESSAGE(firsts[tier] < 65, tier);
  }
  CHECK(overhead_order(5, 200, 3) == orders);
  CHECK(overhead_order(5, 200, 4) != orders);
  // By hand: the generator's numbers, which the standard fixes, are 2 modulo 3, even, 0 modulo 3,
  // even; the last of the rest changes places with the one of that index.
  CHECK(overhead_order(3, 2, 1) == std::vector<std::vector<std::size_t>>{{1, 0, 2}, {0, 2, 1}});
}

TEST_CASE("measure_overhead: every tier has a sample of each loop for every round") {
  const overhead_result found = measure_overhead(two_loops, few(5));
  CHECK(found.seed == 1);
  CHECK(found.tiers == std::vector<std::string>{"off", "spans"});
  CHECK(found.loops == std::vector<std::string>{"spans", "told"});
  CHECK(found.samples.size() == 10);
  const auto order = overhead_order(2, 5, 1);
  for (std::size_t i = 0; i < 10; ++i)
    CHECK(found.samples[i].tier == found.tiers[order[i / 2][i % 2]]);
  for (const std::string& tier : found.tiers) {
    CHECK(found.times_ns("spans", tier, measured_time::host).size() == 5);
    CHECK(found.times_ns("spans", tier, measured_time::device).empty());
    CHECK(found.times_ns("told", tier, measured_time::device) == std::vector<double>(5, 5000.0));
  }
  const std::vector<distortion> all = found.distortions();
  REQUIRE(all.size() == 3);
  CHECK(all[0].loop == "spans");
  CHECK(all[0].tier == "spans");
  CHECK(all[0].ratio > 0);
  CHECK(all[2].of == measured_time::device);
  CHECK(all[2].low == 1);
  CHECK(all[2].high == 1);
}

TEST_CASE("measure_overhead: nothing records in off, and each sample is a process of its own") {
  const latency_test::temporary_folder folder;
  const std::string log = folder / "log";
  ::setenv("LATENCY_OUTPUT", (folder / "default.json").c_str(), 1);
  static_cast<void>(measure_overhead(
      [&](overhead_trial& trial) {
        trial.time("loop", [] { LATENCY_SCOPE("step"); });
        const bool records = latency::now().count() > 0;
        std::ofstream(log, std::ios::app) << getpid() << (records ? " spans\n" : " off\n");
      },
      few(3)));
  ::unsetenv("LATENCY_OUTPUT");
  std::ifstream lines(log);
  std::map<std::string, std::set<std::string>> pids;
  for (std::string pid, tier; lines >> pid >> tier;) pids[tier].insert(pid);
  CHECK(pids["off"].size() == 4);  // one that does not count
  CHECK(pids["spans"].size() == 3);
  CHECK(pids["off"].count(std::to_string(getpid())) == 0);
  CHECK(folder.names() == std::vector<std::string>{"log"});
}

TEST_CASE("overhead result: ratios of medians, by hand") {
  // Medians 20 and 25. A resampled median of the first is 10 where at least three of five draws
  // are: 5.8 % of the time, more than the 2.5 % below an interval. So is 30.
  const std::vector<double> off{10, 20, 20, 20, 30}, events(5, 25);
  const std::vector<distortion> found = told(off, events).distortions();
  REQUIRE(found.size() == 1);
  CHECK(found[0].tier == "events");
  CHECK(found[0].of == measured_time::host);
  CHECK(found[0].ratio == 1.25);
  CHECK(found[0].low == doctest::Approx(25.0 / 30));
  CHECK(found[0].high == doctest::Approx(2.5));
  CHECK(told(off, events).table() ==
        "loop      tier  time  n  median us  x off   95 % interval\n"
        "decode     off  host  5       20.0\n"
        "decode  events  host  5       25.0  1.250  0.833 to 2.500\n"
        "order of tiers: seed 42\n");
}

TEST_CASE("overhead result: too few samples give no interval, and nothing to warn of") {
  CHECK(told({20, 20, 20, 20, 20}, {25, 25, 25, 25}).distortions().empty());
  CHECK(told({20, 20, 20, 20}, {25, 25, 25, 25, 25}).distortions().empty());
  CHECK(told({20, 20, 20, 20, 20}, {}).distortions().empty());
  CHECK(told({20}, {25}).table() ==
        "loop      tier  time  n  median us  x off  95 % interval\n"
        "decode     off  host  1       20.0\n"
        "decode  events  host  1       25.0\n"
        "order of tiers: seed 42\n");
}

TEST_CASE("measure_overhead: a process that fails gives one line that names the tier") {
  CHECK(message_of([](overhead_trial&) { throw latency::error("no\nmodel"); }) ==
        "measure_overhead: off: no?model");
  CHECK(message_of([](overhead_trial&) { throw 7; }) ==
        "measure_overhead: off: an exception of an unknown kind");
  CHECK(message_of([](overhead_trial&) { ::_exit(3); }) ==
        "measure_overhead: off: its process exited with status 3");
  CHECK(message_of([](overhead_trial&) { ::_exit(0); }) ==
        "measure_overhead: off: its process exited before the workload returned");
  CHECK(message_of([](overhead_trial&) { ::raise(SIGKILL); }) ==
        "measure_overhead: off: its process was ended by signal 9 (Killed)");
  CHECK(message_of([](overhead_trial&) {}) == "measure_overhead: off: the workload timed no loop");
  CHECK(message_of([](overhead_trial& trial) { trial.time("a\nb", [] {}); }) ==
        "measure_overhead: off: overhead_trial: loop: a name of one line is needed, not 'a?b'");
  overhead_options options = few(1);
  options.tiers.push_back({"broken", [](const auto&) { throw latency::error("no CUPTI"); }});
  CHECK(message_of(two_loops, options) == "measure_overhead: broken: no CUPTI");
  options = few(0);
  CHECK(message_of(two_loops, options) ==
        "measure_overhead: needs at least one round, one pass and one second");
  options = few(1);
  options.at_most = std::chrono::seconds(1);
  CHECK(message_of([](overhead_trial&) { ::pause(); }, options) ==
        "measure_overhead: off: its process took longer than 1 s, and was killed");
}

TEST_CASE("measure_overhead: a tier that loses records has not measured, and says so") {
  latency::session_options small;
  small.capacity_spans = 1;
  small.collect_every = std::chrono::milliseconds(10000);
  overhead_options options = few(1);
  options.tiers.push_back(latency::spans_tier(small));
  const std::string message = message_of(
      [](overhead_trial& trial) {
        trial.time("loop", [] {
          for (int i = 0; i < 2'000'000; ++i) LATENCY_SCOPE("step");
        });
      },
      options);
  CHECK_MESSAGE(message.find("measure_overhead: spans: lost ") == 0, message);
}

TEST_CASE("measure_overhead: a sample that is no sample is refused, with what it was") {
  using latency::detail::from_lines;
  const auto complaint = [](const std::string& text) {
    try {
      static_cast<void>(from_lines(text));
    } catch (const latency::error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  for (const std::string line : {"", "1 2", "1 2 ", "1", "x 2 loop", "1 x loop", "-1 2 loop",
                                 "1 -2 loop", "nan 1 loop", "loop", "\x1b[2J"}) {
    const std::string shown = line[0] == '\x1b' ? "?[2J" : line;
    CHECK(complaint(line + "\n") == "its process told '" + shown + "' in place of a loop's times");
  }
  const std::vector<latency::loop_times> loops{{"a b.c", 1.0 / 3, 0}, {"d", 1e9 + 0.1, 5}};
  const auto back = from_lines(latency::detail::to_lines(loops));
  REQUIRE(back.size() == 2);
  CHECK(back[0].loop == "a b.c");
  CHECK(back[0].host_ns == 1.0 / 3);
  CHECK(back[1].host_ns == 1e9 + 0.1);
  CHECK(back[1].device_ns == 5);
}

TEST_CASE("measure_overhead: refused where fork would leave threads behind") {
  std::thread other([] { std::this_thread::sleep_for(std::chrono::milliseconds(200)); });
  const std::string message = message_of(two_loops);
  other.join();
  CHECK(message.find("measure_overhead: this process has started threads") == 0);
}

TEST_CASE("session: a measured overhead is in the journal and in the file, beside the span's") {
  const latency_test::temporary_folder folder;
  const std::string path = folder / "timing.json";
  const distortion told{"decode", "kernels", measured_time::device, 1.25, 1.125, 1.5};
  latency::session run(path);
  run.describe_overhead({{"decode", "kernels", measured_time::device, 7, 6, 8}});
  run.describe_overhead({told});  // in place of those
  run.describe("overhead", 3);    // a name of the program's own
  std::vector<distortion> in_journal;
  for (int wait = 0; in_journal.empty() && wait < 1000; ++wait) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    in_journal = distortions_in(latency::read_journal(path + ".journal").overhead);
  }
  CHECK(in_journal.size() == 1);
  static_cast<void>(run.finish());

  std::ifstream text(path);
  const nlohmann::json file = nlohmann::json::parse(text);
  CHECK(file["run"]["overhead"] == 3);
  CHECK(file["overhead"].size() == 4);
  CHECK(file["overhead"]["span_ns"].get<double>() > 0);
  CHECK(file["overhead"]["decode.kernels.device_ratio"] == 1.25);
  CHECK(file["overhead"]["decode.kernels.device_low_ratio"] == 1.125);
  CHECK(file["overhead"]["decode.kernels.device_high_ratio"] == 1.5);
  CHECK(latency_test::schema_complaint("timing.schema.json", file) == "");
}
