#pragma once
// What is printed when a clip is done.

#include <cstdint>

#include "pipeline_reference/longlive/clip_reporter.hpp"
#include "pipeline_reference/longlive/config.hpp"
#include "pipeline_reference/longlive/console.hpp"

namespace longlive {

// The published summary of the interactive loop.
void print_interactive_summary(console& out, const config& settings, const clip_times& times);

// The published profile of the single-prompt loop.
void print_profile(console& out, const clip_times& times);

// Latent and pixel frames of all samples per second, with and without decoding.
void print_rates(console& out, std::int64_t latent_frames_of_sample, std::int64_t samples,
                 const clip_times& times);

}  // namespace longlive
