#pragma once
// Eight values of bf16, the 16 bytes that a thread moves at a time, and sums over a warp and a
// block.

#include <cuda_bf16.h>

namespace kernels {

constexpr int warp_lanes = 32;

struct alignas(16) vector8 {
  __nv_bfloat162 pair[4];
};

struct floats8 {
  float value[8];
};

// Through uint4: a struct's copy becomes an access for each of its members, four of 4 bytes.
__device__ __forceinline__ vector8 load8(const __nv_bfloat16* from) {
  const uint4 bits = *reinterpret_cast<const uint4*>(from);
  return *reinterpret_cast<const vector8*>(&bits);
}
__device__ __forceinline__ void store8(__nv_bfloat16* to, const vector8& v) {
  *reinterpret_cast<uint4*>(to) = *reinterpret_cast<const uint4*>(&v);
}

// A number of bf16 is the upper half of its float: an instruction each, where __bfloat1622float2
// takes three for two.
__device__ __forceinline__ floats8 widen(const vector8& v) {
  floats8 out;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const unsigned both = *reinterpret_cast<const unsigned*>(&v.pair[i]);
    out.value[2 * i] = __uint_as_float(both << 16);
    out.value[2 * i + 1] = __uint_as_float(both & 0xffff0000U);
  }
  return out;
}
__device__ __forceinline__ vector8 narrow(const floats8& v) {
  vector8 out;
#pragma unroll
  for (int i = 0; i < 4; ++i)
    out.pair[i] = __floats2bfloat162_rn(v.value[2 * i], v.value[2 * i + 1]);
  return out;
}

// The sum over the lanes of a warp, in every lane.
__device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
  for (int offset = warp_lanes / 2; offset > 0; offset /= 2)
    x += __shfl_xor_sync(0xffffffff, x, offset);
  return x;
}

// A row that lies in the registers of the threads along x of a block, whole warps of them: vector i
// of thread t holds values 8 (t + i blockDim.x) and on.
__device__ __forceinline__ int column_of(int i) {
  return 8 * (static_cast<int>(threadIdx.x) + i * static_cast<int>(blockDim.x));
}

// The sum over the threads of a block of whole warps along x, in each of them. `partial` has room
// for one number per warp; a barrier must pass between two sums that share it.
__device__ __forceinline__ float block_sum(float x, float* partial) {
  x = warp_sum(x);
  if (threadIdx.x % warp_lanes == 0) partial[threadIdx.x / warp_lanes] = x;
  __syncthreads();
  float sum = 0;
#pragma unroll 6  // the warps of a row of 1536 values
  for (int warp = 0; warp < static_cast<int>(blockDim.x) / warp_lanes; ++warp) sum += partial[warp];
  return sum;
}

// The same of a row, which a warp has for itself, or a block.
__device__ __forceinline__ float row_sum(float x, float* partial) {
  return blockDim.x == warp_lanes ? warp_sum(x) : block_sum(x, partial);
}

// Makes the compiler widen a vector anew at its next use, rather than keep twice its registers.
__device__ __forceinline__ void forget_widened(vector8& v) {
#pragma unroll
  for (int i = 0; i < 4; ++i) asm volatile("" : "+r"(*reinterpret_cast<unsigned*>(&v.pair[i])));
}

}  // namespace kernels
