#include "pipeline_reference/longlive/vae_weights.hpp"

#include <fmt/format.h>

#include <string>

namespace longlive {
namespace {

class tensor_list {
 public:
  void conv(const std::string& name, checkpoint::tensor_shape weight) {
    const std::int64_t out = weight[0];
    tensors.push_back({name + ".weight", std::move(weight)});
    tensors.push_back({name + ".bias", {out}});
  }
  void conv3(const std::string& name, std::int64_t in, std::int64_t out) {
    conv(name, {out, in, 3, 3, 3});
  }
  void residual(const std::string& name, std::int64_t in, std::int64_t out) {
    tensors.push_back({name + ".residual.0.gamma", {in, 1, 1, 1}});
    conv3(name + ".residual.2", in, out);
    tensors.push_back({name + ".residual.3.gamma", {out, 1, 1, 1}});
    conv3(name + ".residual.6", out, out);
    if (in != out) conv(name + ".shortcut", {out, in, 1, 1, 1});
  }
  void attention(const std::string& name, std::int64_t channels) {
    tensors.push_back({name + ".norm.gamma", {channels, 1, 1}});
    conv(name + ".to_qkv", {3 * channels, channels, 1, 1});
    conv(name + ".proj", {channels, channels, 1, 1});
  }
  void upsample(const std::string& name, std::int64_t in, bool in_time) {
    if (in_time) conv(name + ".time_conv", {2 * in, in, 3, 1, 1});
    conv(name + ".resample.1", {in / 2, in, 3, 3});
  }

  std::vector<checkpoint::expected_tensor> tensors;
};

}  // namespace

std::vector<checkpoint::expected_tensor> vae_decoder_tensors(std::int64_t dim) {
  tensor_list list;
  list.conv("conv2", {vae_latent_channels, vae_latent_channels, 1, 1, 1});
  list.conv3("decoder.conv1", vae_latent_channels, 4 * dim);
  list.residual("decoder.middle.0", 4 * dim, 4 * dim);
  list.attention("decoder.middle.1", 4 * dim);
  list.residual("decoder.middle.2", 4 * dim, 4 * dim);
  const auto level = [&](int first, std::int64_t in, std::int64_t out) {
    for (int i = 0; i < 3; ++i)
      list.residual(fmt::format("decoder.upsamples.{}", first + i), i == 0 ? in : out, out);
  };
  level(0, 4 * dim, 4 * dim);
  list.upsample("decoder.upsamples.3", 4 * dim, true);
  level(4, 2 * dim, 4 * dim);
  list.upsample("decoder.upsamples.7", 4 * dim, true);
  level(8, 2 * dim, 2 * dim);
  list.upsample("decoder.upsamples.11", 2 * dim, false);
  level(12, dim, dim);
  list.tensors.push_back({"decoder.head.0.gamma", {dim, 1, 1, 1}});
  list.conv3("decoder.head.2", dim, 3);
  return list.tensors;
}

checkpoint::file_weights open_vae_weights(const std::string& path, std::int64_t dim) {
  checkpoint::file_weights weights(
      checkpoint::tensor_file::open(path), [](const std::string& stored) {
        const bool other = stored.rfind("encoder.", 0) == 0 || stored.rfind("conv1.", 0) == 0;
        return other ? "" : stored;
      });
  weights.expect(vae_decoder_tensors(dim));
  return weights;
}

}  // namespace longlive
