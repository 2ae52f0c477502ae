// Allocation is counted for the whole program, so this stands in a test of its own.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "tests/pipeline_reference/tiny_model.hpp"

namespace {
std::atomic<long> allocations{0};
}  // namespace

void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* data = std::malloc(bytes)) return data;
  throw std::bad_alloc();
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  ++allocations;
  const auto unit = static_cast<std::size_t>(alignment);
  return std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
}
void operator delete(void* data) noexcept {
  std::free(data);
}
void operator delete(void* data, std::size_t) noexcept {
  std::free(data);
}
void operator delete(void* data, std::align_val_t) noexcept {
  std::free(data);
}

namespace {

struct allocation_counter final : longlive::generation_observer {
  std::vector<long> at_block_start, at_block_end;
  allocation_counter() {
    at_block_start.reserve(100);
    at_block_end.reserve(100);
  }
  void block_started(const longlive::block_info&) override {
    at_block_start.push_back(allocations);
  }
  void block_finished(const longlive::block_info&, const longlive::latent_batch&, ops::stream,
                      duration) override {
    at_block_end.push_back(allocations);
  }
};

}  // namespace

TEST_CASE(
    "generation: no block allocates, neither host nor back-end memory, switch blocks included") {
  longlive::generation_config g = longlive_tests::tiny_generation();
  g.switch_latent_frames = {8};
  for (const longlive::kv_policy policy : {longlive::kv_policy::roll, longlive::kv_policy::ring}) {
    allocation_counter counter;
    longlive_tests::generate(longlive_tests::tiny_dit(), g, policy, counter);
    REQUIRE(counter.at_block_end.size() == 6);
    CHECK(counter.at_block_start[0] > 0);
    for (std::size_t block = 0; block < 6; ++block)
      CHECK(counter.at_block_end[block] == counter.at_block_start[block]);
  }
}
