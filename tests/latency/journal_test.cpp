#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <latency/detail/recorder.hpp>
#include <latency/journal_reader.hpp>
#include <latency/latency.hpp>
#include <latency/span_tree.hpp>
#include <random>

#include "find_span.hpp"
#include "tests/temporary_folder.hpp"

namespace {

// The journal of a small finished run, as words.
std::vector<std::uint64_t> small_journal() {
  latency::detail::recorder* running = nullptr;
  latency::session run;
  running = latency::detail::process().current.get();
  run.describe("batch", 2);
  for (int i = 0; i < 20; ++i) {
    LATENCY_SCOPE("outer", {"i", i}, {"text", "value"});
    LATENCY_SCOPE("inner");
    latency::instant("tick");
  }
  std::shared_ptr<latency::detail::recorder> keep = latency::detail::process().current;
  (void)run.stop();
  return running->journal_words();
}

latency::recording read(const std::vector<std::uint64_t>& words) {
  return latency::read_journal(words.data(), words.size(), "memory");
}

}  // namespace

TEST_CASE("journal: a whole one reads back complete") {
  const latency::recording r = read(small_journal());
  CHECK(r.spans.size() == 40);
  CHECK(r.instants.size() == 20);
  CHECK(!r.hygiene.incomplete);
  CHECK(r.hygiene.damaged_blocks == 0);
  CHECK(std::get<std::int64_t>(r.run.at("batch")) == 2);
  CHECK(r.clock.uncertainty_ns < 1000000);
}

TEST_CASE("journal: cut anywhere, what stands before the cut is read") {
  const auto whole = small_journal();
  std::size_t most_spans = 0;
  for (std::size_t words = 2; words < whole.size(); ++words) {
    const latency::recording r =
        read({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(words)});
    CHECK(r.hygiene.incomplete);
    CHECK(r.hygiene.damaged_blocks <= 1);
    CHECK(r.spans.size() >= most_spans);
    most_spans = std::max(most_spans, r.spans.size());
  }
  CHECK(most_spans == 40);
}

TEST_CASE("journal: cut anywhere, spans that were open stay when they close, and so do parents") {
  latency::session run;
  const std::shared_ptr<latency::detail::recorder> running = latency::detail::process().current;
  const auto collect = [&] {
    const std::lock_guard<std::mutex> lock(latency::detail::process().mutex);
    running->collect_now();
  };
  for (int i = 0; i < 5; ++i) {
    {
      LATENCY_SCOPE("root");
      collect();
      { LATENCY_SCOPE("child"); }
      if (i % 2 == 0) collect();
    }
    collect();
  }
  (void)run.stop();
  const auto whole = running->journal_words();
  std::size_t most_spans = 0;
  for (std::size_t words = 2; words <= whole.size(); ++words) {
    const latency::recording r =
        read({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(words)});
    REQUIRE(r.spans.size() >= most_spans);
    most_spans = r.spans.size();
    for (const latency::span& s : r.spans)
      REQUIRE((s.parent == 0 || std::any_of(r.spans.begin(), r.spans.end(),
                                            [&](const auto& p) { return p.id == s.parent; })));
  }
  CHECK(most_spans == 10);
  CHECK(read(whole).hygiene.open_spans == 0);
}

TEST_CASE("journal: damage in the middle loses that block only and is counted") {
  const auto whole = small_journal();
  std::mt19937_64 random(7);
  for (int trial = 0; trial < 500; ++trial) {
    auto damaged = whole;
    damaged[2 + random() % (whole.size() - 2)] ^= std::uint64_t{1} << (random() % 64);
    const latency::recording r = read(damaged);
    CHECK(r.hygiene.damaged_blocks >= 1);
    CHECK(r.spans.size() <= 40);
  }
}

TEST_CASE("journal: what is not one, or is newer, is refused in one line") {
  auto words = small_journal();
  words[1] = 3;
  CHECK_THROWS_WITH_AS(read(words),
                       "memory: byte 8: journal version 3 is newer than this program reads (2)",
                       latency::error);
  words[0] = 1;
  CHECK_THROWS_WITH_AS(read(words), "memory: byte 0: not a latency journal", latency::error);
  CHECK_THROWS_AS(read({}), latency::error);
  const latency_test::temporary_folder folder;
  const std::string path = folder / "empty";
  std::ofstream{path};
  CHECK_THROWS_WITH_AS(static_cast<void>(latency::read_journal(path)),
                       doctest::Contains("not a latency journal: empty or not a file"),
                       latency::error);
  CHECK_THROWS_WITH_AS(static_cast<void>(latency::read_journal(path + "missing")),
                       doctest::Contains("cannot read"), latency::error);
  CHECK_THROWS_AS(static_cast<void>(latency::read_journal(folder / "")), latency::error);
}

TEST_CASE("journal: memory rows of earlier builds, without a pool, are read") {
  using namespace latency::detail;
  for (const std::uint32_t words : {4u, 5u, 6u, 7u, 8u}) {
    journal_writer journal;
    journal.file_header();
    journal.begin_block(block_type::strings);
    journal.put_text("here");
    journal.end_block();
    journal.begin_block(block_type::records);
    const auto kind = static_cast<std::uint64_t>(row_kind::memory);
    for (int row = 0; row < 2; ++row) {
      journal.put(pack_head(kind, record_kind::row, 0, words));
      journal.put(50);
      journal.put(0);  // the name
      for (std::uint64_t i = 1; i < words; ++i) journal.put(i * 100);
    }
    journal.end_block();
    const latency::recording r = read(journal.pending());
    const bool known = words >= 5 && words <= 7;
    CHECK(r.hygiene.damaged_blocks == (known ? 0 : 1));
    REQUIRE(r.memory.size() == (known ? 2 : 0));
    if (!known) continue;
    CHECK(r.strings[r.memory[1].name] == "here");
    CHECK(r.memory[1].device_peak_bytes == 400);
    CHECK(r.memory[1].device_pool_used_bytes == (words > 5 ? 500 : 0));
    CHECK(r.memory[1].device_pool_peak_bytes == (words > 6 ? 600 : 0));
  }
}

TEST_CASE("journal: a running session's journal shows closed and open spans") {
  const latency_test::temporary_folder folder;
  const std::string path = folder / "out.json";
  latency::session run{path};
  LATENCY_SCOPE("open");
  { LATENCY_SCOPE("closed"); }
  latency::recording r;
  for (int i = 0; i < 500 && r.spans.size() != 2; ++i) {  // until the collector has been there
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    r = latency::read_journal(path + ".journal");
  }
  CHECK(r.hygiene.incomplete);
  CHECK(latency_test::span_named(r, "closed").parent == latency_test::span_named(r, "open").id);
  CHECK(latency_test::span_named(r, "open").flags == latency::span_open_at_end);
  (void)run.stop();
}

TEST_CASE("journal: absurd anchors and an end before its beginning give no negative duration") {
  using namespace latency::detail;
  journal_writer journal;
  journal.file_header();
  journal.begin_block(block_type::clock);
  const auto lowest = static_cast<std::uint64_t>(INT64_MIN);
  for (const std::uint64_t word :
       {std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{0}, lowest,
        std::uint64_t{0}, UINT64_MAX, ~lowest, std::uint64_t{0}})
    journal.put(word);
  journal.end_block();
  journal.begin_block(block_type::records);
  for (const std::uint64_t word :
       {pack_head(0, record_kind::async_begin, 0, 0), std::uint64_t{100}, std::uint64_t{1},
        std::uint64_t{0}, pack_head(0, record_kind::async_end, 0, 0), std::uint64_t{50},
        std::uint64_t{1}})
    journal.put(word);
  journal.end_block();
  const latency::recording r = read(journal.pending());
  REQUIRE(r.async_spans.size() == 1);
  CHECK(r.async_spans[0].start_ns == 100);
  CHECK(r.async_spans[0].end_ns == 100);
}

TEST_CASE(
    "journal: a span that began after the clock was last anchored lies inside the recording") {
  const latency_test::temporary_folder folder;
  const std::string path = folder / "out.json";
  latency::session run{path};
  LATENCY_SCOPE("outer");
  std::this_thread::sleep_for(
      std::chrono::milliseconds(30));  // the collector has anchored the clock
  LATENCY_SCOPE("inner");
  latency::recording r;
  for (int i = 0; i < 500 && r.spans.size() != 2; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    r = latency::read_journal(path + ".journal");
  }
  REQUIRE(r.spans.size() == 2);
  CHECK(r.wall_ns >= latency_test::span_named(r, "inner").start_ns);
  CHECK(latency::span_tree(r).problems().records == 0);
  (void)run.stop();
}
