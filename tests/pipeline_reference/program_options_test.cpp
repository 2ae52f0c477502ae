#include "pipeline_reference/longlive/program_options.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <vector>

#include "latency/error.hpp"
#include "pipeline_reference/longlive/run_files.hpp"
#include "tests/temporary_folder.hpp"

namespace {

std::optional<int> parse(std::initializer_list<const char*> arguments,
                         longlive::program_options& o) {
  std::vector<const char*> argv{"program"};
  argv.insert(argv.end(), arguments);
  return longlive::parse_command_line(static_cast<int>(argv.size()), argv.data(),
                                      {"program", "does it", "c.yaml"}, o);
}

std::string refusal(const longlive::run_files& files, bool overwrite) {
  try {
    longlive::prepare_files(files, overwrite);
  } catch (const latency::error& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("program_options: long options take underscores and dashes, values keep theirs") {
  for (const auto& spelled :
       {std::initializer_list<const char*>{"--config_path", "a-b_c.yaml", "--enable_timing",
                                           "--timing_output_dir=x-y_z"},
        {"--config-path=a-b_c.yaml", "--enable-timing", "--timing-output-dir", "x-y_z"}}) {
    longlive::program_options o;
    CHECK(parse(spelled, o) == std::nullopt);
    CHECK(o.config_path == "a-b_c.yaml");
    CHECK(o.enable_timing);
    CHECK(o.timing_output_dir == "x-y_z");
  }
}

TEST_CASE("program_options: what it does not know ends with exit code 2, help with 0") {
  longlive::program_options o;
  CHECK(parse({}, o) == 2);
  CHECK(parse({"--config_path"}, o) == 2);
  CHECK(parse({"--config_path", "c", "--unknown"}, o) == 2);
  CHECK(parse({"--config_path", "c", "--kv_policy", "rolling"}, o) == 2);
  CHECK(parse({"--config_path", "c", "--device", "tpu"}, o) == 2);
  CHECK(parse({"--config_path", "c", "--seed", "-1"}, o) == 2);
  CHECK(parse({"--help"}, o) == 0);
}

TEST_CASE("run_files: each prompt line has its own files, named as published") {
  longlive::config c;
  c.output_folder = std::string("videos");
  const longlive::run_files none = longlive::name_files({}, c, "p", 0, "");
  CHECK(none.timing.empty());
  CHECK(none.trace.empty());
  CHECK(none.videos.empty());

  const auto named = [&c](std::initializer_list<const char*> arguments, std::size_t index) {
    longlive::program_options o;
    REQUIRE(parse(arguments, o) == std::nullopt);
    return longlive::name_files(o, c, "interactive_timing_analysis", index, "a/b");
  };
  const longlive::run_files first =
      named({"--config_path", "c", "--enable_timing", "--timing_output_dir", "d", "--output_video",
             "v/clip.y4m"},
            0);
  CHECK(first.timing == "d/interactive_timing_analysis_rank0_prompt0.json");
  CHECK(first.trace.empty());
  CHECK(first.videos == std::vector<std::string>{"v/clip.y4m"});
  const longlive::run_files third =
      named({"--config_path", "c", "--enable_timing", "--trace", "--timing_output_dir", "d",
             "--output_video", "v/clip.y4m"},
            2);
  CHECK(third.timing == "d/interactive_timing_analysis_rank0_prompt2.json");
  CHECK(third.trace == "d/interactive_timing_analysis_rank0_prompt2_trace.json");
  CHECK(third.videos == std::vector<std::string>{"v/clip_prompt2.y4m"});

  CHECK(named({"--config_path", "c", "--output_video", "auto"}, 1).videos ==
        std::vector<std::string>{"videos/rank0-1-0_regular.y4m"});
  c.save_with_index = false;
  c.use_ema = true;
  CHECK(named({"--config_path", "c", "--output_video", "auto"}, 1).videos ==
        std::vector<std::string>{"videos/rank0-a_b-0_ema.y4m"});

  c.generation.samples = 2;
  CHECK(named({"--config_path", "c", "--output_video", "auto"}, 1).videos ==
        std::vector<std::string>{"videos/rank0-a_b-0_ema.y4m", "videos/rank0-a_b-1_ema.y4m"});
  CHECK(named({"--config_path", "c", "--output_video", "v/clip.y4m"}, 0).videos ==
        std::vector<std::string>{"v/clip.y4m", "v/clip_sample1.y4m"});
  CHECK(named({"--config_path", "c", "--output_video", "v/clip.y4m"}, 3).videos ==
        std::vector<std::string>{"v/clip_prompt3.y4m", "v/clip_prompt3_sample1.y4m"});
}

TEST_CASE(
    "run_files: a video named by its prompt has a name of whole characters, without controls") {
  longlive::config c;
  c.save_with_index = false;
  c.output_folder = "v";
  longlive::program_options o;
  o.output_video = "auto";
  const auto name = [&](const std::string& prompt) {
    return longlive::name_files(o, c, "p", 0, prompt).videos.front();
  };
  const std::string a99(99, 'a');
  CHECK(name(a99 + "bc") == "v/rank0-" + a99 + "b-0_regular.y4m");
  CHECK(name(a99 + "éb") == "v/rank0-" + a99 + "-0_regular.y4m");  // é would end at byte 101
  CHECK(name("../é\n\x1b[m\x7f\u009b") == "v/rank0-.._é__[m__-0_regular.y4m");
}

TEST_CASE("run_files: two prompts that begin alike cannot share a video") {
  longlive::run_files first, second;
  first.videos = {"v/rank0-a-0.y4m"};
  second.videos = {"v/rank0-b-0.y4m"};
  longlive::require_distinct({first, second, {}, {}});
  CHECK_THROWS_WITH_AS(longlive::require_distinct({first, second, first}),
                       "v/rank0-a-0.y4m: would hold the clips of prompt lines 0 and 2, which begin "
                       "alike; set save_with_index: true",
                       latency::error);
}

TEST_CASE("run_files: nothing that exists is replaced without --overwrite") {
  const latency_test::temporary_folder dir;
  longlive::run_files files;
  files.timing = dir / "new/folder/timing.json";
  CHECK(refusal(files, false) == "accepted");
  CHECK(std::filesystem::is_directory(dir / "new/folder"));
  std::ofstream(files.timing) << "kept";
  CHECK(refusal(files, false) ==
        fmt::format("{}: exists; give another folder, or --overwrite to replace it", files.timing));
  CHECK(refusal(files, true) == "accepted");
  files.timing = dir / "new/folder/timing.json/below/a_file.json";
  CHECK(refusal(files, true).find("timing.json/below: cannot make this folder: ") !=
        std::string::npos);
  if (geteuid() != 0) {  // root may write anywhere
    std::filesystem::permissions(
        dir / "new", std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
    files.timing = dir / "new/timing.json";
    CHECK(refusal(files, true) ==
          fmt::format("{}: cannot write here: Permission denied", dir / "new"));
    std::filesystem::permissions(dir / "new", std::filesystem::perms::owner_all);
  }
}
