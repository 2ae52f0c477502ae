#pragma once
// What a generation loop reports while it runs: the console, the video decoder, files and golden
// checks hang on here. Calls come from the generating thread, between its spans unless noted; a
// call that throws ends the run. Durations are host wall time.

#include <chrono>
#include <cstdint>

#include "pipeline_reference/longlive/kv_placement.hpp"
#include "pipeline_reference/longlive/latent_batch.hpp"
#include "pipeline_reference/longlive/prompt_requests.hpp"
#include "pipeline_reference/ops/tensor.hpp"

namespace longlive {

struct block_info {
  std::int64_t index = 0;
  std::int64_t segment = 0;
  std::int64_t first_latent_frame = 0;
  std::int64_t latent_frames = 0;
  bool switched = false;  // a prompt switch took effect at its start
};

struct switch_info {
  std::int64_t segment = 0;  // that begins
  std::int64_t block = 0;    // at whose start it takes effect
  std::int64_t requested_latent_frame = 0;
  std::int64_t latent_frame = 0;            // the request, snapped to a block start
  std::int64_t recached_latent_frames = 0;  // 0 at the start of a clip
  [[nodiscard]] std::int64_t first_recached_latent_frame() const {
    return latent_frame - recached_latent_frames;
  }
};

enum class switch_stage {
  text_wait,       // for the encoding of a requested prompt, and its projection
  cache_reset,     // keys and values (global_sink false), cross-attention
  recache_setup,   // which latent frames, and where they go
  recache_forward  // the forward over them
};

struct forward_info {
  std::int64_t index = 0;  // of the clip's forwards, from 0
  float timestep = 0;      // of every latent frame
  std::int64_t start_latent_frame = 0;
  std::int64_t latent_frames = 0;
  kv_pointers pointers;  // after it
};

class generation_observer {
 public:
  using duration = std::chrono::steady_clock::duration;
  virtual ~generation_observer() = default;

  virtual void prompt_encoded(std::int64_t /*segment*/, duration) {}
  // Asked before each block: true ends the clip there.
  [[nodiscard]] virtual bool stop_requested() { return false; }
  // The latent frame that a switch waits for is next (inside no span; the switch may take effect at
  // this block or at the next).
  virtual void switch_requested(std::int64_t /*segment*/, std::int64_t /*latent_frame*/) {}
  // A prompt that was asked for meanwhile takes effect at the block that comes (inside no span).
  virtual void request_taken(std::int64_t /*segment*/, std::int64_t /*latent_frame*/,
                             prompt_request) {}
  virtual void switch_started(const switch_info&) {}  // inside prompt_switch_total
  virtual void switch_stage_finished(const switch_info&, switch_stage, duration) {}  // likewise
  virtual void switch_finished(const switch_info&, duration) {}
  virtual void block_started(const block_info&) {}
  // latents: of the block, in back-end memory, enqueued on the stream; they stay until the clip's
  // pipeline starts another.
  virtual void block_finished(const block_info&, const latent_batch& /*latents*/, ops::stream,
                              duration) {}
  // flow: f32 [samples * latent frames, channels, height, width] of this forward, valid during the
  // call; absent when it was not computed. Inside the span of its caller.
  virtual void forward_finished(const forward_info&, const ops::const_tensor& /*flow*/,
                                ops::stream) {}
};

}  // namespace longlive
