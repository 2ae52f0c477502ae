#pragma once
// How the subcommands take the files that they read: in --help, in completion, and when opened.

#include <new>
#include <optional>
#include <string>
#include <vector>

#include "analyzers/timeline/reader.hpp"
#include "latency/error.hpp"
#include "latency/recording.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace latency::commands {

// Names of values in --help, by which the completion of shells knows what to offer.
inline constexpr const char* a_file = "FILE";
inline constexpr const char* a_folder = "DIR";

// Declares the positional FILE or FILES; parsing fills `files`, which must outlive `command`.
CLI::Option& add_input_file(CLI::App& command, std::string& file);
CLI::Option& add_input_files(CLI::App& command, std::vector<std::string>& files);

// Declares an option for the unit of ">>>>" lines in logs of stages, over their label.
void add_sample_unit(CLI::App& command, const std::string& name, std::string& unit);
// None for an empty text.
[[nodiscard]] std::optional<timeline::log_unit> sample_unit_of(const std::string& unit);

// Does the work for a file; when memory does not suffice, says for which.
template <class work>
auto naming(const std::string& file, const work& of) {
  try {
    return of();
  } catch (const std::bad_alloc&) {
    throw error(file, "", "not enough memory for this file");
  }
}

// Opens each file in turn and hands its recording over before the next is opened.
template <class use>
void for_each_recording(const std::vector<std::string>& files, const use& of,
                        std::optional<timeline::log_unit> sample_unit = {}) {
  for (const std::string& file : files)
    naming(file, [&] { of(open_recording(file, sample_unit)); });
}

[[nodiscard]] std::vector<recording> open_recordings(
    const std::vector<std::string>& files, std::optional<timeline::log_unit> sample_unit = {});

}  // namespace latency::commands
