// What a flight recorder's ring keeps, in memory and in its file.
#include "latency/detail/flight_ring.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <rapidcheck.h>
#include <unistd.h>

#include <atomic>
#include <latency/detail/record_format.hpp>
#include <latency/journal_reader.hpp>
#include <thread>

#include "tests/temporary_folder.hpp"

using namespace latency;
using namespace latency::detail;

namespace {

constexpr std::size_t ring_bytes = std::size_t{256} << 10;

// Blocks as a session's collector hands them over: ticks are nanoseconds.
class made_journal {
 public:
  void strings(std::initializer_list<const char*> texts) {
    blocks_.begin_block(block_type::strings);
    for (const char* text : texts) blocks_.put_text(text);
    blocks_.end_block();
  }
  void thread() {
    blocks_.begin_block(block_type::thread, 0);
    blocks_.put(77);
    blocks_.put_text("main");
    blocks_.end_block();
  }
  void clock(std::uint64_t now) {
    blocks_.begin_block(block_type::clock);
    for (const std::uint64_t word :
         {std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{1000}, std::uint64_t{0},
          std::uint64_t{0}, std::uint64_t{0}, now, now, std::uint64_t{0}})
      blocks_.put(word);
    blocks_.end_block();
  }
  void span(std::uint64_t start, std::uint64_t end, std::uint64_t id, std::uint64_t padding = 0) {
    blocks_.begin_block(block_type::records, 0);
    put_span(start, end, id);
    blocks_.end_block();
    if (padding == 0) return;
    blocks_.begin_block(block_type::records, 0);  // records that are no spans
    for (std::uint64_t i = 0; i < padding; ++i)
      for (const std::uint64_t word :
           {pack_head(0, record_kind::counter, 0, 0), end, std::uint64_t{0}})
        blocks_.put(word);
    blocks_.end_block();
  }
  void put_span(std::uint64_t start, std::uint64_t end, std::uint64_t id) {
    for (const std::uint64_t word :
         {pack_head(0, record_kind::span, 0, 0), start, end, id, std::uint64_t{0}})
      blocks_.put(word);
  }
  void end(std::uint64_t from, std::uint64_t until) {
    blocks_.begin_block(block_type::window);
    blocks_.put(from);
    blocks_.put(0);
    blocks_.end_block();
    blocks_.begin_block(block_type::end);
    blocks_.put(until);
    blocks_.end_block();
  }
  [[nodiscard]] const std::vector<std::uint64_t>& blocks() const { return blocks_.pending(); }

 private:
  journal_writer blocks_;
};

std::vector<std::uint64_t> ids_of(const recording& r) {
  std::vector<std::uint64_t> ids;
  for (const span& s : r.spans) ids.push_back(s.id);
  return ids;
}

// What a dump of the ring would read.
recording read_ring(flight_ring& ring, std::uint64_t from, std::uint64_t until) {
  journal_writer head;
  head.file_header();
  std::vector<std::uint64_t> words = head.pending();
  const flight_ring::view seen = ring.look();
  words.insert(words.end(), seen.words.begin(), seen.words.end());
  const std::uint64_t since = ring.copy(from, seen.end, words);
  made_journal closing;
  closing.clock(until);
  closing.end(since, until);
  words.insert(words.end(), closing.blocks().begin(), closing.blocks().end());
  return read_journal(words.data(), words.size(), "");
}

}  // namespace

TEST_CASE("flight_ring: a window begins at the tick that was asked for, and is cut there") {
  flight_ring ring(ring_bytes, -1);
  ring.begin_round(0);
  made_journal first;
  first.strings({"work"});
  first.thread();
  first.span(100, 190, 1);
  ring.take(first.blocks());
  ring.begin_round(200);
  made_journal second;
  second.span(150, 250, 2);  // across the edge at 240
  second.span(251, 300, 3);
  second.span(210, 240, 4);  // ends at the edge: outside
  ring.take(second.blocks());
  ring.begin_round(310);
  made_journal third;
  third.span(320, 420, 5);  // across the end at 400
  third.span(400, 410, 6);  // begins at the end: outside
  ring.take(third.blocks());
  ring.begin_round(430);

  const recording r = read_ring(ring, 240, 400);
  CHECK(r.wall_ns == 160);
  CHECK(r.clock.origin_unix_ns == 1240);
  REQUIRE(ids_of(r) == std::vector<std::uint64_t>{2, 3, 5});
  CHECK(r.spans[0].start_ns == 0);
  CHECK(r.spans[0].end_ns == 10);
  CHECK(r.spans[0].flags == span_open_at_start);
  CHECK(r.integer_attribute(r.spans[0].attributes, r.strings.find("before_window_ns"), -1) == 90);
  CHECK(r.spans[1].start_ns == 11);
  CHECK(r.spans[1].end_ns == 60);
  CHECK(r.spans[1].flags == 0);
  CHECK(r.spans[2].start_ns == 80);
  CHECK(r.spans[2].end_ns == 160);
  CHECK(r.spans[2].flags == span_open_at_end);
  CHECK(r.hygiene.open_spans == 1);
  CHECK(std::get<std::int64_t>(r.run.at("flight_window_start_ns")) == 240);
}

TEST_CASE("flight_ring: what the ring no longer holds begins the window later") {
  flight_ring ring(ring_bytes, -1);
  ring.begin_round(0);
  made_journal names;
  names.strings({"work"});
  names.thread();
  ring.take(names.blocks());
  // Rounds of about 18 kB: 100 of them are several times the ring.
  for (std::uint64_t round = 1; round <= 100; ++round) {
    ring.begin_round(1000 * round);
    made_journal blocks;
    blocks.span(1000 * round + 100, 1000 * round + 200, round, 750);
    ring.take(blocks.blocks());
  }
  ring.begin_round(101000);
  const recording r = read_ring(ring, 0, 101000);
  REQUIRE(!r.spans.empty());
  const std::uint64_t first = r.spans.front().id;
  CHECK(first > 80);
  CHECK(r.spans.size() == 101 - first);
  CHECK(r.spans.back().id == 100);
  CHECK(std::get<std::int64_t>(r.run.at("flight_window_start_ns")) ==
        static_cast<std::int64_t>(1000 * first));
}

TEST_CASE("flight_ring: a round that is held in part is not taken for whole") {
  flight_ring ring(ring_bytes, -1);
  std::uint64_t id = 0;
  made_journal names;
  names.strings({"work"});
  names.thread();
  ring.begin_round(0);
  ring.take(names.blocks());
  for (std::uint64_t round = 1; round <= 20; ++round) {
    ring.begin_round(1000 * round);
    for (int piece = 0; piece < 7; ++piece) {
      made_journal blocks;
      blocks.span(1000 * round + 100, 1000 * round + 200, ++id, 312);
      ring.take(blocks.blocks());
    }
  }
  ring.begin_round(21000);
  const recording r = read_ring(ring, 0, 21000);
  REQUIRE(!r.spans.empty());
  CHECK(r.spans.size() % 7 == 0);
  CHECK(r.spans.front().id % 7 == 1);
}

// The first lap ends where a large entry did not fit; the second one has an entry that ends there,
// and goes on behind it.
TEST_CASE("flight_ring: where an earlier lap ended means nothing to a later one") {
  flight_ring ring(ring_bytes, -1);  // 32768 words
  ring.begin_round(1);
  made_journal names;
  names.strings({"work"});
  names.thread();
  ring.take(names.blocks());
  std::uint64_t id = 0;
  for (const std::uint64_t padding : {4000, 4000, 4000, 4000, 1000, 1000}) {  // x 3 + 16 words
    ++id;
    ring.begin_round(1000 * id);
    made_journal blocks;
    blocks.span(1000 * id + 100, 1000 * id + 200, id, padding);
    ring.take(blocks.blocks());
  }
  ring.begin_round(7000);
  CHECK(ids_of(read_ring(ring, 0, 7000)) == std::vector<std::uint64_t>{3, 4, 5, 6});
}

TEST_CASE("flight_ring: holds the newest of any sequence of entries, and its file the same") {
  CHECK(rc::check("newest, without a gap", [] {
    const latency_test::temporary_folder folder;
    const std::string path = folder / "ring.journal";
    const int fd = ::open(path.c_str(), O_CREAT | O_RDWR, 0600);
    std::uint64_t last = 0;
    std::uint64_t oldest = 0;
    {
      flight_ring ring(ring_bytes, fd);
      ring.begin_round(1);
      made_journal names;
      names.strings({"work"});
      names.thread();
      ring.take(names.blocks());
      const int rounds = *rc::gen::inRange(1, 120);
      for (int i = 0; i < rounds; ++i) {
        ++last;
        ring.begin_round(1000 * last);
        made_journal blocks;
        blocks.clock(1000 * last + 500);
        blocks.span(1000 * last + 100, 1000 * last + 200, last,
                    static_cast<std::uint64_t>(*rc::gen::inRange(0, 2500)));
        ring.take(blocks.blocks());
        if (*rc::gen::inRange(0, 8) != 0) continue;
        const recording r = read_ring(ring, 0, 1000 * last + 600);
        RC_ASSERT(!r.spans.empty());
        RC_ASSERT(r.spans.back().id == last);
        RC_ASSERT(r.spans.size() == last + 1 - r.spans.front().id);
        // Less than a ring was overwritten ahead of need: an entry takes less than a quarter of it.
        RC_ASSERT(r.spans.front().id == 1 || r.spans.size() >= 3u);
      }
      const recording whole = read_ring(ring, 0, 1000 * last + 600);
      oldest = whole.spans.front().id;
    }
    ::close(fd);
    const recording r = read_journal(path);
    RC_ASSERT(r.hygiene.incomplete);
    RC_ASSERT(r.hygiene.damaged_blocks == 0);
    RC_ASSERT(r.spans.back().id == last);
    RC_ASSERT(r.spans.size() == last + 1 - r.spans.front().id);
    RC_ASSERT(r.spans.front().id <= oldest);
  }));
}

TEST_CASE("flight_ring: entries that are overwritten while they are copied are left out, whole") {
  flight_ring ring(ring_bytes, -1);
  ring.begin_round(1);
  made_journal names;
  names.strings({"work"});
  names.thread();
  ring.take(names.blocks());
  std::atomic<bool> enough{false};
  std::atomic<std::uint64_t> last{0};
  std::thread writer([&] {
    for (std::uint64_t id = 1; !enough.load(); ++id) {
      ring.begin_round(1000 * id);
      made_journal blocks;
      blocks.clock(1000 * id + 500);
      blocks.span(1000 * id + 100, 1000 * id + 200, id, 190);
      ring.take(blocks.blocks());
      last = id;
    }
  });
  while (last.load() < 200) std::this_thread::yield();
  for (int i = 0; i < 100; ++i) {
    const recording r = read_ring(ring, 0, UINT64_MAX / 4);
    REQUIRE(r.hygiene.damaged_blocks == 0);
    if (r.spans.empty()) continue;
    CHECK(r.spans.size() == r.spans.back().id + 1 - r.spans.front().id);
  }
  enough = true;
  writer.join();
}

TEST_CASE("flight_ring: a file that can grow no more keeps what it has, and the ring goes on") {
  const int full = ::open("/dev/full", O_RDWR);
  REQUIRE(full >= 0);
  flight_ring ring(ring_bytes, full);
  CHECK(ring.mirror_error() == ENOSPC);
  ring.begin_round(1);
  made_journal blocks;
  blocks.strings({"work"});
  blocks.thread();
  blocks.span(2, 3, 1);
  ring.take(blocks.blocks());
  ring.begin_round(10);
  CHECK(read_ring(ring, 0, 10).spans.size() == 1);
  ::close(full);
}
