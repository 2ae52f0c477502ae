#pragma once
// Recordings for property tests: one that a program could have made, and one that none could.

#include <rapidcheck.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "latency/recording.hpp"
#include "tests/analyzers/recording_builder.hpp"

namespace latency::test {

inline constexpr const char* span_names_in_random_runs[] = {
    "interactive_inference",  "temporal_block",           "prompt_switch_total",
    "prompt_switch_kv_reset", "prompt_switch_recache",    "diffusion_forward",
    "interactive_vae_decode", "interactive_text_encoding"};

// Two threads open and close spans as the bytes of `script` say; some are warm-up, some hand over.
inline recording sound_run(const std::vector<std::uint8_t>& script) {
  recording_builder made(0);
  made.thread("worker");
  recording& run = made.run();
  std::vector<std::size_t> open[2];
  std::int64_t now = 1;  // a span from 0 to 0 counts as impossible
  const auto close = [&](std::size_t thread) {
    run.spans[open[thread].back()].end_ns = now * ms;
    open[thread].pop_back();
  };
  for (const std::uint8_t byte : script) {
    now += byte % 5;
    const std::size_t thread = byte & 1;
    if ((byte & 6) == 0) {
      if (!open[thread].empty()) close(thread);
      continue;
    }
    span_id parent = open[thread].empty() ? 0 : run.spans[open[thread].back()].id;
    std::uint32_t flags = (byte & 0xf0) == 0xf0 ? span_warm_up : 0u;
    if (parent == 0 && thread == 1 && !open[0].empty()) {
      parent = run.spans[open[0].back()].id;
      flags |= span_handed_over;
    }
    const std::int64_t number = byte >> 3;
    made.span(span_names_in_random_runs[(byte >> 3) % 8], parent, now, now,
              {{"block", number % 4}, {"attended_tokens", 10 + number}, {"reused_tokens", number}},
              static_cast<std::uint32_t>(thread), flags);
    open[thread].push_back(run.spans.size() - 1);
  }
  now += 3;
  for (std::size_t thread = 0; thread < 2; ++thread)
    while (!open[thread].empty()) close(thread);
  run.wall_ns = (now + 2) * ms;
  return std::move(run);
}

// Any numbers in every column that the analysis reads; indices into strings and attributes hold.
inline recording absurd_run(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto pick = [&](std::uint64_t n) { return random() % n; };
  const auto time = [&]() -> std::int64_t {
    switch (pick(4)) {
      case 0:
        return static_cast<std::int64_t>(random());
      case 1:
        return static_cast<std::int64_t>(pick(100));
      default:
        return static_cast<std::int64_t>(pick(2000)) * ms;
    }
  };
  const auto small = [&]() -> std::int32_t {
    return pick(8) == 0 ? static_cast<std::int32_t>(random()) : static_cast<std::int32_t>(pick(5));
  };
  recording_builder made(static_cast<std::int64_t>(pick(2000)));
  recording& run = made.run();
  for (std::uint64_t i = pick(40); i > 0; --i) {
    made.span(span_names_in_random_runs[pick(8)], pick(20), 0, 0,
              {{"block", small()},
               {"latent_frame", time()},
               {"latent_frames", time()},
               {"attended_tokens", time()},
               {"reused_tokens", time()},
               {"bytes", time()}});
    span& row = run.spans.back();
    row.id = pick(30);
    row.start_ns = time();
    row.end_ns = time();
    row.thread = static_cast<std::uint32_t>(pick(3));
    row.flags = static_cast<std::uint32_t>(pick(8));
  }
  for (std::uint64_t i = pick(12); i > 0; --i)
    run.blocks.push_back({pick(30), small(), small(), small(), small(), small(), small(), small()});
  for (std::uint64_t i = pick(6); i > 0; --i)
    run.switches.push_back(
        {pick(30), small(), small(), small(), small(), small(), time(), small()});
  for (std::uint64_t i = pick(30); i > 0; --i)
    run.pixel_frames.push_back({time(), small(), small()});
  return std::move(run);
}

// The same rows in another order.
inline recording shuffled(recording run, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto shuffle = [&random](auto& rows) { std::shuffle(rows.begin(), rows.end(), random); };
  shuffle(run.spans);
  shuffle(run.blocks);
  shuffle(run.switches);
  shuffle(run.pixel_frames);
  return run;
}

}  // namespace latency::test
