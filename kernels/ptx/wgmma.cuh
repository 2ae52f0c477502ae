#pragma once
// Matrix products of a warpgroup (wgmma, sm_90a): D[64 x N] += A[64 x 16] B[16 x N], bf16 operands,
// or A[64 x 32] B[32 x N], e4m3 operands (wgmma_e4m3); fp32 accumulators in registers,
// asynchronous. The order around a batch of them:
//
//   wgmma_hold(d); wgmma_fence();        // accumulators and A registers are as the program says
//   wgmma<N>::ss(d, a, b, accumulate);   // any number
//   wgmma_commit();                      // they form a group
//   ...                                  // d, and A if in registers, must not be touched
//   wgmma_wait<0>(); wgmma_hold(d);      // now d may be read
//
// Thread t of the warpgroup holds, with warp w = t / 32, g = t % 32 / 4, c = t % 4:
//   accumulators   d[4i], d[4i+1]   = D[16w + g][8i + 2c], [... + 1]
//                  d[4i+2], d[4i+3] = the same columns of row 16w + g + 8
//   A in registers a[0] = A[16w + g][2c, 2c + 1], a[1] = row + 8, a[2] = columns + 8, a[3] = both
// so that accumulators 8j .. 8j+7, rounded to bf16, are the A operand of columns 16j .. 16j+15. Of
// e4m3 a register holds four columns: a[0] = A[16w + g][4c .. 4c + 3], a[1] = row + 8, a[2] =
// columns + 16, a[3] = both; the first column is in the lowest byte.

#include <cstdint>

#include "kernels/ptx/mbarrier.cuh"

namespace kernels::ptx {

// A matrix in shared memory under the 128-byte swizzle, as wgmma takes it. It consists of slabs
// that are 64 elements wide and lie one after the other; each row of a slab is 128 bytes.
struct shared_matrix {
  std::uint64_t bits;

  // `leading_bytes`: from one slab to the next, where one instruction spans several (B whose slabs
  // lie along N); not used otherwise. The slab is 1024-byte aligned, and so are groups of 8 rows.
  __device__ __forceinline__ shared_matrix(const void* start, std::uint32_t leading_bytes)
      : bits((shared_address(start) & 0x3FFFF) >> 4 |
             static_cast<std::uint64_t>(leading_bytes >> 4) << 16 |
             static_cast<std::uint64_t>(1024 >> 4) << 32 |  // from 8 rows to the next 8
             static_cast<std::uint64_t>(1) << 62) {}        // swizzle over 128 bytes

  // The same matrix from `bytes` further on: 32 for the next 16 columns of a slab, 2048 for the
  // next 16 rows.
  __device__ __forceinline__ shared_matrix advanced(std::uint32_t bytes) const {
    shared_matrix next = *this;
    next.bits += bytes >> 4;
    return next;
  }
};

// How B lies in shared memory: k_major, the 16 k of a column are contiguous (rows are n); n_major,
// the columns of one k are (rows are k).
enum class b_layout { k_major = 0, n_major = 1 };

__device__ __forceinline__ void wgmma_fence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

__device__ __forceinline__ void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

// Until at most `Pending` of the newest groups are unfinished.
template <int Pending>
__device__ __forceinline__ void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
}

// Keeps the compiler from moving uses of these registers across this point: after a wait, for what
// was computed; before a fence, for what ordinary instructions wrote.
template <int Count>
__device__ __forceinline__ void wgmma_hold(float (&accumulators)[Count]) {
#pragma unroll
  for (int i = 0; i < Count; ++i) asm volatile("" : "+f"(accumulators[i])::"memory");
}
template <int Count>
__device__ __forceinline__ void wgmma_hold(std::uint32_t (&a)[Count][4]) {
#pragma unroll
  for (int i = 0; i < Count; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j) asm volatile("" : "+r"(a[i][j])::"memory");
}

// A and B from shared memory (ss), or A from registers (rs). `accumulate` false: D = A B.
template <int N>
struct wgmma;

#define PTX_8(a, b, c, d, e, f, g, h) "%" #a ",%" #b ",%" #c ",%" #d ",%" #e ",%" #f ",%" #g ",%" #h
#define PTX_D0 PTX_8(0, 1, 2, 3, 4, 5, 6, 7)
#define PTX_D1 PTX_D0 "," PTX_8(8, 9, 10, 11, 12, 13, 14, 15)
#define PTX_D2 PTX_D1 "," PTX_8(16, 17, 18, 19, 20, 21, 22, 23)
#define PTX_D3 PTX_D2 "," PTX_8(24, 25, 26, 27, 28, 29, 30, 31)
#define PTX_D4 PTX_D3 "," PTX_8(32, 33, 34, 35, 36, 37, 38, 39)
#define PTX_D5 PTX_D4 "," PTX_8(40, 41, 42, 43, 44, 45, 46, 47)
#define PTX_D6 PTX_D5 "," PTX_8(48, 49, 50, 51, 52, 53, 54, 55)
#define PTX_D7 PTX_D6 "," PTX_8(56, 57, 58, 59, 60, 61, 62, 63)
#define PTX_D8 PTX_D7 "," PTX_8(64, 65, 66, 67, 68, 69, 70, 71)
#define PTX_D9 PTX_D8 "," PTX_8(72, 73, 74, 75, 76, 77, 78, 79)
#define PTX_D10 PTX_D9 "," PTX_8(80, 81, 82, 83, 84, 85, 86, 87)
#define PTX_D11 PTX_D10 "," PTX_8(88, 89, 90, 91, 92, 93, 94, 95)
#define PTX_F(i)                                                                                  \
  "+f"(d[8 * i]), "+f"(d[8 * i + 1]), "+f"(d[8 * i + 2]), "+f"(d[8 * i + 3]), "+f"(d[8 * i + 4]), \
      "+f"(d[8 * i + 5]), "+f"(d[8 * i + 6]), "+f"(d[8 * i + 7])
#define PTX_F3 PTX_F(0), PTX_F(1), PTX_F(2), PTX_F(3)
#define PTX_F7 PTX_F3, PTX_F(4), PTX_F(5), PTX_F(6), PTX_F(7)
#define PTX_F9 PTX_F7, PTX_F(8), PTX_F(9)
#define PTX_F10 PTX_F9, PTX_F(10)
#define PTX_F11 PTX_F10, PTX_F(11)

// `D` and `F`: the accumulators as text and as operands; `n0` to `n6`: the numbers of the operands
// behind them.
#define PTX_WGMMA(N, D, F, n0, n1, n2, n3, n4, n5, n6)                                             \
  template <>                                                                                      \
  struct wgmma<N> {                                                                                \
    template <b_layout Layout>                                                                     \
    __device__ __forceinline__ static void ss(float (&d)[N / 2], shared_matrix a, shared_matrix b, \
                                              bool accumulate) {                                   \
      asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #n2                                        \
                   ", 0;\n"                                                                        \
                   "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32.bf16.bf16 {" D "}, %" #n0       \
                   ", %" #n1 ", p, 1, 1, 0, %" #n3 ";\n}"                                          \
                   : F                                                                             \
                   : "l"(a.bits), "l"(b.bits), "r"(static_cast<int>(accumulate)),                  \
                     "n"(static_cast<int>(Layout)));                                               \
    }                                                                                              \
    template <b_layout Layout>                                                                     \
    __device__ __forceinline__ static void rs(float (&d)[N / 2], const std::uint32_t (&a)[4],      \
                                              shared_matrix b, bool accumulate) {                  \
      asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #n5                                        \
                   ", 0;\n"                                                                        \
                   "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32.bf16.bf16 {" D "}, {%" #n0      \
                   ",%" #n1 ",%" #n2 ",%" #n3 "}, %" #n4 ", p, 1, 1, %" #n6 ";\n}"                 \
                   : F                                                                             \
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b.bits),                      \
                     "r"(static_cast<int>(accumulate)), "n"(static_cast<int>(Layout)));            \
    }                                                                                              \
  };

PTX_WGMMA(64, PTX_D3, PTX_F3, 32, 33, 34, 35, 36, 37, 38)
PTX_WGMMA(128, PTX_D7, PTX_F7, 64, 65, 66, 67, 68, 69, 70)
PTX_WGMMA(160, PTX_D9, PTX_F9, 80, 81, 82, 83, 84, 85, 86)
PTX_WGMMA(176, PTX_D10, PTX_F10, 88, 89, 90, 91, 92, 93, 94)
PTX_WGMMA(192, PTX_D11, PTX_F11, 96, 97, 98, 99, 100, 101, 102)

// The same with operands of e4m3: K is 32, 32 bytes as before. B is k_major, the only way there is.
template <int N>
struct wgmma_e4m3;

#define PTX_WGMMA_E4M3(N, D, F, n0, n1, n2, n3, n4, n5)                                            \
  template <>                                                                                      \
  struct wgmma_e4m3<N> {                                                                           \
    __device__ __forceinline__ static void ss(float (&d)[N / 2], shared_matrix a, shared_matrix b, \
                                              bool accumulate) {                                   \
      asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #n2                                        \
                   ", 0;\n"                                                                        \
                   "wgmma.mma_async.sync.aligned.m64n" #N "k32.f32.e4m3.e4m3 {" D "}, %" #n0       \
                   ", %" #n1 ", p, 1, 1;\n}"                                                       \
                   : F                                                                             \
                   : "l"(a.bits), "l"(b.bits), "r"(static_cast<int>(accumulate)));                 \
    }                                                                                              \
    __device__ __forceinline__ static void rs(float (&d)[N / 2], const std::uint32_t (&a)[4],      \
                                              shared_matrix b, bool accumulate) {                  \
      asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #n5                                        \
                   ", 0;\n"                                                                        \
                   "wgmma.mma_async.sync.aligned.m64n" #N "k32.f32.e4m3.e4m3 {" D "}, {%" #n0      \
                   ",%" #n1 ",%" #n2 ",%" #n3 "}, %" #n4 ", p, 1, 1;\n}"                           \
                   : F                                                                             \
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b.bits),                      \
                     "r"(static_cast<int>(accumulate)));                                           \
    }                                                                                              \
  };

PTX_WGMMA_E4M3(128, PTX_D7, PTX_F7, 64, 65, 66, 67, 68, 69)

#undef PTX_8
#undef PTX_D0
#undef PTX_D1
#undef PTX_D2
#undef PTX_D3
#undef PTX_D4
#undef PTX_D5
#undef PTX_D6
#undef PTX_D7
#undef PTX_D8
#undef PTX_D9
#undef PTX_D10
#undef PTX_D11
#undef PTX_F
#undef PTX_F3
#undef PTX_F7
#undef PTX_F9
#undef PTX_F10
#undef PTX_F11
#undef PTX_WGMMA
#undef PTX_WGMMA_E4M3

}  // namespace kernels::ptx
