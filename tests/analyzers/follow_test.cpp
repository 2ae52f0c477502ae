#include "analyzers/commands/breakdown_follow.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include "latency/error.hpp"
#include "tests/temporary_folder.hpp"

using latency::recording;
using latency::commands::follow;
using latency::commands::live_screen;

namespace {

constexpr std::chrono::milliseconds often{1};

const std::string whole =
    latency_test::read_file(LATENCY_SOURCE_DIR "/tests/fuzz/corpus/fuzz_breakdown/every_record");

// A file that somebody has open for writing, as a run has its journal.
class written_file {
 public:
  explicit written_file(const std::string& path)
      : descriptor_(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) {}
  ~written_file() { close(); }
  written_file(const written_file&) = delete;
  written_file& operator=(const written_file&) = delete;
  void append(const std::string& bytes) {
    REQUIRE(::write(descriptor_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  void close() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }

 private:
  int descriptor_;
};

struct shown {
  std::size_t spans;
  bool last;
};

std::string refusal(const std::string& path) {
  try {
    follow(path, often, [](const recording&, bool) { return true; });
  } catch (const latency::error& refused) {
    return refused.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("follow: a journal that nobody writes any more is shown once") {
  const latency_test::temporary_folder folder;
  std::ofstream(folder / "run.journal", std::ios::binary) << whole.substr(0, whole.size() - 8);
  std::vector<shown> calls;
  follow(folder / "run.journal", often, [&](const recording& run, bool last) {
    calls.push_back({run.spans.size(), last});
    CHECK(run.hygiene.incomplete);
    CHECK(run.source == folder / "run.journal");
    return true;
  });
  REQUIRE(calls.size() == 1);
  CHECK(calls[0].last);
}

TEST_CASE("follow: shows what has come, until the end of the run") {
  const latency_test::temporary_folder folder;
  written_file journal(folder / "run.journal");
  journal.append(whole.substr(0, whole.size() / 2 / 8 * 8));
  std::vector<shown> calls;
  follow(folder / "run.journal", often, [&](const recording& run, bool last) {
    calls.push_back({run.spans.size(), last});
    if (calls.size() == 1) journal.append(whole.substr(whole.size() / 2 / 8 * 8));
    return true;
  });
  REQUIRE(calls.size() == 2);
  CHECK_FALSE(calls[0].last);
  CHECK(calls[1].last);  // the journal says that the run ended; it is still open
  CHECK(calls[1].spans > calls[0].spans);
}

TEST_CASE("follow: a run that removes its journal, or dies, is over") {
  for (const bool removed : {true, false}) {
    const latency_test::temporary_folder folder;
    written_file journal(folder / "run.journal");
    journal.append(whole.substr(0, whole.size() / 2 / 8 * 8));
    std::vector<shown> calls;
    follow(folder / "run.journal", often, [&](const recording& run, bool last) {
      calls.push_back({run.spans.size(), last});
      if (calls.size() > 1) return true;
      if (removed)
        ::unlink((folder / "run.journal").c_str());
      else
        journal.close();
      return true;
    });
    REQUIRE(calls.size() == 2);
    CHECK_FALSE(calls[0].last);
    CHECK(calls[1].last);
  }
}

TEST_CASE("follow: ends when nobody looks any more, although the run goes on") {
  const latency_test::temporary_folder folder;
  written_file journal(folder / "run.journal");
  journal.append(whole.substr(0, whole.size() / 2 / 8 * 8));
  int calls = 0;
  follow(folder / "run.journal", often, [&](const recording&, bool last) {
    CHECK_FALSE(last);
    return ++calls < 1;
  });
  CHECK(calls == 1);
}

TEST_CASE("follow: Ctrl-C shows what is there, and is then as deadly as before") {
  const latency_test::temporary_folder folder;
  written_file journal(folder / "run.journal");
  journal.append(whole.substr(0, whole.size() / 2 / 8 * 8));
  std::vector<shown> calls;
  follow(folder / "run.journal", often, [&](const recording& run, bool last) {
    calls.push_back({run.spans.size(), last});
    if (calls.size() == 1) ::raise(SIGINT);
    return true;
  });
  REQUIRE(calls.size() == 2);
  CHECK(calls[1].last);
  sigset_t blocked;
  sigprocmask(SIG_BLOCK, nullptr, &blocked);
  CHECK(sigismember(&blocked, SIGINT) == 0);
}

TEST_CASE("follow: what is no journal is refused in one line") {
  const latency_test::temporary_folder folder;
  CHECK(refusal(folder / "none") == folder / "none" + ": No such file or directory");
  std::ofstream(folder / "a.json") << "{\"schema\":{\"name\":\"latency.timing\"}}";
  CHECK(refusal(folder / "a.json") ==
        folder / "a.json" + ": is a timing file; only the journal of a run can be followed");
  CHECK(refusal("/dev/null") ==
        "/dev/null: is not a regular file; only the journal of a run can be followed");
}

TEST_CASE("follow: a live report is cut to the terminal and says what is missing") {
  std::string report;
  for (int i = 0; i < 1000; ++i) report += "line " + std::to_string(i) + "\n";
  const std::string screen = live_screen(report);
  CHECK(screen.rfind("\x1b[Hline 0\x1b[K\n", 0) == 0);
  CHECK(screen.find("line 999") == std::string::npos);
  CHECK(screen.find(" more lines come with the end of the run, or Ctrl-C") != std::string::npos);
  CHECK(live_screen("one\n").find("live; 0 more lines") != std::string::npos);
}
