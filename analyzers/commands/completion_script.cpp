#include "analyzers/commands/completion_script.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "analyzers/commands/published_names.hpp"

namespace latency::commands {
namespace {

using kind = word_values::kind;

// In single quotes, as all three shells read them.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? "'\\''" : std::string(1, c);
  return result + "'";
}

std::vector<std::string> names_of_subcommands(const std::vector<command_words>& commands) {
  std::vector<std::string> names;
  for (const command_words& c : commands)
    if (!c.name.empty()) names.push_back(c.name);
  return names;
}

std::string programs() {
  std::string names = "latency";
  for (const published_name& known : published_names) names += std::string(" ") + known.program;
  return names;
}

// What bash offers for a value.
std::string bash_offer(const word_values& of) {
  switch (of.is) {
    case kind::file:
      return "_latency_files -f";
    case kind::folder:
      return "_latency_files -d";
    case kind::choice:
      return "_latency_words " + quoted(fmt::format("{}", fmt::join(of.choices, " ")));
    case kind::text:
    case kind::none:
      break;
  }
  return ":";
}

}  // namespace

std::string bash_completion(const std::vector<command_words>& commands) {
  std::string published;
  for (const published_name& known : published_names)
    published += fmt::format("    {}) command={} ;;\n", known.program, known.subcommand);
  std::string values;
  std::string words;
  for (const command_words& c : commands) {
    std::vector<std::string> all;
    for (const option_words& o : c.options) {
      all.insert(all.end(), o.names.begin(), o.names.end());
      if (o.value.is == kind::none) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : o.names) patterns.push_back(c.name + ":" + name);
      values +=
          fmt::format("    {}) {}; return ;;\n", fmt::join(patterns, " | "), bash_offer(o.value));
    }
    words += fmt::format("    {}:-*) _latency_words {} ;;\n", c.name,
                         quoted(fmt::format("{}", fmt::join(all, " "))));
    words += fmt::format("    {}:*) {} ;;\n", c.name,
                         c.name.empty() ? bash_offer({kind::choice, names_of_subcommands(commands)})
                                        : bash_offer(c.positional));
  }
  return fmt::format(R"(# Completion of latency for bash, made by "latency completion bash".
_latency_words() {{ mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word"); }}
_latency_files() {{
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "$1" -- "$word")
}}
_latency() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} option=${{COMP_WORDS[COMP_CWORD - 1]}} command='' i
  if [[ $word == '=' ]]; then  # --option=
    word=''
  elif [[ $option == '=' ]]; then  # --option=word
    option=${{COMP_WORDS[COMP_CWORD - 2]}}
  fi
  case ${{COMP_WORDS[0]##*/}} in
{}    *)
      for ((i = 1; i < COMP_CWORD; ++i)); do
        if [[ ${{COMP_WORDS[i]}} != -* ]]; then command=${{COMP_WORDS[i]}}; break; fi
      done ;;
  esac
  COMPREPLY=()
  case $command:$option in
{}  esac
  case $command:$word in
{}  esac
}}
complete -F _latency {}
)",
                     published, values, words, programs());
}

std::string zsh_completion(const std::vector<command_words>& commands) {
  // Within an argument of _arguments: brackets end the help, a colon begins what follows.
  const auto plain = [](std::string text) {
    for (char& c : text)
      if (c == '[' || c == ']' || c == ':' || c == '\\') c = ' ';
    return text;
  };
  const auto offer = [](const word_values& of) -> std::string {
    if (of.is == kind::choice) return fmt::format("({})", fmt::join(of.choices, " "));
    return of.is == kind::file ? "_files" : of.is == kind::folder ? "_files -/" : "";
  };
  std::string published;
  for (const published_name& known : published_names)
    published += fmt::format("    {}) command={} ;;\n", known.program, known.subcommand);
  std::string described;
  std::string cases;
  for (const command_words& c : commands) {
    if (!c.name.empty()) described += "    " + quoted(c.name + ":" + plain(c.help)) + "\n";
    std::string arguments;
    for (const option_words& o : c.options)
      for (const std::string& name : o.names) {
        const std::string takes = o.value.is == kind::none ? "" : ":value:" + offer(o.value);
        arguments += " \\\n      " + quoted(fmt::format("*{}[{}]{}", name, plain(o.help), takes));
      }
    if (c.name.empty())
      cases += "    '') _arguments" + arguments + " '1:subcommand:->subcommands' ;;\n";
    else
      cases += fmt::format("    {}) _arguments{} \\\n      {} ;;\n", c.name, arguments,
                           quoted("*:file:" + offer(c.positional)));
  }
  return fmt::format(R"(#compdef {}
# Completion of latency for zsh, made by "latency completion zsh".
_latency() {{
  local command='' state
  local -a subcommands=(
{}  )
  case ${{words[1]:t}} in
{}    *)
      if (( CURRENT > 2 )); then
        command=$words[2]
        shift words
        (( CURRENT-- ))
      fi ;;
  esac
  case $command in
{}  esac
  if [[ $state == subcommands ]]; then _describe subcommand subcommands; fi
}}
if [[ $funcstack[1] == _latency ]]; then _latency "$@"; else compdef _latency {}; fi
)",
                     programs(), described, published, cases, programs());
}

std::string fish_completion(const std::vector<command_words>& commands) {
  std::string result =
      "# Completion of latency for fish, made by \"latency completion fish\".\n"
      "complete -c latency -f\n";
  const auto offer = [](const word_values& of) -> std::string {
    if (of.is == kind::choice)
      return " -x -a " + quoted(fmt::format("{}", fmt::join(of.choices, " ")));
    if (of.is == kind::file) return " -r -F";
    if (of.is == kind::folder) return " -x -a '(__fish_complete_directories)'";
    return of.is == kind::text ? " -x" : "";
  };
  const auto add = [&](const std::string& program, const std::string& condition,
                       const command_words& c) {
    for (const option_words& o : c.options) {
      result += "complete -c " + program + condition;
      for (const std::string& name : o.names)
        result += name[1] == '-' ? " -l " + name.substr(2) : " -s " + name.substr(1);
      result += offer(o.value) + " -d " + quoted(o.help) + "\n";
    }
  };
  for (const command_words& c : commands) {
    if (c.name.empty()) {
      add("latency", " -n __fish_use_subcommand", c);
      continue;
    }
    result += fmt::format("complete -c latency -n __fish_use_subcommand -a {} -d {}\n", c.name,
                          quoted(c.help));
    const std::string inside = " -n '__fish_seen_subcommand_from " + c.name + "'";
    add("latency", inside, c);
    if (c.positional.is == kind::choice)
      result += "complete -c latency" + inside + offer(c.positional) + "\n";
    else if (c.positional.is != kind::none)
      result += "complete -c latency" + inside + " -F\n";
    for (const published_name& known : published_names)
      if (c.name == known.subcommand) add(known.program, "", c);
  }
  return result;
}

}  // namespace latency::commands
