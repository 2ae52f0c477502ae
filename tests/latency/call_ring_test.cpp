// How calls and buffers of records travel between the threads that launch and the one that reads.
#include "latency/detail/call_ring.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "latency/detail/activity_buffers.hpp"
#include "latency/detail/kernel_names.hpp"

using namespace latency::detail;

TEST_CASE("call_ring: what one thread puts, another drains, in order and complete but for drops") {
  call_ring ring;
  constexpr std::uint32_t calls = 1000000;
  std::atomic<bool> done{false};
  std::thread owner([&] {
    for (std::uint32_t i = 1; i <= calls; ++i) {
      traced_call call;
      call.correlation = i;
      call.span = i;
      ring.put(call);
    }
    done = true;
  });
  std::uint32_t last = 0, taken = 0;
  const auto take = [&](const traced_call& call) {
    REQUIRE(call.correlation > last);
    REQUIRE(call.span == call.correlation);
    last = call.correlation;
    ++taken;
  };
  while (!done) ring.drain(take);
  owner.join();
  ring.drain(take);
  CHECK(taken + ring.take_dropped() == calls);
  CHECK(ring.take_dropped() == 0);
}

TEST_CASE("call_ring: a full one counts what it leaves out, and takes more once drained") {
  call_ring ring;
  for (std::uint32_t i = 0; i < call_ring::capacity + 10; ++i) ring.put({});
  CHECK(ring.take_dropped() == 10);
  std::uint32_t taken = 0;
  ring.drain([&](const traced_call&) { ++taken; });
  CHECK(taken == call_ring::capacity);
  ring.put({});
  CHECK(ring.take_dropped() == 0);
}

TEST_CASE("activity_buffers: each is handed out once, comes back zeroed, and there is an end") {
  activity_buffers buffers(4096, 3);
  std::set<std::uint8_t*> out;
  for (std::size_t i = 0; i < activity_buffers::most; ++i) {
    std::uint8_t* const buffer = buffers.take();
    REQUIRE(buffer != nullptr);
    CHECK(std::all_of(buffer, buffer + 4096, [](std::uint8_t b) { return b == 0; }));
    CHECK(out.insert(buffer).second);
  }
  CHECK(buffers.take() == nullptr);
  std::uint8_t* const first = *out.begin();
  std::fill(first, first + 100, std::uint8_t{7});
  buffers.complete(first, 100);
  const auto filled = buffers.take_filled();
  REQUIRE(filled.size() == 1);
  CHECK(filled[0].bytes == 100);
  CHECK(buffers.take_filled().empty());
  CHECK(buffers.take() == nullptr);  // not while it is read
  buffers.recycle(filled[0]);
  CHECK(buffers.take() == first);
  CHECK(std::all_of(first, first + 4096, [](std::uint8_t b) { return b == 0; }));
}

TEST_CASE("activity_buffers: threads that take at once get different ones") {
  activity_buffers buffers(4096, 16);
  std::vector<std::uint8_t*> taken[4];
  std::vector<std::thread> threads;
  for (auto& mine : taken)
    threads.emplace_back([&] {
      for (int i = 0; i < 40; ++i) mine.push_back(buffers.take());
    });
  for (auto& t : threads) t.join();
  std::set<std::uint8_t*> all;
  for (const auto& mine : taken) all.insert(mine.begin(), mine.end());
  CHECK(all.size() == 160);
  CHECK(all.count(nullptr) == 0);
}

TEST_CASE("kernel_names: demangled, kept for a pointer as long as its text stays") {
  kernel_names names;
  char text[] = "_Z5emptyv";
  const char* const first = names.of(text);
  CHECK(std::string(first) == "empty()");
  CHECK(names.of(text) == first);
  text[3] = 'a';
  CHECK(std::string(names.of(text)) == "ampty()");
  CHECK(std::string(names.of("plain_c_name")) == "plain_c_name");
  CHECK(std::string(names.of(nullptr)).empty());
}
