// Thousands of malformed inputs and command lines, each given to the real program in a process of
// its own. Whatever they hold, it ends by itself, with 0 (or 1 where it documents that) or with 2
// and one printable line that names the file; it stays within its memory and leaves no file behind.
//
//   malformed_inputs [--cases N] [--seed N] [--kind NAME [--case N]] [--keep FOLDER]
//
// Prints every case that goes wrong and how to run it again. Exit code: 0 none did, 1 some did.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>

#include "latency/detail/printable.hpp"
#include "tests/robustness/input_kinds.hpp"
#include "tests/robustness/limited_process.hpp"
#include "tests/temporary_folder.hpp"

namespace {

using robustness::input_kind;
using robustness::test_case;

constexpr const char* command_lines = "command lines";

struct options {
  std::size_t cases = 12000;
  std::uint64_t seed = 1;
  std::string kind;        // empty: all
  std::int64_t only = -1;  // one case of the kind
  std::string keep;        // where the folder of `only` stays
};

struct numbered_case {
  const input_kind* kind;  // nullptr: a command line
  std::size_t index;
  [[nodiscard]] std::string kind_name() const {
    return kind == nullptr ? command_lines : kind->name;
  }
};

std::string shell_words(const std::vector<std::string>& arguments) {
  std::string line;
  for (const std::string& argument : arguments)
    line += (line.empty() ? "'" : " '") + latency::detail::printable(argument.substr(0, 100)) + "'";
  return line;
}

class robustness_run {
 public:
  robustness_run(const options& wanted, std::vector<input_kind> kinds)
      : wanted_(wanted), kinds_(std::move(kinds)) {
    // Kinds have the same share each, command lines two: the readers are many, the options few.
    const std::size_t share = wanted.cases / (kinds_.size() + 2) + 1;
    for (std::size_t i = 0; i < 2 * share; ++i) {
      if (i < share)
        for (const input_kind& kind : kinds_) add({&kind, i});
      add({nullptr, i});
    }
  }

  int run() {
    if (cases_.empty()) {
      fmt::print(stderr, "malformed_inputs: no such kind or case\n");
      return 2;
    }
    std::vector<std::thread> threads;
    for (unsigned i = std::max(1u, std::thread::hardware_concurrency()); i > 0; --i)
      threads.emplace_back([this] { work(); });
    for (std::thread& thread : threads) thread.join();
    fmt::print("{} cases, seed {}: {} accepted, {} found wanting, {} refused; {} went wrong\n",
               cases_.size(), wanted_.seed, ended_with_[0].load(), ended_with_[1].load(),
               ended_with_[2].load(), faults_.load());
    return faults_ == 0 ? 0 : 1;
  }

 private:
  void add(const numbered_case& added) {
    if (!wanted_.kind.empty() && added.kind_name() != wanted_.kind) return;
    if (wanted_.only >= 0 && added.index != static_cast<std::size_t>(wanted_.only)) return;
    cases_.push_back(added);
  }

  void work() {
    const latency_test::temporary_folder folder;
    robustness::process_runner runner;
    for (std::size_t i = next_++; i < cases_.size(); i = next_++)
      try_case(cases_[i], folder / "", runner);
  }

  void try_case(const numbered_case& numbered, const std::string& folder,
                robustness::process_runner& runner) {
    const test_case made =
        numbered.kind == nullptr
            ? robustness::command_line_case(wanted_.seed, numbered.index)
            : robustness::file_case(kinds_, *numbered.kind, wanted_.seed, numbered.index);
    const bool keep = !wanted_.keep.empty();
    const auto [exit_code, fault] =
        robustness::run_case(made, keep ? wanted_.keep : folder, runner, keep);
    if (exit_code >= 0 && exit_code <= 2) ++ended_with_[exit_code];
    if (fault.empty()) return;
    ++faults_;
    const std::lock_guard<std::mutex> lock(printing_);
    fmt::print(
        "{}\n  {}\n  again: malformed_inputs --seed {} --kind '{}' --case {} --keep FOLDER\n",
        latency::detail::printable(fault), shell_words(made.arguments), wanted_.seed,
        numbered.kind_name(), numbered.index);
    std::fflush(stdout);
  }

  const options& wanted_;
  const std::vector<input_kind> kinds_;
  std::vector<numbered_case> cases_;
  std::atomic<std::size_t> next_{0}, faults_{0};
  std::atomic<std::size_t> ended_with_[3] = {};  // by exit code
  std::mutex printing_;
};

}  // namespace

int main(int argc, char** argv) try {
  options wanted;
  CLI::App app{"Gives malformed inputs to every program of the project."};
  app.add_option("--cases", wanted.cases, "about how many, over all kinds")->capture_default_str();
  app.add_option("--seed", wanted.seed, "another one gives other damage")->capture_default_str();
  app.add_option("--kind", wanted.kind, "only this kind of input");
  app.add_option("--case", wanted.only, "only this one of its cases");
  app.add_option("--keep", wanted.keep, "an empty folder where the case stays to be looked at");
  CLI11_PARSE(app, argc, argv);

  if (!robustness::restrict_children(LATENCY_ADDRESS_SPACE_BYTES))
    fmt::print("note: root's programs could not be kept from reading everything\n");
  return robustness_run(wanted, robustness::input_kinds()).run();
} catch (const std::exception& e) {
  fmt::print(stderr, "malformed_inputs: {}\n", e.what());
  return 2;
}
