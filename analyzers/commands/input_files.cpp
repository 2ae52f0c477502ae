#include "analyzers/commands/input_files.hpp"

#include <CLI/CLI.hpp>
#include <utility>

namespace latency::commands {
namespace {

constexpr const char* readable =
    "timing file, journal, PyTorch trace (also .gz), older tracker's\n"
    "file or log of stages; - is standard input";

}  // namespace

CLI::Option& add_input_file(CLI::App& command, std::string& file) {
  return *command.add_option(a_file, file, readable)->required()->type_name("");
}

CLI::Option& add_input_files(CLI::App& command, std::vector<std::string>& files) {
  return *command.add_option(a_file, files, readable)->required()->type_name("");
}

void add_sample_unit(CLI::App& command, const std::string& name, std::string& unit) {
  command.add_option(name, unit, "of '>>>>' lines in a log, over their label")
      ->check(CLI::IsMember({"ns", "us", "ms", "s"}));
}

std::optional<timeline::log_unit> sample_unit_of(const std::string& unit) {
  return unit.empty() ? std::nullopt : timeline::log_unit_of(unit);
}

std::vector<recording> open_recordings(const std::vector<std::string>& files,
                                       std::optional<timeline::log_unit> sample_unit) {
  std::vector<recording> all;
  const auto keep = [&all](recording run) { all.push_back(std::move(run)); };
  for_each_recording(files, keep, sample_unit);
  return all;
}

}  // namespace latency::commands
