// The two programs, run as a user runs them, at a size that takes a fraction of a second.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "tests/latency/schema_complaint.hpp"
#include "tests/pipeline_reference/run_program.hpp"
#include "tests/pipeline_reference/tiny_run.hpp"
#include "tests/temporary_folder.hpp"

namespace {

// What the machine may have is hidden: these runs are compared with each other, on the CPU.
const int hidden = ::setenv("CUDA_VISIBLE_DEVICES", "", 1);

}  // namespace

using latency_test::read_file;
using longlive_tests::count;
using longlive_tests::interactive;
using longlive_tests::largest_difference;
using longlive_tests::program_result;
using longlive_tests::running_program;
using longlive_tests::single;
using longlive_tests::span_names;
using longlive_tests::tiny_run;
using nlohmann::json;

TEST_CASE("interactive program: prints the published lines in the published order") {
  const tiny_run run;
  const program_result result = run.timed();
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  const std::string ms = "[0-9]+\\.[0-9]{2} ms\n";
  const std::string timing = "\\[Interactive Timing\\] ";
  const auto switched = [&](int segment, int latent_frame, int from) {
    return fmt::format(
        "\\[Interactive\\] Starting prompt switch to segment {0} at frame {1}\n"
        "{3}Cache reset completed: {4}"
        "{3}Recaching {5} frames \\(from {2} to {1}\\)\n"
        "{3}Recache setup completed: {4}"
        "{3}Recache forward pass completed: {4}"
        "{3}Prompt switch to segment {0} completed: {4}",
        segment, latent_frame, from, timing, ms, latent_frame - from);
  };
  const auto block = [&](int index, int segment) {
    return fmt::format("{}Block {} \\(frames {}-{}, segment {}\\) completed: {}", timing, index,
                       3 * index, 3 * index + 2, segment, ms);
  };
  const std::vector<std::string> expected = {
      "Device: cpu( \\(.*\\))?\n",
      "Number of segments: 3\nSwitch frame indices: \\[4, 9\\]\nNumber of prompt lines: 1\n",
      "\\[Prompt 0\\] Processing prompts: \\[\\['a b'\\], \\['c'\\], \\['d e f'\\]\\]\n",
      timing + "Starting interactive inference with 3 segments: " + ms,
      timing + "Switch points: \\[4, 9\\]\n",
      timing + "All prompts encoded: " + ms,
      block(0, 0) + block(1, 0) + switched(1, 6, 0) + block(2, 1) + switched(2, 9, 3) +
          block(3, 2) + block(4, 2) + block(5, 2),
      timing + "Interactive inference completed: " + ms,
      "INTERACTIVE INFERENCE TIMING SUMMARY\n",
      "Total generation time: " + ms + "Prompt encoding time: " + ms + "VAE decode time: " + ms +
          "Number of segments: 3\nNumber of blocks: 6\nFrames per block: 3\nSwitch frame indices: "
          "\\[4, 9\\]\n",
      "Timing analysis saved to: .*interactive_timing_analysis_rank0_prompt0.json\n",
  };
  std::string rest = result.out;
  for (const std::string& pattern : expected) {
    std::smatch match;
    INFO(pattern);
    INFO(rest);
    REQUIRE(std::regex_search(rest, match, std::regex(pattern)));
    rest = match.suffix();
  }
}

TEST_CASE("interactive program: the timing file obeys its schema and holds every stage") {
  const tiny_run run;
  REQUIRE(run.timed().exit_code == 0);
  const json file = run.timing_file();
  CHECK(latency_test::schema_complaint("timing.schema.json", file) == "");
  const auto names = span_names(file);
  CHECK(count(names, "interactive_inference") == 1);
  CHECK(count(names, "build_random_weights") == 1);
  CHECK(count(names, "interactive_text_encoding") == 3);
  CHECK(count(names, "temporal_block") == 6);
  CHECK(count(names, "interactive_denoising_step") == 6);
  CHECK(count(names, "interactive_denoising_step_final") == 6);
  CHECK(count(names, "interactive_kv_cache_update") == 6);
  CHECK(count(names, "diffusion_forward") == 6 * 3 + 2);
  CHECK(count(names, "prompt_switch_total") == 2);
  CHECK(count(names, "prompt_switch_kv_reset") == 2);  // global_sink is false
  CHECK(count(names, "interactive_vae_decode") == 6);
  CHECK(count(names, "interactive_vae_postprocess") == 18);  // each latent frame's
  CHECK(count(names, "self_attention") == 0);
  CHECK(file["blocks"]["index"].size() == 6);
  CHECK(file["switches"]["requested_latent_frame"] == json{4, 9});
  CHECK(file["switches"]["latent_frame"] == json{6, 9});
  CHECK(file["switches"]["first_pixel_frame"] == json{21, 33});
  std::vector<int> pixel_frames(69);
  std::iota(pixel_frames.begin(), pixel_frames.end(), 0);
  CHECK(file["pixel_frames"]["index"] == json(pixel_frames));
  CHECK(file["pixel_frames"]["block"][8] == 0);
  CHECK(file["pixel_frames"]["block"][9] == 1);
  CHECK(file["memory"]["name"].size() == 2);
  CHECK(file["hygiene"]["dropped_spans"] == 0);
  CHECK(file["hygiene"]["open_spans"] == 0);
  for (const char* key : {"date",
                          "command_line",
                          "git_commit",
                          "model_checkpoint",
                          "attention_backend",
                          "sparsity",
                          "sequence_length_tokens",
                          "effective_tokens",
                          "latent_frames",
                          "pixel_frames",
                          "pixel_height",
                          "pixel_width",
                          "batch_size",
                          "denoising_steps",
                          "device_type",
                          "device_count",
                          "sequence_parallel",
                          "tensor_parallel",
                          "world_size",
                          "rank",
                          "config_path",
                          "prompts_path"})
    CHECK_MESSAGE(file["run"].contains(key), key);
  CHECK(file["run"]["pixel_frames"] == 69);
  CHECK(file["run"]["sequence_length_tokens"] == 36);
}

TEST_CASE("interactive program: every prompt line gets its own file, and a trace when asked") {
  const tiny_run run(4);
  longlive_tests::write(
      run / "p.jsonl",
      "{\"prompts\": [\"a\", \"b\", \"c\"]}\n{\"prompts\": [\"d\", \"e\", \"f\"]}\n");
  const program_result result =
      run.run({interactive, "--config-path", run.config(), "--enable-timing", "--trace", "--quiet",
               "--timing-output-dir", run / "out", "--layer-spans"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  for (const char* name : {"out/interactive_timing_analysis_rank0_prompt0",
                           "out/interactive_timing_analysis_rank0_prompt1"}) {
    const json file = json::parse(read_file(run / (std::string(name) + ".json")));
    CHECK(count(span_names(file), "temporal_block") == 4);
    // Two layers in denoising steps; one in context passes and recaches, whose flow nobody reads.
    CHECK(count(span_names(file), "self_attention") == 4 * 2 * 2 + (4 + 2) * 1);
    CHECK(
        json::parse(read_file(run / (std::string(name) + "_trace.json"))).contains("traceEvents"));
  }
  CHECK(result.out.find("[Interactive") == std::string::npos);
  CHECK(std::count(result.out.begin(), result.out.end(), '\n') == 4);  // the four files
  CHECK(result.err.empty());
}

TEST_CASE("interactive program: a latent frame's pixel frames complete before the next one's") {
  const tiny_run run(4);
  REQUIRE(run.timed().exit_code == 0);
  const json pixel_frames = run.timing_file()["pixel_frames"];
  const auto& complete = pixel_frames["complete_ns"];
  REQUIRE(complete.size() == 45);
  for (std::size_t i = 0; i < complete.size(); ++i) {
    CHECK(pixel_frames["block"][i] == (i + 3) / 4 / 3);
    if (i > 0) CHECK((complete[i] > complete[i - 1]) == (i % 4 == 1));
  }
}

TEST_CASE("programs: a timing file that cannot be written leaves the journal, with a trace too") {
  const tiny_run run(300);
  const running_program program =
      run.start({interactive, "--config_path", run.config(), "--enable_timing", "--trace",
                 "--timing_output_dir", run / "out"});
  while (program.printed().find("Block 0 (") == std::string::npos)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const std::string file = run / "out/interactive_timing_analysis_rank0_prompt0.json";
  std::filesystem::create_directory(file);
  program.interrupt();
  const program_result result = program.wait();
  CHECK(result.exit_code == 2);
  CHECK(result.err.find(file + ": cannot open: Is a directory (the recording is kept in ") !=
        std::string::npos);
  CHECK(std::filesystem::file_size(file + ".journal") > 0);
}

TEST_CASE("interactive program: a timing file that exists is kept unless --overwrite is given") {
  const tiny_run run(4);
  REQUIRE(run.timed().exit_code == 0);
  const std::string file = run / "out/interactive_timing_analysis_rank0_prompt0.json";
  longlive_tests::write(file, "mine");
  const program_result refused = run.timed();
  CHECK(refused.exit_code == 2);
  CHECK(refused.err ==
        fmt::format(
            "interactive_inference_with_timing: {}: exists; give another folder, or --overwrite "
            "to replace it\n",
            file));
  CHECK(read_file(file) == "mine");
  CHECK(run.run({interactive, "--config_path", run.config(), "--enable_timing", "--overwrite",
                 "--timing_output_dir", run / "out"})
            .exit_code == 0);
  CHECK(read_file(file) != "mine");
}

TEST_CASE("programs: what cannot run exits with 2, one line that names it, and no file") {
  const tiny_run run(4);
  const auto refusal = [&run](std::vector<std::string> arguments) {
    const program_result result = run.run(std::move(arguments));
    CHECK(result.exit_code == 2);
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    return result.err;
  };
  const std::string name = "interactive_inference_with_timing: ";
  CHECK(refusal({interactive, "--config_path", "no_such.yaml"}) ==
        name + "no_such.yaml: no such file\n");
  CHECK(refusal({interactive, "--config_path", run.config(), "--device", "cuda"})
            .rfind(name + "--device cuda: ", 0) == 0);
  longlive_tests::write(run / "file", "");
  CHECK(refusal({interactive, "--config_path", run.config(), "--enable_timing",
                 "--timing_output_dir", run / "file"})
            .find("cannot make this folder") != std::string::npos);
  CHECK(refusal({single, "--config_path", run.config()}) ==
        fmt::format("inference_with_timing: {}: line 10: switch_frame_indices: this program runs "
                    "one prompt per clip; "
                    "interactive_inference_with_timing switches\n",
                    run.config()));
  longlive_tests::write(
      run / "huge.yaml",
      std::regex_replace(read_file(run.config()), std::regex("model: \\{.*\\}"),
                         "model: {dim: 16384, num_heads: 256, num_layers: 256, ffn_dim: 65536}"));
  CHECK(refusal({interactive, "--config_path", run / "huge.yaml"})
            .find("huge.yaml: pipeline_reference: model: needs at least ") != std::string::npos);
  longlive_tests::write(run / "p.jsonl", "{\"prompts\": [\"a\"]}\n");
  CHECK(refusal({interactive, "--config_path", run.config()}) ==
        fmt::format("{}{}: line 1: has 1 prompts, but 2 switches need 3\n", name, run / "p.jsonl"));
  std::filesystem::remove(run / "p.jsonl");
  CHECK(refusal({interactive, "--config_path", run.config(), "--enable_timing",
                 "--timing_output_dir", run / "out"}) ==
        fmt::format("{}{}: no such file\n", name, run / "p.jsonl"));
  CHECK_FALSE(std::filesystem::exists(run / "out"));
}

TEST_CASE("programs: weights that do not fit are refused, and no timing file is left") {
  const tiny_run run(4, "  weights: w.safetensors\n");
  const program_result result = run.timed();
  CHECK(result.exit_code == 2);
  CHECK(result.err.find("w.safetensors") != std::string::npos);
  CHECK(std::filesystem::is_empty(run / "out"));
}

TEST_CASE(
    "interactive program: Ctrl-C finishes the block, writes what there is and exits with 130") {
  const tiny_run run(300);
  const running_program program =
      run.start({interactive, "--config_path", run.config(), "--enable_timing",
                 "--timing_output_dir", run / "out"});
  while (program.printed().find("Block 0 (") == std::string::npos)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  program.interrupt();
  const program_result result = program.wait();
  CHECK(result.exit_code == 130);
  CHECK(result.out.find("Interrupted after block ") != std::string::npos);
  const json file = run.timing_file();
  const std::size_t blocks = file["blocks"]["index"].size();
  CHECK(blocks >= 1);
  CHECK(blocks < 300);
  CHECK(file["run"]["interrupted_after_block"] == blocks - 1);
  CHECK(file["pixel_frames"]["index"].size() == 1 + 4 * (3 * blocks - 1));
  CHECK(file["hygiene"]["open_spans"] == 0);
}

TEST_CASE("programs: --check_only names the device, or why not, and makes nothing") {
  const tiny_run run(4);
  const auto check = [&run](const std::string& device) {
    return run.run({interactive, "--config_path", run.config(), "--check_only", "--device", device,
                    "--output_video", run / "clip.y4m"});
  };
  const program_result found = check("auto");
  CHECK(found.exit_code == 0);
  CHECK(found.out.rfind("Device: cpu (", 0) == 0);  // and in brackets, why not a GPU
  CHECK(found.out.find("Block 0") == std::string::npos);
  CHECK(check("cpu").out.rfind("Device: cpu\n", 0) == 0);
  CHECK(check("cuda").exit_code == 2);
  CHECK_FALSE(std::filesystem::exists(run / "clip.y4m"));
}

TEST_CASE("interactive program: prompts come in through a pipe, and take effect block by block") {
  const tiny_run run(300);
  const std::string pipe = run / "prompts";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  const running_program program =
      run.start({interactive, "--config_path", run.config(), "--enable_timing",
                 "--timing_output_dir", run / "out", "--prompts_from", pipe});
  const auto wait_for = [&program](const std::string& text) {
    while (program.printed().find(text) == std::string::npos)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  };
  wait_for("Block 0 (");
  {
    std::ofstream user(pipe);
    user << "\n  a fox  \n\xff not text\n" << std::flush;
    wait_for("Prompt of segment 1 was requested: [['a fox']]");
    user << "a bear" << std::flush;  // a line ends where its end is written
    user << " in snow\n" << std::flush;
    wait_for("Prompt switch to segment 2 completed");
  }
  program.interrupt();
  const program_result result = program.wait();
  CHECK(result.exit_code == 130);
  CHECK(result.out.find("Prompt of segment 2 was requested: [['a bear in snow']]") !=
        std::string::npos);
  CHECK(result.out.find("Skipped: " + pipe +
                        ": line 1: not UTF-8 at byte 0 of the text (its line 3)") !=
        std::string::npos);
  CHECK(result.out.find("Prompts requested: 2, of them 2 took effect, 0 gave way to a later one, 0 "
                        "came too late") != std::string::npos);
  const json file = run.timing_file();
  CHECK(latency_test::schema_complaint("timing.schema.json", file) == "");
  REQUIRE(file["switches"]["segment"] == json{1, 2});
  CHECK(file["switches"]["requested_latent_frame"] == file["switches"]["latent_frame"]);
  // From each request to its first pixel frame.
  const json& spans = file["async_spans"];
  REQUIRE(spans["start_ns"].size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const std::size_t pixel_frame = file["switches"]["first_pixel_frame"][i];
    const std::int64_t complete = file["pixel_frames"]["complete_ns"][pixel_frame];
    const std::int64_t end =
        spans["start_ns"][i].get<std::int64_t>() + spans["duration_ns"][i].get<std::int64_t>();
    CHECK(end >= complete);
    CHECK(end < file["pixel_frames"]["complete_ns"][pixel_frame + 4]);
  }
  CHECK(file["run"]["prompts_taken"] == 2);
}

TEST_CASE("programs: prompts from a pipe need one that opens, and prompts that can be encoded") {
  const tiny_run run(4, "  prompt_embeddings: p.safetensors\n");
  const auto refusal = [&run](const std::string& program) {
    return run.run({program, "--config_path", run.config(), "--prompts_from", "-"});
  };
  CHECK(refusal(interactive).err ==
        "interactive_inference_with_timing: --prompts_from: needs prompt_embeddings: encoded or "
        "seeded, found p.safetensors\n");
  CHECK(refusal(single).exit_code == 2);
  const tiny_run seeded(4);
  const program_result missing = seeded.run(
      {interactive, "--config_path", seeded.config(), "--prompts_from", seeded / "nothing"});
  CHECK(missing.exit_code == 2);
  CHECK(missing.err == "interactive_inference_with_timing: " + (seeded / "nothing") +
                           ": cannot open: No such file or directory\n");
}

TEST_CASE("programs: without --enable_timing nothing is recorded or written") {
  const tiny_run run(4);
  const program_result result = run.run({interactive, "--config_path", run.config()});
  CHECK(result.exit_code == 0);
  CHECK(result.out.find("[Interactive Timing] Block 3 (frames 9-11, segment 2) completed: ") !=
        std::string::npos);
  CHECK(result.out.find("SUMMARY") == std::string::npos);
  CHECK_FALSE(std::filesystem::exists(run / "out"));
}

TEST_CASE("interactive program: both KV policies and both decode modes give the same video") {
  const tiny_run run;
  const tiny_run whole(6, "  vae_mode: whole_clip\n");
  const auto video = [](const tiny_run& from, const std::string& policy) {
    const program_result result =
        from.run({interactive, "--config_path", from.config(), "--kv_policy", policy,
                  "--output_video", from / (policy + ".y4m"), "--quiet"});
    CHECK_MESSAGE(result.exit_code == 0, result.err);
    return read_file(from / (policy + ".y4m"));
  };
  const std::string streamed = video(run, "ring");
  CHECK(streamed.substr(0, 10) == "YUV4MPEG2 ");
  const bool whole_clip_is_the_same = streamed == video(whole, "ring");  // no megabyte of message
  CHECK(whole_clip_is_the_same);
  // The policies add the same products in another order, which moves a rounded pixel at most.
  CHECK(largest_difference(video(run, "roll"), streamed) <= 1);
}

TEST_CASE("interactive program: num_samples makes as many videos, the first that of a run of one") {
  const tiny_run batch(4, "num_samples: 2\n"), one(4);
  const auto generate = [](const tiny_run& with) {
    const program_result result =
        with.run({interactive, "--config_path", with.config(), "--enable_timing",
                  "--timing_output_dir", with / "out", "--output_video", with / "clip.y4m"});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    return result.out;
  };
  generate(one);
  const std::string out = generate(batch);
  CHECK(out.find("24 latent frames of 2 samples: ") != std::string::npos);
  CHECK(out.find("; 90 pixel frames: ") != std::string::npos);
  CHECK(out.find("Video saved to: " + (batch / "clip_sample1.y4m")) != std::string::npos);
  const std::string first = read_file(batch / "clip.y4m");
  CHECK(largest_difference(first, read_file(one / "clip.y4m")) <= 1);
  CHECK(largest_difference(first, read_file(batch / "clip_sample1.y4m")) > 20);
  const json file = batch.timing_file();
  CHECK(file["run"]["batch_size"] == 2);
  CHECK(file["pixel_frames"]["index"].size() == 45);  // each complete with the last sample's
}

TEST_CASE("single-prompt program: uses the names without the interactive prefix") {
  const tiny_run run(4);
  const program_result result = run.run({single, "--config_path", run.single_config(),
                                         "--enable_timing", "--timing_output_dir", run / "out"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  const json file = json::parse(read_file(run / "out/timing_analysis_rank0_prompt0.json"));
  CHECK(latency_test::schema_complaint("timing.schema.json", file) == "");
  const auto names = span_names(file);
  CHECK(count(names, "inference") == 1);
  CHECK(count(names, "text_encoding") == 1);
  CHECK(count(names, "denoising_step") == 4);
  CHECK(count(names, "denoising_step_final") == 4);
  CHECK(count(names, "kv_cache_update") == 4);
  CHECK(count(names, "vae_decode_final") == 4);
  for (const std::string& name : names) CHECK(name.rfind("interactive_", 0) != 0);
  CHECK(file["switches"]["segment"].empty());
}
