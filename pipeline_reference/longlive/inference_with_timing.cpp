// LongLive's standard generation, one prompt per clip, every stage timed.

#include "pipeline_reference/longlive/generation_program.hpp"

int main(int argc, char** argv) {
  return longlive::run_program(
      argc, argv,
      {.text = {"inference_with_timing",
                "Generates clips with LongLive's single-prompt loop and times it.",
                "pipeline_reference/configs/longlive_inference_small.yaml"},
       .loop = longlive::loop_kind::single_prompt,
       .root_span = "inference",
       .timing_prefix = "timing_analysis",
       .decode_spans = {"vae_input_prep", "vae_decode_final", "vae_postprocess"}});
}
