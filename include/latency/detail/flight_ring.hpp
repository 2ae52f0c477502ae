#pragma once
// What a flight recorder keeps of a session's journal, in fixed memory: the newest blocks of
// records, in a ring, and beside it what later ones refer to (names, threads, shapes, ...), which
// grows with the program, not with time. A file mirrors it, so that it outlives the process:
//
//   journal header, `ring` block: how many words the ring has; the ring; blocks to refer to
//
// An entry of the ring is a block of its own: its number, since when it is complete, then the
// blocks that were taken together. "Since t" says that all that ended at t or later is in this
// entry or a newer one; 0 where that is not known, in the midst of a round of collecting.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "../journal.hpp"

namespace latency::detail {

class flight_ring final : public journal_sink {
 public:
  static constexpr std::size_t least_bytes = std::size_t{4} << 20;  // an entry has up to 1 MiB

  // Throws latency::error when there is no memory. `mirror`: the file, 0 bytes long, or -1.
  flight_ring(std::size_t bytes, int mirror) : capacity_(bytes / sizeof(std::uint64_t)) {
    void* const memory = mmap(nullptr, capacity_ * sizeof(std::uint64_t), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED)
      throw error("cannot allocate a flight recorder of " + std::to_string(bytes) + " bytes");
    ring_ = static_cast<std::uint64_t*>(memory);
    mirror_ = mirror;
    journal_writer head;
    head.file_header(2);
    head.begin_block(block_type::ring);
    head.put(capacity_);
    head.end_block();
    ring_at_ = head.pending().size();
    statics_at_ = ring_at_ + capacity_;
    write(head.pending().data(), head.pending().size(), 0);
  }
  flight_ring(const flight_ring&) = delete;
  flight_ring& operator=(const flight_ring&) = delete;
  ~flight_ring() override { munmap(ring_, capacity_ * sizeof(std::uint64_t)); }

  [[nodiscard]] int mirror_error() const noexcept { return mirror_error_; }

  // All that was published before `ticks` has been taken.
  void begin_round(std::uint64_t ticks) {
    const std::lock_guard<std::mutex> lock(mutex_);
    since_ = round_ = ticks;
  }

  void take(const std::vector<std::uint64_t>& blocks) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    entry_.resize(head_words);
    for (std::size_t at = 0; at < blocks.size();) {
      block_header header;
      std::memcpy(&header, blocks.data() + at, sizeof header);
      const std::uint64_t* const block = blocks.data() + at;
      const std::size_t words = block_words(header);
      switch (header.type) {
        case block_type::device_totals:  // it and those with it replace the ones before
          snapshot_.clear();
          [[fallthrough]];
        case block_type::device_histograms:
        case block_type::api_totals:
          snapshot_.insert(snapshot_.end(), block, block + words);
          // For the file, if it has room for more beside it; every one would make it grow.
          if (words <= capacity_ / 8) entry_.insert(entry_.end(), block, block + words);
          break;
        case block_type::strings:
        case block_type::thread:
        case block_type::run:
        case block_type::device_clock:
        case block_type::launch_shapes:
        case block_type::span_paths:
        case block_type::graph_nodes:
          statics_.insert(statics_.end(), block, block + words);
          add_static(block, words);
          break;
        case block_type::clock_anchors:
          keep_anchors(header.thread, block, words);
          [[fallthrough]];
        default:
          entry_.insert(entry_.end(), block, block + words);
      }
      at += words;
    }
    if (entry_.size() > head_words) add_entry();
  }

  // What there is now: to be copied while more comes.
  struct view {
    std::vector<std::uint64_t> words;     // what entries refer to
    std::vector<std::uint64_t> snapshot;  // of totals; to be read after the entries
    std::uint64_t end = 0;                // the entry after the last one
  };
  [[nodiscard]] view look() {
    const std::lock_guard<std::mutex> lock(mutex_);
    view result;
    result.words = statics_;
    result.snapshot = snapshot_;
    for (const auto& [clock, anchors] : anchors_)
      for (const auto& block : anchors)
        result.words.insert(result.words.end(), block.begin(), block.end());
    result.end = newest_ + 1;
    return result;
  }

  // Appends the entries that hold what ended at `from` or later, up to `end`. Returns since when
  // they are complete: later than `from` when the ring did not reach back so far, or when entries
  // were overwritten meanwhile. Whoever takes more waits for a part of this, 1 MiB at most.
  [[nodiscard]] std::uint64_t copy(std::uint64_t from, std::uint64_t end,
                                   std::vector<std::uint64_t>& to) {
    const std::size_t first_word = to.size();
    std::uint64_t complete_since = 0;
    std::uint64_t next = 0;
    for (std::size_t part = 0;; ++part) {
      const std::lock_guard<std::mutex> lock(mutex_);
      place at = oldest_place();
      if (part == 0) {
        complete_since = find(from, at);
      } else if (at.number > next) {  // overwritten while others were copied: begin anew behind
        to.resize(first_word);
        complete_since = find(from, at);
      } else {
        while (at.number < next) step(at);
      }
      const std::size_t most = to.size() + part_words;
      for (; at.number < end && to.size() < most; step(at)) {
        const std::uint64_t* const words = ring_ + at.word;
        to.insert(to.end(), words + head_words, words + entry_words(at.word));
      }
      next = at.number;
      if (next >= end) return complete_since;
    }
  }

 private:
  static constexpr std::size_t header_words = sizeof(block_header) / sizeof(std::uint64_t);
  static constexpr std::size_t head_words = header_words + 2;  // of an entry: number, since
  static constexpr std::size_t part_words = std::size_t{1} << 17;
  static constexpr std::size_t none = SIZE_MAX;
  static constexpr std::size_t anchors_kept = 8;  // of each clock, however short the window

  struct place {
    std::size_t word;
    std::uint64_t number;
  };

  [[nodiscard]] static std::size_t block_words(const block_header& header) noexcept {
    return header_words + header.words;
  }
  [[nodiscard]] std::size_t entry_words(std::size_t at) const noexcept {
    block_header header;
    std::memcpy(&header, ring_ + at, sizeof header);
    return block_words(header);
  }
  [[nodiscard]] std::uint64_t since(std::size_t at) const noexcept {
    return ring_[at + header_words + 1];
  }

  [[nodiscard]] place oldest_place() const noexcept { return {tail_, newest_ + 1 - entries_}; }
  void step(place& at) const noexcept {
    at.word += entry_words(at.word);
    ++at.number;
    if (at.word == lap_end_) at.word = 0;
  }

  // Moves `at` to the last entry that is complete since `from` or earlier; without one, to the
  // first of which it is known since when it is complete.
  [[nodiscard]] std::uint64_t find(std::uint64_t from, place& at) const noexcept {
    place found{0, newest_ + 1};
    std::uint64_t complete_since = round_;
    for (place p = at; p.number <= newest_; step(p)) {
      const std::uint64_t s = since(p.word);
      if (s == 0) continue;
      if (found.number <= newest_ && s > from) break;
      found = p;
      complete_since = s;
    }
    at = found;
    return std::max(from, complete_since);
  }

  void add_entry() {
    block_header header{block_magic, block_type::ring_entry, 0, 0, 0, 0};
    header.words = static_cast<std::uint32_t>(entry_.size() - header_words);
    if (entry_.size() > capacity_) return;  // as if overwritten at once
    make_room(entry_.size());
    entry_[header_words] = ++newest_;
    entry_[header_words + 1] = std::exchange(since_, 0);
    header.checksum = checksum(header, entry_.data() + header_words);
    std::memcpy(entry_.data(), &header, sizeof header);
    std::copy(entry_.begin(), entry_.end(), ring_ + head_);
    write(entry_.data(), entry_.size(), ring_at_ + head_);
    head_ += entry_.size();
    ++entries_;
  }

  // Gives up the oldest entries until `words` fit at head_. Entries lie from tail_ to the end of
  // the lap and on from 0 to head_, or, in the first lap, from tail_ to head_.
  void make_room(std::size_t words) {
    if (head_ + words > capacity_) {
      while (entries_ > 0 && tail_ >= head_) give_up_oldest();
      lap_end_ = entries_ > 0 ? head_ : none;
      head_ = 0;
    }
    while (entries_ > 0 && tail_ >= head_ && tail_ < head_ + words) give_up_oldest();
    if (entries_ > 0) return;
    tail_ = head_;
    lap_end_ = none;
  }
  void give_up_oldest() {
    place at = oldest_place();
    step(at);
    if (at.word <= tail_) lap_end_ = none;  // the oldest are in the same lap as the newest now
    tail_ = at.word;
    --entries_;
  }

  void keep_anchors(std::uint32_t clock, const std::uint64_t* block, std::size_t words) {
    auto& kept = anchors_[clock];
    kept.emplace_back(block, block + words);
    if (kept.size() > anchors_kept) kept.pop_front();
  }

  void add_static(const std::uint64_t* block, std::size_t words) {
    write(block, words, statics_at_);
    statics_at_ += words;
  }
  // To the mirror. After the first error nothing more: what stands there stays readable.
  void write(const std::uint64_t* words, std::size_t count, std::size_t at_word) noexcept {
    const char* at = reinterpret_cast<const char*>(words);
    std::size_t left = count * sizeof(std::uint64_t);
    auto offset = static_cast<off_t>(at_word * sizeof(std::uint64_t));
    while (mirror_ >= 0 && mirror_error_ == 0 && left > 0) {
      const ssize_t n = ::pwrite(mirror_, at, left, offset);
      if (n > 0) {
        at += n, offset += n, left -= static_cast<std::size_t>(n);
      } else if (errno != EINTR) {
        mirror_error_ = n == 0 ? EIO : errno;
      }
    }
  }

  std::mutex mutex_;  // after the process's, where both are taken
  const std::size_t capacity_;
  std::uint64_t* ring_ = nullptr;
  std::size_t head_ = 0;        // where the next entry goes
  std::size_t tail_ = 0;        // the oldest entry
  std::size_t lap_end_ = none;  // of the oldest entries' lap, while it is not the newest's
  std::size_t entries_ = 0;
  std::uint64_t newest_ = 0;  // number of the newest entry; they count from 1
  std::uint64_t round_ = 0;   // when the last round began
  std::uint64_t since_ = 0;   // for the next entry: the same, but once
  std::vector<std::uint64_t> entry_;

  std::vector<std::uint64_t> statics_;
  std::vector<std::uint64_t> snapshot_;
  std::map<std::uint32_t, std::deque<std::vector<std::uint64_t>>> anchors_;

  int mirror_ = -1;
  int mirror_error_ = 0;
  std::size_t ring_at_ = 0;  // words
  std::size_t statics_at_ = 0;
};

}  // namespace latency::detail
