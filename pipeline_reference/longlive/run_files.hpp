#pragma once
// The files that a run writes: their names, and whether they may be written at all. Asked before
// anything is generated, so that minutes of work do not end in a refusal.

#include <cstddef>
#include <string>
#include <vector>

#include "pipeline_reference/longlive/config.hpp"
#include "pipeline_reference/longlive/program_options.hpp"

namespace longlive {

struct run_files {
  std::string timing;  // empty: not wanted
  std::string trace;
  std::vector<std::string> videos;  // one for each sample, or none
};

// Names for prompt line `index` of `lines`. `prefix` is the timing file's
// ("interactive_timing_analysis"). A video FILE gets "_prompt1", "_prompt2", ... before its
// extension for the lines after the first, and "_sample1", ... for the samples after the first.
[[nodiscard]] run_files name_files(const program_options& options, const config& settings,
                                   const std::string& prefix, std::size_t index,
                                   const std::string& first_prompt);

// Throws latency::error when two prompt lines, given by their order, would write the same video.
void require_distinct(const std::vector<run_files>& files);

// Makes the folders. Throws latency::error when a folder cannot be made or written to, or when a
// timing file, trace or video exists and `overwrite` is not set.
void prepare_files(const run_files& files, bool overwrite);

}  // namespace longlive
