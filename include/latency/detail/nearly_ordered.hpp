#pragma once
// Sorts what is nearly in order already, as rows are that threads and streams wrote side by side.

#include <algorithm>
#include <iterator>
#include <utility>

namespace latency::detail {

// As std::sort; `less` must be a total order, so that the result does not depend on the way there.
// O(n) for n elements that stand a few places from where they belong, O(n log n) for any others.
template <class Iterator, class Less>
void sort_nearly_ordered(Iterator first, Iterator last, const Less& less) {
  if (first == last) return;
  auto moves_left = 4 * (last - first);  // more than sorting costs when it comes to nothing
  for (Iterator next = std::next(first); next != last; ++next) {
    if (!less(*next, *std::prev(next))) continue;
    auto moved = std::move(*next);
    Iterator place = next;
    do {
      *place = std::move(*std::prev(place));
      --place;
      --moves_left;
    } while (moves_left > 0 && place != first && less(moved, *std::prev(place)));
    *place = std::move(moved);
    if (moves_left <= 0) return std::sort(first, last, less);
  }
}

}  // namespace latency::detail
