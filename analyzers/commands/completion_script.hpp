#pragma once
// The scripts of `latency completion`.

#include <string>
#include <vector>

#include "analyzers/commands/command_words.hpp"

namespace latency::commands {

// Needs bash 4 and nothing else: bash-completion is not required.
[[nodiscard]] std::string bash_completion(const std::vector<command_words>& commands);
// An autoloaded function for a folder of $fpath.
[[nodiscard]] std::string zsh_completion(const std::vector<command_words>& commands);
[[nodiscard]] std::string fish_completion(const std::vector<command_words>& commands);

}  // namespace latency::commands
