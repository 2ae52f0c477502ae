#include "tests/robustness/input_kinds.hpp"

#include <cstring>

#include "tests/journal_checksums.hpp"
#include "tests/robustness/good_files.hpp"
#include "tests/robustness/slow_files.hpp"

namespace robustness {
namespace {

const std::string latency_program = LATENCY_TOOL;
const std::string published_name = LATENCY_PUBLISHED_NAME;
const std::string interactive = LATENCY_INTERACTIVE_PROGRAM;
const std::string single = LATENCY_SINGLE_PROGRAM;
const std::string check_golden = LATENCY_CHECK_GOLDEN;
const std::string inspect_checkpoint = LATENCY_INSPECT_CHECKPOINT;

std::vector<use> analyses() {
  return {
      {{latency_program, "breakdown", "FILE", "-o", "out/report"}},
      {{latency_program, "breakdown", "FILE", "--detailed", "--format", "json"}},
      {{latency_program, "breakdown", "FILE", "FILE", "--format=markdown"}},
      {{published_name, "FILE", "FILE", "--pool", "--format", "csv", "-o", "out/report.csv"}},
      {{latency_program, "breakdown", "FILE", "--require", "p99(inner) <= 85ms", "--require",
        "share(interactive_vae_decode) < 25%"},
       true},
      {{latency_program, "breakdown", "-", "--detailed"}, false, "stdin"},
      {{latency_program, "breakdown", "/dev/fd/9", "--format", "csv"}, false, "/dev/fd/9"},
      {{latency_program, "breakdown", "FILE", "--export", "legacy", "-o", "out/legacy.json"}},
      {{latency_program, "switch", "FILE", "FILE", "--detailed"}},
      {{latency_program, "explain", "FILE", "--fps", "1000", "--format", "json"}},
      {{latency_program, "merge", "FILE", "FILE", "-o", "out/merged.json", "--force"}},
      {{latency_program, "compare", "FILE", "FILE", "--min-share", "0%", "-o", "out/report"}, true},
      {{latency_program, "compare", "--base", "FILE", "FILE", "FILE", "--candidate", "FILE", "FILE",
        "FILE", "--format", "json"},
       true}};
}

struct speedup_files {
  std::string baseline_log = "run.log", candidate_log = "run.log";
  std::string baseline_trace = "trace.json", candidate_trace = "trace.json";
  std::string metadata = "metadata.json";
};

std::vector<std::string> speedup_of(const speedup_files& files,
                                    const std::vector<std::string>& more = {}) {
  std::vector<std::string> words = {latency_program,
                                    "speedup",
                                    "--force",
                                    "--baseline-log",
                                    files.baseline_log,
                                    "--candidate-log",
                                    files.candidate_log,
                                    "--baseline-trace",
                                    files.baseline_trace,
                                    "--candidate-trace",
                                    files.candidate_trace,
                                    "--metadata-file",
                                    files.metadata};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// A file on both sides, and from standard input on one.
std::vector<use> speedups(const speedup_files& files, const speedup_files& piped) {
  return {{speedup_of(files)},
          {speedup_of(files, {"--bundle", "out/bundle"})},
          {speedup_of(files, {"--baseline-section-from", ".", "--baseline-section-to",
                              "gemm|Memcpy", "--format", "json"})},
          {speedup_of(piped), false, "stdin"}};
}

std::vector<use> generation() {
  return {{{interactive, "--config_path", "config.yaml"}},
          {{interactive, "--config-path=config.yaml", "--enable_timing", "--timing_output_dir",
            "out", "--trace", "--quiet", "--layer_spans"}},
          {{interactive, "--config_path", "config.yaml", "--kv_policy", "roll", "--output_video",
            "out/clip.y4m"}}};
}

std::vector<use> golden() {
  return {{{check_golden, ".", "--kv", "ring"}, true}, {{check_golden, "."}, true}};
}

std::vector<use> inspection() {
  return {{{inspect_checkpoint, "FILE"}},
          {{inspect_checkpoint, "FILE", "--json"}},
          {{inspect_checkpoint, "--summary", "FILE", "FILE"}}};
}

void repair_journal(std::string& bytes) {
  if (bytes.size() < sizeof(std::uint64_t)) return;
  std::vector<std::uint64_t> words(bytes.size() / sizeof(std::uint64_t));
  std::memcpy(words.data(), bytes.data(), words.size() * sizeof(std::uint64_t));
  latency_test::repair_checksums(words, UINT32_MAX);
  std::memcpy(bytes.data(), words.data(), words.size() * sizeof(std::uint64_t));
}

// Makes the length in front say where the JSON object after it ends.
void repair_safetensors(std::string& bytes) {
  std::uint64_t length = 0;
  int depth = 0;
  bool in_text = false;
  for (std::size_t at = 8; at < bytes.size() && length == 0; ++at) {
    if (in_text) {
      if (bytes[at] == '\\')
        ++at;
      else
        in_text = bytes[at] != '"';
      continue;
    }
    in_text = bytes[at] == '"';
    if (bytes[at] == '{') ++depth;
    if (bytes[at] == '}' && --depth == 0) length = at + 1 - 8;
  }
  if (length != 0) std::memcpy(bytes.data(), &length, sizeof length);
}

std::string replaced(std::string text, const std::string& part, const std::string& by) {
  return text.replace(text.find(part), part.size(), by);
}

placed_file file(const std::string& path, const std::string& content) {
  return {path, content};
}

}  // namespace

std::vector<input_kind> input_kinds() {
  const std::string two_prompts = "{\"prompts\": [\"a boat\", \"a storm\"]}\n";
  const placed_file prompts = file("prompts.jsonl", two_prompts);
  const std::string single_config = replaced(tiny_config(), "switch_frame_indices: 1\n", "");
  const std::string with_prompts_in_text =
      replaced(single_config, "data_path: prompts.jsonl\n", "data_path: prompts.txt\n");
  const auto config_with = [](const std::string& setting) {
    return file("config.yaml", tiny_config(setting));
  };
  std::vector<std::string> timing_files = corpus("fuzz_timing_file");
  timing_files.push_back(corpus("fuzz_breakdown").back());  // two_segments.json

  const std::string round = corpus("fuzz_stage_log").back();
  const std::string whole_trace = corpus("fuzz_kineto").back();
  const std::string metadata =
      "{\"model\": \"tiny\", \"batch_size\": 1, \"candidate\": {\"sparsity\": 0.8}}\n";

  std::vector<input_kind> kinds = {
      {"timing file", "timing.json", timing_files, analyses(), {}, nullptr, slow_timing_files()},
      {"PyTorch trace",
       "trace.json",
       corpus("fuzz_kineto"),
       analyses(),
       {},
       nullptr,
       slow_traces()},
      {"file of the older tracker",
       "timing_analysis.json",
       corpus("fuzz_tracker"),
       analyses(),
       {},
       nullptr,
       slow_tracker_files()},
      {"log of stages",
       "run.log",
       corpus("fuzz_stage_log"),
       analyses(),
       {},
       nullptr,
       slow_stage_logs()},
      {"journal",
       "run.journal",
       corpus("fuzz_journal"),
       analyses(),
       {},
       repair_journal,
       slow_journals()},
      {"log of a speedup",
       "run.log",
       corpus("fuzz_stage_log"),
       speedups({"FILE", "FILE"}, {"-", "good.log"}),
       {file("good.log", round), file("trace.json", whole_trace), file("metadata.json", metadata)},
       nullptr,
       slow_stage_logs()},
      {"trace of a speedup",
       "trace.json",
       corpus("fuzz_kineto"),
       speedups({"run.log", "run.log", "FILE", "FILE"}, {"run.log", "run.log", "-", "good.json"}),
       {file("run.log", round), file("good.json", whole_trace), file("metadata.json", metadata)},
       nullptr,
       slow_traces()},
      {"metadata of a speedup",
       "metadata.json",
       {metadata},
       speedups({"run.log", "run.log", "trace.json", "trace.json", "FILE"},
                {"run.log", "run.log", "trace.json", "trace.json", "-"}),
       {file("run.log", round), file("trace.json", whole_trace)}},
      {"configuration",
       "config.yaml",
       {tiny_config(), tiny_config("weights: none.safetensors"), corpus("fuzz_config").front()},
       generation(),
       {prompts},
       nullptr,
       slow_configurations(),
       true,
       true},
      {"configuration of one prompt",
       "config.yaml",
       {single_config},
       {{{single, "--config_path", "config.yaml", "--enable_timing", "--timing_output_dir",
          "out"}}},
       {file("prompts.jsonl", "{\"prompts\": [\"a boat\"]}\n")},
       nullptr,
       slow_configurations(),
       true,
       true},
      {"prompts, jsonl",
       "prompts.jsonl",
       {two_prompts, two_prompts + two_prompts, corpus("fuzz_prompts").front()},
       generation(),
       {file("config.yaml", tiny_config())},
       nullptr,
       slow_prompts()},
      {"prompts, text",
       "prompts.txt",
       {"a boat\n", "# a line\n\nand \xc3\xa9 more\r\n"},
       {{{single, "--config_path", "config.yaml", "--quiet"}}},
       {file("config.yaml", with_prompts_in_text)}},
      {"transformer weights",
       "weights.safetensors",
       {tiny_dit_weights()},
       generation(),
       {prompts, config_with("weights: weights.safetensors")},
       repair_safetensors,
       slow_safetensors()},
      {"inspected weights",
       "weights.safetensors",
       {tiny_dit_weights()},
       inspection(),
       {},
       repair_safetensors,
       slow_safetensors()},
      {"inspected checkpoint",
       "weights.pt",
       {tiny_dit_checkpoint(), tiny_lora_checkpoint(), corpus("fuzz_pt_checkpoint").front()},
       inspection(),
       {}},
      {"transformer checkpoint",
       "weights.pt",
       {tiny_dit_checkpoint(), corpus("fuzz_pt_checkpoint").front()},
       generation(),
       {prompts, config_with("weights: weights.pt")}},
      {"LoRA checkpoint",
       "lora.pt",
       {tiny_lora_checkpoint()},
       generation(),
       {prompts, file("weights.pt", tiny_dit_checkpoint()),
        file("config.yaml", tiny_config("weights: weights.pt\n  lora: merged") +
                                "lora_ckpt: lora.pt\n"
                                "adapter: {type: lora, rank: 1, alpha: 1}\n")}},
      {"decoder weights",
       "vae.safetensors",
       {tiny_vae_weights()},
       generation(),
       {prompts, config_with("vae_weights: vae.safetensors")},
       repair_safetensors},
#ifdef LATENCY_TOKENIZER
      {"tokenizer model",
       "t.model",
       {tiny_tokenizer()},
       generation(),
       {prompts, config_with(tiny_text_encoder("random"))}},
      {"text encoder weights",
       "encoder.safetensors",
       {tiny_encoder_weights()},
       generation(),
       {prompts, config_with(tiny_text_encoder("encoder.safetensors")),
        file("t.model", tiny_tokenizer())},
       repair_safetensors},
#endif
      {"prompt embeddings",
       "embeddings.safetensors",
       {tiny_prompt_embeddings()},
       generation(),
       {prompts, config_with("prompt_embeddings: embeddings.safetensors")},
       repair_safetensors},
      {"golden case, run",
       "case.json",
       {golden_run_case(), golden_vae_case()},
       golden(),
       {file("tensors.safetensors", golden_run_tensors()),
        file("weights.safetensors", tiny_dit_weights())},
       nullptr,
       {},
       false,
       true},
      {"golden case, decoder",
       "case.json",
       {golden_vae_case(), golden_run_case()},
       golden(),
       {file("tensors.safetensors", golden_vae_tensors()),
        file("weights.safetensors", tiny_vae_weights())},
       nullptr,
       {},
       false,
       true},
      {"golden tensors",
       "tensors.safetensors",
       {golden_run_tensors()},
       golden(),
       {file("case.json", golden_run_case()), file("weights.safetensors", tiny_dit_weights())},
       repair_safetensors},
  };
#ifdef LATENCY_RESULTS_TABLE
  kinds.push_back(
      {"benchmark result",
       "benchmarks/results/machine/span_cost.json",
       corpus("fuzz_benchmark_result"),
       {{{LATENCY_RESULTS_TABLE, ".", "--check"}, true}, {{LATENCY_RESULTS_TABLE, "."}}},
       {file("README.md", "<!-- results: span_cost -->\n<!-- end results -->\n")}});
#endif
  return kinds;
}

}  // namespace robustness
