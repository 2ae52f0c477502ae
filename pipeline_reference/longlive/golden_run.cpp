#include "pipeline_reference/longlive/golden_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/file_weights.hpp"
#include "pipeline_reference/longlive/golden_case.hpp"
#include "pipeline_reference/longlive/interactive_pipeline.hpp"
#include "pipeline_reference/ops/transfer.hpp"

namespace longlive {
namespace {

// One forward as the published code recorded it; absent values are not checked.
struct golden_call {
  std::vector<double> timesteps;
  std::optional<std::int64_t> start_latent_frame, latent_frames, local_end_tokens,
      global_end_tokens;
};

struct golden_case {
  dit_config dit;
  generation_config generation;
  std::vector<double> warped_timesteps;
  std::vector<golden_call> calls;
};

void convert(const nlohmann::json& value, const char* key, std::int64_t& to) {
  to = whole_number(value, key);
}
void convert(const nlohmann::json& value, const char* key, std::vector<std::int64_t>& to) {
  to = whole_numbers(value, key);
}
template <class T>
void convert(const nlohmann::json& value, const char*, T& to) {
  value.get_to(to);
}

template <class T>
void read_required(const nlohmann::json& from, const char* key, T& to) {
  convert(from.at(key), key, to);
}

// Leaves `to` as it is when the key is absent or null.
template <class T>
void read_optional(const nlohmann::json& from, const char* key, T& to) {
  const auto entry = from.find(key);
  if (entry != from.end() && !entry->is_null()) convert(*entry, key, to);
}

std::optional<std::int64_t> optional_integer(const nlohmann::json& from, const char* key) {
  const auto entry = from.find(key);
  if (entry == from.end() || entry->is_null()) return std::nullopt;
  return whole_number(*entry, key);
}

golden_call read_call(const nlohmann::json& json) {
  golden_call call;
  const auto timestep = json.find("timestep");
  if (timestep != json.end())
    call.timesteps = timestep->is_array() ? timestep->get<std::vector<double>>()
                                          : std::vector<double>{timestep->get<double>()};
  call.start_latent_frame = optional_integer(json, "current_start");
  call.latent_frames = optional_integer(json, "frames");
  call.local_end_tokens = optional_integer(json, "lei");
  call.global_end_tokens = optional_integer(json, "gei");
  return call;
}

golden_case read_case(const std::string& file, const nlohmann::json& json) {
  golden_case out;
  try {
    const nlohmann::json& config = json.at("config");
    dit_config& d = out.dit;
    read_required(config, "dim", d.dim);
    read_required(config, "num_heads", d.heads);
    read_required(config, "ffn_dim", d.ffn_dim);
    read_required(config, "num_layers", d.layers);
    read_optional(config, "freq_dim", d.freq_dim);
    read_required(config, "text_dim", d.text_dim);
    read_required(config, "text_len", d.text_len);
    d.latent_height = whole_number(config.at("latent_hw").at(0), "latent_hw");
    d.latent_width = whole_number(config.at("latent_hw").at(1), "latent_hw");
    generation_config& g = out.generation;
    read_required(config, "num_frames", g.latent_frames);
    read_optional(config, "num_frame_per_block", g.latent_frames_per_block);
    read_required(config, "local_attn_size", g.window_latent_frames);
    read_required(config, "sink_size", g.sink_latent_frames);
    read_optional(config, "global_sink", g.global_sink);
    read_optional(config, "denoising_step_list", g.denoising_step_list);
    read_optional(config, "warp_denoising_step", g.warp_denoising_step);
    read_optional(config, "timestep_shift", g.timestep_shift);
    read_optional(config, "context_noise", g.context_noise);
    read_optional(config, "switch_frame_indices", g.switch_latent_frames);
    read_optional(json, "warped_timesteps", out.warped_timesteps);
    if (json.contains("calls"))
      for (const nlohmann::json& call : json.at("calls")) out.calls.push_back(read_call(call));
    out.dit.validate();
    out.generation.validate();
  } catch (const std::exception& e) {  // nlohmann's, or ours without the file's name
    throw latency::error(file, "", e.what());
  }
  return out;
}

checkpoint::tensor_shape clip_shape(const dit_config& c, std::int64_t latent_frames) {
  return {latent_frames, c.channels, c.latent_height, c.latent_width};
}

// Inputs of the run.
struct golden_inputs {
  std::vector<prompt_embedding> prompts;
  std::vector<float> noise, renoise;

  golden_inputs(const checkpoint::tensor_file& file, const golden_case& c)
      : noise(file.read_f32("noise", clip_shape(c.dit, c.generation.latent_frames))) {
    for (std::int64_t segment = 0; segment < c.generation.segments(); ++segment) {
      const std::string name = "prompt_embeds." + std::to_string(segment);
      const checkpoint::tensor_shape found = file.entry(name).shape;
      if (found.size() != 2 || found[0] > c.dit.text_len || found[1] != c.dit.text_dim)
        throw latency::error(file.path(), name,
                             fmt::format("expected at most [{},{}], found {}", c.dit.text_len,
                                         c.dit.text_dim, checkpoint::shape_text(found)));
      std::vector<float> rows = file.read_f32(name, found);
      rows.resize(static_cast<std::size_t>(c.dit.text_len * c.dit.text_dim));  // padding is zero
      prompts.push_back({found[0], std::move(rows)});
    }
    const auto renoised = static_cast<std::int64_t>(c.generation.denoising_step_list.size() - 1);
    if (renoised > 0)
      renoise = file.read_f32("renoise", clip_shape(c.dit, c.generation.latent_frames * renoised));
  }
};

// Compares every forward as it happens.
class golden_observer final : public generation_observer {
 public:
  golden_observer(const checkpoint::tensor_file& file, const golden_case& c, ops::memory& memory,
                  golden_result& result)
      : file_(file), case_(c), memory_(memory), result_(result) {}

  void forward_finished(const forward_info& f, const ops::const_tensor& flow,
                        ops::stream s) override {
    ++forwards_;
    if (!case_.calls.empty()) check_call(f);
    const std::string name = fmt::format("call.{:03}.flow", f.index);
    if (!file_.contains(name)) return;
    std::vector<float> found(static_cast<std::size_t>(flow.elements()));
    ops::download_floats(memory_, flow, found, s);
    result_.differences.push_back(
        difference_of(name, found, file_.read_f32(name, clip_shape(case_.dit, f.latent_frames))));
  }

  template <class T>
  void exact(const std::string& what, const T& found, const T& golden) {
    ++result_.exact_values;
    if (found != golden)
      result_.mismatches.push_back(fmt::format("{}: expected {}, found {}", what, golden, found));
  }
  void finish() {
    if (!case_.calls.empty())
      exact("number of calls", forwards_, static_cast<std::int64_t>(case_.calls.size()));
  }

 private:
  void check_call(const forward_info& f) {
    if (f.index >= static_cast<std::int64_t>(case_.calls.size())) return;  // finish() reports it
    const golden_call& golden = case_.calls[static_cast<std::size_t>(f.index)];
    const std::string call = fmt::format("call {}: ", f.index);
    for (const double timestep : golden.timesteps)
      exact(call + "timestep", double{f.timestep}, timestep);
    const auto integer = [&](const char* what, std::int64_t found,
                             const std::optional<std::int64_t>& expected) {
      if (expected) exact(call + what, found, *expected);
    };
    integer("current_start", f.start_latent_frame, golden.start_latent_frame);
    integer("frames", f.latent_frames, golden.latent_frames);
    integer("lei", f.pointers.local_end_tokens, golden.local_end_tokens);
    integer("gei", f.pointers.global_end_tokens, golden.global_end_tokens);
  }

  const checkpoint::tensor_file& file_;
  const golden_case& case_;
  ops::memory& memory_;
  golden_result& result_;
  std::int64_t forwards_ = 0;
};

// A cache in the published order of latent frames, [rows, heads, head_dim].
std::vector<float> published_rows(const ops::const_tensor& cache, const kv_cache& kv,
                                  ops::memory& memory) {
  std::vector<float> rows(static_cast<std::size_t>(cache.elements())), out(rows.size());
  ops::download_floats(memory, cache, rows);
  const kv_placement& placement = kv.placement();
  const std::int64_t slot_elements = placement.tokens_per_latent_frame() * cache.columns();
  for (std::int64_t slot = 0; slot < placement.slots(); ++slot)
    std::copy_n(rows.begin() + placement.slot_of(kv.pointers(), slot) * slot_elements,
                slot_elements, out.begin() + slot * slot_elements);
  return out;
}

void compare_kv(const checkpoint::tensor_file& file, const dit_config& c, const kv_cache& kv,
                ops::memory& memory, golden_result& result) {
  const std::int64_t rows = kv.placement().slots() * kv.placement().tokens_per_latent_frame();
  for (std::int64_t layer = 0; layer < c.layers; ++layer)
    for (const char* part : {"k", "v"}) {
      const std::string name = fmt::format("kv.{}.{}", layer, part);
      if (!file.contains(name)) continue;
      const ops::tensor cache = *part == 'k' ? kv.k(layer) : kv.v(layer);
      result.differences.push_back(difference_of(
          name, published_rows(cache, kv, memory),
          file.read_f32(name, checkpoint::tensor_shape{rows, c.heads, c.head_dim()})));
    }
}

}  // namespace

golden_result compare_golden_run(const std::string& folder, const nlohmann::json& case_json,
                                 kv_policy policy, ops::transformer_ops& ops, ops::memory& memory) {
  const golden_case c = read_case(folder + "/case.json", case_json);
  const checkpoint::tensor_file tensors =
      checkpoint::tensor_file::open(folder + "/tensors.safetensors");
  const checkpoint::file_weights weights(
      checkpoint::tensor_file::open(folder + "/weights.safetensors"));
  const golden_inputs inputs(tensors, c);
  causal_dit dit(c.dit, dit_options(c.generation, false), weights, memory, ops);
  interactive_pipeline pipeline(dit, c.generation, policy, memory, ops);

  golden_result result;
  golden_observer observer(tensors, c, memory, result);
  for (std::size_t i = 0; i < c.warped_timesteps.size(); ++i)
    observer.exact(fmt::format("warped_timesteps[{}]", i),
                   i < pipeline.timesteps().size() ? double{pipeline.timesteps()[i]} : -1.0,
                   c.warped_timesteps[i]);
  given_prompts prompts(memory, inputs.prompts);
  pipeline.run({&prompts, inputs.noise, inputs.renoise, 0}, observer);
  observer.finish();

  if (tensors.contains("latents")) {
    std::vector<float> found(static_cast<std::size_t>(pipeline.latents().elements()));
    ops::download_floats(memory, pipeline.latents(), found);
    result.differences.push_back(
        difference_of("latents", found,
                      tensors.read_f32("latents", clip_shape(c.dit, c.generation.latent_frames))));
  }
  compare_kv(tensors, c.dit, pipeline.self_cache(), memory, result);
  if (result.differences.empty())
    throw latency::error(tensors.path(), "", "holds no flow, no latents and no KV to compare with");
  for (const checkpoint::tensor_entry& tensor : tensors.entries()) {
    const std::string& name = tensor.name;
    const bool compared = std::any_of(result.differences.begin(), result.differences.end(),
                                      [&](const golden_difference& d) { return d.tensor == name; });
    const bool input = name == "noise" || name == "renoise" || name.rfind("prompt_embeds.", 0) == 0;
    if (!compared && !input) result.not_compared.push_back(name);
  }
  return result;
}

}  // namespace longlive
