// The recorder among busy threads, and when the system refuses what it asks for.
#include <doctest/doctest.h>

#include <atomic>
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
