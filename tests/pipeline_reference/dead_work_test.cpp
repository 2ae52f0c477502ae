// Work that the published code does and nobody reads: done or left out, the result is the same.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <string>

#include "latency/session.hpp"
#include "pipeline_reference/longlive/golden_difference.hpp"
#include "tests/pipeline_reference/tiny_model.hpp"

using longlive::dead_work;
using longlive::kv_policy;
using longlive_tests::tiny_clip;

namespace {

longlive::generation_config two_switches() {
  longlive::generation_config g = longlive_tests::tiny_generation();
  g.window_latent_frames = 7;
  g.sink_latent_frames = 1;
  g.switch_latent_frames = {3, 12};  // while the cache fills, and when it is full
  return g;
}

// A clip and how many spans of each name it took.
struct recorded_clip {
  tiny_clip clip;
  std::map<std::string, int> spans;
  std::int64_t cross_attended_tokens = 0;

  recorded_clip(const dead_work& skips, kv_policy policy) {
    longlive::generation_config g = two_switches();
    g.skips = skips;
    latency::session session;
    longlive::generation_observer nobody;
    clip = longlive_tests::generate(longlive_tests::tiny_dit(), g, policy, nobody);
    const latency::recording r = session.stop();
    const latency::string_id attended = r.strings.find("attended_tokens");
    for (const latency::span& s : r.spans) {
      ++spans[r.name_of(s)];
      if (r.name_of(s) == "cross_attention")
        cross_attended_tokens += r.integer_attribute(s.attributes, attended, 0);
    }
  }
};

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  return longlive::difference_of("", a, b).relative_l2;
}

bool same_bits(const tiny_clip& a, const tiny_clip& b) {
  return a.latents == b.latents && a.keys == b.keys && a.values == b.values;
}

double distance(const tiny_clip& a, const tiny_clip& b) {
  return std::max(
      {distance(a.latents, b.latents), distance(a.keys, b.keys), distance(a.values, b.values)});
}

}  // namespace

TEST_CASE("dead work: what is merely repeated or unread changes no bit when it is left out") {
  for (const kv_policy policy : {kv_policy::ring, kv_policy::roll}) {
    const recorded_clip published(dead_work{}, policy);
    const int forwards = published.spans.at("diffusion_forward");
    CHECK(published.spans.at("repeated_text_embedding") == forwards);
    CHECK(published.spans.at("repeated_modulation") == forwards);
    CHECK(published.spans.at("unused_block_mask") == 2);
    CHECK(published.spans.at("ffn") == 2 * forwards);
    const auto without = [&](bool dead_work::*what) {
      dead_work skips;
      skips.*what = true;
      recorded_clip made(skips, policy);
      CHECK(same_bits(made.clip, published.clip));
      return made.spans;
    };
    CHECK(without(&dead_work::repeated_text_embedding)["repeated_text_embedding"] == 0);
    CHECK(without(&dead_work::repeated_modulation)["repeated_modulation"] == 0);
    CHECK(without(&dead_work::unused_block_mask)["unused_block_mask"] == 0);
    // One layer less in 6 context passes and 2 recaches.
    CHECK(without(&dead_work::unread_flow)["ffn"] == 2 * forwards - 8);
  }
}

TEST_CASE("dead work: fewer rows and merged keys change roundings only") {
  for (const kv_policy policy : {kv_policy::ring, kv_policy::roll}) {
    const recorded_clip published(dead_work{}, policy);
    dead_work queries, keys;
    queries.dropped_sink_queries = true;
    keys.identical_padding_keys = true;
    const recorded_clip fewer(queries, policy), merged(keys, policy), all(dead_work::all(), policy);
    CHECK(distance(fewer.clip, published.clip) < 2e-6);
    CHECK(distance(merged.clip, published.clip) < 2e-6);
    CHECK(distance(all.clip, published.clip) < 2e-6);
    // Prompts of 1, 3 and 5 of 5 tokens: with the padding 2, 4 and 5 keys instead of 5.
    CHECK(merged.cross_attended_tokens < published.cross_attended_tokens);
    CHECK(all.spans.count("unused_block_mask") == 0);
  }
}

TEST_CASE("dead work: a kept sink's latent frames leave the recache, when it is full") {
  struct log final : longlive::generation_observer {
    std::vector<std::int64_t> recached;
    void switch_finished(const longlive::switch_info& s, duration) override {
      recached.push_back(s.recached_latent_frames);
    }
  };
  longlive::generation_config g = two_switches();
  log published, fewer;
  longlive_tests::generate(longlive_tests::tiny_dit(), g, kv_policy::ring, published);
  g.skips.dropped_sink_queries = true;
  longlive_tests::generate(longlive_tests::tiny_dit(), g, kv_policy::ring, fewer);
  CHECK(published.recached == std::vector<std::int64_t>{3, 7});
  CHECK(fewer.recached == std::vector<std::int64_t>{3, 6});
}

TEST_CASE("kv_policy roll: every copy of the published cache has a span in every layer") {
  longlive::generation_config g = longlive_tests::tiny_generation();
  g.latent_frames = 12;  // window of 6: the blocks at 6 and 9 roll it
  latency::session session;
  longlive::generation_observer nobody;
  longlive_tests::generate(longlive_tests::tiny_dit(), g, kv_policy::roll, nobody);
  const latency::recording r = session.stop();
  std::map<std::string, int> spans;
  std::map<std::string, std::int64_t> bytes;
  const latency::string_id key = r.strings.find("bytes");
  for (const latency::span& s : r.spans) {
    ++spans[r.name_of(s)];
    bytes[r.name_of(s)] += r.integer_attribute(s.attributes, key, 0);
  }
  const int layers = 2, forwards = 4 * 3;
  CHECK(spans["kv_temp_clone"] == layers * forwards);
  CHECK(spans["kv_roll_and_insert"] == layers * 2);  // the first forward of two blocks
  CHECK(spans["kv_direct_insert"] == layers * (forwards - 2));
  CHECK(spans["kv_sink_concat"] == layers * forwards);
  CHECK(spans["kv_cache_apply"] == layers * forwards);
  CHECK(spans["kv_ring_write"] == 0);
  const std::int64_t latent_frame_bytes = 2 * 6 * 24 * 4;  // k and v, tokens, dim, fp32
  CHECK(bytes["kv_temp_clone"] == layers * forwards * 6 * latent_frame_bytes);
  // 3 latent frames inserted; of 5 after the sink 2 stay and move.
  CHECK(bytes["kv_roll_and_insert"] == layers * 2 * (3 + 2) * latent_frame_bytes);
  CHECK(bytes["kv_direct_insert"] == layers * (forwards - 2) * 3 * latent_frame_bytes);
  CHECK(bytes["kv_sink_concat"] == layers * (3 * 3 + 9 * 6) * latent_frame_bytes);
  CHECK(bytes["kv_cache_apply"] == bytes["kv_roll_and_insert"] + bytes["kv_direct_insert"]);
}
