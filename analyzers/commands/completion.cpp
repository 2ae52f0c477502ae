#include "analyzers/commands/completion.hpp"

#include <CLI/CLI.hpp>

#include "analyzers/commands/completion_script.hpp"
#include "analyzers/commands/output.hpp"

namespace latency::commands {
namespace {

constexpr const char* completion_examples = R"(
Examples:
  source <(latency completion bash)                                  in this shell
  latency completion bash > ~/.local/share/bash-completion/completions/latency
  latency completion zsh > "${fpath[1]}/_latency"
  latency completion fish > ~/.config/fish/completions/latency.fish

An installed latency has them in place for bash, zsh and fish.)";

}  // namespace

CLI::App& add_completion(CLI::App& app, completion_options& options) {
  options.program = &app;
  CLI::App& command = *app.add_subcommand(
      "completion", "print the script by which a shell completes subcommands, options and files");
  command.add_option("SHELL", options.shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command.footer(completion_examples);
  return command;
}

int run_completion(const completion_options& options) {
  const std::vector<command_words> words = words_of(*options.program);
  write_output(options.shell == "bash"  ? bash_completion(words)
               : options.shell == "zsh" ? zsh_completion(words)
                                        : fish_completion(words),
               "");
  return 0;
}

}  // namespace latency::commands
