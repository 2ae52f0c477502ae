#pragma once
// Names of kernels as a table can show them. C++ names of generated kernels are hundreds of
// characters long and say the same thing several times; what matters is which function it is and
// what was plugged into it:
//   void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>,
//   std::array<char*, 3ul> >(int, ...)    ->    at::vectorized_elementwise_kernel<CUDAFunctor_add>
//
// A short name is the qualified name without parameter list, return type and namespaces that say
// nothing, with the first template argument that names code (numbers and data types do not).
// Names that would then look alike get, in brackets, the shortest list of arguments that tells them
// apart: "... [float]" and "... [double]". What does not look like a C++ name stays as it is.

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "latency/recording.hpp"

namespace latency::analysis {

// In the order of `names`; different names get different short names, whatever they are. Names are
// demangled by whoever recorded them. About linear in the characters of all names.
[[nodiscard]] std::vector<std::string> short_kernel_names(
    const std::vector<std::string_view>& names);

// Of every device op or total of the recording, by name; those of copies and memsets unchanged.
[[nodiscard]] std::unordered_map<string_id, std::string> device_op_names(const recording& run);

}  // namespace latency::analysis
