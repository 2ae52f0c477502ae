#pragma once
// The tracks of a Chrome trace: numbers, names, and lanes for intervals that one line cannot hold.
// One thread at a time.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "lanes.hpp"
#include "trace_events.hpp"

namespace latency::detail {

struct trace_slice {
  std::int64_t start_ns;
  std::int64_t end_ns;       // not before start_ns
  std::uint64_t order;       // among equal intervals: the outer first
  std::uint64_t index;       // into the table it comes from
  bool is_api_call = false;  // on a host track; else a span
};

class trace_tracks {
 public:
  explicit trace_tracks(trace_event_writer& events) : events_(events) {}

  // The number that the next new track will have.
  [[nodiscard]] std::int64_t next() const noexcept { return next_; }

  // A new track, shown below those before it.
  std::int64_t add(std::int64_t process, const std::string& name) {
    events_.name("thread", {process, next_}, name, next_);
    return next_++;
  }

  // A new track with its slices: sorts them, gives each its lane, names the lanes and calls
  // write(slice, place). Of equal starts nesting lanes need the longer first, disjoint ones the
  // shorter.
  template <class Lanes, class Write>
  void write(std::int64_t process, const std::string& name, bool longer_first,
             std::vector<trace_slice>& slices, const Write& write) {
    std::sort(slices.begin(), slices.end(), [=](const trace_slice& a, const trace_slice& b) {
      if (a.start_ns != b.start_ns) return a.start_ns < b.start_ns;
      if (a.end_ns != b.end_ns) return (a.end_ns > b.end_ns) == longer_first;
      return a.order < b.order;
    });
    const std::int64_t first = add(process, name);
    Lanes lanes;
    for (const trace_slice& s : slices) {
      const std::size_t lane = lanes.place(s.start_ns, s.end_ns);
      const std::int64_t track = first + static_cast<std::int64_t>(lane);
      if (track == next_) add(process, name + ", lane " + std::to_string(lane + 1));
      write(s, trace_place{process, track});
    }
    slices = {};
  }

 private:
  trace_event_writer& events_;
  std::int64_t next_ = 1;
};

}  // namespace latency::detail
