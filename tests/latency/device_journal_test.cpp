// What a device back end hands to a session, through the journal and into the recording.
#include <doctest/doctest.h>

#include <cstring>
#include <latency/detail/recorder.hpp>
#include <latency/device_accounting.hpp>
#include <latency/journal_reader.hpp>
#include <latency/latency.hpp>
#include <latency/timing_file.hpp>
#include <thread>

#include "sample_recording.hpp"
#include "tests/temporary_folder.hpp"

namespace {

using latency::detail::device_writer;

struct counting_source : latency::detail::device_source {
  explicit counting_source(std::shared_ptr<latency::detail::recorder> to)
      : recorder(std::move(to)) {}
  void poll() noexcept override { ++polls; }
  void finish() noexcept override {
    ++finishes;
    recorder->write_device([&](device_writer& out) {
      latency::completion_mark mark;
      mark.name = out.name("last");
      const std::uint32_t clock = out.new_clock({});
      out.anchor(clock, 0, recorder->now_ticks(), 0);
      out.mark(clock, mark);
    });
  }
  std::shared_ptr<latency::detail::recorder> recorder;
  std::atomic<int> polls{0};
  int finishes = 0;
};

// Gives every device row of `r` to a running session, device times as they stand there.
void write_rows(const latency::recording& r, latency::detail::recorder& to) {
  to.write_device([&](device_writer& out) {
    latency::device_clock described = r.device_clocks.at(0);
    const std::uint32_t kernels = out.new_clock(described);
    described = r.device_clocks.at(1);
    const std::uint32_t events = out.new_clock(described);
    const std::uint64_t now = to.now_ticks();
    out.anchor(kernels, 0, now, 75);
    out.anchor(events, 1000, now, 600);
    const auto named = [&](auto row) {
      row.name = out.name(latency::intern(r.strings[row.name]));
      return row;
    };
    for (auto op : r.device_ops) {
      if (op.shape >= 0) op.shape = out.shape(r.launch_shapes[static_cast<std::size_t>(op.shape)]);
      out.op(kernels, named(op));
    }
    for (auto call : r.api_calls) {
      call.start_ns = call.end_ns = static_cast<std::int64_t>(now);
      out.call(named(call));
    }
    for (const auto& node : r.graph_nodes) out.node(node);
    for (const auto& window : r.event_windows) out.window(events, named(window));
    for (const auto& mark : r.marks) out.mark(events, named(mark));
    for (const auto& path : r.span_paths) (void)out.new_path(named(path));
    std::vector<latency::device_total> totals;
    std::vector<latency::api_total> calls;
    for (const auto& total : r.device_totals) totals.push_back(named(total));
    for (const auto& total : r.api_totals) calls.push_back(named(total));
    out.totals(totals, r.device_histograms, calls);
  });
}

std::string text_of(const latency::recording& r) {
  const latency_test::temporary_folder folder;
  latency::write_timing_file(r, folder / "r.json");
  return latency_test::read_file(folder / "r.json");
}

// The part of a timing file from one table to before another.
std::string tables(const std::string& text, const char* first, const char* last) {
  const std::size_t begin = text.find(first), end = text.find(last);
  REQUIRE(begin != text.npos);
  REQUIRE(end != text.npos);
  return text.substr(begin, end - begin);
}

}  // namespace

TEST_CASE("device journal: every member of every row comes back, device times mapped") {
  latency::recording sent = latency_test::sample_recording();
  latency::session run;
  for (const std::string& text : sent.strings.all()) latency::instant(latency::intern(text));
  {
    const std::lock_guard<std::mutex> lock(latency::detail::process().mutex);
    run.recorder()->collect_now();  // so that names have the ids that they have in `sent`
  }
  write_rows(sent, *run.recorder());
  const latency::recording got = run.stop();
  CHECK(got.hygiene.damaged_blocks == 0);
  REQUIRE(got.api_calls.size() == sent.api_calls.size());
  const std::int64_t now = got.api_calls[0].start_ns;  // the moment of the anchors
  CHECK(now > 0);

  for (auto& op : sent.device_ops) op.start_ns += now, op.end_ns += now;
  for (auto& call : sent.api_calls) call.start_ns = call.end_ns = now;
  for (auto& w : sent.event_windows) w.start_ns += now - 1000, w.end_ns += now - 1000;
  for (auto& mark : sent.marks) mark.time_ns += now - 1000;
  sent.launch_shapes.erase(sent.launch_shapes.begin());  // nothing was launched so
  sent.device_ops[0].shape = 0;
  for (auto& clock : sent.device_clocks) {
    clock.anchors = 1;
    clock.residual_ns = 0;
    clock.drift_ppm = 0;
  }
  CHECK(tables(text_of(got), "\"device_ops\"", "\"blocks\"") ==
        tables(text_of(sent), "\"device_ops\"", "\"blocks\""));
}

TEST_CASE("device journal: later totals replace earlier ones, paths and shapes go on counting") {
  latency::session run;
  const latency::recording sent = latency_test::sample_recording();
  write_rows(sent, *run.recorder());
  std::int32_t path = 0, old_shape = 0, new_shape = 0;
  run.recorder()->write_device([&](device_writer& out) {
    path = out.new_path({1, out.name("leaf")});
    old_shape = out.shape(sent.launch_shapes[1]);
    new_shape = out.shape({});
    latency::device_total total;
    total.path = path;
    total.name = out.name("kernel");
    total.count = 5;
    out.totals({total}, {{0, 8, 5}}, {});
  });
  const latency::recording got = run.stop();
  CHECK(path == 2);
  CHECK(got.span_paths.at(2).parent == 1);
  CHECK(got.strings[got.span_paths[2].name] == "leaf");
  CHECK(old_shape == 0);
  CHECK(new_shape == 1);
  CHECK(got.launch_shapes.size() == 2);
  REQUIRE(got.device_totals.size() == 1);
  CHECK(got.device_totals[0].count == 5);
  CHECK(got.device_histograms.size() == 1);
  CHECK(got.api_totals.size() == sent.api_totals.size());
}

TEST_CASE("device journal: what a device could not measure stays 0, and is counted as that") {
  latency::session run;
  { LATENCY_SCOPE("span"); }
  run.recorder()->write_device([&](device_writer& out) {
    const std::uint32_t clock = out.new_clock({});
    out.anchor(clock, 1'795'000'000'000'000'000, run.recorder()->now_ticks(), 10);
    out.op(clock, {});
    out.op(clock + 1, {5, 6});  // of a clock that nobody described
  });
  const latency::recording got = run.stop();
  REQUIRE(got.device_ops.size() == 2);
  for (const latency::device_op& op : got.device_ops) {
    CHECK(op.start_ns == 0);
    CHECK(op.end_ns == 0);
  }
  const latency::span_tree tree(got);
  CHECK(latency::device_accounting(got, tree).problems().of[1] == 2);  // zero times
}

TEST_CASE("device journal: the tier is the highest reached, and the reason why not more is kept") {
  latency::session run;
  const auto tier = [&](latency::device_tier reached, const char* reason) {
    run.recorder()->write_device([&](device_writer&) { run.recorder()->tier(reached, reason); });
  };
  tier(latency::device_tier::events, "another profiler");
  tier(latency::device_tier::host, "");
  const latency::recording got = run.stop();
  CHECK(std::get<std::string>(got.run.at("tier")) == "events");
  CHECK(std::get<std::string>(got.run.at("tier_reason")) == "another profiler");
  latency::session none;
  CHECK(std::get<std::string>(none.stop().run.at("tier")) == "host");
}

TEST_CASE("device journal: counts of back ends reach the recording's hygiene") {
  latency::session run;
  run.recorder()->write_device([&](device_writer&) {
    using latency::detail::total;
    run.recorder()->count(total::dropped_device_ops, 1);
    run.recorder()->count(total::invalid_device_ops, 2);
    run.recorder()->count(total::unmatched_device_ops, 3);
    run.recorder()->count(total::unmatched_launches, 4);
    run.recorder()->count(total::untraced_copies, 5);
    run.recorder()->count(total::changed_graph_nodes, 6);
  });
  const latency::hygiene_counts got = run.stop().hygiene;
  CHECK(got.dropped_device_ops == 1);
  CHECK(got.invalid_device_ops == 2);
  CHECK(got.unmatched_device_ops == 3);
  CHECK(got.unmatched_launches == 4);
  CHECK(got.untraced_copies == 5);
  CHECK(got.changed_graph_nodes == 6);
}

TEST_CASE("device source: the collector polls it, the session's end finishes it once") {
  const latency_test::temporary_folder folder;
  latency::session run{folder / "out.json"};
  const auto source = std::make_shared<counting_source>(run.recorder());
  run.recorder()->add_source(source);
  for (int i = 0; i < 500 && source->polls == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK(source->polls > 0);
  const int before = source->polls;
  run.poll();
  CHECK(source->polls > before);
  const latency::recording got = run.finish();
  CHECK(source->finishes == 1);
  REQUIRE(got.marks.size() == 1);
  CHECK(got.strings[got.marks[0].name] == "last");
  run.recorder()->remove_source(source);
  CHECK(source->finishes == 1);
  CHECK(!run.recorder()->write_device([](device_writer&) { FAIL("after the end"); }));
}

TEST_CASE("device source: one that is removed is finished then, and its rows are kept") {
  latency::session run;
  const auto source = std::make_shared<counting_source>(run.recorder());
  run.recorder()->add_source(source);
  run.recorder()->remove_source(source);
  CHECK(source->finishes == 1);
  run.poll();
  CHECK(source->polls == 0);
  CHECK(run.stop().marks.size() == 1);
  CHECK(source->finishes == 1);
}

TEST_CASE("device journal: a lost block of shapes leaves the later ones in their places") {
  latency::session run;
  const auto keep = run.recorder();
  const auto launch = [&](std::uint32_t grid) {
    run.recorder()->write_device([&](device_writer& out) {
      latency::device_op op;
      latency::launch_shape shape;
      shape.grid_x = grid;
      op.shape = out.shape(shape);
      out.op(0, op);
    });
  };
  launch(10);
  launch(20);
  (void)run.stop();
  std::vector<std::uint64_t> words = keep->journal_words();
  for (std::size_t at = 2; at + 3 < words.size(); ++at) {
    latency::detail::block_header header;
    std::memcpy(&header, words.data() + at, sizeof header);
    if (header.magic != latency::detail::block_magic ||
        header.type != latency::detail::block_type::launch_shapes)
      continue;
    words[at + 3] ^= 1;
    break;
  }
  const latency::recording got = latency::read_journal(words.data(), words.size(), "memory");
  CHECK(got.hygiene.damaged_blocks == 1);
  REQUIRE(got.launch_shapes.size() == 2);
  CHECK(got.launch_shapes[0].grid_x == 0);
  CHECK(got.launch_shapes[static_cast<std::size_t>(got.device_ops.at(1).shape)].grid_x == 20);
}

TEST_CASE("device journal: a block that ends within a row is damaged, none of its rows is read") {
  using latency::detail::block_type;
  latency::detail::journal_writer journal;
  journal.file_header();
  for (const auto& [type, words] :
       {std::pair{block_type::device_ops, latency::detail::device_op_words},
        std::pair{block_type::event_windows, latency::detail::event_window_words},
        std::pair{block_type::marks, latency::detail::mark_words}}) {
    journal.begin_block(type);
    for (std::uint32_t i = 0; i < 3 * words - 1; ++i) journal.put(0);
    journal.end_block();
  }
  const latency::recording got =
      latency::read_journal(journal.pending().data(), journal.pending().size(), "memory");
  CHECK(got.hygiene.damaged_blocks == 3);
  CHECK(got.device_ops.empty());
  CHECK(got.event_windows.empty());
  CHECK(got.marks.empty());
}
