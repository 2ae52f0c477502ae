#include "pipeline_reference/longlive/run_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string>

namespace longlive {
namespace {

double percent(wall_clock::duration part, wall_clock::duration whole) {
  return 100.0 * milliseconds(part) / std::max(milliseconds(whole), 1e-9);
}

wall_clock::duration sum(const std::vector<wall_clock::duration>& durations) {
  return std::accumulate(durations.begin(), durations.end(), wall_clock::duration{});
}

}  // namespace

void print_interactive_summary(console& out, const config& settings, const clip_times& times) {
  const generation_config& g = settings.generation;
  const std::string rule(60, '=');
  out.line("\n" + rule);
  out.line("INTERACTIVE INFERENCE TIMING SUMMARY");
  out.line(rule);
  out.line(fmt::format("Total generation time: {:.2f} ms", milliseconds(times.total)));
  out.line(fmt::format("Prompt encoding time: {:.2f} ms", milliseconds(times.prompt_encoding)));
  out.line(fmt::format("VAE decode time: {:.2f} ms", milliseconds(times.vae_decode)));
  out.line(fmt::format("Number of segments: {}", g.segments()));
  out.line(fmt::format("Number of blocks: {}", times.blocks.size()));
  out.line(fmt::format("Frames per block: {}", g.latent_frames_per_block));
  out.line(fmt::format("Switch frame indices: {}", list_text(g.switch_latent_frames)));
  out.line(rule);
}

void print_profile(console& out, const clip_times& times) {
  const wall_clock::duration diffusion = sum(times.blocks);
  const wall_clock::duration total = times.set_up + diffusion + times.vae_decode;
  out.line("Profiling results:");
  out.line(fmt::format("  - Initialization/caching time: {:.2f} ms ({:.2f}%)",
                       milliseconds(times.set_up), percent(times.set_up, total)));
  out.line(fmt::format("  - Diffusion generation time: {:.2f} ms ({:.2f}%)",
                       milliseconds(diffusion), percent(diffusion, total)));
  for (std::size_t block = 0; block < times.blocks.size(); ++block)
    out.line(fmt::format("    - Block {} generation time: {:.2f} ms ({:.2f}% of diffusion)", block,
                         milliseconds(times.blocks[block]),
                         percent(times.blocks[block], diffusion)));
  out.line(fmt::format("  - VAE decoding time: {:.2f} ms ({:.2f}%)", milliseconds(times.vae_decode),
                       percent(times.vae_decode, total)));
  out.line(fmt::format("  - Total time: {:.2f} ms", milliseconds(total)));
}

void print_rates(console& out, std::int64_t latent_frames_of_sample, std::int64_t samples,
                 const clip_times& times) {
  if (latent_frames_of_sample == 0) return;
  const std::int64_t latent_frames = samples * latent_frames_of_sample;
  const std::int64_t pixel_frames = samples * (1 + 4 * (latent_frames_of_sample - 1));
  const double diffusion_s = std::max(milliseconds(sum(times.blocks)) / 1000, 1e-9);
  const double total_s = std::max(milliseconds(times.total) / 1000, 1e-9);
  out.line(fmt::format(
      "{} latent frames{}: {:.2f}/s without VAE, {:.2f}/s in all; {} pixel frames: {:.2f}/s "
      "without VAE, {:.2f}/s in all",
      latent_frames, samples > 1 ? fmt::format(" of {} samples", samples) : "",
      static_cast<double>(latent_frames) / diffusion_s,
      static_cast<double>(latent_frames) / total_s, pixel_frames,
      static_cast<double>(pixel_frames) / diffusion_s,
      static_cast<double>(pixel_frames) / total_s));
}

}  // namespace longlive
