#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "pipeline_reference/ops/cpu/thread_pool.hpp"

using ops::cpu::thread_pool;

TEST_CASE("thread_pool: runs every task once, on workers that never share a number") {
  for (const int threads : {1, 2, 5}) {
    thread_pool pool(threads);
    CHECK(pool.threads() == threads);
    for (int loop = 0; loop < 300; ++loop) {
      const std::int64_t tasks = loop % 17;
      std::vector<std::atomic<int>> done(17);
      std::vector<std::atomic<int>> busy(static_cast<std::size_t>(threads));
      std::atomic<bool> shared{false};
      pool.parallel_for(tasks, [&](std::int64_t task, int worker) {
        if (++busy[static_cast<std::size_t>(worker)] != 1) shared = true;
        ++done[static_cast<std::size_t>(task)];
        --busy[static_cast<std::size_t>(worker)];
      });
      CHECK_FALSE(shared);
      for (std::int64_t task = 0; task < 17; ++task)
        REQUIRE(done[static_cast<std::size_t>(task)] == (task < tasks ? 1 : 0));
    }
  }
}

TEST_CASE("thread_pool: more than one thread takes part") {
  thread_pool pool(2);
  std::atomic<int> inside{0};
  pool.parallel_for(2, [&](std::int64_t, int) {  // each task waits for the other
    ++inside;
    while (inside < 2) std::this_thread::yield();
  });
  CHECK(inside == 2);
}

TEST_CASE("thread_pool: loops from several threads, and loops inside loops, all finish") {
  thread_pool pool(3);
  std::atomic<int> done{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      for (int loop = 0; loop < 100; ++loop)
        pool.parallel_for(5, [&](std::int64_t, int) {
          pool.parallel_for(3, [&](std::int64_t, int) { ++done; });
        });
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(done == 4 * 100 * 5 * 3);
}
