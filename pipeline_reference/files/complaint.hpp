#pragma once
// How a program says why it refuses or fails.

#include <fmt/format.h>

#include <cstdio>
#include <string_view>

#include "latency/detail/printable.hpp"

namespace files {

// "PROGRAM: PROBLEM" as one line on standard error, whatever names of files and words of the user
// the problem quotes.
inline void complain(std::string_view program, std::string_view problem) {
  fmt::print(stderr, "{}: {}\n", program, latency::detail::printable_line(problem));
}

}  // namespace files
