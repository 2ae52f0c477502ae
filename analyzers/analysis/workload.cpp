#include "analyzers/analysis/workload.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace latency::analysis {
namespace {

constexpr std::string_view workload_properties[] = {
    "batch_size",
    "denoising_steps",
    "latent_frames",
    "latent_frames_per_block",
    "model",
    "model_parameters",
    "pixel_frames",
    "pixel_height",
    "pixel_width",
    "prompt_index",
    "sequence_length_tokens",
    "sink_latent_frames",
    "global_sink",
    "text_encoder_parameters",
    "tokens_per_latent_frame",
    "vae_mode",
    "window_latent_frames",
    "world_size",
};

constexpr const char* not_given = "(not given)";

}  // namespace

std::string text_of(const run_value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof digits, std::get<double>(value));
  return {digits, end.ptr};
}

bool is_workload_property(const std::string& name) {
  return std::find(std::begin(workload_properties), std::end(workload_properties), name) !=
         std::end(workload_properties);
}

std::vector<property_difference> property_differences(
    const std::map<std::string, run_value>& first, const std::map<std::string, run_value>& second) {
  std::vector<property_difference> result;
  for (const auto& [name, value] : first) {
    const auto other = second.find(name);
    if (other == second.end())
      result.push_back({name, text_of(value), not_given});
    else if (text_of(other->second) != text_of(value))
      result.push_back({name, text_of(value), text_of(other->second)});
  }
  for (const auto& [name, value] : second)
    if (first.find(name) == first.end()) result.push_back({name, not_given, text_of(value)});
  std::sort(result.begin(), result.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return result;
}

std::vector<property_difference> workload_differences(
    const std::map<std::string, run_value>& first, const std::map<std::string, run_value>& second) {
  std::vector<property_difference> result;
  for (property_difference& one : property_differences(first, second))
    if (is_workload_property(one.name) && one.first != not_given && one.second != not_given)
      result.push_back(std::move(one));
  return result;
}

}  // namespace latency::analysis
