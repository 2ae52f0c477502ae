#include "kernels/patch/patch.hpp"

#include "kernels/patch/patch_ref.hpp"
#include "tests/kernels/device_rows.hpp"

using namespace kernels_test;

TEST_CASE("patchify and unpatchify: every value in its place, at ragged sizes") {
  for (const kernels::patch_sizes& s :
       {kernels::patch_sizes{3, 16, 30, 52}, kernels::patch_sizes{1, 8, 1, 1},
        kernels::patch_sizes{2, 24, 5, 7}, kernels::patch_sizes{1, 1032, 2, 3}}) {
    CAPTURE(s.channels);
    random_numbers random(fresh_seed());
    const int height = 2 * s.patch_rows, width = 2 * s.patch_columns;
    const std::int64_t tokens = std::int64_t{s.latent_frames} * s.patch_rows * s.patch_columns;
    std::vector<float> latent(
        static_cast<std::size_t>(s.latent_frames * s.channels * height * width));
    for (float& x : latent) x = random.next();
    const device_buffer<float> latent_there(latent);
    device_rows patches(tokens, 4 * s.channels);
    kernels::patchify({latent_there.get(), patches.on_device<__nv_bfloat16>(), s}, nullptr);
    const device_rows flow(tokens, 4 * s.channels, random);
    device_buffer<float> unpatched(latent.size());
    unpatched.fill_bytes(0xFF);
    kernels::unpatchify({flow.on_device<const __nv_bfloat16>(), unpatched.get(), s}, nullptr);
    CUDA_OK(cudaDeviceSynchronize());
    patches.download();
    const std::vector<float> found = unpatched.values();

    bool forward = true, back = true;
    std::size_t at = 0;
    for (int f = 0; f < s.latent_frames; ++f)
      for (int c = 0; c < s.channels; ++c)
        for (int y = 0; y < height; ++y)
          for (int x = 0; x < width; ++x, ++at) {
            const kernels::patch_element e = kernels::patch_ref(s, f, c, y, x);
            forward =
                forward && patches.at(e.row, e.patchified) ==
                               static_cast<double>(__bfloat162float(__float2bfloat16(latent[at])));
            back = back && static_cast<double>(found[at]) == flow.at(e.row, e.unpatchified);
          }
    CHECK(forward);
    CHECK(back);
    CHECK(patches.padding_is_nan());
  }
}
