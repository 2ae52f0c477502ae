#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <vector>

#include "pipeline_reference/longlive/kv_placement.hpp"

using longlive::generation_config;
using longlive::kv_call;
using longlive::kv_plan;
using longlive::kv_pointers;
using longlive::kv_policy;

namespace {

generation_config window_of(std::int64_t window, std::int64_t sink,
                            std::int64_t latent_frames = 240) {
  generation_config g;
  g.window_latent_frames = window;
  g.sink_latent_frames = sink;
  g.latent_frames = latent_frames;
  return g;
}

// What a cache row holds: the forward that wrote it and its latent frame; {-1, -1} while it is
// zero.
struct written {
  int forward = -1;
  std::int64_t latent_frame = -1;
  auto operator<=>(const written&) const = default;
};

// Slots of one policy, in latent frames, kept as the plans say.
struct simulated_cache {
  std::unique_ptr<longlive::kv_placement> placement;
  std::vector<written> slots;
  kv_pointers pointers;
  kv_plan plan;

  simulated_cache(kv_policy policy, const generation_config& g, std::int64_t tokens)
      : placement(longlive::make_kv_placement(policy, g, tokens)),
        slots(static_cast<std::size_t>(g.cached_latent_frames())) {}

  void forward(int number, const kv_call& call) {
    const std::int64_t tokens = placement->tokens_per_latent_frame();
    placement->plan(pointers, call, plan);
    const std::vector<written> before = slots;
    for (std::int64_t i = 0; i < plan.moved_tokens / tokens; ++i)
      slots.at(static_cast<std::size_t>(plan.move_to / tokens + i)) =
          before.at(static_cast<std::size_t>(plan.move_from / tokens + i));
    for (std::int64_t i = 0; i < call.latent_frames; ++i) {
      const std::int32_t row = plan.cache_rows[static_cast<std::size_t>(i)];
      if (row >= 0)
        slots.at(static_cast<std::size_t>(row / tokens)) = {number, call.start_latent_frame + i};
    }
    pointers = plan.after;
  }
  // What attention reads, with how often.
  [[nodiscard]] std::map<written, std::int64_t> attended() const {
    std::map<written, std::int64_t> out;
    const std::int64_t tokens = placement->tokens_per_latent_frame();
    for (const ops::row_range& range : plan.attended)
      for (std::int64_t row = range.begin; row < range.end; ++row)
        ++out[slots.at(static_cast<std::size_t>(row / tokens))];
    return out;
  }
};

}  // namespace

TEST_CASE("kv_placement: block ends of the published run, for both policies") {
  for (const kv_policy policy : {kv_policy::roll, kv_policy::ring}) {
    simulated_cache cache(policy, window_of(12, 3), 1560);
    const std::int64_t local_ends[] = {4680, 9360, 14040, 18720, 18720, 18720};
    for (int block = 0; block < 6; ++block)
      for (int forward = 0; forward < 5; ++forward) {
        cache.forward(block * 5 + forward, {block * 3, 3, false});
        CHECK(cache.pointers.local_end_tokens == local_ends[block]);
        CHECK(cache.pointers.global_end_tokens == 4680 * (block + 1));
        CHECK(cache.plan.attended_tokens == local_ends[block]);
        CHECK(cache.plan.reused_tokens == local_ends[block] - 4680);
        CHECK(cache.plan.rewritten_tokens == (forward == 0 ? 0 : 4680));
        const bool rolls = policy == kv_policy::roll && block >= 4 && forward == 0;
        CHECK(cache.plan.moved_tokens == (rolls ? 9360 : 0));
      }
    CHECK(cache.plan.cache_rows[0] == (policy == kv_policy::roll ? 14040 : 4680 + 3 * 1560));
  }
}

TEST_CASE(
    "kv_placement: a steady step moves slots [9360, 18720) to [4680, 14040) and writes behind") {
  simulated_cache cache(kv_policy::roll, window_of(12, 3), 1560);
  for (int block = 0; block < 5; ++block) cache.forward(block, {block * 3, 3, false});
  CHECK(cache.plan.move_from == 9360);
  CHECK(cache.plan.move_to == 4680);
  CHECK(cache.plan.moved_tokens == 9360);
  CHECK(cache.plan.cache_rows == std::vector<std::int32_t>{14040, 15600, 17160});
}

TEST_CASE("kv_placement: a recache keeps or replaces the sink, and moves no pointer") {
  for (const bool rewrites_sink : {false, true}) {
    simulated_cache cache(kv_policy::ring, window_of(12, 3), 10);
    for (int block = 0; block < 14; ++block) cache.forward(block, {block * 3, 3, false});
    const kv_pointers before = cache.pointers;
    cache.forward(99, {42 - 12, 12, rewrites_sink});
    CHECK(cache.pointers == before);
    CHECK(cache.plan.attended_tokens == 120);
    CHECK(cache.plan.written_tokens == (rewrites_sink ? 120 : 90));
    CHECK(cache.slots[0].latent_frame == (rewrites_sink ? 30 : 0));
    for (std::size_t slot = 3; slot < 12; ++slot) CHECK(cache.slots[slot].forward == 99);
  }
}

TEST_CASE("kv_placement: a recache from the clip's start rewrites the sink too") {
  simulated_cache cache(kv_policy::roll, window_of(12, 3), 10);
  for (int block = 0; block < 4; ++block) cache.forward(block, {block * 3, 3, false});
  cache.forward(99, {0, 12, false});
  CHECK(cache.slots[0] == written{99, 0});
  CHECK(cache.plan.written_tokens == 120);
}

TEST_CASE("kv_placement: without a window attention reads the sink and the newest 32760 tokens") {
  simulated_cache cache(kv_policy::ring, window_of(-1, 3, 30), 1560);
  for (int block = 0; block < 10; ++block) cache.forward(block, {block * 3, 3, false});
  CHECK(cache.plan.attended_tokens == 32760);
  CHECK(cache.plan.attended[0].end == 4680);
  CHECK(cache.plan.attended[1].begin == 30 * 1560 - (32760 - 4680));
  CHECK(cache.plan.attended[1].end == 30 * 1560);
}

namespace {

// The published algorithm as it is written down: one array entry per token, rolled in place.
struct published_cache {
  std::int64_t tokens, sink, most_attended;
  bool bounded;
  std::vector<written> slots;
  std::int64_t E = 0, G = 0;
  std::vector<written> keys;  // that the last forward attended to

  published_cache(const generation_config& g, std::int64_t tokens_per_latent_frame)
      : tokens(tokens_per_latent_frame),
        sink(g.sink_latent_frames * tokens),
        most_attended(g.window_latent_frames < 0 ? 32760 : g.window_latent_frames * tokens),
        bounded(g.window_latent_frames >= 0),
        slots(static_cast<std::size_t>(g.cached_latent_frames() * tokens)) {}

  [[nodiscard]] auto at(std::int64_t token) { return slots.begin() + token; }

  void forward(int number, const kv_call& call) {
    const auto S = static_cast<std::int64_t>(slots.size());
    const std::int64_t n = call.latent_frames * tokens, cs = call.start_latent_frame * tokens,
                       ce = cs + n;
    const bool recompute = ce <= G && cs > 0;
    std::int64_t end = 0, ls = 0, ws = 0;
    if (bounded && ce > G && n + E > S) {
      const std::int64_t evicted = n + E - S, kept = E - evicted - sink;
      const std::vector<written> before = slots;
      for (std::int64_t i = 0; i < kept; ++i)
        *at(sink + i) = before[static_cast<std::size_t>(sink + evicted + i)];
      end = E + (ce - G) - evicted;
      ls = ws = end - n;
    } else {
      end = E + (ce - G);
      ls = end - n;
      ws = recompute && !call.rewrites_sink ? std::max(ls, sink) : ls;
    }
    for (std::int64_t token = ws; token < end; ++token)
      *at(token) = {number, (cs + token - ls) / tokens};
    if (sink > 0) {
      keys.assign(slots.begin(), at(sink));
      if (most_attended > sink)
        for (std::int64_t i = std::max(sink, end - (most_attended - sink)); i < end; ++i)
          keys.push_back(*at(i));
    } else {
      keys.assign(at(std::max<std::int64_t>(0, end - most_attended)), at(end));
    }
    if (!recompute) {
      G = ce;
      E = end;
    }
  }
};

}  // namespace

// The published rules let a sink that is no multiple of the block, or a window hardly larger than
// sink and block, keep keys of a first noisy step: the ring must keep exactly the same.
TEST_CASE("kv_placement: ring and roll attend to the published keys and hold the published slots") {
  CHECK(rc::check([] {
    generation_config g;
    g.latent_frames_per_block = *rc::gen::inRange(1, 5);
    const std::int64_t blocks = *rc::gen::inRange(1, 12);
    g.latent_frames = blocks * g.latent_frames_per_block;
    g.window_latent_frames =
        *rc::gen::element<std::int64_t>(-1, g.latent_frames_per_block + *rc::gen::inRange(0, 10));
    g.sink_latent_frames = *rc::gen::inRange<std::int64_t>(0, g.cached_latent_frames() + 1);
    const bool global_sink = *rc::gen::arbitrary<bool>();
    g.validate();
    const std::int64_t tokens = *rc::gen::inRange(1, 4);
    simulated_cache roll(kv_policy::roll, g, tokens), ring(kv_policy::ring, g, tokens);
    published_cache published(g, tokens);
    int number = 0;
    const auto forward = [&](const kv_call& call) {
      roll.forward(number, call);
      ring.forward(number, call);
      published.forward(number, call);
      ++number;
      RC_ASSERT(roll.pointers == (kv_pointers{published.E, published.G}));
      std::map<written, std::int64_t> keys;
      for (const written& key : published.keys) ++keys[key];
      RC_ASSERT(roll.attended() == keys);
      RC_ASSERT(roll.pointers == ring.pointers);
      RC_ASSERT(roll.plan.attended_tokens == ring.plan.attended_tokens);
      RC_ASSERT(roll.plan.reused_tokens == ring.plan.reused_tokens);
      RC_ASSERT(roll.plan.rewritten_tokens == ring.plan.rewritten_tokens);
      RC_ASSERT(roll.attended() == ring.attended());
      for (std::int64_t slot = 0; slot < g.cached_latent_frames(); ++slot)
        RC_ASSERT(
            roll.slots[static_cast<std::size_t>(slot)] ==
            ring.slots[static_cast<std::size_t>(ring.placement->slot_of(ring.pointers, slot))]);
    };
    for (std::int64_t block = 0; block < blocks; ++block) {
      const std::int64_t start = block * g.latent_frames_per_block;
      if (start > 0 && *rc::gen::inRange(0, 3) == 0) {
        const std::int64_t recached = std::min(start, g.cached_latent_frames());
        if (!global_sink)
          for (simulated_cache* cache : {&roll, &ring})
            for (written& slot : cache->slots) slot = {};
        if (!global_sink) std::fill(published.slots.begin(), published.slots.end(), written{});
        forward({start - recached, recached, !global_sink});
      }
      for (int pass = 0; pass < 3; ++pass) forward({start, g.latent_frames_per_block, false});
    }
  }));
}
