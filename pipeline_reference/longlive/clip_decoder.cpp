#include "pipeline_reference/longlive/clip_decoder.hpp"

#include <algorithm>
#include <utility>

#include "latency/events.hpp"
#include "latency/scope.hpp"

namespace longlive {
namespace {

std::int64_t largest_decode(const config& c) {
  return c.reference.vae == vae_mode::streaming ? c.generation.latent_frames_per_block
                                                : c.generation.latent_frames;
}

}  // namespace

clip_decoder::clip_decoder(const config& c, const checkpoint::weight_source& weights,
                           ops::vae_ops& vae, ops::memory& memory, const decode_span_names& names)
    : decoder_({.dim = c.reference.vae_dim,
                .latent_height = c.dit.latent_height,
                .latent_width = c.dit.latent_width,
                .level_spans = c.reference.layer_spans,
                .samples = c.generation.samples},
               weights, vae, memory),
      memory_(memory),
      names_(names),
      latent_frames_per_block_(c.generation.latent_frames_per_block) {
  const std::int64_t latent_frames = largest_decode(c);
  const ops::shape piece{vae_decoder::most_pixel_frames, decoder_.pixel_height(),
                         decoder_.pixel_width(), 3};
  prepared_ = ops::buffer(memory, vae.storage(),
                          {c.generation.samples, latent_frames, c.dit.latent_height,
                           c.dit.latent_width, c.dit.channels});
  rgb_ = ops::buffer(memory, vae.storage(), piece);
  pixels_ = ops::buffer(memory, ops::dtype::u8, piece);
  host_pixels_.resize(
      static_cast<std::size_t>(c.generation.samples * latent_frames * piece.elements()));
}

void clip_decoder::begin_clip(ops::stream stream) {
  decoder_.clear_cache(stream);
  next_latent_frame_ = 0;
  next_pixel_frame_ = 0;
  awaited_.clear();
}

void clip_decoder::end_with(latency::async_span span, std::int64_t latent_frame) {
  awaited_.push_back({std::move(span), latent_frame});
}

decoded_pixels clip_decoder::decode(const latent_batch& latents, std::int64_t segment,
                                    ops::stream stream) {
  const std::int64_t pixel_frames = decoder_.pixel_frames(latents.count);
  const std::int64_t block = next_latent_frame_ / latent_frames_per_block_;
  {
    LATENCY_SCOPE(names_.input_prep, {"block", block}, {"segment", segment},
                  {"latent_frame", next_latent_frame_}, {"latent_frames", latents.count});
    for (std::int64_t sample = 0; sample < latents.samples(); ++sample) {
      ops::tensor prepared = prepared_.view()[sample];
      prepared.shape.size[0] = latents.count;
      decoder_.prepare_input(latents[sample], prepared, stream);
    }
  }
  const std::int64_t first_pixel_frame = next_pixel_frame_;
  const std::int64_t sample_bytes = pixel_frames * pixel_height() * pixel_width() * 3;
  {
    LATENCY_SCOPE(names_.decode, {"block", block}, {"segment", segment},
                  {"latent_frame", next_latent_frame_}, {"latent_frames", latents.count},
                  {"pixel_frame", next_pixel_frame_}, {"pixel_frames", pixel_frames});
    std::int64_t done_bytes = 0;
    for (std::int64_t i = 0; i < latents.count; ++i) {
      const std::int64_t count = decoder_.pixel_frames(1);
      std::int64_t bytes = 0;
      for (std::int64_t sample = 0; sample < latents.samples(); ++sample)
        bytes = decode_latent_frame(prepared_.view()[sample][i],
                                    host_pixels_.data() + sample * sample_bytes + done_bytes,
                                    sample, segment, stream);
      done_bytes += bytes;
      complete(count);
    }
  }
  return {
      first_pixel_frame, pixel_frames, latents.samples(),
      std::span(host_pixels_).first(static_cast<std::size_t>(latents.samples() * sample_bytes))};
}

std::int64_t clip_decoder::decode_latent_frame(ops::const_tensor prepared, std::uint8_t* out,
                                               std::int64_t sample, std::int64_t segment,
                                               ops::stream stream) {
  const ops::shape latent_frame = prepared.shape;
  prepared.shape = {1, latent_frame[0], latent_frame[1], latent_frame[2]};
  const std::int64_t count = decoder_.pixel_frames(1, sample);
  ops::tensor rgb = rgb_.view(), pixels = pixels_.view();
  rgb.shape.size[0] = pixels.shape.size[0] = count;
  decoder_.decode(prepared, rgb, stream, sample);
  LATENCY_SCOPE(names_.postprocess, {"block", next_latent_frame_ / latent_frames_per_block_},
                {"segment", segment}, {"latent_frame", next_latent_frame_},
                {"pixel_frame", next_pixel_frame_}, {"pixel_frames", count},
                {"bytes", pixels.bytes()});
  decoder_.to_pixels(rgb, pixels, stream);
  memory_.download(out, pixels.data, pixels.bytes(), stream);
  return pixels.bytes();
}

void clip_decoder::complete(std::int64_t count) {
  const latency::timestamp now = latency::stamp();
  awaited_.erase(std::remove_if(awaited_.begin(), awaited_.end(),
                                [this](awaited& a) {
                                  if (a.latent_frame > next_latent_frame_) return false;
                                  a.span.end();
                                  return true;
                                }),
                 awaited_.end());
  for (std::int64_t i = 0; i < count; ++i) {
    latency::pixel_frame row;
    row.index = static_cast<std::int32_t>(next_pixel_frame_ + i);
    row.block = static_cast<std::int32_t>(next_latent_frame_ / latent_frames_per_block_);
    latency::record(row, now);
  }
  ++next_latent_frame_;
  next_pixel_frame_ += count;
}

}  // namespace longlive
