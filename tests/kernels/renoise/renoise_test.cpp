#include "kernels/renoise/renoise.hpp"

#include "kernels/renoise/renoise_ref.hpp"
#include "tests/kernels/device_rows.hpp"

using namespace kernels_test;

TEST_CASE("renoise: as on the CPU, in place, with noise given or drawn") {
  for (const bool given : {false, true})
    for (const bool last : {false, true})
      for (const std::int64_t count : {1, 4, 1000, 299'523}) {
        CAPTURE(count);
        const std::uint64_t seed = fresh_seed();
        random_numbers random(seed);
        const auto values = [&] {
          std::vector<float> made(static_cast<std::size_t>(count));
          for (float& x : made) x = random.next();
          return made;
        };
        const std::vector<float> x_t = values(), flow = values(), eps = values();
        const device_buffer<float> x_there(x_t), flow_there(flow), eps_there(eps);
        device_buffer<float> x0(static_cast<std::size_t>(count));
        x0.fill_bytes(0xFF);
        kernels::renoise_params p;
        p.x_t = x_t.data();
        p.flow = flow.data();
        if (given) p.eps = eps.data();
        p.numbers = {seed, 1, 8};
        p.count = count;
        p.sigma = 0.9375F;
        p.sigma_next = 0.8333333F;
        kernels::renoise_params there = p;
        there.x_t = x_there.get();
        there.flow = flow_there.get();
        if (given) there.eps = eps_there.get();
        there.x0 = x0.get();
        if (!last) there.x_next = x_there.get();  // x_t's memory
        kernels::renoise(there, nullptr);
        const std::vector<float> clean = x0.values(), next = x_there.values();
        bool x0_equal = true, next_close = true;
        for (std::int64_t i = 0; i < count; ++i) {
          const auto at = static_cast<std::size_t>(i);
          const kernels::renoise_value expected = kernels::renoise_ref(p, i);
          x0_equal = x0_equal && clean[at] == expected.x0;
          // One product may be fused with the sum.
          next_close = next_close &&
                       (last ? next[at] == x_t[at] : std::abs(next[at] - expected.x_next) < 1e-6F);
        }
        CHECK(x0_equal);
        CHECK(next_close);
      }
}
