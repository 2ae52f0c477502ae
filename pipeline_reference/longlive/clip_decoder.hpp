#pragma once
// From the latents of a block, or of a whole clip, to uint8 pixels in host memory, as timed stages:
// input preparation, then the decode, in which each latent frame's pixels, those of all samples,
// are post-processed and complete before the next latent frame is decoded.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "latency/async_span.hpp"
#include "pipeline_reference/longlive/config.hpp"
#include "pipeline_reference/longlive/latent_batch.hpp"
#include "pipeline_reference/longlive/vae_decoder.hpp"

namespace longlive {

// Names of the three spans of a decode; static strings.
struct decode_span_names {
  const char* input_prep;
  const char* decode;
  const char* postprocess;
};

// Pixel frames in host memory.
struct decoded_pixels {
  std::int64_t first_pixel_frame = 0;
  std::int64_t pixel_frames = 0;  // of each sample
  std::int64_t samples = 1;
  std::span<const std::uint8_t> bytes;  // of all samples; valid until the next decode

  // [pixel_frames, height, width, 3]
  [[nodiscard]] std::span<const std::uint8_t> operator[](std::int64_t sample) const {
    const std::size_t of_one = bytes.size() / static_cast<std::size_t>(samples);
    return bytes.subspan(static_cast<std::size_t>(sample) * of_one, of_one);
  }
};

// One clip after another; one thread at a time. All memory is allocated when it is made.
class clip_decoder {
 public:
  // Throws latency::error for weights that do not fit. Memory: the pixels of the largest decode,
  // which is a block with vae_mode::streaming and the clip with vae_mode::whole_clip.
  clip_decoder(const config& settings, const checkpoint::weight_source& weights, ops::vae_ops& vae,
               ops::memory& memory, const decode_span_names& names);

  void begin_clip(ops::stream stream);
  // Ends the span when the first pixel frame of this latent frame is complete.
  void end_with(latency::async_span span, std::int64_t latent_frame);
  // latents: of 16 channels, the next of the clip; `segment` is where they begin. Records a
  // pixel_frame row for each pixel frame once its pixels, of all samples, are in host memory.
  decoded_pixels decode(const latent_batch& latents, std::int64_t segment, ops::stream stream);
  [[nodiscard]] std::int64_t pixel_height() const { return decoder_.pixel_height(); }
  [[nodiscard]] std::int64_t pixel_width() const { return decoder_.pixel_width(); }

 private:
  // Writes the pixels of the next latent frame of a sample to `out` and returns their bytes.
  std::int64_t decode_latent_frame(ops::const_tensor prepared, std::uint8_t* out,
                                   std::int64_t sample, std::int64_t segment, ops::stream stream);
  // Every sample's next `count` pixel frames, of one latent frame, are in host memory.
  void complete(std::int64_t count);

  vae_decoder decoder_;
  ops::memory& memory_;
  decode_span_names names_;
  std::int64_t latent_frames_per_block_;
  ops::buffer prepared_;      // [samples, most latent frames of a decode, height, width, channels]
  ops::buffer rgb_, pixels_;  // of one latent frame of one sample
  std::vector<std::uint8_t> host_pixels_;
  std::int64_t next_latent_frame_ = 0;
  std::int64_t next_pixel_frame_ = 0;
  struct awaited {
    latency::async_span span;
    std::int64_t latent_frame;
  };
  std::vector<awaited> awaited_;
};

}  // namespace longlive
