// The subcommand `latency plot`, run as a user runs it.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/analyzers/csv_reader.hpp"
#include "tests/temporary_folder.hpp"

namespace {

namespace fs = std::filesystem;
using latency_test::read_file;
using latency_test::temporary_folder;

const std::string program = LATENCY_TOOL;
const std::string example = std::string(LATENCY_TEST_DATA) + "/timing/two_segments.json";

struct result {
  int status = -1;
  std::string out;
  std::string err;
};

result latency_plot(const std::string& arguments) {
  const temporary_folder folder;
  const int status = std::system(
      (program + " plot " + arguments + " >" + (folder / "out") + " 2>" + (folder / "err"))
          .c_str());
  return {WEXITSTATUS(status), read_file(folder / "out"), read_file(folder / "err")};
}

}  // namespace

TEST_CASE("latency plot: a file gives a page, charts with their figures, and a trace") {
  const temporary_folder folder;
  const result drawn = latency_plot(example + " --output_dir " + (folder / "new/pictures"));
  CHECK(drawn.status == 0);
  CHECK(drawn.out.find("report.html") != drawn.out.npos);
  const fs::path out = folder / "new/pictures";
  const std::string page = read_file(out / "report.html");
  CHECK(page.find("two_segments.json") != page.npos);
  const auto place = [&](const std::string& of) { return page.find(of); };
  CHECK(place("id=\"run1-components\"") < place("<h4>Time by component</h4>"));
  CHECK(place("<h4>Time by component</h4>") < place("id=\"run1-hierarchy\""));
  CHECK(place("id=\"run1-kv_cache\"") < place("<h4>KV-cache operations</h4>"));
  const auto trace = nlohmann::json::parse(read_file(out / "trace.json"));
  CHECK(trace["traceEvents"].size() > 100);
  const auto rows = latency_test::csv_rows(read_file(out / "charts/component_breakdown.csv"));
  REQUIRE(rows.size() == 23);
  CHECK(rows[0][3] == "exclusive_ns");
  CHECK(rows[1][1] == "diffusion_forward");
  CHECK(rows[1][3] == "534000000");
  const bool has_svg = fs::exists(out / "charts/component_breakdown.svg");
  CHECK(has_svg == (drawn.err.find("no SVG: ") == drawn.err.npos));
  for (const auto& entry : fs::recursive_directory_iterator(out))
    CHECK(entry.path().extension() != ".tmp");
}

TEST_CASE("latency plot: of a folder what is readable, the rest is named; again gives the same") {
  const temporary_folder folder;
  fs::copy_file(example, folder / "before.json");
  fs::copy_file(example, folder / "after.json");
  std::ofstream(folder / "notes.md") << "# notes\n";
  for (int again = 0; again < 2; ++again) {
    const result drawn =
        latency_plot("--no_svg --input_dir " + (folder / ".") + " --output_dir " + (folder / "."));
    CHECK(drawn.status == 0);
    CHECK(drawn.err.find("skipped ") != drawn.err.npos);
    CHECK(drawn.err.find("notes.md") != drawn.err.npos);
    CHECK(fs::exists(folder / "before/charts/icicle.csv"));
    CHECK(fs::exists(folder / "after/trace.json"));
    CHECK_FALSE(fs::exists(folder / "after/charts/icicle.svg"));
    CHECK(fs::exists(folder / "charts/files_compared.csv"));
  }
}

TEST_CASE("latency plot: several files are compared, in words and in a chart") {
  const temporary_folder folder;
  const auto scaled = [&](const std::string& name, const std::string& wall) {
    std::string text = read_file(example);
    const std::string before = "\"wall_ns\": ";
    const std::size_t at = text.find(before);
    REQUIRE(at != text.npos);
    text.replace(at + before.size(), text.find_first_of(",\n", at) - at - before.size(), wall);
    std::ofstream(folder / name) << text;
  };
  scaled("first.json", "2000000000");
  scaled("second.json", "1500000000");
  const result drawn = latency_plot("--no-svg " + (folder / "first.json") + " " +
                                    (folder / "second.json") + " -o " + (folder / "out"));
  CHECK(drawn.status == 0);
  const std::string page = read_file(folder / "out/report.html");
  const std::size_t first = page.find("<ul class=\"summary\">");
  REQUIRE(first != page.npos);
  CHECK(first < page.find("id=\"all-comparison\""));
  CHECK(page.find("<h3>Comparison</h3>") != page.npos);
  CHECK(page.find("A steady block of <strong>second.json</strong> takes ") != page.npos);
  CHECK(page.find(" in the median, the same as <strong>first.json</strong> (") != page.npos);
  const auto rows = latency_test::csv_rows(read_file(folder / "out/charts/files_compared.csv"));
  REQUIRE(rows.size() > 2);
  CHECK(rows[1][2] == "first.json");
  CHECK(rows[2][2] == "second.json");

  // Without blocks: how long they are.
  const std::string logs = std::string(LATENCY_TEST_DATA) + "/fa_vs_vsa/profile.";
  CHECK(latency_plot("--no-svg " + logs + "fa.log " + logs + "vsa.log -o " + (folder / "logs"))
            .status == 0);
  CHECK(read_file(folder / "logs/report.html")
            .find("<strong>profile.vsa.log</strong> took <strong>447.0 ms</strong>, <strong>49.5 "
                  "%</strong> less than <strong>profile.fa.log</strong> (<strong>885.3 "
                  "ms</strong>).") != page.npos);
}

TEST_CASE("latency plot: into the folder that it reads, again, without what it wrote") {
  const temporary_folder folder;
  fs::copy_file(example, folder / "only.json");
  for (int again = 0; again < 2; ++again) {
    const result drawn =
        latency_plot("--no_svg --input_dir " + (folder / ".") + " -o " + (folder / "."));
    CHECK(drawn.status == 0);
    CHECK(drawn.err == "");
    CHECK(fs::exists(folder / "charts/icicle.csv"));
    CHECK_FALSE(fs::exists(folder / "only"));
    CHECK_FALSE(fs::exists(folder / "charts/files_compared.csv"));
  }
}

TEST_CASE("latency plot: refusals are one line, and leave nothing behind") {
  const temporary_folder folder;
  std::ofstream(folder / "broken.json") << "{\"schema\": ";
  const std::string out = " -o " + (folder / "out");
  for (const std::string& arguments :
       {out, (folder / "absent.json") + out, (folder / "broken.json") + out,
        example + " " + (folder / "broken.json") + out, "--input_dir " + (folder / "absent") + out,
        "--input_dir " + (folder / ".") + out, example,
        example + " -o " + (folder / "broken.json")}) {
    CAPTURE(arguments);
    const result refused = latency_plot(arguments);
    CHECK(refused.status == 2);
    CHECK(refused.out.empty());
    CHECK(refused.err.rfind("latency: ", 0) == 0);
    CHECK(std::count(refused.err.begin(), refused.err.end(), '\n') == 1);
    CHECK_FALSE(fs::exists(folder / "out"));
  }
}

TEST_CASE("latency plot: answers to its published name") {
  const temporary_folder folder;
  const std::string name = fs::path(program).parent_path() / "visualize_comprehensive_latency";
  const int status = std::system((name + " " + example + " --no-svg --output_dir " +
                                  (folder / "out") + " >" + (folder / "log"))
                                     .c_str());
  CHECK(status == 0);
  CHECK(fs::exists(folder / "out/report.html"));
}
