#include "pipeline_reference/longlive/vae_layers.hpp"

#include <utility>
#include <vector>

namespace longlive {
namespace {

std::vector<float> read(const vae_builder& from, const std::string& name,
                        const checkpoint::tensor_shape& shape) {
  std::int64_t elements = 1;
  for (const std::int64_t extent : shape) elements *= extent;
  std::vector<float> values(static_cast<std::size_t>(elements));
  from.weights.read(name, shape, values);
  return values;
}

ops::conv_shape conv_shape_of(const checkpoint::tensor_shape& published, ops::conv_kind kind) {
  const std::size_t rank = published.size();
  return {published[1],        published[0],        rank == 5 ? published[2] : 1,
          published[rank - 2], published[rank - 1], kind};
}

}  // namespace

ops::buffer vae_builder::gains(const std::string& name, checkpoint::tensor_shape shape) const {
  const std::vector<float> values = read(*this, name, shape);
  ops::buffer gains(memory, ops::dtype::f32, {shape[0]});
  memory.upload(gains.view().data, values.data(), gains.view().bytes(), {});
  return gains;
}

vae_activations::vae_activations(ops::vae_ops& vae, ops::memory& memory, std::int64_t elements,
                                 std::int64_t workspace_bytes)
    : workspace_(memory, ops::dtype::u8, {workspace_bytes}) {
  for (ops::buffer& buffer : buffers_) buffer = ops::buffer(memory, vae.storage(), {elements});
}

ops::tensor vae_activations::view(slot which, const ops::shape& shape) const {
  const ops::tensor whole = buffers_[which].view();
  return {whole.data, whole.type, shape};
}

vae_conv::vae_conv(const vae_builder& from, const std::string& name,
                   checkpoint::tensor_shape published, std::int64_t height, std::int64_t width,
                   ops::conv_kind kind)
    : shape_(conv_shape_of(published, kind)),
      packed_(from.memory, from.vae.storage(), {from.vae.packed_conv_elements(shape_)}) {
  const std::vector<float> weight = read(from, name + ".weight", published);
  const std::vector<float> bias = read(from, name + ".bias", {published[0]});
  from.vae.pack_conv({shape_, weight.data(), bias.data(), packed_.view()}, {});
  if (shape_.kernel_t > 1)
    cache_ = ops::buffer(from.memory, from.vae.storage(),
                         {from.samples, shape_.kernel_t - 1, height, width, shape_.in_channels});
}

void vae_conv::forward(const vae_call& call, ops::const_tensor x, ops::tensor out,
                       ops::const_tensor residual) const {
  if (shape_.kind == ops::conv_kind::upsample) {
    call.vae.upsample_conv({shape_, packed_.view(), x, out}, call.stream,
                           call.activations.workspace());
  } else {
    const ops::tensor cache = cache_ ? cache_.view()[call.sample] : ops::tensor();
    call.vae.conv3d_causal({shape_, packed_.view(), x, cache, residual, out}, call.stream,
                           call.activations.workspace());
  }
}

void vae_conv::clear_cache(ops::memory& memory, ops::stream stream) const {
  if (cache_) memory.zero(cache_.view().data, cache_.view().bytes(), stream);
}

vae_residual_block::vae_residual_block(const vae_builder& from, const std::string& name,
                                       std::int64_t in, std::int64_t out, std::int64_t height,
                                       std::int64_t width)
    : in_(in),
      out_(out),
      height_(height),
      width_(width),
      first_gain_(from.gains(name + ".residual.0.gamma", {in, 1, 1, 1})),
      second_gain_(from.gains(name + ".residual.3.gamma", {out, 1, 1, 1})),
      first_(from, name + ".residual.2", {out, in, 3, 3, 3}, height, width),
      second_(from, name + ".residual.6", {out, out, 3, 3, 3}, height, width) {
  if (in != out)
    shortcut_.emplace(from, name + ".shortcut", checkpoint::tensor_shape{out, in, 1, 1, 1}, height,
                      width);
}

void vae_residual_block::forward(const vae_call& call, std::int64_t frames) const {
  vae_activations& act = call.activations;
  const ops::shape in{frames, height_, width_, in_}, out{frames, height_, width_, out_};
  const ops::tensor x = act.view(vae_activations::x, in), a = act.view(vae_activations::a, in);
  const ops::tensor b = act.view(vae_activations::b, out);
  call.vae.rms_norm_silu({x, first_gain_.view(), a}, call.stream, act.workspace());
  first_.forward(call, a, b);
  call.vae.rms_norm_silu({b, second_gain_.view(), b}, call.stream, act.workspace());
  if (!shortcut_) return second_.forward(call, b, x, x);
  const ops::tensor sum = act.view(vae_activations::a, out);
  shortcut_->forward(call, x, sum);
  second_.forward(call, b, sum, sum);
  act.swap(vae_activations::x, vae_activations::a);
}

vae_attention_block::vae_attention_block(const vae_builder& from, const std::string& name,
                                         std::int64_t channels, std::int64_t height,
                                         std::int64_t width)
    : channels_(channels),
      height_(height),
      width_(width),
      gain_(from.gains(name + ".norm.gamma", {channels, 1, 1})),
      to_qkv_(from, name + ".to_qkv", {3 * channels, channels, 1, 1}, height, width),
      proj_(from, name + ".proj", {channels, channels, 1, 1}, height, width) {}

void vae_attention_block::forward(const vae_call& call, std::int64_t frames) const {
  vae_activations& act = call.activations;
  const ops::shape shape{frames, height_, width_, channels_};
  const ops::tensor x = act.view(vae_activations::x, shape),
                    a = act.view(vae_activations::a, shape);
  const ops::tensor qkv = act.view(vae_activations::b, {frames, height_, width_, 3 * channels_});
  const std::int64_t pixels = height_ * width_;
  call.vae.rms_norm_silu({x, gain_.view(), a, false}, call.stream, act.workspace());
  to_qkv_.forward(call, a, qkv);
  call.vae.spatial_attention(
      {qkv.reshaped({frames, pixels, 3 * channels_}), a.reshaped({frames, pixels, channels_})},
      call.stream, act.workspace());
  proj_.forward(call, a, x, x);
}

vae_upsample::vae_upsample(const vae_builder& from, const std::string& name, std::int64_t in,
                           std::int64_t height, std::int64_t width, bool in_time)
    : in_(in),
      height_(height),
      width_(width),
      conv_(from, name + ".resample.1", {in / 2, in, 3, 3}, height, width,
            ops::conv_kind::upsample) {
  if (in_time)
    time_conv_.emplace(from, name + ".time_conv", checkpoint::tensor_shape{2 * in, in, 3, 1, 1},
                       height, width, ops::conv_kind::time_pairs);
}

std::int64_t vae_upsample::forward(const vae_call& call, std::int64_t frames,
                                   bool first_latent_frame) const {
  vae_activations& act = call.activations;
  if (time_conv_ && !first_latent_frame) {
    time_conv_->forward(call, act.view(vae_activations::x, {frames, height_, width_, in_}),
                        act.view(vae_activations::a, {2 * frames, height_, width_, in_}));
    act.swap(vae_activations::x, vae_activations::a);
    frames *= 2;
  }
  conv_.forward(call, act.view(vae_activations::x, {frames, height_, width_, in_}),
                act.view(vae_activations::a, {frames, 2 * height_, 2 * width_, in_ / 2}));
  act.swap(vae_activations::x, vae_activations::a);
  return frames;
}

}  // namespace longlive
