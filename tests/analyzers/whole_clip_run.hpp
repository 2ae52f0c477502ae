#pragma once
// The sample run with one decode of the whole clip, 1275..1315, instead of one per block; all pixel
// frames complete after it, 1 apart: pixel frame i at 1316 + i.

#include "tests/analyzers/sample_run.hpp"

namespace latency::test {

// `names_latent_frames`: the decode carries the last block's number and the latent frames that it
// decodes (0..20); otherwise it has no attributes.
inline recording whole_clip_run(bool names_latent_frames) {
  recording run = sample_run();
  std::erase_if(run.spans,
                [&](const span& s) { return run.name_of(s).find("vae") != std::string::npos; });
  span decode;
  decode.id = 999;
  decode.parent = run.spans.front().id;
  decode.name = run.strings.add("interactive_vae_decode");
  decode.start_ns = 1275 * ms;
  decode.end_ns = 1315 * ms;
  if (names_latent_frames) {
    decode.attributes = {run.attributes.size(), 3};
    const std::pair<std::string_view, std::int64_t> attributes[] = {
        {"block", 6}, {"latent_frame", 0}, {"latent_frames", 21}};
    for (const auto& [key, number] : attributes) {
      recorded_attribute a;
      a.key = run.strings.add(key);
      a.integer = number;
      run.attributes.push_back(a);
    }
  }
  run.spans.push_back(decode);
  for (pixel_frame& p : run.pixel_frames) p.complete_ns = (1316 + p.index) * ms;
  return run;
}

}  // namespace latency::test
