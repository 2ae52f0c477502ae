#include "pipeline_reference/longlive/run_files.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <string_view>

#include "latency/detail/utf8.hpp"
#include "latency/error.hpp"

namespace longlive {
namespace {

namespace fs = std::filesystem;

// The start of a prompt, fit for a file name: no character cut in two, none that steers a path or a
// terminal.
std::string name_of(std::string_view prompt) {
  constexpr std::size_t longest_bytes = 100;
  std::string name;
  while (!prompt.empty()) {
    const auto sequence = latency::detail::decode_utf8(prompt);
    if (name.size() + sequence.length > longest_bytes) break;
    const std::string_view character = prompt.substr(0, sequence.length);
    const bool control = static_cast<unsigned char>(character[0]) < 0x20 || character == "\x7f" ||
                         (character >= "\xc2\x80" && character <= "\xc2\x9f");
    const bool fits = sequence.valid && !control && character != "/";
    name += fits ? character : std::string_view("_");
    prompt.remove_prefix(sequence.length);
  }
  return name;
}

// As published: "rank0-<index>-<sample>_<weights>.mp4", or the start of the first prompt instead of
// the index.
fs::path published_video_name(const config& c, std::size_t index, const std::string& first_prompt,
                              std::int64_t sample) {
  const std::string middle = c.save_with_index ? std::to_string(index) : name_of(first_prompt);
  return fmt::format("rank0-{}-{}_{}.y4m", middle, sample, c.use_ema ? "ema" : "regular");
}

fs::path given_video_name(const fs::path& video, std::size_t index, std::int64_t sample) {
  std::string suffix;
  if (index > 0) suffix += fmt::format("_prompt{}", index);
  if (sample > 0) suffix += fmt::format("_sample{}", sample);
  if (suffix.empty()) return video;
  fs::path named = video;
  return named.replace_filename(video.stem().string() + suffix + video.extension().string());
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
  if (options.output_video == "none") return files;
  for (std::int64_t sample = 0; sample < settings.generation.samples; ++sample)
    files.videos.push_back(options.output_video == "auto"
                               ? fs::path(settings.output_folder) /
                                     published_video_name(settings, index, first_prompt, sample)
                               : given_video_name(options.output_video, index, sample));
  return files;
}

void require_distinct(const std::vector<run_files>& files) {
  std::map<std::string, std::size_t> prompts;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (files[i].videos.empty()) continue;
    const std::string& video = files[i].videos.front();
    const auto [earlier, is_new] = prompts.emplace(video, i);
    if (!is_new)
      throw latency::error(
          video, "",
          fmt::format("would hold the clips of prompt lines {} and {}, which begin "
                      "alike; set save_with_index: true",
                      earlier->second, i));
  }
}

void prepare_files(const run_files& files, bool overwrite) {
  std::vector<std::string> all = files.videos;
  for (const std::string& file : {files.timing, files.trace})
    if (!file.empty()) all.push_back(file);
  for (const std::string& file : all) {
    require_writable_folder(file);
    if (!overwrite && fs::exists(file) && !fs::is_character_file(file))
      throw latency::error(file, "", "exists; give another folder, or --overwrite to replace it");
  }
}

}  // namespace longlive
