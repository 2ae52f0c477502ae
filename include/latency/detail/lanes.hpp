#pragma once
// Splits the intervals of one track over lanes, so that every lane can be drawn. Times are never
// changed: what does not fit gets a lane of its own. One thread at a time.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace latency::detail {

// Within a lane any two intervals are nested or disjoint. place() must be called in order of start,
// the longer first among equal starts. Cost: the number of lanes, one for well-formed input.
class nesting_lanes {
 public:
  std::size_t place(std::int64_t start_ns, std::int64_t end_ns) {
    for (std::size_t lane = 0; lane < open_ends_.size(); ++lane) {
      std::vector<std::int64_t>& open = open_ends_[lane];
      while (!open.empty() && open.back() <= start_ns) open.pop_back();
      if (!open.empty() && open.back() < end_ns) continue;  // would end after what holds it
      open.push_back(end_ns);
      return lane;
    }
    open_ends_.push_back({end_ns});
    return open_ends_.size() - 1;
  }

 private:
  std::vector<std::vector<std::int64_t>> open_ends_;  // innermost last
};

// Within a lane no two intervals overlap. place() must be called in order of start.
class disjoint_lanes {
 public:
  std::size_t place(std::int64_t start_ns, std::int64_t end_ns) {
    for (std::size_t lane = 0; lane < last_ends_.size(); ++lane) {
      if (last_ends_[lane] > start_ns) continue;
      last_ends_[lane] = end_ns;
      return lane;
    }
    last_ends_.push_back(end_ns);
    return last_ends_.size() - 1;
  }

 private:
  std::vector<std::int64_t> last_ends_;
};

}  // namespace latency::detail
