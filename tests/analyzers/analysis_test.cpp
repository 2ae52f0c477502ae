// Claims about all of the analysis at once: order of rows, missing tables, absurd numbers.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <map>
#include <sstream>
#include <string>

#include "analyzers/analysis/advice.hpp"
#include "analyzers/analysis/pool.hpp"
#include "tests/analyzers/random_run.hpp"
#include "tests/analyzers/sample_run.hpp"

using namespace latency;
using namespace latency::analysis;
using latency::test::ms;

namespace {

struct analysed {
  hygiene_report health;
  component_table parts;
  hierarchy paths;
  generation_report generated;
  switch_report switched;
  kv_cache_report cache;
  std::vector<advice> lines;

  explicit analysed(const recording& run) {
    const span_tree tree(run);
    health = hygiene(run, tree, make_proof(run, tree, device_accounting(run, tree)));
    parts = components(run, tree);
    paths = hierarchy_of(run, tree);
    generated = generation(run, tree);
    switched = switches(run, tree, generated);
    cache = kv_cache(run, tree);
    lines = advise(run, health, parts, generated, switched, cache);
  }
};

void put(std::ostream& out, const summary& s) {
  out << s.n << ' ' << s.sum << ' ' << s.mean << ' ' << s.stddev << ' ' << s.p50 << ' ' << s.p95
      << ' ' << s.max << '\n';
}

// Everything that must not depend on the order of rows, as text.
std::string digest(const recording& run) {
  const analysed all(run);
  std::ostringstream out;
  for (const hygiene_count& c : all.health.counts) out << c.what << ' ' << c.count << '\n';
  for (const component& c : all.parts.rows) {
    out << c.name << ' ' << c.inclusive_ns << ' ' << c.exclusive_ns << ' ' << c.warm_up_count
        << ' ';
    put(out, c.duration_ns);
  }
  for (const hierarchy_node& n : all.paths.nodes)
    out << n.name << ' ' << n.depth << ' ' << n.count << ' ' << n.inclusive_ns << '\n';
  for (const block_timing& b : all.generated.blocks)
    out << run.blocks[b.row].index << ' ' << to_string(b.kind) << ' ' << b.block_ns << ' '
        << b.vae_ns << ' ' << b.pixel_frames << '\n';
  for (const deadline_row& d : all.generated.deadlines)
    out << d.late << ' ' << d.expected << ' ' << d.gaps_over_period << '\n';
  for (const segment_row& s : all.generated.segments)
    out << s.segment << ' ' << s.rate.without_vae_ns << ' ' << s.rate.with_vae_ns << '\n';
  put(out, all.generated.pixel_frame_gaps_ns);
  for (const switch_timing& s : all.switched.switches) {
    out << run.switches[s.row].block << ' ' << s.delta_ns.value_or(-1) << ' '
        << s.absolute_ns.value_or(-1);
    for (const std::int64_t part : s.parts_ns) out << ' ' << part;
    out << '\n';
  }
  for (const cache_operation& op : all.cache.operations)
    out << op.name << ' ' << op.count << ' ' << op.tokens.attended << ' ' << op.bytes << '\n';
  out << all.cache.tokens.attended << ' ' << all.cache.tokens.reused << ' ' << all.cache.bytes;
  for (const advice& a : all.lines) out << '\n' << to_string(a.rule) << ' ' << a.because[0].value;
  return out.str();
}

}  // namespace

TEST_CASE("analysis: the order of rows does not change any result") {
  const std::string in_order = digest(test::sample_run());
  const recording pooled = pool({test::sample_run(), test::sample_run()});
  const std::string pooled_in_order = digest(pooled);
  CHECK(rc::check([&](std::uint64_t seed) {
    RC_ASSERT(digest(test::shuffled(test::sample_run(), seed)) == in_order);
    RC_ASSERT(digest(test::shuffled(pooled, seed)) == pooled_in_order);
  }));
}

TEST_CASE("analysis: any missing table leaves the others analysed") {
  for (int missing = 0; missing < 32; ++missing) {
    recording run = test::sample_run();
    if (missing & 1) run.spans.clear();
    if (missing & 2) run.blocks.clear();
    if (missing & 4) run.switches.clear();
    if (missing & 8) run.pixel_frames.clear();
    if (missing & 16) {
      for (span& s : run.spans) s.attributes = {};
      run.attributes.clear();
    }
    const analysed all(run);
    CHECK(all.parts.rows.empty() == ((missing & 1) != 0));
    CHECK(all.generated.blocks.empty() == ((missing & 3) != 0));
    CHECK(all.generated.deadlines.empty() == ((missing & 8) != 0));
    CHECK(all.switched.switches.empty() == ((missing & 7) != 0));
    CHECK((all.cache.tokens.attended == 0) == ((missing & 17) != 0));
    CHECK(all.cache.operations.empty() == ((missing & 1) != 0));
  }
}

TEST_CASE("analysis: repeated runs in one recording are clips of their own") {
  // The sample run again, 1400 later, on the same thread: all numbers start over.
  recording run = test::sample_run();
  const recording again = test::sample_run();
  const std::size_t count = run.spans.size();
  for (span s : again.spans) {
    s.id += count;
    s.parent = s.parent == 0 ? 0 : s.parent + count;
    s.start_ns += 1400 * ms;
    s.end_ns += 1400 * ms;
    run.spans.push_back(s);
  }
  for (block b : again.blocks) {
    b.span += count;
    run.blocks.push_back(b);
  }
  for (prompt_switch s : again.switches) {
    s.span += count;
    s.request_ns += 1400 * ms;
    run.switches.push_back(s);
  }
  for (pixel_frame p : again.pixel_frames) {
    p.complete_ns += 1400 * ms;
    run.pixel_frames.push_back(p);
  }
  run.wall_ns = 2800 * ms;
  const analysed all(run);
  CHECK(all.generated.clips == 2);
  CHECK(all.generated.blocks[7].kind == scenario::first);
  CHECK(all.generated.pixel_frame_gaps_ns.n == 160);  // none between the clips
  CHECK(all.generated.pixel_frame_gaps_ns.max == 184.0 * ms);
  CHECK(all.generated.rate.with_vae_ns == 2 * 1078 * ms);
  REQUIRE(all.switched.switches.size() == 4);
  CHECK(all.switched.switches[2].absolute_ns.value() == 329 * ms);
  CHECK(all.switched.switches[3].delta_ns.value() == 46 * ms);
  CHECK(all.switched.switches[2].parts_ns == all.switched.switches[0].parts_ns);
}

TEST_CASE(
    "analysis: numbers that cannot be are analysed without harm, and the shares still add up") {
  CHECK(rc::check([](std::uint64_t seed) {
    const analysed all(test::absurd_run(seed));
    std::int64_t exclusive_ns = 0;
    for (const component& c : all.parts.rows) exclusive_ns += c.exclusive_ns;
    RC_ASSERT(exclusive_ns + all.parts.warm_up_exclusive_ns + all.parts.untracked_ns ==
              all.parts.thread_wall_ns);
    for (const deadline_row& d : all.generated.deadlines)
      RC_ASSERT(d.hit_rate >= 0 && d.hit_rate <= 1);
    RC_ASSERT(all.generated.rate.with_vae_ns >= all.generated.rate.without_vae_ns);
  }));
}
