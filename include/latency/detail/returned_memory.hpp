#pragma once
// Memory for long tables that goes back to the system when they are freed. Of smaller blocks malloc
// keeps what a program frees, for later: a program that now and then fills tables of some MiB would
// hold them ever after.

#include <algorithm>
#include <cstddef>
#include <new>
#include <vector>

namespace latency::detail {

// glibc maps every block that is larger than this by itself, whatever the program freed before (its
// M_MMAP_THRESHOLD grows up to there). Only pages that are written become memory.
inline constexpr std::size_t largest_kept_block_bytes = std::size_t{32} << 20;

// Gives an empty table such memory, for at least `rows` rows. Where there is none, nothing changes.
template <class Row>
void reserve_returned(std::vector<Row>& table, std::size_t rows = 0) {
  try {
    table.reserve(std::max(rows, largest_kept_block_bytes / sizeof(Row) + 1));
  } catch (const std::bad_alloc&) {  // the address space is limited
  }
}

}  // namespace latency::detail
