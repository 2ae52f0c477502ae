#pragma once
// The relative-position bias of T5: every head adds to a score what its table holds for the bucket
// of the distance from query to key.

#include <cstdint>
#include <span>
#include <vector>

namespace umt5 {

// Bucket of a key that stands `distance` tokens after its query (before it when negative). Half of
// the buckets are for keys after the query. Within a half, the first half of its buckets hold one
// distance each; the rest grow by equal factors up to a distance of 128; the last holds all beyond.
// `buckets` is even and at least 4.
[[nodiscard]] std::int64_t relative_bucket(std::int64_t distance, std::int64_t buckets);

// A table [buckets, heads] written out by distance: [heads, 2 * most_distance + 1], entry
// most_distance + d of a head for distance d.
[[nodiscard]] std::vector<float> bias_by_distance(std::span<const float> table,
                                                  std::int64_t buckets, std::int64_t heads,
                                                  std::int64_t most_distance);

}  // namespace umt5
