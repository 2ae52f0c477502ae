// A run killed at any moment: what its journal holds afterwards.
#include <doctest/doctest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <latency/error.hpp>
#include <latency/journal_reader.hpp>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>
#include <unordered_set>

#include "tests/robustness/announcement.hpp"
#include "tests/temporary_folder.hpp"

namespace {

constexpr std::uint64_t rounds_to_finish = 4000;

int kills_wanted() {
  const char* const wanted = std::getenv("LATENCY_TEST_KILLS");
  return wanted == nullptr ? 1000 : std::atoi(wanted);
}

// One run of the program and its end.
class killed_run {
 public:
  explicit killed_run(bool finishes) : page_(folder_ / "page"), finishes_(finishes) {
    std::string program = LATENCY_KILLED_PROGRAM, output = this->output(), page = folder_ / "page",
                rounds = std::to_string(rounds_to_finish);
    char* const arguments[] = {program.data(), output.data(), page.data(),
                               finishes ? rounds.data() : nullptr, nullptr};
    if (posix_spawn(&process_, program.c_str(), nullptr, nullptr, arguments, environ) != 0)
      throw std::runtime_error("cannot start " + program);
  }

  [[nodiscard]] std::string output() const { return folder_ / "out.json"; }
  [[nodiscard]] bool recording() const { return page_->recording.load() != 0; }

  // Returns the signal that ended it, or 0.
  int end_with(int signal) {
    kill(process_, signal);
    return wait();
  }
  int wait() {
    int status = 0;
    waitpid(process_, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }

  // What is wrong with what it left, and how many closed spans it lost.
  [[nodiscard]] std::string fault(std::uint64_t& lost) const {
    if (std::filesystem::exists(output())) return fault_of_timing_file();
    const std::string journal = output() + ".journal";
    const bool begun = std::filesystem::exists(journal) && std::filesystem::file_size(journal) > 0;
    if (!begun) return promised_anything() ? "no journal" : "";
    try {
      return fault_of_journal(latency::read_journal(journal), lost);
    } catch (const latency::error& unreadable) {
      return unreadable.what();
    }
  }

 private:
  [[nodiscard]] bool promised_anything() const {
    return std::any_of(std::begin(page_->threads), std::end(page_->threads),
                       [](const auto& thread) { return thread.promised != 0; });
  }

  // Renamed when it was complete: it holds everything.
  [[nodiscard]] std::string fault_of_timing_file() const {
    if (!finishes_) return "a timing file of a run that never ended";
    const auto file = nlohmann::json::parse(std::ifstream(output()), nullptr, false);
    if (file.is_discarded()) return "half a timing file";
    const std::size_t spans = file["spans"]["id"].size();
    const std::size_t all = robustness::recording_threads * (2 * rounds_to_finish + 1);
    return spans == all ? "" : "a timing file with " + std::to_string(spans) + " spans";
  }

  [[nodiscard]] std::string fault_of_journal(const latency::recording& r,
                                             std::uint64_t& lost) const {
    if (r.hygiene.damaged_blocks > 1) return "more than its end is damaged";
    if (r.hygiene.dropped_spans != 0) return "spans were dropped";
    // The rounds of each thread that are there, in order.
    std::map<std::int64_t, std::vector<std::int64_t>> found;
    std::unordered_set<latency::span_id> ids;
    std::size_t inner = 0;
    const latency::string_id i = r.strings.find("i"), thread = r.strings.find("thread");
    for (const latency::span& s : r.spans) {
      if (!ids.insert(s.id).second) return "a span that stands there twice";
      if ((s.flags & latency::span_open_at_end) != 0) continue;
      if (r.name_of(s) == "inner") ++inner;
      if (r.name_of(s) == "closed")
        found[r.integer_attribute(s.attributes, thread, -1)].push_back(
            r.integer_attribute(s.attributes, i, -1));
    }
    std::size_t rounds = 0;
    for (int t = 0; t < robustness::recording_threads; ++t) {
      std::vector<std::int64_t>& there = found[t];
      std::sort(there.begin(), there.end());
      for (std::size_t n = 0; n < there.size(); ++n)
        if (there[n] != static_cast<std::int64_t>(n)) return "a hole among the closed spans";
      const std::uint64_t promised = page_->threads[t].promised, all = page_->threads[t].closed;
      if (there.size() < promised)
        return std::to_string(promised) + " spans were flushed, " + std::to_string(there.size()) +
               " are there";
      if (there.size() > all + 1) return "more spans than were closed";
      lost += all > there.size() ? all - there.size() : 0;
      rounds += there.size();
    }
    // The inner span closes before its round does.
    if (inner < rounds || inner > rounds + robustness::recording_threads) return "inner spans lost";
    // A journal is cut at its end, and a thread's spans stand there in the order in which they
    // closed. So a parent that is missing was open when the last span that is there closed: at most
    // one of each thread and level, however many children it has. What was open when a whole
    // collection began stands there, so a thread of which anything was flushed has its root.
    std::map<std::uint32_t, std::unordered_set<latency::span_id>> missing;
    for (const latency::span& s : r.spans) {
      if (s.parent == 0 || ids.count(s.parent) != 0) continue;
      missing[s.thread].insert(s.parent);
      const std::int64_t of = r.integer_attribute(s.attributes, thread, -1);
      if (r.name_of(s) == "closed" && page_->threads[of].promised != 0) return "a root is missing";
    }
    for (const auto& [of, parents] : missing)
      if (parents.size() > robustness::parent_levels)
        return std::to_string(parents.size()) + " parents of spans of one thread are missing";
    return "";
  }

  latency_test::temporary_folder folder_;
  robustness::shared_announcement page_;
  bool finishes_;
  pid_t process_ = -1;
};

// How long it takes until a run records, and until one that finishes has: under a sanitizer or on a
// loaded machine many times what it takes elsewhere.
std::chrono::microseconds time_of(bool finishes) {
  const auto start = std::chrono::steady_clock::now();
  killed_run run(finishes);
  if (finishes) {
    REQUIRE(run.wait() == 0);
  } else {
    while (!run.recording()) std::this_thread::sleep_for(std::chrono::microseconds(100));
    CHECK(run.end_with(SIGKILL) == SIGKILL);
  }
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                               start);
}

}  // namespace

TEST_CASE("journal: killed at any moment, it holds all that was closed before the last flush") {
  const int kills = kills_wanted();
  const auto until_recording = time_of(false), until_finished = time_of(true);
  const unsigned seed = std::random_device{}();
  std::mutex mutex;  // guards what follows
  std::mt19937_64 random(seed);
  int begun = 0;
  std::vector<std::string> faults;
  std::vector<std::uint64_t> losses;
  const auto kill_some = [&] {
    for (;;) {
      std::unique_lock<std::mutex> lock(mutex);
      const int number = begun++;
      if (number >= kills) return;
      const bool finishes = number % 4 == 3;
      // The last quarter of a run that finishes is the interesting one.
      const auto window = finishes ? until_finished + until_finished / 8
                                   : until_recording + std::chrono::milliseconds(60);
      const auto delay =
          std::chrono::microseconds(random() % static_cast<std::uint64_t>(window.count()));
      lock.unlock();
      killed_run run(finishes);
      std::this_thread::sleep_for(delay);
      // Ctrl-C does to a program without a handler of its own what a kill does.
      const int ended_by = run.end_with(number % 8 == 4 ? SIGINT : SIGKILL);
      std::uint64_t lost = 0;
      std::string fault = run.fault(lost);
      if (fault.empty() && ended_by == 0 && !finishes) fault = "it ended by itself";
      lock.lock();
      if (!fault.empty()) faults.push_back(fault);
      losses.push_back(lost);
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) threads.emplace_back(kill_some);
  for (std::thread& thread : threads) thread.join();
  INFO("random numbers from " << seed);
  for (const std::string& fault : faults) CHECK_MESSAGE(false, fault);
  REQUIRE(losses.size() == static_cast<std::size_t>(kills));
  std::sort(losses.begin(), losses.end());
  MESSAGE("closed spans lost after the last flush: median " << losses[losses.size() / 2]
                                                            << ", most " << losses.back());
}
