// The events tier when the process's memory runs out: nothing is lost, and nothing stays uncounted.
#include <doctest/doctest.h>

#include <cstdlib>
#include <latency/detail/device_events.hpp>
#include <new>

namespace {

thread_local bool out_of_memory = false;

struct instant_driver {
  using event = int;
  using stream = int;
  static bool captures(stream) noexcept { return false; }
  static bool record(event, stream) noexcept { return true; }
  static bool record_anchor(event) noexcept { return true; }
  static std::uint32_t number_of(stream) noexcept { return 0; }
  static latency::detail::event_progress query(event) noexcept {
    return latency::detail::event_progress::complete;
  }
  static float elapsed_ms(event, event) noexcept { return 1; }
};

}  // namespace

void* operator new(std::size_t size) {
  void* const memory = out_of_memory ? nullptr : std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

TEST_CASE("device_events: rows that find no memory are kept until they find some") {
  latency::detail::device_events<instant_driver> events({}, 0, 16);
  latency::detail::collected_events found;
  for (int i = 0; i < 4; ++i) {
    events.mark(0, "token", i, 0);
    events.end(events.begin(0), 0, "step", 1);
  }
  out_of_memory = true;
  const std::size_t left = events.collect(found);
  out_of_memory = false;
  CHECK(left == 8);
  CHECK(found.windows.empty());
  CHECK(found.marks.empty());
  CHECK(events.collect(found) == 0);
  CHECK(found.windows.size() == 4);
  CHECK(found.marks.size() == 4);
  CHECK(events.take_dropped() == 0);

  events.mark(0, "token", 4, 0);
  found = {};
  out_of_memory = true;
  CHECK_NOTHROW(static_cast<void>(events.collect(found)));
  events.abandon();
  out_of_memory = false;
  CHECK(events.take_dropped() == 1);
}
