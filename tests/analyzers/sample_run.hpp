#pragma once
// A small interactive run with numbers chosen by hand: 7 blocks of 3 latent frames, window 6, two
// prompt switches, streaming VAE, one thread. All times below are milliseconds.
//
//   wall 0..1400; interactive_inference 100..1320, so untracked 180
//     build_random_weights 100..200, three interactive_text_encoding of 10 from 200 to 230
//   block    start  end  length  scenario  segment   its VAE      pixel frames (complete, 1 apart)
//     0        240   322     82  first        0       322..362     0..8    354..362
//     1        362   454     92  filling      0       454..497     9..20   486..497
//     2        497   599    102  full         0       599..642    21..32   631..642
//     3        642   794    152  switch       1       794..837    33..44   826..837
//     4        837   939    102  full         1       939..982    45..56   971..982
//     5        982  1130    148  switch       2      1130..1173   57..68  1162..1173
//     6       1173  1275    102  full         2      1275..1318   69..80  1307..1318
//   A block: 1 of its own, [switch], input_prep 1, denoising_step 4 + forward, denoising_step_final
//   2 + forward, output_recording 1, kv_cache_update 2 + forward 18, 1 of its own. The forwards of
//   the steps take 26 in block 0, 31 in block 1, else 36. Hence 82, 92, 102 without a switch.
//   Switch in block 3: total 50 = resets 2 + 1 + 1, setup 3, recache 40 (forward 38), 3 of its own;
//     asked for latent frame 8, which block 2 holds, so requested at 497.
//   Switch in block 5: total 46 = resets 2 + 1 + 1, setup 3, recache 38 (forward 36), 1 of its own;
//     asked for latent frame 15, the block's first, so requested at 982.
//   VAE of a block: input_prep 1, decode 30, postprocess 1 per pixel frame (12; block 0: 9).
//   Tokens, 10 per latent frame: a forward of block 0 attends 30 and reuses 0, any other forward
//   attends 60 and reuses 30, both rewrite 30; a recache forward attends 60, reuses 0, rewrites 60.
//   Bytes: kv_reset 1000, crossattn_reset 200, final_reset 200.

#include <array>

#include "tests/analyzers/recording_builder.hpp"

namespace latency::test {

struct sample_switch {
  std::int32_t block, segment, requested_latent_frame;
  std::int64_t request_ms, total_ms, recache_ms;
  std::int32_t first_pixel_frame;
};

inline constexpr std::array<sample_switch, 2> sample_switches{
    {{3, 1, 8, 497, 50, 40, 33}, {5, 2, 15, 982, 46, 38, 57}}};

class sample_run_builder {
 public:
  recording build() {
    root_ = made_.span("interactive_inference", 0, 100, 1320);
    made_.span("build_random_weights", root_, 100, 200);
    for (int segment = 0; segment < 3; ++segment)
      made_.span("interactive_text_encoding", root_, 200 + 10 * segment, 210 + 10 * segment,
                 {{"segment", segment}});
    now_ = 240;
    for (int b = 0; b < 7; ++b) {
      add_block(b);
      add_vae(b);
    }
    return std::move(made_.run());
  }

 private:
  // Opens at `now_`, lasts `length_ms`; `now_` moves past it.
  span_id next(std::string_view name, span_id parent, std::int64_t length_ms,
               attribute_list attributes) {
    const span_id id = made_.span(name, parent, now_, now_ + length_ms, attributes);
    now_ += length_ms;
    return id;
  }

  void forward(span_id parent, std::int64_t start_ms, std::int64_t length_ms, int attended,
               int reused, int rewritten) {
    made_.span("diffusion_forward", parent, start_ms, start_ms + length_ms,
               {{"attended_tokens", attended},
                {"reused_tokens", reused},
                {"rewritten_tokens", rewritten}});
  }

  void add_block(int b) {
    const sample_switch* switched = nullptr;
    for (const sample_switch& s : sample_switches)
      if (s.block == b) switched = &s;
    const int segment = b < 3 ? 0 : b < 5 ? 1 : 2;
    const int step_ms = b == 0 ? 26 : b == 1 ? 31 : 36;
    const int attended = b == 0 ? 30 : 60;
    const std::int64_t length_ms =
        30 + 2 * step_ms + (switched != nullptr ? switched->total_ms : 0);
    const span_id span = made_.span(
        "temporal_block", root_, now_, now_ + length_ms,
        {{"block", b}, {"segment", segment}, {"latent_frame", 3 * b}, {"latent_frames", 3}});
    made_.run().blocks.push_back(
        {span, b, segment, 3 * b, 3, b < 2 ? 3 * b : 6, 6, switched != nullptr ? 1 : 0});
    now_ += 1;
    if (switched != nullptr) add_switch(*switched, span);
    next("interactive_block_input_prep", span, 1, {{"block", b}});

    const span_id step = next("interactive_denoising_step", span, step_ms + 4,
                              {{"block", b}, {"step", 0}, {"timestep", 1000}});
    const std::int64_t step_start = now_ - step_ms - 4;
    made_.span("interactive_timestep_prep", step, step_start, step_start + 1);
    forward(step, step_start + 1, step_ms, attended, attended - 30, 30);
    made_.span("interactive_noise_scheduling", step, now_ - 3, now_ - 1);

    const span_id last = next("interactive_denoising_step_final", span, step_ms + 2,
                              {{"block", b}, {"step", 1}, {"timestep", 500}});
    made_.span("interactive_timestep_prep", last, now_ - step_ms - 2, now_ - step_ms - 1);
    forward(last, now_ - step_ms - 1, step_ms, attended, attended - 30, 30);

    next("interactive_output_recording", span, 1, {{"block", b}});
    const span_id update = next("interactive_kv_cache_update", span, 20, {{"block", b}});
    made_.span("interactive_context_prep", update, now_ - 20, now_ - 19);
    forward(update, now_ - 19, 18, attended, attended - 30, 30);
    now_ += 1;
  }

  void add_switch(const sample_switch& s, span_id block_span) {
    const std::int64_t end = now_ + s.total_ms;
    const span_id total =
        made_.span("prompt_switch_total", block_span, now_, end,
                   {{"segment", s.segment}, {"block", s.block}, {"latent_frame", 3 * s.block}});
    next("prompt_switch_kv_reset", total, 2, {{"bytes", 1000}});
    next("prompt_switch_crossattn_reset", total, 1, {{"bytes", 200}});
    next("prompt_switch_recache_setup", total, 3, {{"latent_frames", 6}});
    const span_id recache = next("prompt_switch_recache", total, s.recache_ms,
                                 {{"latent_frames", 6}, {"latent_frame", 3 * s.block - 6}});
    forward(recache, now_ - s.recache_ms + 1, s.recache_ms - 2, 60, 0, 60);
    next("prompt_switch_final_reset", total, 1, {{"bytes", 200}});
    now_ = end;
    made_.run().switches.push_back({total, s.segment, s.block, s.requested_latent_frame,
                                    3 * s.block, 6, s.request_ms * ms, s.first_pixel_frame});
  }

  void add_vae(int b) {
    const int pixel_frames = b == 0 ? 9 : 12;
    next("interactive_vae_input_prep", root_, 1, {{"block", b}});
    next("interactive_vae_decode", root_, 30,
         {{"block", b},
          {"latent_frame", 3 * b},
          {"latent_frames", 3},
          {"pixel_frames", pixel_frames}});
    next("interactive_vae_postprocess", root_, pixel_frames, {{"block", b}});
    const int first = b == 0 ? 0 : 12 * b - 3;
    for (int i = 0; i < pixel_frames; ++i)
      made_.run().pixel_frames.push_back({(now_ - pixel_frames + 1 + i) * ms, first + i, b});
  }

  recording_builder made_{1400};
  span_id root_ = 0;
  std::int64_t now_ = 0;
};

inline recording sample_run() {
  return sample_run_builder{}.build();
}

}  // namespace latency::test
