// A program to be killed: records on three threads and announces what it has done.
//   killed_program FILE PAGE           records until it is killed
//   killed_program FILE PAGE ROUNDS    each thread does so many rounds, then the file is written
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <latency/latency.hpp>
#include <thread>
#include <vector>

#include "tests/robustness/announcement.hpp"

namespace {

// The journal may lag behind by so much that no span is ever dropped for want of room.
constexpr std::uint64_t most_ahead = 20000;

void record(int thread, robustness::thread_announcement& mine, std::uint64_t rounds) {
  latency::name_thread(("thread " + std::to_string(thread)).c_str());
  LATENCY_SCOPE("root");
  for (std::uint64_t i = 0; i < rounds; ++i) {
    {
      LATENCY_SCOPE("closed", {"i", i}, {"thread", thread});
      LATENCY_SCOPE("inner");
    }
    mine.closed.store(i + 1, std::memory_order_release);
    if (i % 50 != 49) continue;
    do std::this_thread::sleep_for(std::chrono::microseconds(200));
    while (i > most_ahead + mine.promised.load(std::memory_order_relaxed));
  }
}

std::int64_t size_of(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? std::int64_t{status.st_size} : 0;
}

// Promises what was closed when the collector last began. It writes only while it holds the mutex:
// when the journal has grown from one visit to the next, a whole collection lies between the two,
// and holds everything that was closed at the first.
void promise(const std::string& journal, robustness::shared_announcement& page,
             const std::atomic<bool>& enough) {
  std::int64_t size_before = 0;
  std::uint64_t closed_before[robustness::recording_threads] = {};
  while (!enough) {
    {
      const std::lock_guard<std::mutex> lock(latency::detail::process().mutex);
      const std::int64_t size = size_of(journal);
      for (int t = 0; t < robustness::recording_threads; ++t) {
        robustness::thread_announcement& thread = page->threads[t];
        if (size != size_before) thread.promised.store(closed_before[t], std::memory_order_relaxed);
        closed_before[t] = thread.closed.load(std::memory_order_acquire);
      }
      size_before = size;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3) return 1;
  const std::uint64_t rounds = argc == 4 ? std::strtoull(argv[3], nullptr, 10) : UINT64_MAX;
  robustness::shared_announcement page(argv[2]);
  latency::session run{argv[1]};
  page->recording = 1;
  std::atomic<bool> enough{false};
  std::thread promising([&] { promise(std::string(argv[1]) + ".journal", page, enough); });
  std::vector<std::thread> threads;
  for (int t = 0; t < robustness::recording_threads; ++t)
    threads.emplace_back([&, t] { record(t, page->threads[t], rounds); });
  for (std::thread& thread : threads) thread.join();
  enough = true;
  promising.join();
  run.finish();
} catch (const latency::error& e) {
  std::fprintf(stderr, "killed_program: %s\n", e.what());
  return 2;
}
