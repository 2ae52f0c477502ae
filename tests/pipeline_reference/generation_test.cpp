#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "latency/error.hpp"
#include "latency/session.hpp"
#include "pipeline_reference/longlive/golden_difference.hpp"
#include "pipeline_reference/longlive/single_prompt_pipeline.hpp"
#include "tests/pipeline_reference/tiny_model.hpp"

using longlive::generation_config;
using longlive::kv_policy;
using longlive_tests::tiny_clip;
using longlive_tests::tiny_dit;
using longlive_tests::tiny_generation;

namespace {

// Keeps what a loop reported.
struct event_log final : longlive::generation_observer {
  std::vector<longlive::block_info> blocks;
  std::vector<longlive::switch_info> switches;
  std::vector<std::pair<std::int64_t, std::int64_t>> requests;  // segment, block that was next
  std::vector<longlive::switch_stage> stages;
  std::vector<longlive::forward_info> forwards;
  std::int64_t prompts = 0, started = 0, stop_at_block = -1;

  void prompt_encoded(std::int64_t, duration) override { ++prompts; }
  bool stop_requested() override { return started == stop_at_block; }
  void switch_requested(std::int64_t segment, std::int64_t) override {
    requests.emplace_back(segment, started);
  }
  void switch_finished(const longlive::switch_info& s, duration) override { switches.push_back(s); }
  void switch_stage_finished(const longlive::switch_info&, longlive::switch_stage stage,
                             duration) override {
    stages.push_back(stage);
  }
  void block_started(const longlive::block_info&) override { ++started; }
  void block_finished(const longlive::block_info& b, const longlive::latent_batch& latents,
                      ops::stream, duration) override {
    REQUIRE(latents.count == b.latent_frames);
    blocks.push_back(b);
  }
  void forward_finished(const longlive::forward_info& f, const ops::const_tensor&,
                        ops::stream) override {
    forwards.push_back(f);
  }
};

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  return longlive::difference_of("", a, b).relative_l2;
}

}  // namespace

TEST_CASE(
    "generation: ring and roll give the same latents and the same cache, whatever the window, and "
    "so does the ring without dead work") {
  CHECK(rc::check([] {
    generation_config g = tiny_generation();
    g.latent_frames_per_block = *rc::gen::inRange(1, 4);
    g.latent_frames = g.latent_frames_per_block * *rc::gen::inRange(1, 8);
    g.window_latent_frames =
        *rc::gen::element<std::int64_t>(-1, g.latent_frames_per_block + *rc::gen::inRange(0, 7));
    g.sink_latent_frames = *rc::gen::inRange<std::int64_t>(0, g.cached_latent_frames() + 1);
    g.global_sink = *rc::gen::arbitrary<bool>();
    g.context_noise = *rc::gen::element(0.0, 20.0);
    for (int i = *rc::gen::inRange(0, 3); i > 0; --i)
      g.switch_latent_frames.push_back(*rc::gen::inRange<std::int64_t>(0, g.latent_frames));
    std::sort(g.switch_latent_frames.begin(), g.switch_latent_frames.end());
    longlive::dit_config dit = tiny_dit();
    dit.heads = *rc::gen::element(1, 2, 3, 12);
    event_log roll_log, ring_log;
    const tiny_clip roll = longlive_tests::generate(dit, g, kv_policy::roll, roll_log);
    const tiny_clip ring = longlive_tests::generate(dit, g, kv_policy::ring, ring_log);
    RC_ASSERT(distance(ring.latents, roll.latents) < 2e-6);
    RC_ASSERT(distance(ring.keys, roll.keys) < 2e-6);
    RC_ASSERT(distance(ring.values, roll.values) < 2e-6);
    RC_ASSERT(roll_log.forwards.size() == ring_log.forwards.size());
    for (std::size_t i = 0; i < roll_log.forwards.size(); ++i)
      RC_ASSERT(roll_log.forwards[i].pointers == ring_log.forwards[i].pointers);

    g.skips = longlive::dead_work::all();
    event_log short_log;
    const tiny_clip shorter = longlive_tests::generate(dit, g, kv_policy::ring, short_log);
    RC_ASSERT(distance(shorter.latents, ring.latents) < 2e-6);
    RC_ASSERT(distance(shorter.keys, ring.keys) < 2e-6);
    RC_ASSERT(distance(shorter.values, ring.values) < 2e-6);
  }));
}

TEST_CASE("generation: every setting that should matter does") {
  event_log log;
  const generation_config base = [] {
    generation_config g = tiny_generation();
    g.switch_latent_frames = {9};
    return g;
  }();
  const auto latents = [&](auto change) {
    generation_config g = base;
    change(g);
    return longlive_tests::generate(tiny_dit(), g, kv_policy::ring, log).latents;
  };
  const std::vector<float> reference = latents([](generation_config&) {});
  CHECK(reference == latents([](generation_config&) {}));  // and the same again
  CHECK(distance(latents([](generation_config& g) { g.window_latent_frames = 7; }), reference) >
        1e-4);
  CHECK(distance(latents([](generation_config& g) { g.sink_latent_frames = 2; }), reference) >
        1e-4);
  CHECK(distance(latents([](generation_config& g) { g.global_sink = false; }), reference) > 1e-4);
  CHECK(distance(latents([](generation_config& g) { g.switch_latent_frames = {12}; }), reference) >
        1e-4);
  CHECK(distance(latents([](generation_config& g) { g.context_noise = 50; }), reference) > 1e-5);
  CHECK(distance(latents([](generation_config& g) { g.timestep_shift = 3; }), reference) > 1e-4);
}

TEST_CASE("interactive_pipeline: switches snap up to the next block start, at most one per block") {
  generation_config g = tiny_generation();
  g.latent_frames = 24;
  g.switch_latent_frames = {4, 5, 12};
  event_log log;
  longlive_tests::generate(tiny_dit(), g, kv_policy::ring, log);
  REQUIRE(log.switches.size() == 3);
  CHECK(log.switches[0].latent_frame == 6);
  CHECK(log.switches[1].latent_frame == 9);  // also due at 6: one block later
  CHECK(log.switches[2].latent_frame == 12);
  CHECK(log.switches[1].requested_latent_frame == 5);
  CHECK(log.switches[1].recached_latent_frames == 6);
  CHECK(log.switches[1].first_recached_latent_frame() == 3);
  // Requested when the block that holds the latent frame is next: block 1 for 4 and 5.
  CHECK(log.requests == std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 1}, {2, 1}, {3, 4}});
  CHECK(log.prompts == 4);
  std::vector<std::int64_t> segments;
  for (const auto& b : log.blocks) segments.push_back(b.segment);
  CHECK(segments == std::vector<std::int64_t>{0, 0, 1, 2, 3, 3, 3, 3});
}

TEST_CASE("interactive_pipeline: published switch points land on their blocks") {
  longlive::dit_config dit = tiny_dit();
  dit.latent_height = dit.latent_width = 2;
  dit.layers = 1;
  generation_config g = tiny_generation();
  g.latent_frames = 240;
  g.denoising_step_list = {1000};
  g.window_latent_frames = 12;
  g.sink_latent_frames = 3;
  g.switch_latent_frames = {40, 80, 120, 160, 200};
  event_log log;
  longlive_tests::generate(dit, g, kv_policy::ring, log);
  std::vector<std::int64_t> latent_frames, blocks;
  for (const auto& s : log.switches) {
    latent_frames.push_back(s.latent_frame);
    blocks.push_back(s.block);
    CHECK(s.recached_latent_frames == 12);
  }
  CHECK(latent_frames == std::vector<std::int64_t>{42, 81, 120, 162, 201});
  CHECK(blocks == std::vector<std::int64_t>{14, 27, 40, 54, 67});
}

TEST_CASE(
    "interactive_pipeline: a switch at the start of the clip resets caches and recaches nothing") {
  generation_config g = tiny_generation();
  g.switch_latent_frames = {0};
  event_log log;
  longlive_tests::generate(tiny_dit(), g, kv_policy::ring, log);
  REQUIRE(log.switches.size() == 1);
  CHECK(log.switches[0].recached_latent_frames == 0);
  CHECK(log.stages == std::vector<longlive::switch_stage>{longlive::switch_stage::cache_reset});
  CHECK(log.forwards.size() == 6 * 3);
}

TEST_CASE("interactive_pipeline: stops before the next block when asked to") {
  event_log log;
  log.stop_at_block = 2;
  longlive_tests::generate(tiny_dit(), tiny_generation(), kv_policy::ring, log);
  CHECK(log.blocks.size() == 2);
}

TEST_CASE("single_prompt_pipeline: makes what the interactive loop makes without switches") {
  const longlive::dit_config c = tiny_dit();
  const generation_config g = tiny_generation();
  event_log log;
  const tiny_clip interactive = longlive_tests::generate(c, g, kv_policy::ring, log);
  ops::cpu::cpu_backend backend(2);
  longlive::causal_dit dit(c, longlive::dit_options(g, false), checkpoint::random_weights(1),
                           backend.memory(), backend.transformer());
  longlive::single_prompt_pipeline pipeline(dit, g, kv_policy::ring, backend.memory(),
                                            backend.transformer());
  longlive::given_prompts prompts(backend.memory(), longlive_tests::tiny_prompts(c, 1));
  CHECK(pipeline.run({&prompts, {}, {}, 17}, log) == g.latent_frames);
  const float* latents = pipeline.latents().as<float>();
  CHECK(std::equal(interactive.latents.begin(), interactive.latents.end(), latents));

  generation_config switching = g;
  switching.switch_latent_frames = {9};
  CHECK_THROWS_WITH_AS(longlive::single_prompt_pipeline(dit, switching, kv_policy::ring,
                                                        backend.memory(), backend.transformer()),
                       "switch_frame_indices: the single-prompt loop has no prompt switches",
                       latency::error);
  longlive::given_prompts two(backend.memory(), longlive_tests::tiny_prompts(c, 2));
  CHECK_THROWS_WITH_AS(pipeline.run({&two, {}, {}, 17}, log),
                       "prompts: expected 1 for 0 switches, found 2", latency::error);
  longlive::given_prompts small(backend.memory(), {{1, {0.5F}}});
  CHECK_THROWS_WITH_AS(pipeline.run({&small, {}, {}, 17}, log),
                       "prompt embedding: expected 60 values, found 1", latency::error);
  CHECK_THROWS_WITH_AS(pipeline.run({&prompts, std::vector<float>(3), {}, 17}, log),
                       "noise: expected 6912 values, found 3", latency::error);
}

TEST_CASE("generation: records the published spans, rows and layer parts") {
  generation_config g = tiny_generation();
  g.latent_frames = 12;
  g.switch_latent_frames = {7};
  g.global_sink = false;
  latency::session run;
  event_log log;
  longlive_tests::generate(tiny_dit(), g, kv_policy::roll, log);
  const latency::recording recording = run.stop();
  std::map<std::string, int> counts;
  std::map<latency::span_id, std::string> names;
  for (const latency::span& s : recording.spans) {
    ++counts[recording.name_of(s)];
    names[s.id] = recording.name_of(s);
  }
  CHECK(counts["interactive_text_encoding"] == 2);
  CHECK(counts["temporal_block"] == 4);
  CHECK(counts["interactive_denoising_step"] == 4);
  CHECK(counts["interactive_denoising_step_final"] == 4);
  CHECK(counts["interactive_kv_cache_update"] == 4);
  CHECK(counts["prompt_switch_kv_reset"] == 1);
  CHECK(counts["prompt_switch_crossattn_reset"] == 1);
  CHECK(counts["prompt_switch_final_reset"] == 1);
  CHECK(counts["diffusion_forward"] == 13);
  for (const char* part : {"self_attention", "cross_attention", "ffn", "kv_cache_apply"})
    CHECK(counts[part] == 26);
  // The prompt's keys and values are made by the first forward after each of three resets.
  const latency::string_id reused = recording.strings.find("reused_tokens");
  const auto computed =
      std::count_if(recording.spans.begin(), recording.spans.end(), [&](const latency::span& x) {
        return recording.name_of(x) == "cross_attention" &&
               recording.integer_attribute(x.attributes, reused, -1) == 0;
      });
  CHECK(computed == 3 * 2);
  std::set<std::string> forward_parents;
  for (const latency::span& s : recording.spans)
    if (recording.name_of(s) == "diffusion_forward") forward_parents.insert(names[s.parent]);
  CHECK(forward_parents ==
        std::set<std::string>{"interactive_denoising_step", "interactive_denoising_step_final",
                              "interactive_kv_cache_update", "prompt_switch_recache"});

  REQUIRE(recording.blocks.size() == 4);
  CHECK(names[recording.blocks[3].span] == "temporal_block");
  CHECK(recording.blocks[3].switched == 1);
  CHECK(recording.blocks[3].cached_latent_frames == 6);
  CHECK(recording.blocks[1].cached_latent_frames == 3);
  REQUIRE(recording.switches.size() == 1);
  const latency::prompt_switch& s = recording.switches[0];
  CHECK(names[s.span] == "prompt_switch_total");
  CHECK(s.requested_latent_frame == 7);
  CHECK(s.latent_frame == 9);
  CHECK(s.recached_latent_frames == 6);
  CHECK(s.first_pixel_frame == 33);
  const auto block_2 =
      std::find_if(recording.spans.begin(), recording.spans.end(),
                   [&](const latency::span& x) { return x.id == recording.blocks[2].span; });
  CHECK(s.request_ns <= block_2->start_ns);  // requested when block 2, latent frames 6..8, was next
}

TEST_CASE("kv_cache: zero clears the rows and leaves the pointers, restart clears both") {
  ops::cpu::cpu_memory memory;
  const longlive::dit_config c = tiny_dit();
  longlive::kv_cache kv(c, tiny_generation(), kv_policy::ring, memory, ops::dtype::f32);
  CHECK(kv.bytes() == 2 * 2 * 6 * 6 * 24 * 4);
  kv.begin({0, 3, false}, {});
  CHECK(kv.pointers() == longlive::kv_pointers{0, 0});  // delayed until every layer has written
  kv.commit();
  CHECK(kv.pointers() == longlive::kv_pointers{18, 18});
  kv.k(1).as<float>()[100] = kv.v(0).as<float>()[7] = 1.0F;
  kv.zero({});
  CHECK(kv.k(1).as<float>()[100] == 0.0F);
  CHECK(kv.v(0).as<float>()[7] == 0.0F);
  CHECK(kv.pointers() == longlive::kv_pointers{18, 18});
  kv.restart({});
  CHECK(kv.pointers() == longlive::kv_pointers{0, 0});
}
