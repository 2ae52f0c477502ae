// How the engine hands over what CUPTI delivers, against a libcupti that delivers what a test says.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <latency/detail/cupti_engine.hpp>
#include <latency/latency.hpp>
#include <memory>
#include <string>
#include <vector>

#include "fake_cupti.hpp"

using namespace latency;
using namespace latency::detail;

namespace {

// What the engine handed over, and the most of it between two flushes.
struct handed_over {
  std::size_t ops = 0;
  std::size_t gathered = 0;
  std::size_t most_gathered = 0;
};

class counting_input : public trace_input {
 public:
  explicit counting_input(handed_over& to) : to_(to) {}
  void call(const traced_call&) override {}
  void op(const traced_op&) override {
    ++to_.ops;
    to_.most_gathered = std::max(to_.most_gathered, ++to_.gathered);
  }
  void sync(const traced_sync&) override {}
  void device(std::uint32_t, const char*) override {}
  void anchor(std::int64_t, std::uint64_t, std::int64_t) override {}
  void dropped(std::uint64_t, std::uint64_t) override {}
  [[nodiscard]] std::size_t outstanding() const override { return 0; }
  void flush() override { to_.gathered = 0; }
  void finish() override {}

 private:
  handed_over& to_;
};

}  // namespace

// Rows are kept until a flush, in tables that keep the size that they had to grow to.
TEST_CASE("cupti: many buffers that come at once are passed on one by one") {
  constexpr std::size_t kernels_of_buffer = 10, buffers = 7;
  setenv("LATENCY_CUPTI", FAKE_CUPTI, 1);
  the_fake_cupti() = {};
  session run;
  cupti_engine& engine = cupti_engine::instance();
  std::string why;
  REQUIRE_MESSAGE(engine.load(why), why);
  cupti_settings settings;
  settings.buffer_bytes = kernels_of_buffer * sizeof(CUpti_ActivityKernel9);
  settings.buffers = 2;
  settings.flush_every = std::chrono::hours(1);  // all come when it stops
  handed_over found;
  REQUIRE_MESSAGE(
      engine.start(run.recorder(), std::make_unique<counting_input>(found), settings, why), why);
  CUpti_ActivityKernel9 kernel{};
  kernel.kind = CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL;
  kernel.name = "k";
  const std::vector<CUpti_ActivityKernel9> ran(kernels_of_buffer * buffers, kernel);
  deliver_kernels(ran.data(), ran.size());
  engine.stop();
  CHECK(found.ops == ran.size());
  CHECK(found.most_gathered == kernels_of_buffer);
}
