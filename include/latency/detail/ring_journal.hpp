#pragma once
// Where the blocks of a journal stand: one after another, or in the ring that a flight recorder's
// journal has (flight_ring.hpp). Whatever bytes there are, the work is linear in their number.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "../journal.hpp"

namespace latency::detail {

// Words that hold blocks, one after another.
struct journal_part {
  const std::uint64_t* words;
  std::size_t count;
};

// Walks blocks whose checksum is right. What lies between them is lost and counted.
class block_scan {
 public:
  // `journal_words`: of all parts, or more.
  explicit block_scan(std::size_t journal_words) : journal_words_(journal_words) {}

  // visit(header, payload). False when the rest is given up.
  template <class Visit>
  [[nodiscard]] bool part(const journal_part& in, Visit&& visit) {
    constexpr std::size_t header_words = sizeof(block_header) / sizeof(std::uint64_t);
    std::size_t at = 0;
    bool damaged = false;
    while (at + header_words <= in.count) {
      block_header header;
      std::memcpy(&header, in.words + at, sizeof header);
      const bool whole =
          header.magic == block_magic && header.words <= in.count - at - header_words;
      if (!whole || checksum(header, in.words + at + header_words) != header.checksum) {
        if (!std::exchange(damaged, true)) ++damaged_;
        // Headers made to overlap, each with all that follows for its payload, would take time as
        // the square of the file's size: of such a file the rest is given up.
        wasted_words_ += whole ? header.words : 0;
        if (wasted_words_ / 8 > journal_words_) return false;
        ++at;  // look for the next block: what stands in between is lost
        continue;
      }
      damaged = false;
      visit(header, in.words + at + header_words);
      at += header_words + header.words;
    }
    if (at < in.count && !damaged) ++damaged_;
    return true;
  }
  [[nodiscard]] std::int64_t damaged() const noexcept { return damaged_; }

 private:
  std::size_t journal_words_;
  std::size_t wasted_words_ = 0;  // of payloads with a wrong checksum
  std::int64_t damaged_ = 0;
};

class ring_journal {
 public:
  static constexpr std::size_t ring_block_words = sizeof(block_header) / sizeof(std::uint64_t) + 1;

  // Of the ring behind a `ring` block at `words`; 0 when there is none.
  [[nodiscard]] static std::size_t words_of_ring(const std::uint64_t* words, std::size_t count) {
    if (count < ring_block_words) return 0;
    block_header header;
    std::memcpy(&header, words, sizeof header);
    const std::uint64_t* const payload = words + ring_block_words - 1;
    if (header.magic != block_magic || header.type != block_type::ring || header.words != 1 ||
        checksum(header, payload) != header.checksum)
      return 0;
    // A file that ends within the ring: its process ended before anything stood behind it.
    return static_cast<std::size_t>(std::min<std::uint64_t>(*payload, count - ring_block_words));
  }

  // The newest entries, without a gap. An entry that was being overwritten is lost, and what an
  // earlier lap left in the gap behind a newer one is not taken for new.
  ring_journal(const std::uint64_t* ring, std::size_t count) {
    struct entry {
      std::uint64_t number;
      std::uint64_t since;
      journal_part blocks;
    };
    std::vector<entry> found;
    block_scan scan(count);
    (void)scan.part({ring, count}, [&](const block_header& h, const std::uint64_t* p) {
      if (h.type == block_type::ring_entry && h.words >= 2)
        found.push_back({p[0], p[1], {p + 2, h.words - std::size_t{2}}});
    });
    std::sort(found.begin(), found.end(),
              [](const entry& a, const entry& b) { return a.number < b.number; });
    std::size_t first = found.size();
    while (first > 0 &&
           (first == found.size() || found[first - 1].number + 1 == found[first].number))
      --first;
    while (first < found.size() && found[first].since == 0) ++first;
    if (first < found.size()) complete_since_ = found[first].since;
    for (; first < found.size(); ++first) entries_.push_back(found[first].blocks);
  }

  [[nodiscard]] const std::vector<journal_part>& entries() const noexcept { return entries_; }
  // Ticks: what ended then or later is in the entries.
  [[nodiscard]] std::uint64_t complete_since() const noexcept { return complete_since_; }

 private:
  std::vector<journal_part> entries_;
  std::uint64_t complete_since_ = 0;
};

}  // namespace latency::detail
