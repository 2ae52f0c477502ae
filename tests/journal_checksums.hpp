#pragma once
// Makes damaged journals whole again: what their checksums guard must withstand a hostile file.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <latency/journal.hpp>
#include <vector>

namespace latency_test {

// Takes the words of a journal as blocks that follow each other, however they were meant: puts
// right the magic and the checksum of each, and shortens one that is longer than what is left, or
// than `most_block_words`.
inline void repair_checksums(std::vector<std::uint64_t>& words, std::uint64_t most_block_words) {
  using namespace latency::detail;
  constexpr std::size_t header_words = sizeof(block_header) / sizeof(std::uint64_t);
  for (std::size_t at = 2; at + header_words <= words.size();) {
    block_header header;
    std::memcpy(&header, words.data() + at, sizeof header);
    header.magic = block_magic;
    header.words = static_cast<std::uint32_t>(std::min<std::uint64_t>(
        header.words % (most_block_words + 1), words.size() - at - header_words));
    header.checksum = checksum(header, words.data() + at + header_words);
    std::memcpy(words.data() + at, &header, sizeof header);
    at += header_words + header.words;
  }
}

}  // namespace latency_test
