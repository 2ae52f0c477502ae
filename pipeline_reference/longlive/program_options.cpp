#include "pipeline_reference/longlive/program_options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <limits>
#include <vector>

#include "pipeline_reference/files/complaint.hpp"

namespace longlive {
namespace {

std::string with_underscores(std::string argument) {
  if (argument.rfind("--", 0) != 0) return argument;
  const auto name_end =
      argument.begin() + static_cast<std::ptrdiff_t>(std::min(argument.find('='), argument.size()));
  std::replace(argument.begin() + 2, name_end, '-', '_');
  return argument;
}

}  // namespace

std::optional<int> parse_command_line(int argc, const char* const* argv,
                                      const program_text& program, program_options& o) {
  CLI::App app{program.description, program.name};
  app.add_option("--config_path", o.config_path, "configuration in LongLive's YAML")->required();
  app.add_flag("--enable_timing", o.enable_timing,
               "record every stage and write a timing file per prompt line");
  app.add_option("--timing_output_dir", o.timing_output_dir,
                 "folder for timing files, made if missing")
      ->capture_default_str();
  app.add_flag("--overwrite", o.overwrite, "replace timing files that are already there");
  app.add_flag("--trace", o.trace, "also write a Chrome trace beside each timing file");
  app.add_option("--output_video", o.output_video,
                 "FILE.y4m or FILE.mp4; auto: named in output_folder")
      ->capture_default_str();
  if (program.switches_prompts)
    app.add_option(
        "--prompts_from", o.prompts_from,
        "read prompts while the clip is generated, one per line, from a file, a named pipe "
        "or - (standard input): each takes effect at the next block");
  app.add_option("--kv_policy", o.kv_policy, "ring or roll, instead of the configuration's")
      ->check(CLI::IsMember({"ring", "roll"}));
  app.add_flag("--layer_spans", o.layer_spans,
               "one span per attention, FFN and KV operation of every layer");
  app.add_option("--seed", o.seed, "instead of the configuration's")
      ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()));
  app.add_option("--device", o.device,
                 "cpu, cuda, or auto: cuda where there is one that holds the model")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  app.add_flag("--check_only", o.check_only,
               "say whether this can run here, and on which device, and stop");
  app.add_flag("--quiet", o.quiet, "print only the names of the files written");
  app.footer(fmt::format(
      "Long options may be written with - instead of _.\n"
      "Exit codes: 0 done; 2 refused or failed, one line on stderr says why; 130 interrupted\n"
      "(Ctrl-C finishes the block in progress and writes what there is).\n\n"
      "Examples:\n"
      "  {0} --config_path {1}\n"
      "  {0} --config_path {1} --enable_timing --timing_output_dir results\n"
      "  {0} --config_path {1} --enable_timing --timing_output_dir results --layer_spans --trace\n"
      "  {0} --config_path {1} --output_video clip.y4m",
      program.name, program.example_config));
  std::vector<std::string> arguments;  // CLI11 takes them in reverse order
  for (int i = argc - 1; i > 0; --i) arguments.push_back(with_underscores(argv[i]));
  try {
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return 0;
  } catch (const CLI::ParseError& e) {
    files::complain(program.name, fmt::format("{} (see {} --help)", e.what(), program.name));
    return 2;
  }
  return std::nullopt;
}

}  // namespace longlive
