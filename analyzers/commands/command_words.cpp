#include "analyzers/commands/command_words.hpp"

#include <CLI/CLI.hpp>

#include "analyzers/commands/input_files.hpp"

namespace latency::commands {
namespace {

// CLI11 describes what a value may be in its type's name: "FILE", "TEXT:{table,markdown}".
word_values values_of(const CLI::Option& option) {
  using kind = word_values::kind;
  const std::string type = option.get_type_name();
  const std::size_t begin = type.find('{');
  const std::size_t end = type.find('}');
  if (begin != type.npos && end != type.npos && begin < end)
    return {kind::choice, CLI::detail::split(type.substr(begin + 1, end - begin - 1), ',')};
  if (type == a_folder) return {kind::folder, {}};
  return {type == a_file ? kind::file : kind::text, {}};
}

command_words words_of_one(const CLI::App& parser, const std::string& name) {
  command_words words{name, parser.get_description(), {}, {}};
  for (const CLI::Option* option : parser.get_options()) {
    if (!option->nonpositional()) {  // a file, unless it can only be one of some words
      words.positional = values_of(*option);
      if (words.positional.is != word_values::kind::choice)
        words.positional.is = word_values::kind::file;
      continue;
    }
    option_words one{{}, option->get_description(), {}};
    for (const std::string& longer : option->get_lnames()) one.names.push_back("--" + longer);
    for (const std::string& shorter : option->get_snames()) one.names.push_back("-" + shorter);
    if (option->get_items_expected_max() > 0) one.value = values_of(*option);
    words.options.push_back(std::move(one));
  }
  return words;
}

}  // namespace

std::vector<command_words> words_of(const CLI::App& program) {
  std::vector<command_words> all{words_of_one(program, "")};
  for (const CLI::App* subcommand : program.get_subcommands([](const CLI::App*) { return true; }))
    all.push_back(words_of_one(*subcommand, subcommand->get_name()));
  return all;
}

}  // namespace latency::commands
