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
                .level_spans = c.reference.layer_spans},
               weights, vae, memory),
      memory_(memory),
      names_(names),
      latent_frames_per_block_(c.generation.latent_frames_per_block) {
  const std::int64_t latent_frames = largest_decode(c);
  const ops::shape piece{vae_decoder::most_pixel_frames, decoder_.pixel_height(),
                         decoder_.pixel_width(), 3};
  prepared_ = ops::buffer(memory, vae.storage(),
                          {latent_frames, c.dit.latent_height, c.dit.latent_width, c.dit.channels});
  rgb_ = ops::buffer(memory, vae.storage(), piece);
  pixels_ = ops::buffer(memory, ops::dtype::u8, piece);
  host_pixels_.resize(static_cast<std::size_t>(latent_frames * piece.elements()));
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

decoded_pixels clip_decoder::decode(ops::const_tensor latents, std::int64_t segment,
                                    ops::stream stream) {
  const std::int64_t latent_frames = latents.shape[0];
  const std::int64_t pixel_frames = decoder_.pixel_frames(latent_frames);
  const std::int64_t block = next_latent_frame_ / latent_frames_per_block_;
  ops::tensor prepared = prepared_.view();
  prepared.shape.size[0] = latent_frames;
  {
    LATENCY_SCOPE(names_.input_prep, {"block", block}, {"segment", segment},
                  {"latent_frame", next_latent_frame_}, {"latent_frames", latent_frames});
    decoder_.prepare_input(latents, prepared, stream);
  }
  const std::int64_t first_pixel_frame = next_pixel_frame_;
  std::span<std::uint8_t> rest(host_pixels_);
  {
    LATENCY_SCOPE(names_.decode, {"block", block}, {"segment", segment},
                  {"latent_frame", next_latent_frame_}, {"latent_frames", latent_frames},
                  {"pixel_frame", next_pixel_frame_}, {"pixel_frames", pixel_frames});
    for (std::int64_t i = 0; i < latent_frames; ++i)
      rest = rest.subspan(decode_latent_frame(prepared[i], rest, block, segment, stream));
  }
  return {first_pixel_frame, pixel_frames,
          std::span(host_pixels_).first(host_pixels_.size() - rest.size())};
}

std::size_t clip_decoder::decode_latent_frame(ops::const_tensor prepared,
                                              std::span<std::uint8_t> out, std::int64_t block,
                                              std::int64_t segment, ops::stream stream) {
  prepared.shape = prepared_.view().shape;
  prepared.shape.size[0] = 1;
  const std::int64_t count = decoder_.pixel_frames(1);
  ops::tensor rgb = rgb_.view(), pixels = pixels_.view();
  rgb.shape.size[0] = pixels.shape.size[0] = count;
  decoder_.decode(prepared, rgb, stream);
  {
    LATENCY_SCOPE(names_.postprocess, {"block", block}, {"segment", segment},
                  {"latent_frame", next_latent_frame_}, {"pixel_frame", next_pixel_frame_},
                  {"pixel_frames", count}, {"bytes", pixels.bytes()});
    decoder_.to_pixels(rgb, pixels, stream);
    memory_.download(out.data(), pixels.data, pixels.bytes(), stream);
  }
  const latency::timestamp complete = latency::stamp();
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
    latency::record(row, complete);
  }
  ++next_latent_frame_;
  next_pixel_frame_ += count;
  return static_cast<std::size_t>(pixels.bytes());
}

}  // namespace longlive
