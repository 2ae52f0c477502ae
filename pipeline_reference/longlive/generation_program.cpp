#include "pipeline_reference/longlive/generation_program.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "latency/chrome_trace.hpp"
#include "latency/error.hpp"
#include "latency/latency.hpp"
#include "latency/memory.hpp"
#include "pipeline_reference/files/complaint.hpp"
#include "pipeline_reference/longlive/clip_reporter.hpp"
#include "pipeline_reference/longlive/config.hpp"
#include "pipeline_reference/longlive/console.hpp"
#include "pipeline_reference/longlive/device_choice.hpp"
#include "pipeline_reference/longlive/device_recording.hpp"
#include "pipeline_reference/longlive/interrupt.hpp"
#include "pipeline_reference/longlive/prompt_reader.hpp"
#include "pipeline_reference/longlive/prompts.hpp"
#include "pipeline_reference/longlive/run_description.hpp"
#include "pipeline_reference/longlive/run_files.hpp"
#include "pipeline_reference/longlive/run_summary.hpp"

namespace longlive {
namespace {

// Prompts come in while the clip is generated, so nothing is configured to happen.
void take_requests(config& c) {
  const std::string& source = c.reference.prompt_embeddings;
  if (!c.reference.encodes_prompts() && source != "seeded")
    throw latency::error("", "--prompts_from",
                         "needs prompt_embeddings: encoded or seeded, found " + source);
  if (!c.generation.switch_latent_frames.empty())
    c.notes.push_back(
        "no effect with --prompts_from: switch_frame_indices, and the prompts after the first");
  c.generation.switch_latent_frames.clear();
  c.generation.takes_requests = true;
}

config configured(const program_options& options, loop_kind loop) {
  config c = read_config(options.config_path);
  if (loop == loop_kind::single_prompt && !c.generation.switch_latent_frames.empty())
    throw latency::error(
        c.path, fmt::format("line {}: switch_frame_indices", c.switch_line),
        "this program runs one prompt per clip; interactive_inference_with_timing switches");
  if (options.kv_policy)
    c.reference.kv = *options.kv_policy == "ring" ? kv_policy::ring : kv_policy::roll;
  if (options.seed) c.generation.seed = static_cast<std::uint64_t>(*options.seed);
  if (!options.prompts_from.empty()) take_requests(c);
  c.reference.layer_spans = c.reference.layer_spans || options.layer_spans;
  return c;
}

// The lines to run, each with one prompt per segment.
std::vector<prompt_line> prompts_of(const config& c, const std::string& path) {
  std::vector<prompt_line> lines = read_prompts(path);
  const std::int64_t found = static_cast<std::int64_t>(lines.front().prompts.size());
  const std::int64_t needed = c.generation.segments();
  if (c.generation.takes_requests) {
    lines.resize(1);
    lines.front().prompts.resize(1);
    return lines;
  }
  if (found != needed)
    throw latency::error(
        path, fmt::format("line {}", lines.front().line),
        fmt::format("has {} prompts, but {} switches need {}", found, needed - 1, needed));
  if (c.inference_iter >= 0 && static_cast<std::size_t>(c.inference_iter) < lines.size())
    lines.resize(static_cast<std::size_t>(c.inference_iter) +
                 1);  // published: the last index to run
  return lines;
}

// Embeddings that are not encoded from the text by the model.
std::vector<prompt_embedding> given_embeddings(const config& c, const prompt_line& line,
                                               std::size_t index) {
  const std::string& source = c.reference.prompt_embeddings;
  if (source != "seeded")
    return read_embeddings(resolve_path(c, source), index, line.prompts.size(), c.dit.text_len,
                           c.dit.text_dim);
  std::vector<prompt_embedding> embeddings;
  for (const std::string& prompt : line.prompts)
    embeddings.push_back(
        seeded_embedding(prompt, c.generation.seed, c.dit.text_len, c.dit.text_dim));
  return embeddings;
}

class program {
 public:
  program(const program_kind& kind, const program_options& options)
      : kind_(kind),
        options_(options),
        settings_(configured(options, kind.loop)),
        prompts_path_(resolve_path(settings_, settings_.data_path)),
        lines_(prompts_of(settings_, prompts_path_)),
        device_(choose_device(options.device, settings_, kind.loop)),
        out_(stdout, stderr, options.quiet) {
    for (std::size_t i = 0; i < lines_.size(); ++i)
      files_.push_back(
          name_files(options, settings_, kind.timing_prefix, i, lines_[i].prompts.front()));
    require_distinct(files_);
    for (const run_files& files : files_) prepare_files(files, options.overwrite);
  }

  int run() {
    latency::name_thread("main");
    introduce();
    if (options_.check_only) return 0;
    for (std::size_t i = 0; i < lines_.size() && !interrupt_.asked(); ++i) run_line(i);
    if (interrupt_.asked()) return interrupt_.exit_code();
    if (options_.enable_timing) {
      out_.line(
          fmt::format("\nAll timing analysis results saved to: {}", options_.timing_output_dir));
      out_.line(fmt::format("In detail: latency breakdown {} --detailed", files_.front().timing));
    }
    return 0;
  }

 private:
  void introduce() {
    const generation_config& g = settings_.generation;
    out_.line("Device: " + device_.text);
    for (const std::string& note : settings_.notes) out_.line("Note: " + note);
    if (options_.enable_timing)
      out_.line("Comprehensive timing enabled. Results will be saved to: " +
                options_.timing_output_dir);
    if (kind_.loop == loop_kind::interactive) {
      out_.line(fmt::format("Number of segments: {}", g.segments()));
      out_.line("Switch frame indices: " + list_text(g.switch_latent_frames));
    }
    out_.line(fmt::format("Number of prompt lines: {}", lines_.size()));
    if (settings_.generation.takes_requests)
      out_.line("Further prompts are read from: " + options_.prompts_from);
  }

  void run_line(std::size_t index) {
    const run_files& files = files_[index];
    std::optional<latency::session> session;
    std::optional<device_recording> device;
    if (!files.timing.empty()) {
      session.emplace(files.timing);
      device.emplace(*session, device_.backend->facts().type);
      if (!device->why_not().empty()) out_.line("Kernels are not recorded: " + device->why_not());
    }
    try {
      generate(index, session);
    } catch (...) {
      if (session) static_cast<void>(session->stop());  // a failed run leaves no timing file
      throw;
    }
    if (session) write_recording(*session, files);
  }

  void generate(std::size_t index, std::optional<latency::session>& session) {
    LATENCY_SCOPE(kind_.root_span, {"prompt", index});
    const wall_clock::time_point begin = wall_clock::now();
    if (!engine_) load();
    latency::memory::snapshot("model_ready");
    if (session) describe_run(*session, settings_, device_.backend->facts(), prompts_path_, index);
    if (session) describe_weights(*session, settings_, engine_->loaded());
    const std::unique_ptr<prompt_source> prompts = prompts_of_line(index);
    const prompt_cache_counts cached_before = cache_counts();
    out_.line(fmt::format("\n[Prompt {}] Processing prompts: {}", index,
                          prompts_text(lines_[index].prompts)));
    if (kind_.loop == loop_kind::interactive) {
      out_.timing(fmt::format("Starting interactive inference with {} segments",
                              settings_.generation.segments()),
                  wall_clock::now() - begin);
      out_.timing("Switch points: " + list_text(settings_.generation.switch_latent_frames));
    }
    clip_reporter reporter(settings_, kind_.loop == loop_kind::interactive, out_,
                           engine_->decoder(), open_videos(files_[index].videos), interrupt_);
    std::optional<prompt_reader> reader;
    if (prompt_requests* requests = engine_->requests())
      reader.emplace(options_.prompts_from, *requests);
    const std::int64_t latent_frames =
        engine_->run(*prompts,
                     settings_.generation.seed +
                         index * static_cast<std::uint64_t>(settings_.generation.samples),
                     reporter);
    if (reader) tell_requests(*reader, session);
    reporter.finish(engine_->latents(latent_frames));
    latency::memory::snapshot("clip_done");
    summarise(index, latent_frames, reporter);
    if (session && settings_.reference.encodes_prompts())
      describe_prompt_cache(*session, cached_before, cache_counts());
    if (session && reporter.interrupted())
      session->describe("interrupted_after_block", reporter.blocks() - 1);
  }

  void load() {
    engine_.emplace(
        settings_, kind_.loop, *device_.backend, kind_.decode_spans, [&](const loaded_file& file) {
          out_.show(
              loading_progress{file.model, file.read_bytes, file.weights.size_bytes, file.time});
        });
    out_.clear_bar();
    for (const loaded_file& file : engine_->loaded()) out_.line("Loaded " + file.text());
    if (const std::string lora = lora_text(settings_); !lora.empty()) out_.line("LoRA: " + lora);
  }

  std::unique_ptr<prompt_source> prompts_of_line(std::size_t index) {
    const prompt_line& line = lines_[index];
    if (prompt_requests* requests = engine_->requests())
      return std::make_unique<first_prompt>(*requests, line.prompts.front(), engine_->memory());
    if (settings_.reference.encodes_prompts())
      return std::make_unique<encoded_prompts>(engine_->prompts(), line.prompts,
                                               index + 1 == lines_.size());
    return std::make_unique<given_prompts>(engine_->memory(),
                                           given_embeddings(settings_, line, index));
  }

  void tell_requests(prompt_reader& reader, std::optional<latency::session>& session) {
    for (const std::string& complaint : reader.stop()) out_.always("Skipped: " + complaint);
    const request_counts counts = engine_->requests()->counts();
    out_.line(
        fmt::format("Prompts requested: {}, of them {} took effect, {} gave way to a later one, {} "
                    "came too late",
                    counts.requested, counts.taken, counts.replaced, counts.too_late));
    if (!session) return;
    session->describe("prompts_requested", counts.requested);
    session->describe("prompts_taken", counts.taken);
    session->describe("prompts_replaced", counts.replaced);
    session->describe("prompts_too_late", counts.too_late);
  }

  prompt_cache_counts cache_counts() {
    return settings_.reference.encodes_prompts() ? engine_->prompts().cache_counts()
                                                 : prompt_cache_counts{};
  }

  std::vector<std::unique_ptr<video_writer>> open_videos(const std::vector<std::string>& paths) {
    std::vector<std::unique_ptr<video_writer>> videos;
    for (const std::string& path : paths)
      videos.push_back(
          video_writer::open(path, {.width = engine_->decoder().pixel_width(),
                                    .height = engine_->decoder().pixel_height(),
                                    .frames_per_second = settings_.reference.pixel_fps}));
    return videos;
  }

  void summarise(std::size_t index, std::int64_t latent_frames, const clip_reporter& reporter) {
    const clip_times& times = reporter.times();
    if (reporter.interrupted())
      out_.always(fmt::format("Interrupted after block {}: {} of {} blocks are done",
                              reporter.blocks() - 1, reporter.blocks(),
                              settings_.generation.blocks()));
    if (kind_.loop == loop_kind::interactive)
      out_.timing("Interactive inference completed", times.total);
    if (options_.enable_timing && kind_.loop == loop_kind::interactive)
      print_interactive_summary(out_, settings_, times);
    if (options_.enable_timing && kind_.loop == loop_kind::single_prompt)
      print_profile(out_, times);
    print_rates(out_, latent_frames, settings_.generation.samples, times);
    for (const std::string& video : files_[index].videos) out_.always("Video saved to: " + video);
  }

  void write_recording(latency::session& session, const run_files& files) {
    const std::string timing = session.output();  // LATENCY_OUTPUT may have named another
    const latency::recording recording = session.finish();
    if (std::filesystem::exists(timing))  // LATENCY_ENABLED=0 writes none
      out_.always("Timing analysis saved to: " + timing);
    if (files.trace.empty()) return;
    latency::write_chrome_trace(recording, files.trace);
    out_.always("Chrome trace saved to: " + files.trace);
  }

  const program_kind& kind_;
  const program_options& options_;
  config settings_;
  std::string prompts_path_;
  std::vector<prompt_line> lines_;
  chosen_device device_;
  console out_;
  std::vector<run_files> files_;
  interrupt_watch interrupt_;
  std::optional<generation_engine> engine_;
};

}  // namespace

int run_program(int argc, const char* const* argv, const program_kind& kind) {
  program_options options;
  if (const auto code = parse_command_line(argc, argv, kind.text, options)) return *code;
  try {
    return program(kind, options).run();
  } catch (const std::bad_alloc&) {
    files::complain(kind.text.name, options.config_path + ": not enough memory for this model");
  } catch (const std::exception& e) {
    files::complain(kind.text.name, e.what());
  }
  return 2;
}

}  // namespace longlive
