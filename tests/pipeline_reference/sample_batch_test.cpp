// Several samples made together are what they are made one by one: to the rounding of matrix
// products, whose sums are taken in an order that depends on their rows.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "pipeline_reference/longlive/clip_decoder.hpp"
#include "pipeline_reference/longlive/golden_difference.hpp"
#include "tests/pipeline_reference/tiny_model.hpp"

using longlive::generation_config;
using longlive::kv_policy;
using longlive_tests::tiny_clip;
using longlive_tests::tiny_dit;

namespace {

// Part `i` of `n` equal parts.
template <class T>
std::vector<T> part(const std::vector<T>& all, std::int64_t i, std::int64_t n) {
  const std::ptrdiff_t size = static_cast<std::ptrdiff_t>(all.size()) / n;
  return {all.begin() + i * size, all.begin() + (i + 1) * size};
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  return longlive::difference_of("", a, b).relative_l2;
}

generation_config any_generation() {
  generation_config g = longlive_tests::tiny_generation();
  g.latent_frames_per_block = *rc::gen::inRange(1, 4);
  g.latent_frames = g.latent_frames_per_block * *rc::gen::inRange(1, 7);
  g.window_latent_frames =
      *rc::gen::element<std::int64_t>(-1, g.latent_frames_per_block + *rc::gen::inRange(0, 7));
  g.sink_latent_frames = *rc::gen::inRange<std::int64_t>(0, g.cached_latent_frames() + 1);
  g.global_sink = *rc::gen::arbitrary<bool>();
  if (*rc::gen::arbitrary<bool>()) g.skips = longlive::dead_work::all();
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i)
    g.switch_latent_frames.push_back(*rc::gen::inRange<std::int64_t>(0, g.latent_frames));
  std::sort(g.switch_latent_frames.begin(), g.switch_latent_frames.end());
  return g;
}

std::vector<float> noise_like(std::int64_t count, std::uint32_t sequence) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i)
    values.push_back(ops::random_normals(23, sequence, static_cast<std::uint64_t>(i))[0]);
  return values;
}

}  // namespace

TEST_CASE("batch: samples are the clips of one, of seeds one apart") {
  CHECK(rc::check([] {
    generation_config g = any_generation();
    const auto policy = *rc::gen::element(kv_policy::ring, kv_policy::roll);
    const std::int64_t samples = *rc::gen::inRange(2, 5);
    longlive::generation_observer nobody;
    g.samples = samples;
    const tiny_clip batch =
        longlive_tests::generate(tiny_dit(), g, policy, nobody, {nullptr, {}, {}, 5});
    g.samples = 1;
    for (std::int64_t i = 0; i < samples; ++i) {
      const tiny_clip one = longlive_tests::generate(
          tiny_dit(), g, policy, nobody, {nullptr, {}, {}, 5 + static_cast<std::uint64_t>(i)});
      RC_ASSERT(distance(part(batch.latents, i, samples), one.latents) < 2e-6);
      RC_ASSERT(distance(part(batch.keys, i, samples), one.keys) < 2e-6);
      RC_ASSERT(distance(part(batch.values, i, samples), one.values) < 2e-6);
    }
  }));
}

TEST_CASE("batch: given noise is a sample's after another's, in every draw") {
  generation_config g = longlive_tests::tiny_generation();
  g.switch_latent_frames = {9};
  const longlive::dit_config c = tiny_dit();
  const std::int64_t of_clip = g.latent_frames * c.latent_frame_elements();
  const std::int64_t of_draw = g.latent_frames_per_block * c.latent_frame_elements();
  const std::int64_t draws = g.blocks();  // of two steps, one re-noises
  const std::vector<float> noise = noise_like(2 * of_clip, 0), renoise = noise_like(2 * of_clip, 1);
  longlive::generation_observer nobody;
  g.samples = 2;
  const tiny_clip batch =
      longlive_tests::generate(c, g, kv_policy::ring, nobody, {nullptr, noise, renoise, 0});
  g.samples = 1;
  for (std::int64_t i = 0; i < 2; ++i) {
    std::vector<float> own_renoise;
    for (std::int64_t draw = 0; draw < draws; ++draw) {
      const auto first = renoise.begin() + (2 * draw + i) * of_draw;
      own_renoise.insert(own_renoise.end(), first, first + of_draw);
    }
    const std::vector<float> own_noise = part(noise, i, 2);
    const tiny_clip one = longlive_tests::generate(c, g, kv_policy::ring, nobody,
                                                   {nullptr, own_noise, own_renoise, 0});
    CHECK(distance(part(batch.latents, i, 2), one.latents) < 2e-6);
  }
}

TEST_CASE("batch: the decoder keeps the samples' clips apart, in any pieces") {
  longlive::config c;
  c.dit.latent_height = 4;
  c.dit.latent_width = 6;
  c.reference.vae_dim = 2;
  c.generation.latent_frames = 6;
  ops::cpu::cpu_backend backend(2);
  const auto decoder_of = [&](std::int64_t samples) {
    c.generation.samples = samples;
    return longlive::clip_decoder(c, checkpoint::random_weights(3), backend.vae(), backend.memory(),
                                  {"prep", "decode", "post"});
  };
  const ops::shape clips{3, 6, c.dit.channels, 4, 6};
  const std::vector<float> latents = noise_like(clips.elements(), 2);
  longlive::clip_decoder batch = decoder_of(3), one = decoder_of(1);
  batch.begin_clip({});
  std::vector<std::vector<std::uint8_t>> pixels(3);
  for (const std::int64_t first : {0, 3}) {
    const longlive::decoded_pixels piece =
        batch.decode({{latents.data(), ops::dtype::f32, clips}, first, 3}, 0, {});
    CHECK(piece.pixel_frames == (first == 0 ? 9 : 12));
    for (std::int64_t i = 0; i < 3; ++i)
      pixels[static_cast<std::size_t>(i)].insert(pixels[static_cast<std::size_t>(i)].end(),
                                                 piece[i].begin(), piece[i].end());
  }
  for (std::int64_t i = 0; i < 3; ++i) {
    const std::vector<float> own = part(latents, i, 3);
    one.begin_clip({});
    std::vector<std::uint8_t> expected;
    for (const std::int64_t first : {0, 3}) {
      const longlive::decoded_pixels piece = one.decode(
          {{own.data(), ops::dtype::f32, {1, 6, c.dit.channels, 4, 6}}, first, 3}, 0, {});
      expected.insert(expected.end(), piece.bytes.begin(), piece.bytes.end());
    }
    CHECK(pixels[static_cast<std::size_t>(i)] == expected);
  }
}
