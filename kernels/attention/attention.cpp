#include "kernels/attention/attention.hpp"

#include <stdexcept>
#include <string>

#include "kernels/attention/attention_plain.hpp"
#include "kernels/attention/device_sm90.hpp"
#include "kernels/attention/launch_sm90.hpp"

namespace kernels {

namespace {

// The copy engine, and 16-byte stores, want every row at a multiple of 16 bytes.
template <class Element>
bool aligned(const attention_tensor<Element>& tensor) {
  return reinterpret_cast<std::uintptr_t>(tensor.data) % 16 == 0 && tensor.batch_stride % 8 == 0 &&
         tensor.token_stride % 8 == 0 && tensor.head_stride % 8 == 0;
}

// Up to here a tile has too few blocks of keys to be cut along them.
constexpr int few_keys = 704;
// From here on pairs of blocks win that copy keys for each other, even where the last tile of a
// head has no neighbour and half of its pair computes for nothing.
constexpr int many_queries = 8192;

void validate(const attention_params& p) {
  const auto reject = [](const std::string& why) {
    throw std::invalid_argument("attention: " + why);
  };
  if (p.batch < 0 || p.heads < 0 || p.tokens_q < 0 || p.tokens_kv < 0) reject("a size is negative");
  if (p.heads_kv < 1 || p.heads % p.heads_kv != 0)
    reject(std::to_string(p.heads) + " query heads do not share " + std::to_string(p.heads_kv) +
           " key heads evenly");
  if (p.head_dim < 1) reject("head_dim is " + std::to_string(p.head_dim));
  if (!(p.scale > 0)) reject("the scale is not above 0");
  if (!(p.last_key_count > 0)) reject("the last key's count is not above 0");
}

bool no_output(const attention_params& p) {
  return p.batch == 0 || p.heads == 0 || p.tokens_q == 0;
}

void launch(const attention_params& p, attention_path path, cudaStream_t stream) {
  if (path == attention_path::plain) return attention_plain(p, stream);
  if (p.head_dim == 64)
    p.causal ? sm90::launch_64_causal(p, stream) : sm90::launch_64(p, stream);
  else if (p.tokens_q >= many_queries && (p.causal || p.tokens_kv > few_keys))
    p.causal ? sm90::launch_128_causal_clusters(p, stream) : sm90::launch_128_clusters(p, stream);
  else if (p.causal)
    sm90::launch_128_causal(p, stream);
  else
    p.tokens_kv <= few_keys ? sm90::launch_128_few_keys(p, stream) : sm90::launch_128(p, stream);
}

}  // namespace

attention_path choose_attention_path(const attention_params& p) {
  const bool hopper = (p.head_dim == 64 || p.head_dim == 128) && p.bias == nullptr &&
                      p.tokens_kv > 0 && aligned(p.q) && aligned(p.k) && aligned(p.v) &&
                      aligned(p.o) && sm90::device_is_hopper();
  return hopper ? attention_path::hopper : attention_path::plain;
}

std::string describe(attention_path path) {
  return path == attention_path::hopper
             ? "hopper, sm_90a"
             : "plain, sm_" + std::to_string(attention_plain_architecture());
}

std::size_t attention_workspace_bytes() {
  return sm90::device_is_hopper() ? sm90::layout_workspace(sm90::multiprocessors()).bytes : 0;
}

void attention(const attention_params& p, cudaStream_t stream) {
  validate(p);
  if (!no_output(p)) launch(p, choose_attention_path(p), stream);
}

void attention(const attention_params& p, attention_path path, cudaStream_t stream) {
  validate(p);
  if (no_output(p)) return;
  if (path == attention_path::hopper && choose_attention_path(p) != attention_path::hopper)
    throw std::invalid_argument("attention: the Hopper path does not take this shape or device");
  launch(p, path, stream);
}

}  // namespace kernels
