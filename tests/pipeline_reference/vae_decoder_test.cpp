#include "pipeline_reference/longlive/vae_decoder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>

#include "latency/error.hpp"
#include "latency/session.hpp"
#include "pipeline_reference/checkpoint/weight_source.hpp"
#include "pipeline_reference/longlive/golden_vae_decoder.hpp"
#include "pipeline_reference/longlive/vae_weights.hpp"
#include "pipeline_reference/ops/cpu/cpu_memory.hpp"
#include "pipeline_reference/ops/cpu/cpu_vae_ops.hpp"
#include "pipeline_reference/ops/random.hpp"

using namespace longlive;

namespace {

// Host memory that counts what it hands out.
class counting_memory final : public ops::cpu::cpu_memory {
 public:
  void* allocate(std::int64_t bytes) override {
    ++allocations;
    return cpu_memory::allocate(bytes);
  }

  int allocations = 0;
};

// A decoder with random weights and a clip of random latents.
struct fixture {
  ops::cpu::thread_pool pool{2};
  ops::cpu::cpu_vae_ops vae{pool};
  counting_memory memory;
  vae_config config;
  std::int64_t latent_frames;
  vae_decoder decoder;
  ops::buffer prepared, rgb;

  fixture(vae_config c, std::int64_t frames)
      : config(c),
        latent_frames(frames),
        decoder(c, checkpoint::random_weights(5), vae, memory),
        prepared(memory, ops::dtype::f32,
                 {frames, c.latent_height, c.latent_width, vae_latent_channels}),
        rgb(memory, ops::dtype::f32,
            {4 * frames - 3, decoder.pixel_height(), decoder.pixel_width(), 3}) {
    ops::buffer latents(memory, ops::dtype::f32,
                        {frames, vae_latent_channels, c.latent_height, c.latent_width});
    auto* values = latents.view().as<float>();
    for (std::int64_t i = 0; i < latents.view().elements(); i += 4) {
      const auto normals = ops::random_normals(1, 2, static_cast<std::uint64_t>(i / 4));
      std::copy_n(normals.begin(), std::min<std::int64_t>(4, latents.view().elements() - i),
                  values + i);
    }
    decoder.prepare_input(latents.view(), prepared.view(), {});
  }
  std::vector<float> decode(const std::vector<std::int64_t>& pieces) {
    std::fill_n(rgb.view().as<float>(), rgb.view().elements(), std::nanf(""));
    std::int64_t latent_frame = 0, pixel_frame = 0;
    for (const std::int64_t piece : pieces) {
      const std::int64_t count = decoder.pixel_frames(piece);
      ops::tensor from = prepared.view()[latent_frame], to = rgb.view()[pixel_frame];
      from.shape = {piece, config.latent_height, config.latent_width, vae_latent_channels};
      to.shape = {count, decoder.pixel_height(), decoder.pixel_width(), 3};
      decoder.decode(from, to, {});
      latent_frame += piece;
      pixel_frame += count;
    }
    CHECK(latent_frame == latent_frames);
    CHECK(pixel_frame == rgb.view().shape[0]);
    return {rgb.view().as<float>(), rgb.view().as<float>() + rgb.view().elements()};
  }
};

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const latency::error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("vae_decoder: reproduces the published decoder, in chunks and as a whole clip") {
  const std::string folder = TEST_DATA_FOLDER "/longlive/vae_decoder";
  ops::cpu::thread_pool pool(2);
  ops::cpu::cpu_vae_ops vae(pool);
  ops::cpu::cpu_memory memory;
  std::ifstream in(folder + "/case.json");
  const auto result = compare_golden_vae_decoder(folder, nlohmann::json::parse(in), vae, memory);
  CHECK(result.mismatches.empty());
  REQUIRE(result.differences.size() == 2);
  for (const golden_difference& difference : result.differences) {
    MESSAGE(difference.tensor << ": relative L2 " << difference.relative_l2 << ", max "
                              << difference.max_abs);
    CHECK(difference.relative_l2 < 1e-5);
  }
}

TEST_CASE(
    "vae_decoder: pieces of any length give the bits of the whole clip, at odd sizes and any dim") {
  for (const vae_config& config :
       {vae_config{2, 3, 5, false}, vae_config{5, 1, 7, false}, vae_config{9, 2, 1, false}}) {
    fixture f(config, 6);
    f.decoder.clear_cache({});
    const std::vector<float> whole = f.decode({6});
    CHECK(std::none_of(whole.begin(), whole.end(), [](float v) { return std::isnan(v); }));
    for (const std::vector<std::int64_t>& pieces :
         {std::vector<std::int64_t>{1, 1, 1, 1, 1, 1}, {3, 3}, {2, 4}, {1, 5}}) {
      f.decoder.clear_cache({});
      CHECK(f.decode(pieces) == whole);
    }
  }
}

TEST_CASE("golden vae_decoder: an impossible case is refused, a wrong count is a mismatch") {
  const std::string folder = TEST_DATA_FOLDER "/longlive/vae_decoder";
  ops::cpu::thread_pool pool(1);
  ops::cpu::cpu_vae_ops vae(pool);
  ops::cpu::cpu_memory memory;
  std::ifstream in(folder + "/case.json");
  const nlohmann::json good = nlohmann::json::parse(in);
  const auto refusal = [&](const char* pointer, const nlohmann::json& value) {
    nlohmann::json bad = good;
    bad[nlohmann::json::json_pointer(pointer)] = value;
    return message_of([&] { compare_golden_vae_decoder(folder, bad, vae, memory); });
  };
  const std::string sums = folder +
                           "/case.json: chunks: expected positive counts that add up to 7 latent "
                           "frames, each with its entry in "
                           "chunk_frames";
  CHECK(refusal("/config/chunks", {3, 3, 2}) == sums);
  CHECK(refusal("/config/chunks", {8, -1, 0}) == sums);
  CHECK(refusal("/chunk_frames", {9, 12}) == sums);
  const std::string sizes =
      folder +
      "/case.json: config: expected dim and latent_hw of 1 to 4096 and frames of 1 to 1048576";
  CHECK(refusal("/config/dim", std::int64_t{1} << 62) == sizes);
  CHECK(refusal("/config/latent_hw/1", 0) == sizes);
  CHECK(refusal("/config/frames", -7) == sizes);
  CHECK(refusal("/config/latent_hw", 5).find("case.json") != std::string::npos);
  CHECK(refusal("/config/frames", 1e300) ==
        folder + "/case.json: frames: expected a whole number, found a fraction");
  CHECK(refusal("/config/chunks", {3, true, 3}) ==
        folder + "/case.json: chunks: expected a whole number, found boolean");
  nlohmann::json other = good;
  other["chunk_frames"] = {9, 12, 5};
  CHECK(compare_golden_vae_decoder(folder, other, vae, memory).mismatches ==
        std::vector<std::string>{"pixels (in chunks): piece 2: expected 5 pixel frames, found 4"});
}

TEST_CASE("vae_decoder: clear_cache begins a clip anew, whatever was decoded before") {
  fixture f(vae_config{2, 2, 3, false}, 3);
  const std::vector<float> first = f.decode({3});
  CHECK(f.decoder.pixel_frames(1) == 4);
  f.decoder.clear_cache({});
  CHECK(f.decoder.pixel_frames(1) == 1);
  CHECK(f.decoder.pixel_frames(0) == 0);
  CHECK(f.decode({3}) == first);
}

TEST_CASE("vae_decoder: the cached frames take what the published shapes imply") {
  ops::cpu::thread_pool pool(1);
  ops::cpu::cpu_vae_ops vae(pool);
  ops::cpu::cpu_memory memory;
  const std::int64_t dim = 2, h = 3, w = 4;
  const vae_decoder decoder({dim, h, w, false}, checkpoint::random_weights(0), vae, memory);
  // Two frames each: 1 of 16 channels and 11 of 4 dim at h x w; 1 of 2 dim and 6 of 4 dim at twice
  // that; 6 of 2 dim at four times; 7 of dim at eight times.
  const std::int64_t values =
      2 * h * w *
      (16 + 11 * 4 * dim + 4 * (2 * dim + 6 * 4 * dim) + 16 * 6 * 2 * dim + 64 * 7 * dim);
  CHECK(decoder.cache_bytes() == 4 * values);
}

TEST_CASE("vae_decoder: allocates nothing once it is made") {
  fixture f(vae_config{4, 2, 3, false}, 4);
  const int before = f.memory.allocations;
  f.decoder.clear_cache({});
  f.decode({1, 3});
  CHECK(f.memory.allocations == before);
}

TEST_CASE("vae_decoder: on request each latent frame has spans for its levels, side by side") {
  for (const bool wanted : {false, true}) {
    fixture f(vae_config{2, 1, 2, wanted}, 2);
    latency::session run;
    f.decode({2});
    const latency::recording recording = run.stop();
    std::vector<std::string> names;
    for (const latency::span& span : recording.spans) {
      CHECK(span.parent == 0);
      names.emplace_back(recording.strings[span.name]);
    }
    const std::vector<std::string> once{"vae_middle", "vae_level", "vae_level",
                                        "vae_level",  "vae_level", "vae_head"};
    std::vector<std::string> expected;
    for (int i = 0; wanted && i < 2; ++i) expected.insert(expected.end(), once.begin(), once.end());
    CHECK(names == expected);
  }
}

TEST_CASE("vae_decoder: random weights give pixels with contrast, the same for the same seed") {
  fixture f(vae_config{8, 4, 6, false}, 2);
  const std::vector<float> rgb = f.decode({2});
  const double mean =
      std::accumulate(rgb.begin(), rgb.end(), 0.0) / static_cast<double>(rgb.size());
  double squares = 0;
  for (const float v : rgb) squares += (v - mean) * (v - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(rgb.size()));
  CHECK(deviation > 0.2);
  CHECK(deviation < 0.7);
  CHECK(std::abs(mean) < 0.3);
  fixture again(vae_config{8, 4, 6, false}, 2);
  CHECK(again.decode({2}) == rgb);
}

TEST_CASE("vae_decoder: impossible sizes are refused before anything is allocated") {
  ops::cpu::thread_pool pool(1);
  ops::cpu::cpu_vae_ops vae(pool);
  counting_memory memory;
  CHECK(message_of([&] {
          vae_decoder({0, 2, 3, false}, checkpoint::random_weights(0), vae, memory);
        }) == "vae: dim is 0, expected 1 to 4096");
  CHECK(message_of([&] {
          vae_decoder({2, 2, 1 << 20, false}, checkpoint::random_weights(0), vae, memory);
        }) == "vae: latent_width is 1048576, expected 1 to 4096");
  CHECK(memory.allocations == 0);
}

TEST_CASE(
    "vae_weights: a file of another width is refused with the tensor, what was expected and what "
    "was found") {
  const std::string path = TEST_DATA_FOLDER "/longlive/vae_decoder/weights.safetensors";
  CHECK(vae_decoder_tensors(16).size() == 108);
  CHECK(message_of([&] { open_vae_weights(path, 8); }) ==
        path + ": decoder.conv1.weight: expected shape [32,16,3,3,3], found [64,16,3,3,3]");
}
