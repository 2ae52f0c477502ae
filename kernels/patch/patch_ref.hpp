#pragma once
// Where a value of a latent lies among the rows of patches, on the CPU: patchify() and unpatchify()
// move each value between these two places and change nothing but its type.

#include "kernels/patch/patch.hpp"

namespace kernels {

struct patch_element {
  std::int64_t row;
  int patchified, unpatchified;  // column that patchify() writes, and that unpatchify() reads
};

inline patch_element patch_ref(const patch_sizes& s, int latent_frame, int channel, int y, int x) {
  const std::int64_t row =
      (std::int64_t{latent_frame} * s.patch_rows + y / 2) * s.patch_columns + x / 2;
  return {row, (channel * 2 + y % 2) * 2 + x % 2, (y % 2 * 2 + x % 2) * s.channels + channel};
}

}  // namespace kernels
