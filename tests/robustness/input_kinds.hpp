#pragma once
// Every kind of file that a program of this project reads, and the ways to hand it over. A new kind
// is one entry in input_kinds.cpp.

#include <cstdint>
#include <string>
#include <vector>

#include "tests/robustness/test_case.hpp"

namespace robustness {

// A command that reads the file, with its name in place of "FILE".
struct use {
  std::vector<std::string> arguments;  // the program first
  bool may_judge = false;              // exit with 1 or 3: the program documents it
  std::string piped_as = {};  // what errors call the input when it comes through standard input or
                              // /dev/fd/9; empty: it is the file
};

struct input_kind {
  std::string name;
  std::string file;                // its name, where the program starts
  std::vector<std::string> seeds;  // contents of good ones
  std::vector<use> uses;
  std::vector<placed_file> companions;     // other files that the uses need
  void (*repair)(std::string&) = nullptr;  // puts checksums and lengths right, so that damage
                                           // reaches what they guard
  std::vector<std::string> slow = {};      // files made to take long
  bool may_run_long = false;               // a good one may ask for much work
  bool describes_others = false;  // the fault may show in another file, or in one that it names
};

[[nodiscard]] std::vector<input_kind> input_kinds();

// Case `index` of a kind: the first ones are no files or another kind of file, then come files that
// end early, then damaged ones without end. The same arguments give the same case.
[[nodiscard]] test_case file_case(const std::vector<input_kind>& kinds, const input_kind& kind,
                                  std::uint64_t seed, std::size_t index);

// A command line that nobody would type, of any program.
[[nodiscard]] test_case command_line_case(std::uint64_t seed, std::size_t index);

}  // namespace robustness
