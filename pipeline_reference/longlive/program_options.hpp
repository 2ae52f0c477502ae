#pragma once
// The command line that the two programs share.

#include <cstdint>
#include <optional>
#include <string>

namespace longlive {

struct program_options {
  std::string config_path;
  bool enable_timing = false;
  std::string timing_output_dir = "latency_results";
  bool overwrite = false;             // replace timing files that are there
  bool trace = false;                 // also a Chrome trace beside each timing file
  std::string output_video = "none";  // none, auto (a name in output_folder) or a file
  std::string prompts_from;           // prompts that come in meanwhile: -, a file or a named pipe
  std::optional<std::string> kv_policy;
  bool layer_spans = false;
  std::optional<std::int64_t> seed;
  std::string device = "auto";  // auto, cpu, cuda
  bool check_only = false;      // ask everything that can be refused, generate nothing
  bool quiet = false;
};

// What tells the two programs apart on the command line.
struct program_text {
  const char* name;
  const char* description;
  const char* example_config;
  bool switches_prompts = false;
};

// Parses the command line; long options may be written with `_` or `-`. Returns the exit code when
// the program has nothing more to do: 0 after --help, 2 after one line on stderr.
[[nodiscard]] std::optional<int> parse_command_line(int argc, const char* const* argv,
                                                    const program_text& program,
                                                    program_options& options);

}  // namespace longlive
