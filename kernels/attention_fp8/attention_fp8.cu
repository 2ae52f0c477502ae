// What the FP8 kernel takes, its tensor maps and its start.
#include "kernels/attention_fp8/attention_fp8.hpp"

#include <stdexcept>
#include <string>

#include "kernels/attention/launch_sm90.cuh"
#include "kernels/attention_fp8/boxes.hpp"
#include "kernels/attention_fp8/consumer_fp8_sm90.cuh"

namespace kernels {

namespace {

using config = sm90::attention_fp8_config;

template <class Tensor>
bool aligned(const Tensor& tensor, std::int64_t stride) {
  return reinterpret_cast<std::uintptr_t>(tensor.data) % 16 == 0 && tensor.batch_stride % 16 == 0 &&
         tensor.head_stride % 16 == 0 && stride % 16 == 0;
}

void validate(const attention_fp8_params& p) {
  const auto reject = [](const std::string& why) {
    throw std::invalid_argument("attention_fp8: " + why);
  };
  if (p.batch < 0 || p.heads < 0 || p.tokens_q < 0) reject("a size is negative");
  if (p.tokens_kv < 1) reject("there are no keys");
  if (p.heads_kv < 1 || p.heads % p.heads_kv != 0)
    reject(std::to_string(p.heads) + " query heads do not share " + std::to_string(p.heads_kv) +
           " key heads evenly");
  if (!(p.scale > 0)) reject("the scale is not above 0");
  if (!aligned(p.q, p.q.token_stride) || !aligned(p.k, p.k.token_stride) ||
      !aligned(p.v, p.v.dim_stride) || reinterpret_cast<std::uintptr_t>(p.o.data) % 16 != 0 ||
      p.o.batch_stride % 8 != 0 || p.o.token_stride % 8 != 0 || p.o.head_stride % 8 != 0)
    reject("rows are not at multiples of 16 bytes");
  if (p.v.dim_stride < fp8::groups(p.tokens_kv) * fp8::group_rows)
    reject("rows of values are shorter than the keys rounded up to a multiple of 128");
  if (!attention_fp8_runs_here()) reject("the device is not a Hopper GPU");
}

}  // namespace

bool attention_fp8_runs_here() {
  return sm90::device_is_hopper();
}

void attention_fp8(const attention_fp8_params& p, cudaStream_t stream) {
  validate(p);
  if (p.batch == 0 || p.heads == 0 || p.tokens_q == 0) return;
  sm90::attention_fp8_arguments args{};
  args.params.o = p.o;
  args.params.lse = p.lse;
  args.params.batch = p.batch;
  args.params.heads = p.heads;
  args.params.heads_kv = p.heads_kv;
  args.params.tokens_q = p.tokens_q;
  args.params.tokens_kv = p.tokens_kv;
  args.params.head_dim = config::head_dim;
  args.params.scale = p.scale;
  args.params.valid_rows = p.valid_rows;
  args.params.workspace = p.workspace;
  args.q_exponents = p.q_exponents;
  args.k_exponents = p.k_exponents;
  args.v_exponents = p.v_exponents;
  sm90::launch_kernel<config, sm90::attention_fp8_consumer<config>>(
      args, ptx::make_byte_tensor_map(fp8::boxes_of_rows(p.q, p.batch, p.tokens_q, p.heads)),
      ptx::make_byte_tensor_map(fp8::boxes_of_rows(p.k, p.batch, p.tokens_kv, p.heads_kv)),
      ptx::make_byte_tensor_map(fp8::boxes_of_values(p.v, p.batch, p.tokens_kv, p.heads_kv)),
      stream);
}

}  // namespace kernels
