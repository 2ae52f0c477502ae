#include "pipeline_reference/umt5/relative_position.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

using umt5::relative_bucket;

TEST_CASE("relative_bucket: the published buckets begin where they should, on both sides") {
  struct bucket_start {
    std::int64_t distance, bucket;
  };
  std::int64_t away = 1;  // 0 belongs to the keys before the query
  for (const bucket_start& next : std::vector<bucket_start>{{2, 2},
                                                            {3, 3},
                                                            {4, 4},
                                                            {5, 5},
                                                            {6, 6},
                                                            {7, 7},
                                                            {8, 8},
                                                            {12, 9},
                                                            {16, 10},
                                                            {23, 11},
                                                            {32, 12},
                                                            {46, 13},
                                                            {64, 14},
                                                            {91, 15},
                                                            {100'000, 16}})
    for (; away < next.distance; ++away) {
      CAPTURE(away);
      REQUIRE(relative_bucket(-away, 32) == next.bucket - 1);
      REQUIRE(relative_bucket(away, 32) == 16 + next.bucket - 1);
    }
  CHECK(relative_bucket(0, 32) == 0);
}

TEST_CASE("relative_bucket: any number of buckets is used from the first to the last") {
  for (const std::int64_t buckets : {4, 6, 10, 32, 64, 256}) {
    CAPTURE(buckets);
    std::int64_t before = 0;
    for (std::int64_t away = 0; away < 200; ++away) {
      const std::int64_t bucket = relative_bucket(-away, buckets);
      REQUIRE(bucket >= before);
      REQUIRE((away == 0 || relative_bucket(away, buckets) == buckets / 2 + bucket));
      before = bucket;
    }
    CHECK(before == buckets / 2 - 1);
    CHECK(relative_bucket(-127, buckets) <= relative_bucket(-128, buckets));
    CHECK(relative_bucket(-128, buckets) == buckets / 2 - 1);
  }
}

TEST_CASE("bias_by_distance: every distance gets its bucket's entry, head by head") {
  const std::int64_t buckets = 6, heads = 2, most = 5;
  std::vector<float> table;
  for (int i = 0; i < buckets * heads; ++i) table.push_back(static_cast<float>(100 + i));
  const std::vector<float> all = umt5::bias_by_distance(table, buckets, heads, most);
  REQUIRE(all.size() == heads * (2 * most + 1));
  for (std::int64_t head = 0; head < heads; ++head)
    for (std::int64_t d = -most; d <= most; ++d)
      CHECK(all[static_cast<std::size_t>(head * (2 * most + 1) + most + d)] ==
            table[static_cast<std::size_t>(relative_bucket(d, buckets) * heads + head)]);
}
