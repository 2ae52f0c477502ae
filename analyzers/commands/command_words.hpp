#pragma once
// What may be typed after `latency`, read from the parsers of its subcommands: the source of shell
// completion.

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace latency::commands {

// What may follow an option, or stand without one.
struct word_values {
  enum class kind { none, text, file, folder, choice };
  kind is = kind::none;              // none: nothing may
  std::vector<std::string> choices;  // of a choice
};

struct option_words {
  std::vector<std::string> names;  // "--output", "-o"
  std::string help;
  word_values value;  // none: it is a flag
};

struct command_words {
  std::string name;  // empty: of the program itself
  std::string help;
  std::vector<option_words> options;
  word_values positional;
};

// The program first, then its subcommands.
[[nodiscard]] std::vector<command_words> words_of(const CLI::App& program);

}  // namespace latency::commands
