#pragma once
// Counts what a journal holds while it is being written, block by block, and gives back the disk
// space of what was counted: a recording of any length then needs little memory and little disk.

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "latency/journal.hpp"

namespace benchmarks {

class journal_count {
 public:
  // Follows the file from now on, on a thread of its own. Throws latency::error when it cannot be
  // opened.
  explicit journal_count(const std::string& path);
  ~journal_count();
  journal_count(const journal_count&) = delete;
  journal_count& operator=(const journal_count&) = delete;

  // Spans counted so far. Any thread.
  [[nodiscard]] std::uint64_t spans() const noexcept {
    return spans_.load(std::memory_order_relaxed);
  }

  struct totals {
    std::uint64_t spans = 0;
    latency::detail::journal_totals of_session;
    std::uint64_t bytes = 0;
  };
  // Counts to the end of a journal that is complete. Throws latency::error when a block is damaged
  // or the end is missing.
  [[nodiscard]] totals finish();

 private:
  void follow();
  bool read_more();
  void count_blocks();
  void count_records(const std::uint64_t* words, std::uint32_t count);
  void give_back_counted();
  [[noreturn]] void fail(const std::string& message) const;

  std::string path_;
  int file_ = -1;
  std::vector<std::uint64_t> waiting_;  // read, not yet counted from `waiting_at_` on
  std::size_t waiting_at_ = 0;
  std::uint64_t read_bytes_ = 2 * sizeof(std::uint64_t);  // after the file's header
  std::uint64_t given_back_bytes_ = 0;
  latency::detail::journal_totals of_session_;
  bool ended_ = false;
  std::string damage_;
  std::atomic<std::uint64_t> spans_{0};
  std::atomic<bool> complete_{false};
  std::thread follower_;
};

}  // namespace benchmarks
