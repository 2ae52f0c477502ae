#include "pipeline_reference/longlive/clip_reporter.hpp"

#include <fmt/format.h>

#include <utility>

#include "latency/scope.hpp"

namespace longlive {

clip_reporter::clip_reporter(const config& settings, bool event_lines, console& out,
                             clip_decoder& decoder,
                             std::vector<std::unique_ptr<video_writer>> videos,
                             const interrupt_watch& interrupt)
    : settings_(settings),
      event_lines_(event_lines),
      out_(out),
      decoder_(decoder),
      videos_(std::move(videos)),
      interrupt_(interrupt) {}

// Printing has a span of its own: a slow terminal must not pass for slow generation.
template <class Print>
void clip_reporter::say(const Print& print) {
  if (!event_lines_) return;
  LATENCY_SCOPE("console_output");
  print();
}

void clip_reporter::prompt_encoded(std::int64_t segment, duration time) {
  times_.prompt_encoding += time;
  if (segment + 1 < settings_.generation.segments()) return;
  say([&] { out_.timing("All prompts encoded", times_.prompt_encoding); });
}

bool clip_reporter::stop_requested() {
  interrupted_ = interrupt_.asked();
  return interrupted_;
}

void clip_reporter::request_taken(std::int64_t segment, std::int64_t latent_frame,
                                  prompt_request request) {
  decoder_.end_with(std::move(request.until_shown), latent_frame);
  say([&] {
    out_.event(fmt::format("Prompt of segment {} was requested: {}", segment,
                           prompts_text({request.text})));
  });
}

void clip_reporter::switch_started(const switch_info& s) {
  say([&] {
    out_.event(
        fmt::format("Starting prompt switch to segment {} at frame {}", s.segment, s.latent_frame));
  });
}

void clip_reporter::switch_stage_finished(const switch_info& s, switch_stage stage, duration time) {
  say([&] {
    switch (stage) {
      case switch_stage::text_wait:
        out_.timing("Prompt encoding awaited", time);
        break;
      case switch_stage::cache_reset:
        out_.timing("Cache reset completed", time);
        if (s.recached_latent_frames > 0)
          out_.timing(fmt::format("Recaching {} frames (from {} to {})", s.recached_latent_frames,
                                  s.first_recached_latent_frame(), s.latent_frame));
        break;
      case switch_stage::recache_setup:
        out_.timing("Recache setup completed", time);
        break;
      case switch_stage::recache_forward:
        out_.timing("Recache forward pass completed", time);
        break;
    }
  });
}

void clip_reporter::switch_finished(const switch_info& s, duration time) {
  say([&] {
    out_.timing(s.recached_latent_frames > 0
                    ? fmt::format("Prompt switch to segment {} completed", s.segment)
                    : "Prompt switch completed (no recaching needed)",
                time);
  });
}

void clip_reporter::block_started(const block_info& b) {
  if (b.index > 0) return;
  first_block_begin_ = wall_clock::now();
  times_.set_up = first_block_begin_ - begin_;
}

void clip_reporter::block_finished(const block_info& b, const latent_batch& latents,
                                   ops::stream stream, duration time) {
  times_.blocks.push_back(time);
  const std::int64_t done = b.first_latent_frame + b.latent_frames;
  say([&] {
    out_.timing(fmt::format("Block {} (frames {}-{}, segment {}) completed", b.index,
                            b.first_latent_frame, done - 1, b.segment),
                time);
  });
  if (settings_.reference.vae == vae_mode::streaming) decode(latents, b.segment, stream);
  LATENCY_SCOPE("console_output");
  out_.show({done, settings_.generation.latent_frames, wall_clock::now() - first_block_begin_});
}

void clip_reporter::decode(const latent_batch& latents, std::int64_t segment, ops::stream stream) {
  const wall_clock::time_point begin = wall_clock::now();
  const decoded_pixels pixels = decoder_.decode(latents, segment, stream);
  times_.vae_decode += wall_clock::now() - begin;
  if (videos_.empty()) return;
  LATENCY_SCOPE("video_write", {"pixel_frame", pixels.first_pixel_frame},
                {"pixel_frames", pixels.pixel_frames}, {"bytes", pixels.bytes.size()});
  for (std::int64_t sample = 0; sample < pixels.samples; ++sample)
    videos_[static_cast<std::size_t>(sample)]->write(pixels[sample]);
}

void clip_reporter::finish(const latent_batch& latents) {
  out_.clear_bar();
  if (settings_.reference.vae == vae_mode::whole_clip && latents.count > 0) {
    say([&] { out_.event("Starting VAE decode..."); });
    decode(latents, 0, {});
    say([&] { out_.timing("VAE decode completed", times_.vae_decode); });
  }
  times_.total = wall_clock::now() - begin_;
  for (const auto& video : videos_) video->finish();
}

}  // namespace longlive
