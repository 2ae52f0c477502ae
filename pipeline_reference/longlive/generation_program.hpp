#pragma once
// What interactive_inference_with_timing and inference_with_timing have in common: everything but
// names and the form of what they print.

#include "pipeline_reference/longlive/clip_decoder.hpp"
#include "pipeline_reference/longlive/generation_engine.hpp"
#include "pipeline_reference/longlive/program_options.hpp"

namespace longlive {

struct program_kind {
  program_text text;
  loop_kind loop;
  const char* root_span;      // static string
  const char* timing_prefix;  // of timing file names
  decode_span_names decode_spans;
};

// The program: 0 done, 2 refused or failed after one line on stderr, 130 or 143 interrupted.
int run_program(int argc, const char* const* argv, const program_kind& kind);

}  // namespace longlive
