// Each wrapper of kernels/ptx alone on the device, against plain code on the CPU.
#include <cmath>
#include <string>
#include <vector>

#include "kernels/ptx/cluster.cuh"
#include "kernels/ptx/matrix_move.cuh"
#include "kernels/ptx/mbarrier.cuh"
#include "kernels/ptx/tensor_map.hpp"
#include "kernels/ptx/tma.cuh"
#include "kernels/ptx/warpgroup.cuh"
#include "kernels/ptx/wgmma.cuh"
#include "tests/kernels/device_buffer.hpp"

using kernels_test::device_buffer;
using kernels_test::random_numbers;
namespace ptx = kernels::ptx;

namespace {

bool hopper() {
  int major = 0, minor = 0;
  CUDA_OK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0));
  CUDA_OK(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0));
  const bool is = major == 9 && minor == 0;
  if (!is) MESSAGE("skipped: not a Hopper GPU");
  return is;
}

void finish_kernel() {
  CUDA_OK(cudaGetLastError());
  CUDA_OK(cudaDeviceSynchronize());
}

// [rows][columns] in slabs of 64 columns, `rows` and `columns` all in the box.
ptx::tensor_view view_of(const __nv_bfloat16* data, int rows, int columns, int box_rows) {
  ptx::tensor_view view;
  view.data = data;
  view.sizes = {64, static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(columns / 64), 1,
                1};
  view.strides = {columns, 64, 64, 64};
  view.box = {64, static_cast<std::uint32_t>(box_rows), static_cast<std::uint32_t>(columns / 64), 1,
              1};
  return view;
}

// Warps 1 to 3 write, warp 0 waits for them by a barrier in shared memory, twice over.
__global__ void hand_over(int* sums) {
  __shared__ ptx::mbarrier full, empty;
  __shared__ int values[96];
  if (threadIdx.x == 0) {
    ptx::mbarrier_init(full, 96);
    ptx::mbarrier_init(empty, 1);
    ptx::fence_mbarrier_init();
  }
  __syncthreads();
  for (int round = 0; round < 4; ++round) {
    const std::uint32_t parity = round % 2;
    if (threadIdx.x >= 32) {
      ptx::mbarrier_wait(empty, parity ^ 1);
      values[threadIdx.x - 32] = (round + 1) * static_cast<int>(threadIdx.x);
      ptx::mbarrier_arrive(full);
    } else if (threadIdx.x == 0) {
      ptx::mbarrier_wait(full, parity);
      sums[round] = 0;
      for (const int x : values) sums[round] += x;
      ptx::mbarrier_arrive(empty);
    }
  }
}

// Asks before, between and after the two arrivals of each of two phases.
__global__ void ask_for_ends(int* ended) {
  __shared__ ptx::mbarrier barrier;
  if (threadIdx.x == 0) {
    ptx::mbarrier_init(barrier, 2);
    ptx::fence_mbarrier_init();
  }
  __syncthreads();
  int asked = 0;
  const auto ask = [&](std::uint32_t parity) {
    __syncwarp();
    const bool yes = ptx::mbarrier_has_ended(barrier, parity);
    if (threadIdx.x == 0) ended[asked] = yes;
    ++asked;
  };
  for (std::uint32_t parity = 0; parity < 2; ++parity) {
    ask(parity);
    for (int arrival = 0; arrival < 2; ++arrival) {
      if (threadIdx.x == 0) ptx::mbarrier_arrive(barrier);
      ask(parity);
    }
  }
}

// Loads a box and shows shared memory as it lies there, then stores it elsewhere.
constexpr int box_rows = 16, box_columns = 128;
__global__ void copy_box(const __grid_constant__ CUtensorMap from,
                         const __grid_constant__ CUtensorMap to, int row,
                         __nv_bfloat16* as_it_lies) {
  __shared__ alignas(1024) __nv_bfloat16 box[box_columns / 64][box_rows][64];
  __shared__ ptx::mbarrier full;
  if (threadIdx.x == 0) {
    ptx::prefetch_tensor_map(from);
    ptx::mbarrier_init(full, 1);
    ptx::fence_mbarrier_init();
    ptx::mbarrier_arrive_expect(full, sizeof box);
    ptx::tma_load(box, from, full, ptx::l2_hint::normal, 0, row, 0, 0, 0);
  }
  __syncthreads();
  ptx::mbarrier_wait(full, 0);
  for (int i = threadIdx.x; i < box_rows * box_columns; i += blockDim.x)
    as_it_lies[i] = (&box[0][0][0])[i];
  // What threads write goes along: the first element of every row, whose chunk is `row % 8`.
  if (threadIdx.x < box_rows)
    box[0][threadIdx.x][8 * (threadIdx.x % 8)] = __float2bfloat16(static_cast<float>(threadIdx.x));
  ptx::fence_shared_to_async();
  __syncthreads();
  if (threadIdx.x < 32 && ptx::elect_one()) {
    ptx::tma_store(to, box, 0, row, 0, 0, 0);
    ptx::tma_commit();
    ptx::tma_wait_read<0>();
    ptx::tma_wait<0>();
  }
}

// Two blocks each copy half of 16 rows into both, round after round, when both have read the last.
constexpr int shared_rounds = 4;
__global__ void __cluster_dims__(2, 1, 1)
    share_rows(const __grid_constant__ CUtensorMap from, __nv_bfloat16* seen) {
  __shared__ alignas(1024) __nv_bfloat16 rows[16][64];
  __shared__ ptx::mbarrier full, empty;
  const std::uint32_t rank = ptx::cluster_rank();
  if (threadIdx.x == 0) {
    ptx::mbarrier_init(full, 1);
    ptx::mbarrier_init(empty, 2);
    ptx::fence_mbarrier_init();
  }
  ptx::cluster_sync();
  for (int round = 0; round < shared_rounds; ++round) {
    const std::uint32_t parity = round % 2;
    if (threadIdx.x == 0) {
      ptx::mbarrier_wait(empty, parity ^ 1);
      ptx::mbarrier_arrive_expect(full, sizeof rows);
      ptx::tma_load_multicast(rows[8 * rank], from, full, 0b11, ptx::l2_hint::normal, 0,
                              16 * round + 8 * static_cast<int>(rank), 0, 0, 0);
    }
    ptx::mbarrier_wait(full, parity);
    __nv_bfloat16* const to = seen + (rank * shared_rounds + round) * 16 * 64;
    for (int i = threadIdx.x; i < 16 * 64; i += blockDim.x) to[i] = (&rows[0][0])[i];
    __syncthreads();
    if (threadIdx.x == 0) {
      ptx::mbarrier_arrive(empty);
      ptx::mbarrier_arrive_in(empty, rank ^ 1);
    }
  }
  ptx::cluster_sync();
}

// D = A B + 1 by a warpgroup with K = 128. A is [64][128]; B is [N][128] (k_major) or [128][N].
template <int N, ptx::b_layout Layout, bool AInRegisters>
__global__ void __launch_bounds__(128)
    multiply(const __grid_constant__ CUtensorMap a, const __grid_constant__ CUtensorMap b,
             const __nv_bfloat16* a_rows, float* d_out) {
  constexpr int k = 128, b_rows = Layout == ptx::b_layout::k_major ? N : k;
  extern __shared__ __align__(1024) unsigned char storage[];
  unsigned char* const b_storage = storage + 64 * k * 2;
  __shared__ ptx::mbarrier full;
  if (threadIdx.x == 0) {
    ptx::mbarrier_init(full, 1);
    ptx::fence_mbarrier_init();
    ptx::mbarrier_arrive_expect(full, 2 * k * (64 + N));
    ptx::tma_load(storage, a, full, ptx::l2_hint::evict_first, 0, 0, 0, 0, 0);
    ptx::tma_load(b_storage, b, full, ptx::l2_hint::evict_last, 0, 0, 0, 0, 0);
  }
  __syncthreads();
  ptx::mbarrier_wait(full, 0);

  const int row = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4, pair = threadIdx.x % 4 * 2;
  std::uint32_t fragments[k / 16][4];
#pragma unroll
  for (int i = 0; i < k / 16; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j)
      fragments[i][j] = *reinterpret_cast<const std::uint32_t*>(a_rows + (row + j % 2 * 8) * k +
                                                                16 * i + j / 2 * 8 + pair);
  float d[N / 2];
#pragma unroll
  for (float& x : d) x = 1;
  const ptx::shared_matrix a_matrix(storage, 0);
  const ptx::shared_matrix b_matrix(b_storage, Layout == ptx::b_layout::k_major ? 0 : b_rows * 128);
  ptx::wgmma_hold(d);
  ptx::wgmma_hold(fragments);
  ptx::wgmma_fence();
#pragma unroll
  for (int i = 0; i < k / 16; ++i) {
    const auto b_step = b_matrix.advanced(
        Layout == ptx::b_layout::k_major ? i / 4 * b_rows * 128 + i % 4 * 32 : i * 2048);
    if constexpr (AInRegisters)
      ptx::wgmma<N>::template rs<Layout>(d, fragments[i], b_step, true);
    else
      ptx::wgmma<N>::template ss<Layout>(d, a_matrix.advanced(i / 4 * 64 * 128 + i % 4 * 32),
                                         b_step, true);
  }
  ptx::wgmma_commit();
  ptx::wgmma_wait<0>();
  ptx::wgmma_hold(d);
#pragma unroll
  for (int i = 0; i < N / 2; ++i)
    d_out[(row + i % 4 / 2 * 8) * N + i / 4 * 8 + pair + i % 2] = d[i];
}

template <int N, ptx::b_layout Layout, bool AInRegisters>
void check_product() {
  CAPTURE(N);
  CAPTURE(AInRegisters);
  constexpr int k = 128;
  constexpr bool k_major = Layout == ptx::b_layout::k_major;
  random_numbers random(N);
  const auto a = random.bf16(64 * k), b = random.bf16(k * N);
  const device_buffer<__nv_bfloat16> a_device(a), b_device(b);
  device_buffer<float> d_device(64 * N);
  d_device.fill_bytes(0xFF);
  const CUtensorMap a_map = ptx::make_bf16_tensor_map(view_of(a_device.get(), 64, k, 64));
  const CUtensorMap b_map = ptx::make_bf16_tensor_map(k_major ? view_of(b_device.get(), N, k, N)
                                                              : view_of(b_device.get(), k, N, k));
  const auto kernel = multiply<N, Layout, AInRegisters>;
  constexpr int bytes = 2 * k * (64 + N);
  CUDA_OK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
  kernel<<<1, 128, bytes>>>(a_map, b_map, a_device.get(), d_device.get());
  finish_kernel();
  const std::vector<float> d = d_device.values();
  double worst = 0;
  for (int m = 0; m < 64; ++m)
    for (int n = 0; n < N; ++n) {
      double expected = 1;
      for (int i = 0; i < k; ++i)
        expected += static_cast<double>(__bfloat162float(a[m * k + i])) *
                    static_cast<double>(__bfloat162float(b[k_major ? n * k + i : i * N + n]));
      worst = std::max(worst, std::abs(static_cast<double>(d[m * N + n]) - expected));
    }
  CHECK(worst < 1e-3);  // sums of 128 products about 1: fp32 rounding
}

// The same of e4m3, D = A B with K = 128, A [64][128] and B [128][128], rows contiguous along K.
template <bool AInRegisters>
__global__ void __launch_bounds__(128)
    multiply_e4m3(const __grid_constant__ CUtensorMap a, const __grid_constant__ CUtensorMap b,
                  const std::uint8_t* a_rows, float* d_out) {
  __shared__ alignas(1024) std::uint8_t a_storage[64][128], b_storage[128][128];
  __shared__ ptx::mbarrier full;
  if (threadIdx.x == 0) {
    ptx::mbarrier_init(full, 1);
    ptx::fence_mbarrier_init();
    ptx::mbarrier_arrive_expect(full, sizeof a_storage + sizeof b_storage);
    ptx::tma_load(a_storage, a, full, ptx::l2_hint::evict_first, 0, 0, 0, 0, 0);
    ptx::tma_load(b_storage, b, full, ptx::l2_hint::evict_last, 0, 0, 0, 0, 0);
  }
  __syncthreads();
  ptx::mbarrier_wait(full, 0);

  const int row = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4, quad = threadIdx.x % 4;
  std::uint32_t fragments[4][4];
#pragma unroll
  for (int i = 0; i < 4; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j)
      fragments[i][j] = *reinterpret_cast<const std::uint32_t*>(a_rows + (row + j % 2 * 8) * 128 +
                                                                32 * i + j / 2 * 16 + 4 * quad);
  float d[64];
#pragma unroll
  for (float& x : d) x = NAN;  // the first product must not read it
  const ptx::shared_matrix a_matrix(a_storage, 0), b_matrix(b_storage, 0);
  ptx::wgmma_hold(d);
  ptx::wgmma_hold(fragments);
  ptx::wgmma_fence();
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if constexpr (AInRegisters)
      ptx::wgmma_e4m3<128>::rs(d, fragments[i], b_matrix.advanced(32 * i), i > 0);
    else
      ptx::wgmma_e4m3<128>::ss(d, a_matrix.advanced(32 * i), b_matrix.advanced(32 * i), i > 0);
  }
  ptx::wgmma_commit();
  ptx::wgmma_wait<0>();
  ptx::wgmma_hold(d);
#pragma unroll
  for (int i = 0; i < 64; ++i)
    d_out[(row + i % 4 / 2 * 8) * 128 + i / 4 * 8 + 2 * quad + i % 2] = d[i];
}

ptx::tensor_view byte_view_of(const std::uint8_t* data, int rows) {
  ptx::tensor_view view;
  view.data = data;
  view.sizes = {128, static_cast<std::uint64_t>(rows), 1, 1, 1};
  view.strides = {128, 128, 128, 128};
  view.box = {128, static_cast<std::uint32_t>(rows), 1, 1, 1};
  return view;
}

// Numbers -3 to 3, of which every sum of 128 products is exact.
template <bool AInRegisters>
void check_e4m3_product() {
  CAPTURE(AInRegisters);
  random_numbers random(AInRegisters);
  const auto whole_numbers = [&](std::size_t count, std::vector<int>& values) {
    std::vector<std::uint8_t> bytes;
    for (std::size_t i = 0; i < count; ++i) {
      values.push_back(static_cast<int>(std::lround(random.next())));
      const std::uint8_t codes[] = {0x00, 0x38, 0x40, 0x44};  // 0, 1, 2, 3
      const int x = std::max(-3, std::min(3, values.back()));
      values.back() = x;
      bytes.push_back(static_cast<std::uint8_t>(codes[std::abs(x)] | (x < 0 ? 0x80 : 0)));
    }
    return bytes;
  };
  std::vector<int> a, b;
  const device_buffer<std::uint8_t> a_device(whole_numbers(64 * 128, a)),
      b_device(whole_numbers(128 * 128, b));
  device_buffer<float> d_device(64 * 128);
  d_device.fill_bytes(0xFF);
  const CUtensorMap a_map = ptx::make_byte_tensor_map(byte_view_of(a_device.get(), 64));
  const CUtensorMap b_map = ptx::make_byte_tensor_map(byte_view_of(b_device.get(), 128));
  multiply_e4m3<AInRegisters><<<1, 128>>>(a_map, b_map, a_device.get(), d_device.get());
  finish_kernel();
  const std::vector<float> d = d_device.values();
  for (int m = 0; m < 64; ++m)
    for (int n = 0; n < 128; ++n) {
      int expected = 0;
      for (int i = 0; i < 128; ++i) expected += a[m * 128 + i] * b[n * 128 + i];
      REQUIRE(d[m * 128 + n] == static_cast<float>(expected));
    }
}

// Matrices of a warp through shared memory: stored, loaded again, and loaded transposed.
__global__ void move_matrices(std::uint32_t* straight, std::uint32_t* transposed,
                              std::uint16_t* as_it_lies) {
  __shared__ alignas(16) std::uint16_t rows[32][8];
  const int lane = threadIdx.x;
  std::uint32_t m[4];
  for (int i = 0; i < 4; ++i) {  // element (r, c) of matrix i is 64 i + 8 r + c
    const std::uint32_t first = 64 * i + 8 * (lane / 4) + 2 * (lane % 4);
    m[i] = first | (first + 1) << 16;
  }
  ptx::store_matrices(rows[lane], m);
  __syncwarp();
  for (int c = 0; c < 8; ++c) as_it_lies[8 * lane + c] = rows[lane][c];
  ptx::load_matrices(m, rows[lane]);
  for (int i = 0; i < 4; ++i) straight[4 * lane + i] = m[i];
  ptx::load_matrices_transposed(m, rows[lane]);
  for (int i = 0; i < 4; ++i) transposed[4 * lane + i] = m[i];
}

// Two warpgroups take turns by named barriers: each appends its number in every round. A third
// gave its registers away.
__global__ void __launch_bounds__(384, 1) take_turns(int* order) {
  __shared__ int count;
  if (threadIdx.x == 0) count = 0;
  __syncthreads();
  const int group = threadIdx.x / 128 - 1;
  if (group < 0) {
    ptx::registers_release<24>();
  } else {
    ptx::registers_acquire<240>();
    if (group == 1) ptx::named_barrier_arrive(1, 256);
    for (int round = 0; round < 8; ++round) {
      ptx::named_barrier_sync(1 + group, 256);
      if (threadIdx.x % 128 == 0) order[count++] = group;
      ptx::named_barrier_arrive(1 + (group ^ 1), 256);
    }
    if (group == 0) ptx::named_barrier_sync(1, 256);
  }
}

}  // namespace

TEST_CASE("mbarrier: phases hand values over, round after round") {
  if (!hopper()) return;
  device_buffer<int> sums(4);
  hand_over<<<1, 128>>>(sums.get());
  finish_kernel();
  const int once = (32 + 127) * 96 / 2;
  CHECK(sums.values() == std::vector<int>{once, 2 * once, 3 * once, 4 * once});
}

TEST_CASE("mbarrier: a phase has ended once all have arrived, and not before") {
  if (!hopper()) return;
  device_buffer<int> ended(6);
  ask_for_ends<<<1, 32>>>(ended.get());
  finish_kernel();
  CHECK(ended.values() == std::vector<int>{0, 0, 1, 0, 0, 1});
}

TEST_CASE("tma: a box arrives swizzled, zeros stand for what lies outside, and the way back") {
  if (!hopper()) return;
  constexpr int rows = 40;
  const auto input = random_numbers(7).bf16(rows * box_columns);
  const device_buffer<__nv_bfloat16> from(input);
  device_buffer<__nv_bfloat16> to(rows * box_columns), lying(box_rows * box_columns);
  const CUtensorMap from_map =
      ptx::make_bf16_tensor_map(view_of(from.get(), rows, box_columns, box_rows));
  const CUtensorMap to_map =
      ptx::make_bf16_tensor_map(view_of(to.get(), rows, box_columns, box_rows));
  for (const int first : {0, 13, 32}) {  // the last box reaches 8 rows too far
    CAPTURE(first);
    to.fill_bytes(0);
    copy_box<<<1, 128>>>(from_map, to_map, first, lying.get());
    finish_kernel();
    const auto box = lying.values(), copied = to.values();
    for (int r = 0; r < box_rows; ++r)
      for (int c = 0; c < box_columns; ++c) {
        const bool inside = first + r < rows;
        const float expected =
            inside ? __bfloat162float(input[(first + r) * box_columns + c]) : 0.0f;
        const int chunk = (c % 64 / 8) ^ (r % 8);
        REQUIRE(__bfloat162float(box[(c / 64 * box_rows + r) * 64 + 8 * chunk + c % 8]) ==
                expected);
        if (inside)
          REQUIRE(__bfloat162float(copied[(first + r) * box_columns + c]) ==
                  (c == 0 ? static_cast<float>(r) : expected));
      }
    for (int r = 0; r < first; ++r) REQUIRE(__bfloat162float(copied[r * box_columns + 1]) == 0);
  }
}

TEST_CASE("cluster: two blocks copy halves of a box into both") {
  if (!hopper()) return;
  constexpr int rows = 16 * shared_rounds;
  const auto input = random_numbers(9).bf16(rows * 64);
  const device_buffer<__nv_bfloat16> from(input);
  device_buffer<__nv_bfloat16> seen(2 * rows * 64);
  seen.fill_bytes(0xFF);
  share_rows<<<2, 128>>>(ptx::make_bf16_tensor_map(view_of(from.get(), rows, 64, 8)), seen.get());
  finish_kernel();
  const auto found = seen.values();
  for (int rank = 0; rank < 2; ++rank)
    for (int r = 0; r < rows; ++r)
      for (int c = 0; c < 64; ++c)
        REQUIRE(__bfloat162float(found[(rank * rows + r) * 64 + 8 * ((c / 8) ^ (r % 8)) + c % 8]) ==
                __bfloat162float(input[r * 64 + c]));
}

TEST_CASE("tensor maps: a stride that is no multiple of 16 bytes is refused") {
  if (!hopper()) return;
  device_buffer<__nv_bfloat16> data(1024);
  ptx::tensor_view view = view_of(data.get(), 4, 64, 4);
  view.strides[0] = 68;
  CHECK_THROWS_AS(ptx::make_bf16_tensor_map(view), std::runtime_error);
}

TEST_CASE("wgmma: products from shared memory and from registers, B either way round") {
  if (!hopper()) return;
  check_product<64, ptx::b_layout::k_major, false>();
  check_product<128, ptx::b_layout::k_major, false>();
  check_product<176, ptx::b_layout::k_major, false>();
  check_product<192, ptx::b_layout::k_major, false>();
  check_product<176, ptx::b_layout::k_major, true>();
  check_product<64, ptx::b_layout::n_major, true>();
  check_product<128, ptx::b_layout::n_major, true>();
  check_product<128, ptx::b_layout::n_major, false>();
}

TEST_CASE("wgmma: products of e4m3, A from shared memory and from registers") {
  if (!hopper()) return;
  check_e4m3_product<false>();
  check_e4m3_product<true>();
}

TEST_CASE("matrix_move: rows in shared memory, and fragments straight and transposed") {
  if (!hopper()) return;
  device_buffer<std::uint32_t> straight(128), transposed(128);
  device_buffer<std::uint16_t> lying(256);
  move_matrices<<<1, 32>>>(straight.get(), transposed.get(), lying.get());
  finish_kernel();
  const auto s = straight.values(), t = transposed.values();
  const auto l = lying.values();
  for (int i = 0; i < 256; ++i) REQUIRE(l[i] == i);
  for (std::uint32_t lane = 0; lane < 32; ++lane)
    for (std::uint32_t i = 0; i < 4; ++i) {
      const std::uint32_t first = 64 * i + 8 * (lane / 4) + 2 * (lane % 4);
      REQUIRE(s[4 * lane + i] == (first | (first + 1) << 16));
      const std::uint32_t above = 64 * i + 8 * (2 * (lane % 4)) + lane / 4;
      REQUIRE(t[4 * lane + i] == (above | (above + 8) << 16));
    }
}

TEST_CASE("warpgroup: named barriers make two groups take turns, registers change hands") {
  if (!hopper()) return;
  device_buffer<int> order(16);
  take_turns<<<1, 384>>>(order.get());
  finish_kernel();
  const auto turns = order.values();
  for (int i = 0; i < 16; ++i) CHECK(turns[i] == i % 2);
}
