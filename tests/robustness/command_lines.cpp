// Command lines that nobody would type: words of the right language in the wrong places, missing
// and absurd values, and bytes that are no words.

#include <string>
#include <vector>

#include "tests/robustness/good_files.hpp"
#include "tests/robustness/input_kinds.hpp"
#include "tests/robustness/mutation.hpp"

namespace robustness {
namespace {

struct vocabulary {
  std::string program;
  std::vector<std::string> words;
};

const std::vector<vocabulary>& vocabularies() {
  const std::vector<std::string> generation = {"--config_path",
                                               "--config-path=config.yaml",
                                               "config.yaml",
                                               "--enable_timing",
                                               "--timing_output_dir",
                                               "out/timing",
                                               "--overwrite",
                                               "--trace",
                                               "--output_video",
                                               "out/clip.y4m",
                                               "out/clip.mp4",
                                               "out/clip.webm",
                                               "auto",
                                               "--kv_policy",
                                               "ring",
                                               "roll",
                                               "--layer_spans",
                                               "--seed",
                                               "--device",
                                               "cpu",
                                               "cuda",
                                               "--quiet",
                                               "prompts.jsonl"};
  static const std::vector<vocabulary> all = {
      {LATENCY_TOOL,
       {"breakdown",
        "switch",
        "speedup",
        "plot",
        "compare",
        "explain",
        "merge",
        "timing.json",
        "timing.json",
        "run.journal",
        "--detailed",
        "--format",
        "json",
        "csv",
        "table",
        "markdown",
        "xml",
        "--format=csv",
        "-o",
        "out/report",
        "--output=out/report",
        "--pool",
        "--require",
        "mean(a)<=1ms",
        "p99(a)<",
        "--require=count(a)==1",
        "share(b)>101%",
        "--base",
        "--candidate",
        "--threshold=3%",
        "--run-to-run",
        "--min-share=0",
        "--component",
        "--span",
        "--most=3",
        "--fps=30",
        "completion",
        "bash",
        "--baseline-log",
        "--candidate-log=timing.json",
        "--baseline-trace",
        "--candidate-trace",
        "--bundle",
        "out/bundle",
        "--export=legacy",
        "--barrier",
        "--wall-clock-uncertainty=1us",
        "--force",
        "-"}},
      {LATENCY_PUBLISHED_NAME,
       {"timing.json", "--detailed", "--format", "json", "-o", "out/r", "--pool", "breakdown"}},
      {LATENCY_INTERACTIVE_PROGRAM, generation},
      {LATENCY_SINGLE_PROGRAM, generation},
      {LATENCY_CHECK_GOLDEN, {".", "out", "--device", "cpu", "cuda", "--kv", "ring", "roll"}},
#ifdef LATENCY_RESULTS_TABLE
      {LATENCY_RESULTS_TABLE, {".", "out", "--check"}},
#endif
  };
  return all;
}

std::string odd_word(random_numbers& random) {
  static const std::string odd[] = {"",
                                    "--",
                                    "---",
                                    "-",
                                    "--help",
                                    "-h",
                                    "--version",
                                    "--no-such-option",
                                    "-x",
                                    "--format=",
                                    "=",
                                    "--=",
                                    "-1",
                                    "0",
                                    "9223372036854775808",
                                    "1e999",
                                    "nan",
                                    "missing.json",
                                    "missing/folder/file",
                                    "/dev/null",
                                    "/dev/full",
                                    "/dev/zero",
                                    "/proc/self/mem",
                                    "two\nlines",
                                    "\x1b[2Jclear",
                                    "\xff\xfe not utf-8",
                                    "\xe2\x80\xae turned",
                                    "%s%n%d",
                                    "{} {0} {:x}",
                                    "$(touch out/injected)",
                                    "`touch out/injected`",
                                    "; touch out/injected",
                                    "name with blanks"};
  if (random.one_in(12)) return std::string(100000, 'a');
  if (random.one_in(12)) return "./" + std::string(300, 'b');
  if (random.one_in(12)) {
    std::string bytes;
    for (std::size_t i = random.below(12); i > 0; --i) {
      const char c = static_cast<char>(1 + random.below(255));
      bytes += c == '/' ? '_' : c;  // stays in its folder
    }
    return bytes;
  }
  return random.pick(odd);
}

}  // namespace

test_case command_line_case(std::uint64_t seed, std::size_t index) {
  random_numbers random(seed_of("command line", seed, index));
  const vocabulary& words = random.pick(vocabularies());
  test_case made;
  static const std::vector<placed_file> files = {
      {"timing.json", corpus("fuzz_timing_file").front()},
      {"run.journal", corpus("fuzz_journal").front()},
      {"config.yaml", tiny_config()},
      {"prompts.jsonl", "{\"prompts\": [\"a boat\", \"a storm\"]}\n"},
      {"case.json", golden_run_case()},
      {"tensors.safetensors", golden_run_tensors()},
      {"weights.safetensors", tiny_dit_weights()},
      {"README.md", "no tables\n"}};
  made.files = files;
  made.arguments = {words.program};
  for (std::size_t count = random.below(9); count > 0; --count)
    made.arguments.push_back(random.one_in(3) ? odd_word(random) : random.pick(words.words));
  made.may_judge = true;
  return made;
}

}  // namespace robustness
