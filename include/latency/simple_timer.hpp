#pragma once
// A stopwatch with names, for a quick look without a session:
//
//   latency::simple_timer timer;
//   for (...) {
//     auto measured = timer.measure("forward");   // until the end of the block
//     forward();
//   }
//   std::cout << timer.summary();
//
// It measures time on the host: wait for a device before the block ends. Names do not nest; use
// LATENCY_SCOPE for a tree. Thread-safe; opening and closing take a lock and allocate.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "latency/detail/text_table.hpp"
#include "latency/error.hpp"
#include "latency/statistics.hpp"

namespace latency {

class simple_timer {
 public:
  // Runs from its making to stop() or its end. The timer must outlive it.
  class measurement {
   public:
    measurement(simple_timer& timer, std::size_t entry)
        : timer_(&timer), entry_(entry), start_(std::chrono::steady_clock::now()) {}
    measurement(const measurement&) = delete;
    measurement& operator=(const measurement&) = delete;
    ~measurement() { stop(); }

    void stop() {
      const auto end = std::chrono::steady_clock::now();
      if (timer_ != nullptr) std::exchange(timer_, nullptr)->add(entry_, end - start_);
    }

   private:
    simple_timer* timer_;
    std::size_t entry_;
    std::chrono::steady_clock::time_point start_;
  };

  struct row {
    std::string name;
    latency::summary ns;
  };

  [[nodiscard]] measurement measure(std::string_view name) { return {*this, entry_of(name)}; }

  // One row for each name, in the order in which the names were first measured.
  [[nodiscard]] std::vector<row> rows() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<row> result;
    for (const entry& e : entries_) result.push_back({e.name, summarize(e.samples_ns)});
    return result;
  }

  // What was measured under a name, in order; throws latency::error for an unknown one.
  [[nodiscard]] std::vector<std::int64_t> samples_ns(std::string_view name) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const entry& e : entries_)
      if (e.name == name) return e.samples_ns;
    throw error("simple_timer", std::string(name), "was never measured");
  }

  // A table in milliseconds. With few samples P95 is close to the maximum: look at n.
  [[nodiscard]] std::string summary() const {
    std::vector<std::vector<std::string>> table = {
        {"name", "n", "mean ms", "p50 ms", "p95 ms", "max ms", "total ms"}};
    for (const row& r : rows()) {
      table.push_back({r.name, std::to_string(r.ns.n)});
      for (const double ns : {r.ns.mean, r.ns.p50, r.ns.p95, r.ns.max, r.ns.sum})
        table.back().push_back(r.ns.n == 0 ? "-" : detail::fixed(ns / 1e6, 3));
    }
    return detail::text_table(table);
  }

 private:
  struct entry {
    std::string name;
    std::vector<std::int64_t> samples_ns;
  };

  std::size_t entry_of(std::string_view name) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (std::size_t i = 0; i < entries_.size(); ++i)
      if (entries_[i].name == name) return i;
    entries_.push_back({std::string(name), {}});
    return entries_.size() - 1;
  }
  void add(std::size_t index, std::chrono::nanoseconds duration) {
    const std::lock_guard<std::mutex> lock(mutex_);
    entries_[index].samples_ns.push_back(duration.count());
  }

  mutable std::mutex mutex_;
  std::vector<entry> entries_;  // few: looked up one after the other
};

}  // namespace latency
