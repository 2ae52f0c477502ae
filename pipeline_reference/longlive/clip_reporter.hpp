#pragma once
// Watches one clip being made: decodes each block, writes the video, prints the published lines and
// the progress, and asks the loop to stop on Ctrl-C.

#include <cstdint>
#include <memory>
#include <vector>

#include "pipeline_reference/longlive/clip_decoder.hpp"
#include "pipeline_reference/longlive/console.hpp"
#include "pipeline_reference/longlive/generation_observer.hpp"
#include "pipeline_reference/longlive/interrupt.hpp"
#include "pipeline_reference/longlive/video_writer.hpp"

namespace longlive {

// Host wall times of a clip.
struct clip_times {
  wall_clock::duration prompt_encoding{};
  wall_clock::duration set_up{};  // prompts, caches and noise: up to the first block
  std::vector<wall_clock::duration> blocks;
  wall_clock::duration vae_decode{};
  wall_clock::duration total{};
};

class clip_reporter final : public generation_observer {
 public:
  // `event_lines`: print a line per prompt switch and block, as the published interactive loop.
  // `videos`: one for each sample, or none.
  clip_reporter(const config& settings, bool event_lines, console& out, clip_decoder& decoder,
                std::vector<std::unique_ptr<video_writer>> videos,
                const interrupt_watch& interrupt);

  void prompt_encoded(std::int64_t segment, duration time) override;
  bool stop_requested() override;
  void request_taken(std::int64_t segment, std::int64_t latent_frame,
                     prompt_request request) override;
  void switch_started(const switch_info& s) override;
  void switch_stage_finished(const switch_info& s, switch_stage stage, duration time) override;
  void switch_finished(const switch_info& s, duration time) override;
  void block_started(const block_info& b) override;
  void block_finished(const block_info& b, const latent_batch& latents, ops::stream stream,
                      duration time) override;

  // After the loop: decodes the clip in vae_mode::whole_clip, completes the videos.
  void finish(const latent_batch& latents);

  [[nodiscard]] const clip_times& times() const { return times_; }
  [[nodiscard]] bool interrupted() const { return interrupted_; }
  [[nodiscard]] std::int64_t blocks() const {
    return static_cast<std::int64_t>(times_.blocks.size());
  }

 private:
  void decode(const latent_batch& latents, std::int64_t segment, ops::stream stream);
  template <class Print>
  void say(const Print& print);

  const config& settings_;
  bool event_lines_;
  console& out_;
  clip_decoder& decoder_;
  std::vector<std::unique_ptr<video_writer>> videos_;
  const interrupt_watch& interrupt_;
  wall_clock::time_point begin_ = wall_clock::now();
  wall_clock::time_point first_block_begin_;
  clip_times times_;
  bool interrupted_ = false;
};

}  // namespace longlive
