// The flight recorder as a program uses it.
#include <doctest/doctest.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <latency/detail/flight_ring.hpp>
#include <latency/detail/recorder.hpp>
#include <latency/device_accounting.hpp>
#include <latency/journal_reader.hpp>
#include <latency/latency.hpp>
#include <latency/proof.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "allocated_bytes.hpp"
#include "find_span.hpp"
#include "schema_complaint.hpp"
#include "tests/temporary_folder.hpp"

using namespace std::chrono_literals;
using latency_test::spans_named;
using nlohmann::json;

namespace {

latency::session_options quick() {
  latency::session_options options;
  options.capacity_spans = 400000;  // nothing is dropped on a busy machine either
  options.flight_recorder.window = 10s;
  options.flight_recorder.bytes = std::size_t{8} << 20;
  options.flight_recorder.after = 0ms;
  options.flight_recorder.at_most_every = 0ms;
  return options;
}

// The session's status once `wanted` files were written or failed.
latency::flight_recorder_status wait_for(const latency::session& run, std::int64_t wanted) {
  for (int i = 0; i < 3000; ++i) {
    const auto status = run.flight_recorder();
    if (status.written + status.failed >= wanted) return status;
    std::this_thread::sleep_for(10ms);
  }
  FAIL("no file within 30 s");
  return {};
}

json read_json(const std::string& path) {
  const json file = json::parse(latency_test::read_file(path));
  CHECK(latency_test::schema_complaint("timing.schema.json", file) == "");
  return file;
}

std::size_t count_named(const json& file, const std::string& name) {
  std::size_t found = 0;
  for (const auto& id : file.at("spans").at("name"))
    found += file.at("strings").at(id.get<std::size_t>()) == name ? 1 : 0;
  return found;
}

latency::recording last_seconds(const latency::session& run) {
  const std::vector<std::uint64_t> words = run.recorder()->last_seconds();
  return latency::read_journal(words.data(), words.size(), "");
}

latency::proof proof_of(const latency::recording& r) {
  const latency::span_tree tree(r);
  const latency::device_accounting accounting(r, tree);
  return latency::make_proof(r, tree, accounting);
}

// A round of the collector's, whether or not it got to run: one that brings more than a ring leaves
// no complete round in it.
void collect(const latency::session& run) {
  const std::lock_guard<std::mutex> lock(latency::detail::process().mutex);
  run.recorder()->collect_now();
}

void nap(std::chrono::milliseconds time) {
  std::this_thread::sleep_for(time);
}

}  // namespace

TEST_CASE("flight_recorder: a call writes a timing file while the program goes on") {
  const latency_test::temporary_folder folder;
  latency::session run{folder / "timing.json", quick()};
  latency::span_id asked_in = 0;
  for (int i = 0; i < 100; ++i) LATENCY_SCOPE("before", {"i", i});
  {
    latency::scope open{"request", {"n", 1}};
    asked_in = open.id();
    LATENCY_SCOPE("inside");
    CHECK(run.dump("the client gave up"));
    const auto status = wait_for(run, 1);
    CHECK(status.written == 1);
    CHECK(status.last_file == folder / "timing.flight-0001.json");
  }
  for (int i = 0; i < 100; ++i) LATENCY_SCOPE("after");
  run.finish();
  const json file = read_json(folder / "timing.flight-0001.json");
  CHECK(count_named(file, "before") == 100);
  CHECK(count_named(file, "after") == 0);
  CHECK(count_named(file, "request") == 1);
  CHECK(count_named(file, "inside") == 1);
  CHECK(file.at("run").at("flight_trigger") == "call");
  CHECK(file.at("run").at("flight_reason") == "the client gave up");
  CHECK(file.at("run").at("flight_number") == 1);
  CHECK(file.at("run").at("flight_skipped") == 0);
  CHECK(file.at("hygiene").at("open_spans") == 2);
  CHECK(file.at("hygiene").at("dropped_spans") == 0);
  CHECK(file.at("hygiene").at("overwritten_spans") == 0);
  CHECK(file.at("hygiene").at("incomplete") == false);
  const auto trigger_ns = file.at("run").at("flight_trigger_ns").get<std::int64_t>();
  CHECK(trigger_ns > 0);
  CHECK(trigger_ns <= file.at("wall_ns").get<std::int64_t>());
  // The innermost span that was open where it was asked for.
  CHECK(file.at("run").at("flight_span").get<std::uint64_t>() == asked_in + 1);

  const json whole = read_json(folder / "timing.json");  // ends with the last seconds as well
  CHECK(count_named(whole, "before") == 100);
  CHECK(count_named(whole, "after") == 100);
  CHECK(whole.at("run").at("flight_written") == 1);
  CHECK(folder.names() == std::vector<std::string>{"timing.flight-0001.json", "timing.json"});
}

TEST_CASE("flight_recorder: without one, a call does nothing and says so") {
  const latency_test::temporary_folder folder;
  latency::session run{folder / "timing.json"};
  CHECK(!run.dump("nobody listens"));
  CHECK(run.flight_recorder().skipped == 0);
  run.finish();
  CHECK(folder.names() == std::vector<std::string>{"timing.json"});
}

TEST_CASE("flight_recorder: a file holds the window, and what lies across its edge is cut") {
  const latency_test::temporary_folder folder;
  latency::session_options options = quick();
  options.flight_recorder.window = 100ms;
  latency::session run{folder / "timing.json", options};
  latency::scope whole{"since the start"};
  { LATENCY_SCOPE("long ago"); }
  latency::scope across{"across"};
  nap(250ms);
  across.close();
  { LATENCY_SCOPE("now"); }
  const latency::recording r = last_seconds(run);
  CHECK(r.wall_ns == doctest::Approx(100e6).epsilon(1e-4));
  CHECK(spans_named(r, "long ago").empty());
  CHECK(spans_named(r, "now").size() == 1);
  const auto cut = latency_test::span_named(r, "across");
  CHECK(cut.flags == latency::span_open_at_start);
  CHECK(cut.start_ns == 0);
  CHECK(latency_test::integer_of(r, cut.attributes, "before_window_ns") > 140000000);
  const auto root = latency_test::span_named(r, "since the start");
  CHECK(root.flags == (latency::span_open_at_start | latency::span_open_at_end));
  CHECK(root.end_ns - root.start_ns == r.wall_ns);
  CHECK(cut.parent == root.id);
  CHECK(r.hygiene.overwritten_spans == 1);
  CHECK(proof_of(r).clean());
}

TEST_CASE("flight_recorder: an async span is cut to the window, however long ago it began") {
  const latency_test::temporary_folder folder;
  latency::session_options options = quick();
  options.flight_recorder.window = 100ms;
  options.collect_every = 1ms;
  latency::session run{folder / "timing.json", options};
  latency::async_span open{"open", {"n", 1}}, ended{"ended", {"n", 2}};
  { const latency::async_span gone{"gone"}; }
  nap(200ms);
  std::thread([&] { ended.end(); }).join();
  { const latency::async_span inside{"inside"}; }
  const latency::recording r = last_seconds(run);
  std::map<std::string, latency::recorded_async_span> by_name;
  for (const auto& s : r.async_spans) by_name[r.strings[s.name]] = s;
  CHECK(r.async_spans.size() == 3);
  CHECK(by_name.count("gone") == 0);
  CHECK(by_name["open"].flags == (latency::span_open_at_start | latency::span_open_at_end));
  CHECK(by_name["open"].end_ns == r.wall_ns);
  CHECK(latency_test::integer_of(r, by_name["open"].attributes, "n") == 1);
  CHECK(by_name["ended"].flags == latency::span_open_at_start);
  CHECK(by_name["ended"].start_ns == 0);
  CHECK(by_name["ended"].end_ns < r.wall_ns);
  CHECK(latency_test::integer_of(r, by_name["ended"].attributes, "n") == 2);
  CHECK(by_name["ended"].end_thread != by_name["ended"].begin_thread);
  CHECK(by_name["inside"].flags == 0);
  CHECK(r.hygiene.open_spans == 1);
}

// Files are taken at any moment of busy threads: each is sound, and of each thread it has all spans
// from the first to the last one that it has.
TEST_CASE("flight_recorder: while threads record, each file is sound and lacks nothing") {
  const latency_test::temporary_folder folder;
  latency::session_options options = quick();
  options.flight_recorder.window = 50ms;
  latency::session run{folder / "timing.json", options};
  std::atomic<bool> enough{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] {
      while (!enough.load(std::memory_order_relaxed)) {
        LATENCY_SCOPE("outer");
        for (int k = 0; k < 20; ++k) LATENCY_SCOPE("inner", {"k", k});
        std::this_thread::sleep_for(100us);
      }
    });
  std::size_t spans = 0;
  for (int i = 0; i < 20; ++i) {
    const latency::recording r = last_seconds(run);
    const latency::proof proven = proof_of(r);
    CHECK(r.hygiene.dropped_spans == 0);
    CHECK(proven.exact());
    CHECK(proven.span_problems.records == 0);
    CHECK(proven.clean());
    std::map<std::uint64_t, std::set<latency::span_id>> of_thread;
    for (const auto& s : r.spans) of_thread[s.id >> 40].insert(s.id);
    for (const auto& [thread, ids] : of_thread) {
      // The outer span of a thread may be older than all that is missing between it and the next.
      auto first = ids.begin();
      if (ids.size() > 1 && *std::next(first) != *first + 1) ++first;
      CHECK(*ids.rbegin() - *first + 1 ==
            static_cast<std::uint64_t>(std::distance(first, ids.end())));
    }
    spans += r.spans.size();
    CHECK(run.dump("again"));
    wait_for(run, i + 1);
  }
  enough = true;
  for (std::thread& t : threads) t.join();
  CHECK(spans > 0);
  CHECK(run.flight_recorder().failed == 0);
  run.finish();
  CHECK(folder.names().size() == 16 + 1);  // the newest files, and the session's own
  for (const std::string& name : folder.names()) CHECK(read_json(folder / name).contains("spans"));
}

TEST_CASE("flight_recorder: every span recorded is in the file, overwritten, or still to come") {
  const latency_test::temporary_folder folder;
  latency::session_options options = quick();
  options.flight_recorder.bytes = latency::detail::flight_ring::least_bytes;  // 10^5 spans
  latency::session run{folder / "timing.json", options};
  constexpr int opened = 300000;
  for (int i = 0; i < opened; ++i) {
    LATENCY_SCOPE("span");
    if (i % 20000 == 0) collect(run);
  }
  const latency::recording r = run.finish();
  REQUIRE(!r.spans.empty());
  CHECK(r.hygiene.dropped_spans == 0);
  CHECK(r.hygiene.overwritten_spans > opened / 2);
  CHECK(static_cast<std::int64_t>(r.spans.size()) + r.hygiene.overwritten_spans == opened);
  CHECK(r.spans.back().id == opened);
  CHECK(proof_of(r).exact());
}

TEST_CASE("flight_recorder: a signal asks for a file, and its handler goes with the session") {
  const latency_test::temporary_folder folder;
  const auto before = ::signal(SIGUSR2, SIG_IGN);
  {
    latency::session_options options = quick();
    options.flight_recorder.signal = SIGUSR2;
    latency::session run{folder / "timing.json", options};
    { LATENCY_SCOPE("work"); }
    kill(getpid(), SIGUSR2);
    const auto status = wait_for(run, 1);
    const json file = read_json(status.last_file);
    CHECK(file.at("run").at("flight_trigger") == "signal");
    CHECK(count_named(file, "work") == 1);
  }
  CHECK((::signal(SIGUSR2, before) == SIG_IGN));
}

TEST_CASE("flight_recorder: a pixel frame that misses its deadline has a file") {
  const latency_test::temporary_folder folder;
  latency::session_options options = quick();
  options.flight_recorder.pixel_frame_period = 20ms;
  latency::session run{folder / "timing.json", options};
  const auto complete = [](int index) {
    LATENCY_SCOPE("decode");
    latency::pixel_frame row;
    row.index = index;
    latency::record(row);
  };
  for (int i = 0; i < 3; ++i) complete(i);  // ahead of time
  nap(150ms);
  complete(3);  // due at 60 ms
  complete(4);  // due at 80 ms: late, too, but not anew
  const auto status = wait_for(run, 1);
  nap(50ms);
  CHECK(run.flight_recorder().written == 1);
  CHECK(run.flight_recorder().skipped == 0);
  const json file = read_json(status.last_file);
  CHECK(file.at("run").at("flight_trigger") == "deadline");
  CHECK(file.at("run").at("flight_pixel_frame") == 3);
  CHECK(file.at("run").at("flight_lateness_ns").get<std::int64_t>() >= 90000000 - 1000);
  CHECK(file.at("pixel_frames").at("index").size() >= 4);
}

TEST_CASE("flight_recorder: of a storm one file is written, and the next one says what it lacks") {
  const latency_test::temporary_folder folder;
  latency::session_options options = quick();
  options.flight_recorder.at_most_every = 200ms;
  latency::session run{folder / "timing.json", options};
  CHECK(run.dump("first"));
  for (int i = 0; i < 1000; ++i) CHECK(!run.dump("storm"));
  nap(250ms);
  CHECK(run.dump("second"));
  wait_for(run, 2);
  CHECK(run.flight_recorder().skipped == 1000);
  run.finish();
  const auto skipped = [&](const char* name) {
    return read_json(folder / name).at("run").at("flight_skipped").get<int>();
  };
  CHECK(skipped("timing.flight-0001.json") + skipped("timing.flight-0002.json") == 1000);
  CHECK(folder.names().size() == 3);
}

TEST_CASE("flight_recorder: keeps so many files of its own, and none of an earlier run goes") {
  const latency_test::temporary_folder folder;
  {
    latency::session run{folder / "timing.json", quick()};
    run.dump("earlier");
    run.finish();
  }
  latency::session_options options = quick();
  options.flight_recorder.files = 2;
  latency::session run{folder / "timing.json", options};
  for (int i = 0; i < 5; ++i) {
    run.dump("file");
    wait_for(run, i + 1);
  }
  run.finish();
  CHECK(folder.names() == std::vector<std::string>{"timing.flight-0001.json",
                                                   "timing.flight-0005.json",
                                                   "timing.flight-0006.json", "timing.json"});
}

TEST_CASE("flight_recorder: what is asked for at the session's end is written") {
  const latency_test::temporary_folder folder;
  latency::session_options options = quick();
  options.flight_recorder.after = 30s;
  latency::session run{folder / "timing.json", options};
  { LATENCY_SCOPE("work"); }
  CHECK(run.dump("last words"));
  run.finish();
  CHECK(count_named(read_json(folder / "timing.flight-0001.json"), "work") == 1);
  CHECK(!run.dump("after the end"));
}

TEST_CASE("flight_recorder: a deadline missed just before the session's end has its file") {
  const latency_test::temporary_folder folder;
  latency::session_options options = quick();
  options.flight_recorder.pixel_frame_period = 20ms;
  options.collect_every = 1h;  // as if it ended within a round
  latency::session run{folder / "timing.json", options};
  for (int i = 0; i < 2; ++i) {
    latency::pixel_frame row;
    row.index = i;
    latency::record(row);
    nap(50ms);
  }
  run.finish();
  CHECK(run.flight_recorder().written == 1);
  CHECK(read_json(folder / "timing.flight-0001.json").at("run").at("flight_pixel_frame") == 1);
}

TEST_CASE("flight_recorder: a file that cannot be written is counted, and the next one says so") {
  const latency_test::temporary_folder folder;
  std::filesystem::create_directory(folder / "files");
  latency::session_options options = quick();
  options.flight_recorder.folder = folder / "files";
  latency::session run{folder / "timing.json", options};
  { LATENCY_SCOPE("work"); }
  std::filesystem::rename(folder / "files", folder / "away");
  CHECK(run.dump("nowhere"));
  auto status = wait_for(run, 1);
  CHECK(status.failed == 1);
  CHECK(status.last_error ==
        folder / "files/timing.flight-0001.json" + ": cannot create: No such file or directory");
  std::filesystem::rename(folder / "away", folder / "files");
  CHECK(run.dump("there again"));
  status = wait_for(run, 2);
  CHECK(status.written == 1);
  const json file = read_json(folder / "files/timing.flight-0001.json");
  CHECK(file.at("run").at("flight_failed") == 1);
  CHECK(count_named(file, "work") == 1);
  run.finish();
  CHECK(read_json(folder / "timing.json").at("run").at("flight_failed") == 1);
}

TEST_CASE("flight_recorder: a full disk loses files, not what is recorded") {
  const latency_test::temporary_folder folder;
  const auto old_action = ::signal(SIGXFSZ, SIG_IGN);
  latency::session run{folder / "timing.json", quick()};
  rlimit before{}, tight{};
  getrlimit(RLIMIT_FSIZE, &before);
  tight = before;
  tight.rlim_cur = 4000;
  setrlimit(RLIMIT_FSIZE, &tight);
  for (int i = 0; i < 1000; ++i) LATENCY_SCOPE("meanwhile");
  CHECK(run.dump("full"));
  const auto status = wait_for(run, 1);
  setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, old_action);
  CHECK(status.failed == 1);
  CHECK(status.last_error.find("cannot write: File too large") != std::string::npos);
  CHECK(folder.names() == std::vector<std::string>{"timing.json.journal"});  // and nothing by half
  const latency::recording r = run.finish();
  CHECK(spans_named(r, "meanwhile").size() == 1000);
}

TEST_CASE("flight_recorder: after an abort the journal has the last seconds") {
  const latency_test::temporary_folder folder;
  const pid_t child = fork();
  if (child == 0) {
    ::signal(SIGABRT, SIG_DFL);
    latency::session_options options = quick();
    options.flight_recorder.bytes = latency::detail::flight_ring::least_bytes;
    latency::session run{folder / "timing.json", options};
    latency::scope root{"serve"};
    for (int i = 0; i < 400000; ++i) {
      LATENCY_SCOPE("span");
      if (i % 20000 == 0) collect(run);
    }
    collect(run);
    std::abort();
  }
  int state = 0;
  waitpid(child, &state, 0);
  REQUIRE(WIFSIGNALED(state));
  CHECK(folder.names() == std::vector<std::string>{"timing.json.journal"});
  CHECK(std::filesystem::file_size(folder / "timing.json.journal") <
        latency::detail::flight_ring::least_bytes + 10000);
  const latency::recording r = latency::read_journal(folder / "timing.json.journal");
  CHECK(r.hygiene.incomplete);
  CHECK(r.hygiene.damaged_blocks == 0);
  const auto spans = spans_named(r, "span");
  REQUIRE(spans.size() > 50000);
  CHECK(spans.back().id == 400001);
  CHECK(spans.back().id - spans.front().id + 1 == spans.size());
  CHECK(spans_named(r, "serve").size() == 1);
  CHECK(proof_of(r).exact());
  CHECK(proof_of(r).span_problems.records == 0);
}

TEST_CASE("flight_recorder: killed in the midst of a file, there is no half file") {
  const latency_test::temporary_folder folder;
  int files = 0;
  for (int round = 0; round < 20; ++round) {
    const std::string output = folder / ("timing" + std::to_string(round) + ".json");
    const pid_t child = fork();
    if (child == 0) {
      latency::session run{output, quick()};
      for (int i = 0; i < 30000; ++i) LATENCY_SCOPE("span", {"i", i});
      run.dump("will be killed");
      nap(std::chrono::milliseconds(1 + 3 * round));
      kill(getpid(), SIGKILL);
    }
    int state = 0;
    waitpid(child, &state, 0);
    REQUIRE(WIFSIGNALED(state));
    const latency::recording r = latency::read_journal(output + ".journal");
    CHECK(r.hygiene.damaged_blocks <= 1);
    CHECK(proof_of(r).exact());
  }
  for (const std::string& name : folder.names()) {
    if (name.size() < 5 || name.substr(name.size() - 5) != ".json") continue;
    ++files;
    CHECK(count_named(read_json(folder / name), "span") == 30000);
  }
  MESSAGE(files, " files were written before the kill");
}

TEST_CASE("flight_recorder: a forked child has none of its parent's") {
  const latency_test::temporary_folder folder;
  latency::session run{folder / "timing.json", quick()};
  { LATENCY_SCOPE("work"); }
  const pid_t child = fork();
  if (child == 0) {
    const bool asked = run.dump("in the child");
    _exit(asked || run.flight_recorder().written != 0 ? 1 : 0);
  }
  int state = 0;
  waitpid(child, &state, 0);
  CHECK(WIFEXITED(state));
  CHECK(WEXITSTATUS(state) == 0);
  CHECK(run.dump("in the parent"));
  run.finish();
  CHECK(folder.names() == std::vector<std::string>{"timing.flight-0001.json", "timing.json"});
}

// What is kept does not grow with what is recorded: after the ring has been filled once, ten times
// as many spans take no more memory.
TEST_CASE("flight_recorder: memory stays what it was") {
  const latency_test::temporary_folder folder;
  latency::session_options options = quick();
  options.flight_recorder.bytes = latency::detail::flight_ring::least_bytes;
  options.capacity_spans = 65536;
  latency::session run{folder / "timing.json", options};
  const auto fill = [&run] {
    for (int i = 0; i < 200000; ++i) {
      LATENCY_SCOPE("span");
      if (i % 20000 == 0) collect(run);
    }
  };
  fill();
  const std::int64_t before_bytes = latency_test::allocated_bytes();
  for (int i = 0; i < 10; ++i) fill();  // 88 MB of records
  // What waits to be written may be more at the end than it was before: 1 MiB at most, twice.
  CHECK(latency_test::allocated_bytes() - before_bytes < 2 << 20);
  // A thread's part: a buffer for 65536 spans of 40 bytes, and its stack of open spans.
  const std::lock_guard<std::mutex> lock(latency::detail::process().mutex);
  for (const auto& t : latency::detail::process().threads)
    if (t->chunk_count != 0 && t->generation.load() == run.recorder()->generation())
      CHECK(t->chunk_count * sizeof(latency::detail::chunk) +
                sizeof(latency::detail::thread_state) ==
            81 * 32768 + sizeof(latency::detail::thread_state));
}

// What malloc keeps of what was freed, a program has for good: each file must give back what it
// took.
TEST_CASE("flight_recorder: memory that a file takes goes back to the system") {
  const latency_test::temporary_folder folder;
  latency::session_options options = quick();
  options.flight_recorder.bytes = std::size_t{64} << 20;
  latency::session run{folder / "timing.json", options};
  for (int i = 0; i < 300000; ++i) LATENCY_SCOPE("span");
  collect(run);
  const std::size_t before_bytes = mallinfo2().fordblks;
  for (int files = 1; files <= 3; ++files) {  // malloc learns from the first which blocks to keep
    REQUIRE(run.dump("now"));
    CHECK(wait_for(run, files).written == files);
  }
  CHECK(mallinfo2().fordblks < before_bytes + (std::size_t{6} << 20));  // a file's rows: 24 MB
}

TEST_CASE("flight_recorder: what cannot be is refused in one line") {
  const latency_test::temporary_folder folder;
  const auto complaint = [&](const latency::session_options& options, const std::string& output) {
    try {
      latency::session run{output, options};
    } catch (const latency::error& e) {
      return std::string(e.what());
    }
    return std::string("none");
  };
  const std::string output = folder / "timing.json";
  latency::session_options options = quick();
  CHECK(complaint(options, "") == "flight_recorder: output: needs a session with a file");
  options.mode = latency::session_mode::ring;
  CHECK(complaint(options, output) ==
        "session_options: mode: a flight recorder has a ring of its own");
  options = quick();
  options.flight_recorder.bytes = 1000;
  CHECK(complaint(options, output) == "flight_recorder: bytes: must be from 4 MiB to 64 GiB");
  options = quick();
  options.flight_recorder.signal = SIGSEGV;
  CHECK(complaint(options, output) ==
        "flight_recorder: signal: Segmentation fault cannot ask for a file");
  options = quick();
  options.flight_recorder.folder = folder / "nowhere";
  CHECK(complaint(options, output) ==
        folder / "nowhere" + ": is no folder for the flight recorder's files");
  CHECK(folder.names().empty());
}

TEST_CASE("flight_recorder: LATENCY_FLIGHT says the same") {
  const auto all = latency::detail::parse_flight(
      "seconds=2.5,mebibytes=8,after_ms=0,every_ms=100,files=3,folder=/tmp,signal=SIGUSR2,"
      "period_ms=41.6667");
  CHECK(all.window == 2500ms);
  CHECK(all.bytes == std::size_t{8} << 20);
  CHECK(all.after == 0ms);
  CHECK(all.at_most_every == 100ms);
  CHECK(all.files == 3);
  CHECK(all.folder == "/tmp");
  CHECK(all.signal == SIGUSR2);
  CHECK(all.pixel_frame_period == 41666700ns);
  for (const char* wrong :
       {"10", "seconds=", "seconds=-1", "seconds=ten", "signal=USR2", "seconds=1,signal=NONE",
        "seconds=1,colour=red", "seconds=1,files=x", "seconds=nan"})
    CHECK_THROWS_AS((void)latency::detail::parse_flight(wrong), latency::error);
}
