// The recorder among busy threads, and when the system refuses what it asks for.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <latency/detail/recorder.hpp>
#include <latency/journal_reader.hpp>
#include <latency/latency.hpp>
#include <set>
#include <thread>

#include "find_span.hpp"
#include "tests/temporary_folder.hpp"

namespace {

// The session in progress.
std::shared_ptr<latency::detail::recorder> running_recorder() {
  const std::lock_guard<std::mutex> lock(latency::detail::process().mutex);
  return latency::detail::process().current;
}

}  // namespace

TEST_CASE(
    "recorder: collecting at every moment of a busy thread neither loses nor repeats a span") {
  latency::session_options options;
  options.capacity_spans = 1;  // the fewest chunks: their ends come by often
  latency::session run{"", options};
  const auto recorder = running_recorder();
  std::atomic<bool> enough{false};
  std::uint64_t opened = 0;
  std::thread worker([&] {
    for (; !enough.load(std::memory_order_relaxed); ++opened) LATENCY_SCOPE("span");
  });
  const auto start = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(500)) {
    const std::lock_guard<std::mutex> lock(latency::detail::process().mutex);
    recorder->collect_now();
  }
  enough = true;
  worker.join();
  const latency::recording r = run.stop();
  std::set<latency::span_id> ids;
  for (const auto& s : r.spans) ids.insert(s.id);
  CHECK(ids.size() == r.spans.size());
  CHECK(r.spans.size() + static_cast<std::uint64_t>(r.hygiene.dropped_spans) == opened);
}

TEST_CASE("recorder: a span that closes while the session ends is neither lost nor an orphan") {
  int missing = 0;
  for (int round = 0; round < 400; ++round) {
    latency::session run;
    std::atomic<bool> enough{false};
    std::atomic<int> begun{0};
    std::thread worker([&] {
      while (!enough.load(std::memory_order_relaxed)) {
        LATENCY_SCOPE("outer");
        { LATENCY_SCOPE("inner"); }
        begun.store(1, std::memory_order_relaxed);
      }
    });
    while (begun.load() == 0) std::this_thread::yield();
    const latency::recording r = run.stop();
    enough = true;
    worker.join();
    std::set<latency::span_id> ids;
    for (const auto& s : r.spans) ids.insert(s.id);
    REQUIRE(!ids.empty());
    if (r.hygiene.dropped_spans != 0) continue;
    // Every id from the first to the last: what is missing was neither published nor open.
    missing += static_cast<int>(*ids.rbegin() - *ids.begin() + 1 - ids.size());
  }
  CHECK(missing == 0);
}

TEST_CASE("recorder: a capacity that no memory holds is refused") {
  latency::session_options options;
  options.capacity_spans = SIZE_MAX;
  CHECK_THROWS_WITH_AS((latency::session{"", options}),
                       "session_options: capacity_spans: 18446744073709551615 is more than "
                       "268435456",
                       latency::error);
}

TEST_CASE("recorder: its thread takes none of the program's signals") {
  const latency_test::temporary_folder folder;
  latency::session run{folder / "out.json"};
  sigset_t one, before;
  sigemptyset(&one);
  sigaddset(&one, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &one, &before);
  static std::atomic<int> taken;
  taken = 0;
  const auto old = ::signal(SIGUSR1, [](int) { ++taken; });
  kill(getpid(), SIGUSR1);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));  // a thread that takes it wakes up
  CHECK(taken == 0);
  const timespec at_once{};
  CHECK(sigtimedwait(&one, nullptr, &at_once) == SIGUSR1);
  ::signal(SIGUSR1, old);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  run.finish();
}

TEST_CASE("recorder: a journal that cannot grow lets the program go on, and keeps what it has") {
  const latency_test::temporary_folder folder;
  const std::string path = folder / "out.json";
  latency::session run{path};
  for (int i = 0; i < 100; ++i) LATENCY_SCOPE("before");
  const auto recorder = running_recorder();
  {
    const std::lock_guard<std::mutex> lock(latency::detail::process().mutex);
    recorder->collect_now();
  }
  const auto old_action = ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{}, tight{};
  getrlimit(RLIMIT_FSIZE, &before);
  tight = before;
  tight.rlim_cur = std::filesystem::file_size(path + ".journal") + 1000;  // in the midst of a block
  setrlimit(RLIMIT_FSIZE, &tight);
  for (int i = 0; i < 1000; ++i) LATENCY_SCOPE("after");
  CHECK_THROWS_WITH_AS(run.finish(),
                       (path + ".journal: cannot write: File too large; what was written before is "
                               "kept there")
                           .c_str(),
                       latency::error);
  setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, old_action);
  CHECK(folder.names() == std::vector<std::string>{"out.json.journal"});
  const latency::recording kept = latency::read_journal(path + ".journal");
  CHECK(latency_test::spans_named(kept, "before").size() == 100);
  CHECK(kept.hygiene.incomplete);
  CHECK(kept.hygiene.damaged_blocks == 1);
  latency::session next;  // the failure was that session's alone
  { LATENCY_SCOPE("next"); }
  CHECK(next.stop().spans.size() == 1);
}

TEST_CASE("recorder: when the output's folder vanishes the program goes on and finish() says so") {
  const latency_test::temporary_folder folder;
  std::filesystem::create_directory(folder / "gone");
  const std::string path = folder / "gone/out.json";
  latency::session run{path};
  std::filesystem::remove_all(folder / "gone");
  { LATENCY_SCOPE("work"); }
  CHECK_THROWS_WITH_AS(run.finish(),
                       (path + ".journal: cannot read: No such file or directory").c_str(),
                       latency::error);
}

TEST_CASE("recorder: threads beyond the most that a session holds are counted as dropped") {
  latency::session_options options;
  options.capacity_spans = 1;
  latency::session run{"", options};
  constexpr int more = 10;
  for (std::uint32_t t = 0; t < latency::detail::max_threads + more; ++t)
    std::thread([] { LATENCY_SCOPE("short"); }).join();
  const latency::recording r = run.stop();
  CHECK(r.spans.size() == latency::detail::max_threads);
  CHECK(r.hygiene.dropped_spans == more);
}
