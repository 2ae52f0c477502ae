#pragma once
// Output from registers to memory: the rows of a tile as bf16, or a piece of a split tile. `Rows`
// knows the logarithms of the sums: rows.lse(0) and (1).

#include "kernels/attention/config_sm90.cuh"
#include "kernels/attention/softmax_sm90.cuh"

namespace kernels::sm90 {

// Rows are written 64 contiguous bytes at a time: four lanes exchange what they hold of 32
// columns, so that each has 8 in a row.
template <class Config, class Rows>
__device__ __forceinline__ void store_tile(const attention_params& params,
                                           const attention_work& work, int row_in_tile,
                                           const Rows& rows,
                                           const float (&o)[Config::head_dim / 2]) {
  const int c = threadIdx.x % 4;
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int row = work.row_block * Config::block_m + row_in_tile + 8 * r;
    const bool inside = row < params.tokens_q;
    __nv_bfloat16* const to = params.o.data + work.batch * params.o.batch_stride +
                              row * params.o.token_stride + work.head * params.o.head_stride;
#pragma unroll
    for (int j = 0; j < Config::head_dim / 32; ++j) {
      std::uint32_t words[4];
#pragma unroll
      for (int i = 0; i < 4; ++i)
        words[i] = pack_bf16(o[16 * j + 4 * i + 2 * r], o[16 * j + 4 * i + 2 * r + 1]);
      transpose_in_quad(words);
      if (inside)
        *reinterpret_cast<uint4*>(to + 32 * j + 8 * c) =
            make_uint4(words[0], words[1], words[2], words[3]);
    }
    if (inside && c == 0 && params.lse != nullptr)
      params.lse[(static_cast<std::int64_t>(work.batch) * params.heads + work.head) *
                     params.tokens_q +
                 row] = rows.lse(r);
  }
}

// A normalised piece and its lse, in fp32, for combine_sm90.cuh.
template <class Config, class Rows>
__device__ __forceinline__ void store_piece(const attention_arguments& args,
                                            const attention_work& work, int row_in_tile,
                                            const Rows& rows,
                                            const float (&o)[Config::head_dim / 2]) {
  const int c = threadIdx.x % 4;
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int row = work.piece * Config::block_m + row_in_tile + 8 * r;
    float* const to = args.partial_o + static_cast<std::int64_t>(row) * Config::head_dim;
#pragma unroll
    for (int i = 0; i < Config::head_dim / 8; ++i)
      *reinterpret_cast<float2*>(to + 8 * i + 2 * c) =
          make_float2(o[4 * i + 2 * r], o[4 * i + 2 * r + 1]);
    if (c == 0) args.partial_lse[row] = rows.lse(r);
  }
}

}  // namespace kernels::sm90
