#pragma once
// Counter-based random numbers, the same on every back end: kernels/random/philox.hpp.

#include "kernels/random/philox.hpp"

namespace ops {

using kernels::box_muller;
using kernels::philox4x32;
using kernels::philox_words;
using kernels::random_normals;
using kernels::random_words;

}  // namespace ops
