#include "latency/memory.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <cstring>
#include <string>

#include "latency/memory_profiler.hpp"
#include "latency/session.hpp"

using latency::memory_profiler;
using latency::memory::usage;

namespace {

constexpr std::size_t block_bytes = 64u << 20;

// 64 MiB that are resident while it lives.
class resident_block {
 public:
  resident_block()
      : memory_(mmap(nullptr, block_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                     0)) {
    REQUIRE(memory_ != MAP_FAILED);
    std::memset(memory_, 1, block_bytes);
  }
  resident_block(const resident_block&) = delete;
  resident_block& operator=(const resident_block&) = delete;
  ~resident_block() { munmap(memory_, block_bytes); }

 private:
  void* memory_;
};

// A device with fixed numbers, while it lives.
struct fake_device {
  fake_device() {
    latency::memory::set_device_reader([](usage& u) {
      u.device_used_bytes = 5 << 20;
      u.device_peak_bytes = 7 << 20;
      u.device_pool_used_bytes = 3 << 20;
      u.device_pool_peak_bytes = 4 << 20;
    });
  }
  ~fake_device() { latency::memory::set_device_reader(nullptr); }
};

// Pages move in and out besides the block: half of it is a clear signal.
constexpr std::int64_t clearly = block_bytes / 2;

}  // namespace

TEST_CASE("memory: the resident size follows what the process touches, the peak stays") {
  const usage before = latency::memory::read_usage();
  CHECK(before.rss_bytes > 100'000);
  usage during;
  {
    const resident_block block;
    during = latency::memory::read_usage();
  }
  const usage after = latency::memory::read_usage();
  CHECK((during - before).rss_bytes > clearly);
  CHECK((after - during).rss_bytes < -clearly);
  CHECK(during.peak_rss_bytes >= during.rss_bytes);
  CHECK(after.peak_rss_bytes > after.rss_bytes + clearly);
}

TEST_CASE("memory: a usage has no device memory until a back end reads it") {
  CHECK(latency::memory::read_usage().device_used_bytes == 0);
  {
    const fake_device device;
    CHECK(latency::memory::read_usage().device_used_bytes == 5 << 20);
    CHECK(latency::memory::read_usage().device_peak_bytes == 7 << 20);
  }
  CHECK(latency::memory::read_usage().device_peak_bytes == 0);
}

TEST_CASE("memory: a snapshot stands in the recording under its name, with what it returned") {
  const fake_device device;
  latency::session run;
  const std::string name = "after_" + std::string("load");
  const usage seen = latency::memory::snapshot(name);
  const latency::recording recorded = run.stop();
  REQUIRE(recorded.memory.size() == 1);
  const latency::memory_snapshot& row = recorded.memory[0];
  CHECK(recorded.strings[row.name] == "after_load");
  CHECK(row.rss_bytes == seen.rss_bytes);
  CHECK(row.peak_rss_bytes == seen.peak_rss_bytes);
  CHECK(row.device_used_bytes == 5 << 20);
  CHECK(row.device_peak_bytes == 7 << 20);
  CHECK(row.device_pool_used_bytes == 3 << 20);
  CHECK(row.device_pool_peak_bytes == 4 << 20);
  CHECK(row.time_ns >= 0);
  CHECK(row.time_ns <= recorded.wall_ns);
}

TEST_CASE("memory: without a session a snapshot still measures") {
  CHECK(latency::memory::snapshot("alone").rss_bytes > 0);
}

TEST_CASE("memory_profiler: differences are between the snapshots named") {
  memory_profiler profiler;
  profiler.snapshot("start");
  {
    const resident_block block;
    profiler.snapshot("block");
  }
  profiler.snapshot("end");
  CHECK(profiler.difference("start", "block").rss_bytes > clearly);
  CHECK(profiler.difference("block", "end").rss_bytes < -clearly);
  CHECK(profiler.rows().at(1).name == "block");
  CHECK_THROWS_WITH_AS(static_cast<void>(profiler.difference("start", "nowhere")),
                       "memory_profiler: nowhere: no such snapshot", latency::error);
}

TEST_CASE("memory_profiler: of snapshots with one name the last counts") {
  memory_profiler profiler;
  profiler.snapshot("a");
  const resident_block block;
  profiler.snapshot("b");
  profiler.snapshot("a");
  CHECK(profiler.difference("b", "a").rss_bytes < clearly);
  CHECK(profiler.difference("b", "a").rss_bytes > -clearly);
}

TEST_CASE(
    "memory_profiler: the summary has a line for each snapshot, and device columns on demand") {
  memory_profiler profiler;
  profiler.snapshot("load weights");
  const std::string host = profiler.summary();
  CHECK(host.find("snapshot      rss MiB  change  peak MiB\n") == 0);
  CHECK(host.find("\nload weights ") != std::string::npos);
  CHECK(host.find(" +0.0 ") != std::string::npos);
  CHECK(host.find("device") == std::string::npos);
  const fake_device device;
  profiler.snapshot("device on");
  const std::string both = profiler.summary();
  CHECK(both.find("device MiB  change  device peak MiB\n") != std::string::npos);
  CHECK(both.find("  5.0    +5.0              7.0\n") != std::string::npos);
}

TEST_CASE("memory_profiler: without snapshots the summary is its heading") {
  CHECK(memory_profiler().summary() == "snapshot  rss MiB  change  peak MiB\n");
}
