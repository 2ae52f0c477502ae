#include "analyzers/commands/plot.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <optional>
#include <system_error>

#include "analyzers/charts/picture.hpp"
#include "analyzers/commands/document_parts.hpp"
#include "analyzers/commands/input_files.hpp"
#include "analyzers/commands/output.hpp"
#include "analyzers/commands/plot_comparison.hpp"
#include "analyzers/commands/plot_inputs.hpp"
#include "analyzers/commands/plot_page.hpp"
#include "analyzers/commands/report_page.hpp"
#include "analyzers/render/writers.hpp"
#include "latency/chrome_trace.hpp"

namespace latency::commands {
namespace {

namespace fs = std::filesystem;

constexpr const char* plot_examples = R"(
Examples:
  latency plot timing.json --output_dir pictures
  latency plot --input_dir latency_results/20261126_170300 --output_dir pictures
  latency plot window_9.json window_12.json -o windows        several files: also compared
  latency plot profile.pt.trace.json.gz -o pictures --theme dark

Writes
  report.html       everything on one page, for a browser; needs no network
  charts/KEY.svg    each chart, to paste into a document
  charts/KEY.csv    the figures behind it, raw, units in the headers
  trace.json        for ui.perfetto.dev (Open trace file)
With several files the charts and the trace of each stand in a folder of its name.

Exit status: 0 drawn, 2 bad input or usage.)";

// Tells who waits at a terminal what is being done, about once a second.
class progress {
 public:
  void say(const std::string& doing) {
    const auto now = std::chrono::steady_clock::now();
    if (now - said_ < std::chrono::seconds(1) || ::isatty(STDERR_FILENO) == 0) return;
    said_ = now;
    complain(doing);
  }

 private:
  std::chrono::steady_clock::time_point said_ = std::chrono::steady_clock::now();
};

void make_folder(const fs::path& folder) {
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem) throw error(folder.string(), "", problem.message());
}

std::string csv_of(const charts::chart& of) {
  render::section holder{of.key, of.title, {}};
  holder.items.emplace_back(of.table);
  return render::to_csv({{"plot", of.title, of.source, {std::move(holder)}}});
}

std::optional<charts::painter> start_painter(const plot_options& options) {
  if (options.without_svg) return std::nullopt;
  if (const std::string missing = charts::svg_missing(); !missing.empty()) {
    complain("no SVG: " + missing);
    return std::nullopt;
  }
  return std::optional<charts::painter>(
      std::in_place, options.theme == "dark" ? charts::theme::dark : charts::theme::light);
}

}  // namespace

CLI::App& add_plot(CLI::App& app, plot_options& options) {
  CLI::App& command =
      *app.add_subcommand("plot", "pictures of runs: a page for the browser, SVG, csv, a trace");
  add_input_files(command, options.files).required(false);  // or a folder of them
  command.add_option("--input-dir", options.input_dir, "every readable file of this folder")
      ->type_name(a_folder);
  command
      .add_option("-o,--output-dir", options.output_dir, "folder to write to; made when missing")
      ->type_name(a_folder)
      ->required();
  command.add_option("--theme", options.theme, "of the SVGs: light or dark")
      ->check(CLI::IsMember({"light", "dark"}))
      ->capture_default_str();
  command.add_flag("--no-svg", options.without_svg, "the page, csv and trace only: faster");
  command.footer(plot_examples);
  return command;
}

int run_plot(const plot_options& options) {
  if (options.files.empty() && options.input_dir.empty())
    throw error("", "plot", "give files or --input_dir (latency plot --help)");
  progress waiting;
  const fs::path folder = options.output_dir;
  const plot_inputs inputs =
      open_plot_inputs(options.files, options.input_dir, options.output_dir,
                       [&](const std::string& path) { waiting.say("reading " + path); });
  for (const skipped_file& skipped : inputs.skipped) complain("skipped " + skipped.why);

  make_folder(folder);  // or the work would be in vain
  std::optional<charts::painter> painter = start_painter(options);
  std::string written;
  const auto write_charts = [&](const fs::path& place, const std::vector<drawn_chart>& drawn) {
    if (drawn.empty()) return;
    std::vector<std::string> pictures;
    for (const drawn_chart& c : drawn) {
      if (!painter) break;
      waiting.say("drawing " + c.drawn.key + " of " + c.drawn.source);
      pictures.push_back(painter->svg(c.drawn));
    }
    make_folder(place);
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      const std::string path = (place / drawn[i].drawn.key).string();
      if (painter) write_output(pictures[i], path + ".svg");
      write_output(csv_of(drawn[i].drawn), path + ".csv");
    }
    written += "    " + place.string() + "/  " +
               counted(static_cast<std::int64_t>(drawn.size()), "chart") +
               (painter ? ", svg and csv\n" : ", csv\n");
  };

  render::report_page page{"Latency report", comparison_summary(inputs), {}, {}};
  if (std::optional<charts::chart> compared = comparison_chart(inputs)) {
    write_charts(folder / "charts", {{"comparison", *compared}});
    page.compared.push_back({"comparison", "Comparison", {std::move(*compared)}});
  }
  for (const plotted_run& run : inputs.runs) {
    const fs::path place = inputs.runs.size() == 1 ? folder : folder / run.name;
    analysis::timeline_pyramid laid_out = analysis::make_timeline(
        run.run, run.report.tree, run.report.op_names, timeline_budget / inputs.runs.size());
    std::vector<drawn_chart> drawn = charts_of(run, laid_out);
    write_charts(place / "charts", drawn);
    make_folder(place);
    waiting.say("writing the trace of " + run.run.source);
    write_chrome_trace(run.run, (place / "trace.json").string());
    written += "    " + (place / "trace.json").string() + "  open it at https://ui.perfetto.dev\n";
    const std::string trace = fs::relative(place / "trace.json", folder).string();
    page.runs.push_back(report_run_of(run, std::move(drawn), trace, std::move(laid_out)));
  }
  std::string html;
  render::write_html_report([&](std::string_view piece) { html += piece; }, page);
  write_output(html, (folder / "report.html").string());
  written += "    " + (folder / "report.html").string() + "  open it in a browser\n";
  write_output("Written\n" + written, "");
  return 0;
}

}  // namespace latency::commands
