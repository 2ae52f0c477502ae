#include "pipeline_reference/longlive/run_files.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "latency/error.hpp"

namespace longlive {
namespace {

namespace fs = std::filesystem;

// As published: "rank0-<index>-0_<weights>.mp4", or the start of the first prompt instead of the
// index.
fs::path published_video_name(const config& c, std::size_t index, std::string first_prompt) {
  constexpr std::size_t longest = 100;
  first_prompt.resize(std::min(first_prompt.size(), longest));
  std::replace(first_prompt.begin(), first_prompt.end(), '/', '_');
  const std::string middle = c.save_with_index ? std::to_string(index) : first_prompt;
  return fmt::format("rank0-{}-0_{}.y4m", middle, c.use_ema ? "ema" : "regular");
}

void require_writable_folder(const fs::path& file) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  std::error_code code;
  fs::create_directories(folder, code);
  if (!fs::is_directory(folder))
    throw latency::error(folder.string(), "", "cannot make this folder: " + code.message());
  if (access(folder.c_str(), W_OK | X_OK) != 0)
    throw latency::error(folder.string(), "",
                         std::string("cannot write here: ") + std::strerror(errno));
}

}  // namespace

run_files name_files(const program_options& options, const config& settings,
                     const std::string& prefix, std::size_t index,
                     const std::string& first_prompt) {
  run_files files;
  if (options.enable_timing) {
    const std::string stem =
        (fs::path(options.timing_output_dir) / fmt::format("{}_rank0_prompt{}", prefix, index))
            .string();
    files.timing = stem + ".json";
    if (options.trace) files.trace = stem + "_trace.json";
  }
  if (options.output_video == "auto") {
    files.video =
        fs::path(settings.output_folder) / published_video_name(settings, index, first_prompt);
  } else if (options.output_video != "none") {
    fs::path video = options.output_video;
    if (index > 0)
      video.replace_filename(
          fmt::format("{}_prompt{}{}", video.stem().string(), index, video.extension().string()));
    files.video = video;
  }
  return files;
}

void prepare_files(const run_files& files, bool overwrite) {
  for (const std::string* file : {&files.timing, &files.trace, &files.video}) {
    if (file->empty()) continue;
    require_writable_folder(*file);
    if (!overwrite && fs::exists(*file) && !fs::is_character_file(*file))
      throw latency::error(*file, "", "exists; give another folder, or --overwrite to replace it");
  }
}

}  // namespace longlive
