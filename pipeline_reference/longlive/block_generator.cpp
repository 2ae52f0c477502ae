#include "pipeline_reference/longlive/block_generator.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "latency/error.hpp"
#include "latency/events.hpp"
#include "latency/scope.hpp"
#include "pipeline_reference/ops/transfer.hpp"

namespace longlive {
namespace {

// Sequences of the random numbers of a clip.
constexpr std::uint32_t noise_sequence = 0;
constexpr std::uint32_t renoise_sequence = 1;

std::int64_t most_latent_frames_of_a_forward(const generation_config& g) {
  return g.recaches() ? std::max(g.latent_frames_per_block, g.cached_latent_frames())
                      : g.latent_frames_per_block;
}

// A sample's part of noise that is drawn, which has a seed of its own.
ops::random_numbers numbers_of(std::uint64_t seed, std::int64_t sample, std::uint32_t sequence,
                               std::int64_t first) {
  return {seed + static_cast<std::uint64_t>(sample), sequence, static_cast<std::uint64_t>(first)};
}

std::vector<float> generation_timesteps(const generation_config& g) {
  return flow_matching_scheduler(g.timestep_shift)
      .timesteps(g.denoising_step_list, g.warp_denoising_step);
}

}  // namespace

causal_dit::options dit_options(const generation_config& g, bool layer_spans) {
  causal_dit::options o;
  o.most_latent_frames = most_latent_frames_of_a_forward(g);
  o.samples = g.samples;
  o.latent_frames = g.latent_frames;
  o.timesteps = generation_timesteps(g);
  o.timesteps.push_back(static_cast<float>(g.context_noise));
  o.layer_spans = layer_spans;
  o.repeats_modulation = !g.skips.repeated_modulation;
  return o;
}

block_generator::block_generator(causal_dit& dit, const generation_config& g, kv_policy policy,
                                 ops::memory& memory, ops::transformer_ops& ops,
                                 const generation_spans& spans)
    : dit_(dit),
      generation_(g),
      memory_(memory),
      ops_(ops),
      spans_(spans),
      timesteps_(generation_timesteps(g)),
      context_timestep_(static_cast<float>(g.context_noise)),
      kv_(dit.config(), g, policy, memory, ops.storage()),
      cross_(dit.config(), memory, ops.storage()) {
  const dit_config& c = dit.config();
  const flow_matching_scheduler scheduler(g.timestep_shift);
  for (const float t : timesteps_) sigmas_.push_back(scheduler.sigma(t));
  const auto latents = [&](std::int64_t latent_frames) {
    return ops::buffer(memory_, ops::dtype::f32,
                       {g.samples, latent_frames, c.channels, c.latent_height, c.latent_width});
  };
  workspace_ = ops::buffer(memory, ops::dtype::u8, {ops.workspace_bytes()});
  prompts_ = ops::buffer(memory, ops.storage(), {g.segments(), c.text_len, c.text_dim});
  prompt_tokens_.resize(static_cast<std::size_t>(g.segments()));
  contexts_ = ops::buffer(memory, ops.storage(), {g.segments(), c.text_len, c.dim});
  noise_ = latents(g.latent_frames);
  latents_ = latents(g.latent_frames);
  x_ = latents(g.latent_frames_per_block);
  eps_ = latents(g.latent_frames_per_block);
  flow_ = ops::buffer(memory_, ops::dtype::f32,
                      {g.samples * most_latent_frames_of_a_forward(g), c.channels, c.latent_height,
                       c.latent_width});
  if (!g.skips.unused_block_mask && g.recaches()) {
    const std::int64_t padded = padded_mask_tokens(g.cached_latent_frames());
    mask_ = ops::buffer(memory, ops::dtype::u8, {padded, padded});
  }
}

void block_generator::check(const clip_inputs& inputs) const {
  const auto fits = [](const char* what, std::size_t found, std::int64_t expected) {
    if (static_cast<std::int64_t>(found) != expected)
      throw latency::error("", what, fmt::format("expected {} values, found {}", expected, found));
  };
  if (inputs.prompts->segments() != generation_.segments())
    throw latency::error(
        "", "prompts",
        fmt::format("expected {} for {} switches, found {}", generation_.segments(),
                    generation_.segments() - 1, inputs.prompts->segments()));
  if (!inputs.noise.empty()) fits("noise", inputs.noise.size(), noise_.view().elements());
  const auto renoised_steps = static_cast<std::int64_t>(timesteps_.size()) - 1;
  if (!inputs.renoise.empty())
    fits("renoise", inputs.renoise.size(),
         generation_.blocks() * renoised_steps * eps_.view().elements());
}

void block_generator::start(const clip_inputs& inputs, generation_observer& observer,
                            ops::stream s) {
  check(inputs);
  inputs_ = inputs;
  observer_ = &observer;
  stream_ = s;
  forwards_ = 0;
  draws_ = 0;
  encode_prompts(*inputs.prompts);
  const latency::scope span{spans_.cache_init, {"bytes", kv_.bytes() + cross_.bytes()}};
  kv_.restart(s);
  cross_.reset(s);
  if (!inputs.noise.empty()) {
    ops::upload_floats(memory_, noise_.view(), inputs.noise, s);
    return;
  }
  for (std::int64_t sample = 0; sample < generation_.samples; ++sample)
    ops_.fill_normal({noise_.view()[sample], numbers_of(inputs.seed, sample, noise_sequence, 0)}, s,
                     workspace_.as_workspace());
}

void block_generator::encode_prompts(prompt_source& prompts) {
  for (std::int64_t segment = 0; segment < prompts.segments(); ++segment) {
    const auto begin = std::chrono::steady_clock::now();
    {
      latency::scope span{spans_.text_encoding, {"segment", segment}};
      const written_prompt prompt = prompts.write(segment, prompt_of(segment), stream_);
      span.add({"tokens", prompt.tokens});
      if (prompt.cached) span.add({"prompt_cache_hit", *prompt.cached ? 1 : 0});
      embed_prompt(segment, prompt.tokens);
    }
    observer_->prompt_encoded(segment, std::chrono::steady_clock::now() - begin);
  }
  prompts.all_written();
}

void block_generator::use_requested_prompt(prompt_requests& requests, const block_info& b) {
  written_prompt written;
  const ops::const_tensor rows = requests.wait(written);
  memory_.copy(prompt_of(b.segment).data, rows.data, rows.bytes(), stream_);
  embed_prompt(b.segment, written.tokens);
  memory_.synchronize(stream_);  // before the next encoding may write over the rows
  requests.release();
}

// Each configured segment has a slot of its own; a requested one takes the place of the one before.
std::int64_t block_generator::slot_of(std::int64_t segment) const {
  return std::min(segment, generation_.segments() - 1);
}

ops::tensor block_generator::prompt_of(std::int64_t segment) const {
  return prompts_.view()[slot_of(segment)];
}

// Its padding is one row where identical keys are merged.
prompt_context block_generator::context_of(std::int64_t segment) const {
  const std::int64_t text_len = dit_.config().text_len;
  const std::int64_t tokens = prompt_tokens_[static_cast<std::size_t>(slot_of(segment))];
  const std::int64_t rows =
      generation_.skips.identical_padding_keys ? std::min(tokens + 1, text_len) : text_len;
  return {contexts_.view()[slot_of(segment)].row_range(0, rows), text_len - rows + 1};
}

void block_generator::embed_prompt(std::int64_t segment, std::int64_t tokens) {
  prompt_tokens_[static_cast<std::size_t>(slot_of(segment))] = tokens;
  const prompt_context context = context_of(segment);
  dit_.embed_prompt(prompt_of(segment).row_range(0, context.rows.rows()), context.rows, stream_);
}

std::int64_t block_generator::padded_mask_tokens(std::int64_t latent_frames) const {
  constexpr std::int64_t mask_block = 128;  // of the published attention's masks
  const std::int64_t tokens = latent_frames * dit_.config().tokens_per_latent_frame();
  return (tokens + mask_block - 1) / mask_block * mask_block;
}

void block_generator::build_block_mask(std::int64_t latent_frames) {
  if (!mask_) return;
  LATENCY_SCOPE("unused_block_mask", {"bytes", mask_.view().bytes()});
  const std::int64_t padded = padded_mask_tokens(latent_frames);
  const std::int64_t tokens = dit_.config().tokens_per_latent_frame();
  ops_.block_mask(
      {ops::tensor(mask_.view().data, ops::dtype::u8, {padded, padded}), latent_frames * tokens,
       generation_.latent_frames_per_block * tokens, generation_.cached_latent_frames() * tokens},
      stream_, workspace_.as_workspace());
}

block_info block_generator::block_at(std::int64_t index, std::int64_t segment,
                                     bool switched) const {
  const std::int64_t count = generation_.latent_frames_per_block;
  return {index, segment, index * count, count, switched};
}

latent_batch block_generator::latents(std::int64_t first, std::int64_t count) const {
  return {latents_.view(), first, count};
}

latency::block block_generator::block_row(const block_info& b, latency::span_id span) const {
  latency::block row;
  row.span = span;
  row.index = static_cast<std::int32_t>(b.index);
  row.segment = static_cast<std::int32_t>(b.segment);
  row.first_latent_frame = static_cast<std::int32_t>(b.first_latent_frame);
  row.latent_frames = static_cast<std::int32_t>(b.latent_frames);
  row.cached_latent_frames = static_cast<std::int32_t>(kv_.valid_latent_frames());
  row.window_latent_frames =
      static_cast<std::int32_t>(std::max<std::int64_t>(0, generation_.window_latent_frames));
  row.switched = b.switched ? 1 : 0;
  return row;
}

// The context pass: keys and values of the finished block replace those of its noisy steps.
void block_generator::refresh_context(const block_info& b) {
  const latency::scope span{spans_.kv_cache_update,
                            {"block", b.index},
                            {"segment", b.segment},
                            {"latent_frame", b.first_latent_frame},
                            {"latent_frames", b.latent_frames}};
  {
    const latency::scope prep{
        spans_.context_prep, {"block", b.index}, {"timestep", context_timestep_}};
    plan_clean(b.first_latent_frame, b.latent_frames, false);
  }
  cache_clean(b.first_latent_frame, b.latent_frames, b);
}

void block_generator::denoise(const block_info& b) {
  const ops::tensor x = x_.view();
  {
    const latency::scope span{
        spans_.block_input_prep, {"block", b.index}, {"segment", b.segment}, {"bytes", x.bytes()}};
    const latent_batch noise{noise_.view(), b.first_latent_frame, b.latent_frames};
    for (std::int64_t sample = 0; sample < generation_.samples; ++sample)
      memory_.copy(x[sample].data, noise[sample].data, x[sample].bytes(), stream_);
  }
  const auto steps = static_cast<std::int64_t>(timesteps_.size());
  for (std::int64_t step = 0; step < steps; ++step) {
    const float timestep = timesteps_[static_cast<std::size_t>(step)];
    const latency::scope span{
        step + 1 < steps ? spans_.denoising_step : spans_.denoising_step_final,
        {"block", b.index},
        {"step", step},
        {"timestep", timestep},
        {"segment", b.segment},
        {"latent_frame", b.first_latent_frame},
        {"latent_frames", b.latent_frames}};
    {
      const latency::scope prep{
          spans_.timestep_prep, {"block", b.index}, {"step", step}, {"timestep", timestep}};
      kv_.begin({b.first_latent_frame, b.latent_frames, false}, stream_);
    }
    run_forward({x, 0, b.latent_frames}, timestep, b, step, b.first_latent_frame);
    const latency::scope scheduling{
        spans_.noise_scheduling, {"block", b.index}, {"step", step}, {"timestep", timestep}};
    renoise(b, step);
  }
  const latency::scope span{
      spans_.output_recording, {"block", b.index}, {"segment", b.segment}, {"bytes", x.bytes()}};
  for (std::int64_t sample = 0; sample < generation_.samples; ++sample)
    memory_.copy(latents_.view()[sample][b.first_latent_frame].data, x[sample].data,
                 x[sample].bytes(), stream_);
}

// From the flow of a step to the clean estimate, and on to the next step's noise level.
void block_generator::renoise(const block_info& b, std::int64_t step) {
  const bool is_last = step + 1 == static_cast<std::int64_t>(timesteps_.size());
  const bool is_given = !is_last && !inputs_.renoise.empty();
  if (is_given) {
    const auto elements = static_cast<std::size_t>(eps_.view().elements());
    ops::upload_floats(
        memory_, eps_.view(),
        inputs_.renoise.subspan(static_cast<std::size_t>(draws_) * elements, elements), stream_);
  }
  for (std::int64_t sample = 0; sample < generation_.samples; ++sample) {
    const ops::tensor x = x_.view()[sample];
    ops::x0_renoise_params p;
    p.x_t = x;
    ops::tensor flow = flow_.view()[sample * b.latent_frames];
    flow.shape = x.shape;
    p.flow = flow;
    p.sigma = sigmas_[static_cast<std::size_t>(step)];
    if (is_last) {
      p.x0 = x;
    } else {
      p.x_next = x;
      p.sigma_next = sigmas_[static_cast<std::size_t>(step + 1)];
    }
    if (is_given) p.eps = eps_.view()[sample];
    if (!is_last && !is_given)
      p.numbers = numbers_of(inputs_.seed, sample, renoise_sequence, draws_ * x.elements());
    ops_.x0_renoise(p, stream_, workspace_.as_workspace());
  }
  if (!is_last) ++draws_;
}

void block_generator::plan_clean(std::int64_t start_latent_frame, std::int64_t latent_frames,
                                 bool rewrites_sink) {
  kv_.begin({start_latent_frame, latent_frames, rewrites_sink}, stream_);
}

void block_generator::cache_clean(std::int64_t start_latent_frame, std::int64_t latent_frames,
                                  const block_info& b) {
  run_forward(latents(start_latent_frame, latent_frames), context_timestep_, b, -1,
              start_latent_frame);
}

void block_generator::run_forward(const latent_batch& latents, float timestep, const block_info& b,
                                  std::int64_t step, std::int64_t start_latent_frame) {
  const std::int64_t latent_frames = latents.count;
  const kv_plan& plan = kv_.plan();
  const bool flow_is_read = step >= 0 || !generation_.skips.unread_flow;
  ops::tensor flow;
  if (flow_is_read) {
    flow = flow_.view();
    flow.shape.size[0] = generation_.samples * latent_frames;
  }
  {
    const latency::scope span{
        "diffusion_forward",
        {"timestep", timestep},
        {"latent_frame", start_latent_frame},
        {"latent_frames", latent_frames},
        {"attended_tokens", plan.attended_tokens},
        {"reused_tokens", plan.reused_tokens},
        {"rewritten_tokens", plan.rewritten_tokens},
        {"block", b.index},
        step >= 0 ? latency::attribute{"step", step} : latency::attribute{"segment", b.segment}};
    if (!generation_.skips.repeated_text_embedding) {
      LATENCY_SCOPE("repeated_text_embedding");
      embed_prompt(b.segment, prompt_tokens_[static_cast<std::size_t>(slot_of(b.segment))]);
    }
    const prompt_context context = context_of(b.segment);
    dit_.forward({latents,
                  timestep,
                  context.rows,
                  flow,
                  {b.index, step, start_latent_frame, latent_frames},
                  context.last_row_count},
                 kv_, cross_, stream_);
    kv_.commit();
  }
  observer_->forward_finished(
      {forwards_, timestep, start_latent_frame, latent_frames, kv_.pointers()}, flow, stream_);
  ++forwards_;
}

}  // namespace longlive
