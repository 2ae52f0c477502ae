// Outputs that cannot be written: one line that names the place, exit code 2, and nothing left that
// looks like a result. What was recorded before stays in the journal.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "latency/journal_reader.hpp"
#include "latency/timing_file.hpp"
#include "tests/pipeline_reference/run_program.hpp"
#include "tests/robustness/good_files.hpp"
#include "tests/robustness/limited_process.hpp"
#include "tests/temporary_folder.hpp"

namespace {

namespace fs = std::filesystem;
using robustness::process_end;

using command = std::vector<std::string>;

// A folder with what the programs need; they start in it.
class workplace {
 public:
  workplace() {
    robustness::restrict_children(0);  // root writes where it likes otherwise
    write("timing.json", robustness::corpus("fuzz_breakdown").back());
    std::string config = robustness::tiny_config();
    write("config.yaml",
          config.replace(config.find("num_output_frames: 2"), 20, "num_output_frames: 20"));
    write("prompts.jsonl", "{\"prompts\": [\"a boat\", \"a storm\"]}\n");
    fs::create_directory(*this / "tmp");
    fs::create_directory(*this / "place");
  }
  ~workplace() { fs::permissions(*this / "place", fs::perms::owner_all); }
  workplace(const workplace&) = delete;
  workplace& operator=(const workplace&) = delete;

  [[nodiscard]] std::string operator/(const std::string& name) const { return folder_ / name; }

  [[nodiscard]] process_end run(const command& arguments) {
    return runner_.run(arguments, {folder_ / "", folder_ / "tmp", ""}, {});
  }
  // The same with a full disk at place/: a file system of `bytes`, which is gone afterwards. What
  // was left there is listed on standard output.
  [[nodiscard]] process_end run_on_full_disk(const command& arguments, int bytes) {
    command wrapped = {
        "/usr/bin/unshare", "-rm", "/bin/sh", "-c",
        "mount -t tmpfs -o size=" + std::to_string(bytes) +
            " none place && \"$0\" \"$@\" >/dev/null; code=$?; ls -A place; exit $code"};
    wrapped.insert(wrapped.end(), arguments.begin(), arguments.end());
    return run(wrapped);
  }
  [[nodiscard]] std::vector<std::string> names_in(const std::string& folder) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_ / folder))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }

  latency_test::temporary_folder folder_;
  robustness::process_runner runner_;
};

void check_refusal(const process_end& end, const std::string& named) {
  INFO("stderr: " << end.err);
  CHECK(end.exit_code == 2);
  CHECK(std::count(end.err.begin(), end.err.end(), '\n') == 1);
  CHECK(end.err.find(named) != std::string::npos);
}

// Programs that write, with OUTPUT in place of where.
command breakdown_to(const std::string& output) {
  return {LATENCY_TOOL, "breakdown", "timing.json", "-o", output};
}
command recorded_to(const std::string& output) {
  return {LATENCY_RECORDING_PROGRAM, "own", output};
}
command generated_to(const std::string& folder, command more = {}) {
  command all = {LATENCY_INTERACTIVE_PROGRAM, "--config_path",       "config.yaml", "--quiet",
                 "--enable_timing",           "--timing_output_dir", folder};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
command video_to(const std::string& file) {
  return {LATENCY_INTERACTIVE_PROGRAM,
          "--config_path",
          "config.yaml",
          "--quiet",
          "--output_video",
          file};
}

const std::string timing_name = "interactive_timing_analysis_rank0_prompt0.json";

}  // namespace

TEST_CASE("output: all is well where it can be written") {
  workplace here;
  CHECK(here.run(breakdown_to("place/report")).exit_code == 0);
  CHECK(here.run(recorded_to("place/run.json")).exit_code == 0);
  CHECK(here.run(video_to("place/clip.y4m")).exit_code == 0);
  CHECK(here.run(generated_to("place", {"--trace"})).exit_code == 0);
  CHECK(here.names_in("place") ==
        std::vector<std::string>{"clip.y4m", timing_name,
                                 "interactive_timing_analysis_rank0_prompt0_trace.json", "report",
                                 "run.json"});
}

TEST_CASE("output: a folder that may not be written to") {
  workplace here;
  fs::permissions(here / "place", fs::perms::owner_read | fs::perms::owner_exec);
  check_refusal(here.run(breakdown_to("place/report")), "place/report: ");
  check_refusal(here.run(recorded_to("place/run.json")), "place/run.json");
  check_refusal(here.run(generated_to("place")), "place: cannot write here: Permission denied");
  check_refusal(here.run(generated_to("place/new")), "place/new: cannot make this folder");
  check_refusal(here.run(video_to("place/clip.y4m")), "place: cannot write here");
  CHECK(here.names_in("place").empty());
}

TEST_CASE("output: a folder stands where the file should be") {
  workplace here;
  for (const char* name : {"report", "run.json", "clip.y4m"})
    fs::create_directory(here / ("place/" + std::string(name)));
  fs::create_directory(here / ("place/" + timing_name));
  check_refusal(here.run(breakdown_to("place/report")), "place/report: ");
  check_refusal(here.run(generated_to("place")), "place/" + timing_name + ": ");
  check_refusal(here.run(generated_to("place", {"--overwrite"})), "place/" + timing_name + ": ");
  check_refusal(here.run(video_to("place/clip.y4m")), "place/clip.y4m: ");
  check_refusal(here.run(recorded_to("place/run.json")), "place/run.json: ");
  // What was recorded is not lost with the name.
  const std::vector<std::string> left = here.names_in("place");
  CHECK(std::count(left.begin(), left.end(), "run.json.journal") == 1);
  CHECK(latency::read_journal(here / "place/run.json.journal").spans.size() == 5);
  for (const std::string& name : left) CHECK(name.find(".tmp") == std::string::npos);
}

TEST_CASE("output: no such folder") {
  workplace here;
  check_refusal(here.run(breakdown_to("missing/report")), "missing/report: ");
  check_refusal(here.run(recorded_to("missing/run.json")), "missing/run.json");
  CHECK_FALSE(fs::exists(here / "missing"));
}

TEST_CASE("output: interrupted at any moment, a report is whole or not there") {
  const latency_test::temporary_folder folder;
  latency::recording run;
  run.threads.push_back({"main", 1});
  run.wall_ns = 1000000;
  for (std::uint64_t i = 1; i <= 3000; ++i) {
    latency::span s;
    s.id = i, s.start_ns = static_cast<std::int64_t>(i), s.end_ns = s.start_ns + 1;
    s.name = run.strings.add("span " + std::to_string(i));
    run.spans.push_back(s);
  }
  latency::write_timing_file(run, folder / "timing.json");
  const command report = {LATENCY_TOOL, "breakdown", folder / "timing.json", "-o",
                          folder / "report"};
  const auto start = std::chrono::steady_clock::now();
  REQUIRE(longlive_tests::running_program(folder, report).wait().exit_code == 0);
  const auto duration = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - start);
  const std::string whole = latency_test::read_file(folder / "report");
  std::mt19937_64 random(3);
  for (int i = 0; i < 60; ++i) {
    fs::remove(folder / "report");
    const longlive_tests::running_program interrupted(folder, report);
    std::this_thread::sleep_for(
        std::chrono::microseconds(random() % static_cast<std::uint64_t>(duration.count() * 5 / 4)));
    interrupted.interrupt();
    const int code = interrupted.wait().exit_code;
    CHECK((code == 0 || code == 128 + SIGINT));
    if (fs::exists(folder / "report"))
      CHECK(latency_test::read_file(folder / "report") == whole);
    else
      CHECK(code != 0);
    for (const std::string& name : folder.names()) CHECK(name.find(".tmp") == std::string::npos);
  }
}

TEST_CASE("output: the disk is full") {
  workplace here;
  if (here.run_on_full_disk({"/bin/true"}, 4096).exit_code != 0) {
    std::puts("skipped: the tests of a full disk: unshare and mount are not allowed here");
    return;
  }
  const process_end report = here.run_on_full_disk(breakdown_to("place/report"), 4096);
  check_refusal(report, "place/report: ");
  CHECK(report.err.find("No space left on device") != std::string::npos);
  CHECK(report.out.empty());

  // The journal fits, the timing file beside it does not.
  const process_end timing = here.run_on_full_disk(recorded_to("place/run.json"), 4096);
  check_refusal(timing, "place/run.json: cannot write: No space left on device");
  CHECK(timing.err.find("the recording is kept in place/run.json.journal") != std::string::npos);
  CHECK(timing.out == "run.json.journal\n");

  const process_end journal = here.run_on_full_disk(generated_to("place"), 8192);
  check_refusal(journal, timing_name + ".journal: cannot write: No space left on device");
  CHECK(journal.out == timing_name + ".journal\n");

  const process_end video = here.run_on_full_disk(video_to("place/clip.y4m"), 4096);
  check_refusal(video, "place/clip.y4m");
  CHECK(video.err.find("No space left on device") != std::string::npos);
  CHECK(video.out.empty());
}
