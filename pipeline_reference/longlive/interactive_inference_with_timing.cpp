// LongLive's interactive generation, with prompt switches, every stage timed.

#include "pipeline_reference/longlive/generation_program.hpp"

int main(int argc, char** argv) {
  return longlive::run_program(
      argc, argv,
      {.text = {"interactive_inference_with_timing",
                "Generates clips with LongLive's interactive loop (prompt switches with "
                "KV-recache) and times it.",
                "pipeline_reference/configs/longlive_interactive_small.yaml", true},
       .loop = longlive::loop_kind::interactive,
       .root_span = "interactive_inference",
       .timing_prefix = "interactive_timing_analysis",
       .decode_spans = {"interactive_vae_input_prep", "interactive_vae_decode",
                        "interactive_vae_postprocess"}});
}
