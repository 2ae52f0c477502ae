#include "pipeline_reference/longlive/clip_decoder.hpp"

#include "latency/events.hpp"
#include "latency/scope.hpp"

namespace longlive {
namespace {

std::int64_t largest_decode(const config& c) {
  return c.reference.vae == vae_mode::streaming ? c.generation.latent_frames_per_block
                                                : c.generation.latent_frames;
}

}  // namespace

clip_decoder::clip_decoder(const config& c, const weight_source& weights, ops::vae_ops& vae,
                           ops::memory& memory, const decode_span_names& names)
    : decoder_({.dim = c.reference.vae_dim,
                .latent_height = c.dit.latent_height,
                .latent_width = c.dit.latent_width,
                .level_spans = c.reference.layer_spans},
               weights, vae, memory),
      memory_(memory),
      names_(names),
      latent_frames_per_block_(c.generation.latent_frames_per_block) {
  const std::int64_t latent_frames = largest_decode(c);
  const ops::shape pixels{4 * latent_frames, decoder_.pixel_height(), decoder_.pixel_width(), 3};
  prepared_ = ops::buffer(memory, vae.storage(),
                          {latent_frames, c.dit.latent_height, c.dit.latent_width, c.dit.channels});
  rgb_ = ops::buffer(memory, vae.storage(), pixels);
  pixels_ = ops::buffer(memory, ops::dtype::u8, pixels);
  host_pixels_.resize(static_cast<std::size_t>(pixels.elements()));
}

void clip_decoder::begin_clip(ops::stream stream) {
  decoder_.clear_cache(stream);
  next_latent_frame_ = 0;
  next_pixel_frame_ = 0;
}

decoded_pixels clip_decoder::decode(ops::const_tensor latents, std::int64_t segment,
                                    ops::stream stream) {
  const std::int64_t latent_frames = latents.shape[0];
  const std::int64_t pixel_frames = decoder_.pixel_frames(latent_frames);
  const std::int64_t block = next_latent_frame_ / latent_frames_per_block_;
  const auto first = [](const ops::buffer& buffer, std::int64_t count) {
    ops::shape shape = buffer.view().shape;
    shape.size[0] = count;
    return ops::tensor(buffer.view().data, buffer.view().type, shape);
  };
  const ops::tensor prepared = first(prepared_, latent_frames);
  const ops::tensor rgb = first(rgb_, pixel_frames);
  const ops::tensor pixels = first(pixels_, pixel_frames);
  {
    LATENCY_SCOPE(names_.input_prep, {"block", block}, {"segment", segment},
                  {"latent_frame", next_latent_frame_}, {"latent_frames", latent_frames});
    decoder_.prepare_input(latents, prepared, stream);
  }
  {
    LATENCY_SCOPE(names_.decode, {"block", block}, {"segment", segment},
                  {"latent_frame", next_latent_frame_}, {"latent_frames", latent_frames},
                  {"pixel_frame", next_pixel_frame_}, {"pixel_frames", pixel_frames});
    decoder_.decode(prepared, rgb, stream);
  }
  {
    LATENCY_SCOPE(names_.postprocess, {"block", block}, {"segment", segment},
                  {"pixel_frame", next_pixel_frame_}, {"pixel_frames", pixel_frames},
                  {"bytes", pixels.bytes()});
    decoder_.to_pixels(rgb, pixels, stream);
    memory_.download(host_pixels_.data(), pixels.data, pixels.bytes(), stream);
  }
  const latency::timestamp complete = latency::stamp();
  const decoded_pixels result{
      next_pixel_frame_, pixel_frames,
      std::span(host_pixels_).first(static_cast<std::size_t>(pixels.bytes()))};
  for (std::int64_t i = 0; i < pixel_frames; ++i) {
    latency::pixel_frame row;
    const std::int64_t index = next_pixel_frame_ + i;
    const std::int64_t latent_frame = (index + 3) / 4;  // 0 makes one pixel frame, others four
    row.index = static_cast<std::int32_t>(index);
    row.block = static_cast<std::int32_t>(latent_frame / latent_frames_per_block_);
    latency::record(row, complete);
  }
  next_latent_frame_ += latent_frames;
  next_pixel_frame_ += pixel_frames;
  return result;
}

}  // namespace longlive
