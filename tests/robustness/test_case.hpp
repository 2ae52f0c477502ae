#pragma once
// One run of one program: what lies before it, how it is called, and what may come of it.

#include <string>
#include <vector>

namespace robustness {

struct placed_file {
  enum class type { file, unreadable, folder, link, fifo };
  std::string path;     // in the folder where the program starts
  std::string content;  // bytes of a file, target of a link
  type is = type::file;
};

struct test_case {
  std::vector<placed_file> files;
  std::vector<std::string> arguments;  // the program first
  std::string piped;                   // what standard input and /dev/fd/9 bring
  std::vector<std::string> named;      // an error names one of them; empty: nothing in particular
  bool may_judge = false;              // exit with 1 or 3: the program documents it
  bool may_run_long = false;           // an input that is good may ask for much work
};

struct outcome {
  int exit_code = -1;  // -1: none
  std::string fault;   // what is wrong with how it went; empty: nothing
};

class process_runner;

// Starts the case in an empty folder of its own, made below `folder` and gone afterwards, unless
// `keep`.
[[nodiscard]] outcome run_case(const test_case& the_case, const std::string& folder,
                               process_runner& runner, bool keep);

}  // namespace robustness
