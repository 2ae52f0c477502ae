// Any GPU, any head_dim up to 256, any bias; no tensor cores. A warp computes one query of one
// head, 32 keys at a time: each lane the score of one key, then each lane its share of the output's
// columns.
#include <stdexcept>
#include <string>

#include "kernels/attention/attention_plain.hpp"
#include "kernels/dependent_launch.cuh"

namespace kernels {

namespace {

constexpr int warps = 4;                  // queries of a block
constexpr int most_dims = 256;            // of a head
constexpr int per_lane = most_dims / 32;  // columns of a lane: lane, lane + 32, ...

__device__ float warp_max(float x) {
  for (int offset = 16; offset > 0; offset /= 2)
    x = fmaxf(x, __shfl_xor_sync(0xffffffff, x, offset));
  return x;
}

__device__ float warp_sum(float x) {
  for (int offset = 16; offset > 0; offset /= 2) x += __shfl_xor_sync(0xffffffff, x, offset);
  return x;
}

__global__ void __launch_bounds__(32 * warps) attention_kernel(const attention_params p) {
  __shared__ float queries[warps][most_dims];
  wait_for_previous_kernels();
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int query = blockIdx.x * warps + warp, head = blockIdx.y, batch = blockIdx.z;
  if (query >= p.tokens_q) return;
  float* const q = queries[warp];
  const auto row_of = [&](const auto& tensor, int token, int of_head) {
    return tensor.data + batch * tensor.batch_stride + token * tensor.token_stride +
           of_head * tensor.head_stride;
  };
  for (int i = lane; i < p.head_dim; i += 32) q[i] = __bfloat162float(row_of(p.q, query, head)[i]);
  __syncwarp();

  const int head_kv = head / (p.heads / p.heads_kv);
  const int valid = p.valid_rows == nullptr ? p.tokens_kv : *p.valid_rows;
  const int seen = p.causal ? min(valid, query + 1 + valid - p.tokens_q) : valid;
  float o[per_lane] = {}, biggest = -INFINITY, sum = 0;
  for (int first = 0; first < seen; first += 32) {
    const int key = first + lane;
    float score = -INFINITY;
    if (key < seen) {
      const __nv_bfloat16* const k = row_of(p.k, key, head_kv);
      float dot = 0;
      for (int i = 0; i < p.head_dim; ++i) dot += q[i] * __bfloat162float(k[i]);
      score = p.scale * dot;
      if (p.bias != nullptr)
        score += p.bias[head * p.bias_head_stride + query * p.bias_query_stride +
                        key * p.bias_key_stride];
      if (key == valid - 1) score += logf(p.last_key_count);
    }
    const float bigger = fmaxf(biggest, warp_max(score));
    const float finite = bigger == -INFINITY ? 0.0f : bigger;  // a bias may hide every key so far
    const float keep = expf(biggest - finite), probability = expf(score - finite);
    biggest = bigger;
    sum = sum * keep + warp_sum(probability);
    for (float& x : o) x *= keep;
    for (int j = 0; j < min(32, seen - first); ++j) {
      const float weight = __shfl_sync(0xffffffff, probability, j);
      const __nv_bfloat16* const v = row_of(p.v, first + j, head_kv);
#pragma unroll
      for (int i = 0; i < per_lane; ++i)
        if (lane + 32 * i < p.head_dim) o[i] += weight * __bfloat162float(v[lane + 32 * i]);
    }
  }
  const float inverse = sum == 0 ? 0.0f : 1 / sum;
  __nv_bfloat16* const to = row_of(p.o, query, head);
#pragma unroll
  for (int i = 0; i < per_lane; ++i)
    if (lane + 32 * i < p.head_dim) to[lane + 32 * i] = __float2bfloat16(o[i] * inverse);
  if (lane == 0 && p.lse != nullptr)
    p.lse[(static_cast<std::int64_t>(batch) * p.heads + head) * p.tokens_q + query] =
        sum == 0 ? -INFINITY : biggest + logf(sum);
}

void check(cudaError_t code, const char* what) {
  if (code != cudaSuccess)
    throw std::runtime_error("attention: " + std::string(what) + ": " + cudaGetErrorString(code));
}

}  // namespace

int attention_plain_architecture() {
  cudaFuncAttributes attributes{};
  check(cudaFuncGetAttributes(&attributes, attention_kernel), "architecture");
  return attributes.binaryVersion;
}

void attention_plain(const attention_params& p, cudaStream_t stream) {
  if (p.head_dim > most_dims)
    throw std::invalid_argument("attention: head_dim " + std::to_string(p.head_dim) +
                                " is more than " + std::to_string(most_dims));
  const dim3 grid((p.tokens_q + warps - 1) / warps, p.heads, p.batch);
  launch_dependent(attention_kernel, grid, 32 * warps, stream, p);
  check(cudaGetLastError(), "launch");
}

}  // namespace kernels
