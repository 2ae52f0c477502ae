#include "kernels/qk_norm_rope/qk_norm_rope.hpp"

#include "kernels/qk_norm_rope/qk_norm_rope_ref.hpp"
#include "tests/kernels/device_rows.hpp"

using namespace kernels_test;

namespace {

struct layout {
  int heads, head_dim, latent_frames, patch_rows, patch_columns;
};

// cos and sin of random angles: the kernel does not care which.
std::vector<float> table(int positions, int pairs, random_numbers& random) {
  std::vector<float> values;
  for (int i = 0; i < positions * pairs; ++i) {
    const float angle = random.next();
    values.push_back(std::cos(angle));
    values.push_back(std::sin(angle));
  }
  return values;
}

// Latent frames go to `slots`, given as cache rows.
void check_against_fp64(const layout& s, const std::vector<int>& slots) {
  CAPTURE(s.heads);
  CAPTURE(s.head_dim);
  random_numbers random(fresh_seed());
  const int dim = s.heads * s.head_dim, per_frame = s.patch_rows * s.patch_columns;
  const std::int64_t tokens = std::int64_t{s.latent_frames} * per_frame;
  const std::int64_t rows = 3 * std::int64_t{s.latent_frames} * per_frame;
  const int pairs = s.head_dim / 2, spatial = pairs / 3, of_time = pairs - 2 * spatial;
  std::vector<int> times;  // as samples of a batch repeat them
  for (int f = 0; f < s.latent_frames; ++f) times.push_back(5 + f % 2);
  const device_rows qkv(tokens, 3 * dim, random), weights(2, dim, random);
  device_rows q(tokens, dim), k(rows, dim), v(rows, dim);
  const std::vector<float> time = table(7, of_time, random),
                           height = table(s.patch_rows, spatial, random),
                           width = table(s.patch_columns, spatial, random);
  const device_buffer<float> time_there(time), height_there(height), width_there(width);
  const device_buffer<int> times_there(times), slots_there(slots);

  const auto params = [&](bool device) {
    const auto input = [&](const device_rows& of) {
      return device ? of.on_device<const __nv_bfloat16>() : of.on_host<const __nv_bfloat16>();
    };
    kernels::qk_norm_rope_params p;
    p.qkv = input(qkv);
    p.q_weight = input(weights).data;
    p.k_weight = input(weights).data + input(weights).stride;
    p.time = {device ? time_there.get() : time.data(), of_time};
    p.height = {device ? height_there.get() : height.data(), spatial};
    p.width = {device ? width_there.get() : width.data(), spatial};
    p.time_positions = device ? times_there.get() : times.data();
    p.cache_rows = device ? slots_there.get() : slots.data();
    p.q_out = q.on_device<__nv_bfloat16>();
    p.k_cache = k.on_device<__nv_bfloat16>();
    p.v_cache = v.on_device<__nv_bfloat16>();
    p.tokens = tokens;
    p.dim = dim;
    p.head_dim = s.head_dim;
    p.patch_columns = s.patch_columns;
    p.tokens_per_latent_frame = per_frame;
    return p;
  };
  kernels::qk_norm_rope(params(true), nullptr);
  CUDA_OK(cudaDeviceSynchronize());
  q.download();
  k.download();
  v.download();

  error_sum of_q, of_k;
  std::vector<bool> written(static_cast<std::size_t>(rows), false);
  bool v_is_equal = true;
  for (std::int64_t token = 0; token < tokens; ++token) {
    const auto expected = kernels::qk_norm_rope_ref(params(false), token);
    if (expected.cache_row >= 0) written[static_cast<std::size_t>(expected.cache_row)] = true;
    for (int i = 0; i < dim; ++i) {
      const auto at = static_cast<std::size_t>(i);
      of_q.add(q.at(token, i), expected.q[at]);
      if (expected.cache_row < 0) continue;
      of_k.add(k.at(expected.cache_row, i), expected.k[at]);
      v_is_equal = v_is_equal && v.at(expected.cache_row, i) == expected.v[at];
    }
  }
  CHECK(of_q.relative_l2() < rounding_error);
  CHECK(of_k.relative_l2() < rounding_error);
  CHECK(v_is_equal);
  bool others_untouched = true;
  for (std::int64_t row = 0; row < rows; ++row)
    if (!written[static_cast<std::size_t>(row)])
      for (int i = 0; i < dim; ++i)
        others_untouched = others_untouched && std::isnan(k.at(row, i)) && std::isnan(v.at(row, i));
  CHECK(others_untouched);
  CHECK((q.padding_is_nan() && k.padding_is_nan() && v.padding_is_nan()));
}

}  // namespace

TEST_CASE("qk_norm_rope: against fp64, into ring slots in any order") {
  for (const layout& s :
       {layout{12, 128, 3, 5, 7}, layout{1, 128, 3, 4, 6}, layout{2, 128, 1, 1, 1},
        layout{5, 24, 2, 3, 9}, layout{3, 64, 3, 2, 2}}) {
    const int per_frame = s.patch_rows * s.patch_columns;
    std::vector<int> slots;
    for (int f = 0; f < s.latent_frames; ++f)
      slots.push_back((2 * s.latent_frames - f) * per_frame);
    check_against_fp64(s, slots);
  }
}

TEST_CASE("qk_norm_rope: a latent frame without a cache row leaves the cache as it was") {
  check_against_fp64({2, 128, 3, 4, 6}, {-1, 48, -1});
}
