#pragma once
// Damages the bytes of a good file in ways that have broken readers before. All of it follows from
// a seed: the same seed gives the same bytes on every machine.

#include <cstdint>
#include <string>
#include <vector>

namespace robustness {

// Splitmix64: small, and the same everywhere, which the distributions of <random> are not.
class random_numbers {
 public:
  explicit random_numbers(std::uint64_t seed) noexcept : state_(seed) {}
  [[nodiscard]] std::uint64_t next() noexcept;
  [[nodiscard]] std::size_t below(std::size_t bound) noexcept;  // 0 when `bound` is 0
  [[nodiscard]] bool one_in(std::size_t count) noexcept { return below(count) == 0; }
  template <class Items>
  [[nodiscard]] const auto& pick(const Items& items) noexcept {
    return items[below(std::size(items))];
  }

 private:
  std::uint64_t state_;
};

// A seed for one of many independent sequences.
[[nodiscard]] std::uint64_t seed_of(const std::string& name, std::uint64_t seed, std::size_t index);

// Where a reader changes its mind about what comes next: the ends of words, numbers, texts and
// punctuation of a text; the ends of 8-byte words, and the bytes around the first ones, of anything
// else. Ascending, from 0 to the size.
[[nodiscard]] std::vector<std::size_t> interesting_offsets(const std::string& bytes);

// One to three injuries: bits flipped, ranges deleted, repeated or exchanged, numbers replaced by
// extreme ones, structure by other structure, nesting without end, huge texts, broken UTF-8, parts
// of `other` spliced in. The result is at most a few MiB.
[[nodiscard]] std::string damaged(const std::string& good, const std::string& other,
                                  random_numbers& random);

}  // namespace robustness
