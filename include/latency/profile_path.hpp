#pragma once
// Automatic names of profile files:
//   <base>/<model_tag>/profiles/profile_<method>_<YYYYMMDD_HHMMSS>_prompt128_gen64[_bs4]_t0p8.json

#include <time.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <string>
#include <string_view>

#include "latency/error.hpp"

namespace latency {

// What a name is made of.
struct profile_labels {
  std::string base = "latency_results";
  std::string model = "model";      // as in "meta/llama-7b"; made safe for the file system
  std::string method = "function";  // likewise
  std::int64_t prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
  std::int64_t batch_size = 1;  // named when above 1
  double temperature = 0;
};

namespace detail {

// Letters, digits, '.', '_' and '-' stay, anything else becomes '_'. Never empty, never a hidden
// file, "." or "..", at most 100 bytes.
[[nodiscard]] inline std::string file_name_part(std::string_view text) {
  std::string result;
  for (const char c : text.substr(0, 100)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
    result += plain ? c : '_';
  }
  if (result.empty()) return "_";
  if (result[0] == '.') result[0] = '_';
  return result;
}

// 0.8 as "0p8", 1 as "1p0".
[[nodiscard]] inline std::string with_p_for_point(double value) {
  char text[400];  // the longest double has 309 digits before the point, or 324 after it
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed);
  std::string result(text, end.ptr);
  const std::size_t point = result.find('.');
  if (point == std::string::npos) return result + "p0";
  result[point] = 'p';
  return result;
}

}  // namespace detail

// The name for a profile made at `when`, in local time. Only the name: nothing is created. Throws
// latency::error for negative counts, a batch below 1 and a temperature that is negative or no
// number.
[[nodiscard]] inline std::string profile_path(const profile_labels& labels, std::time_t when) {
  if (labels.prompt_tokens < 0 || labels.generated_tokens < 0)
    throw error("profile_path", "tokens", "must not be negative");
  if (labels.batch_size < 1) throw error("profile_path", "batch_size", "must be at least 1");
  if (!std::isfinite(labels.temperature) || labels.temperature < 0)
    throw error("profile_path", "temperature", "must be a number that is not negative");
  std::tm local{};
  localtime_r(&when, &local);
  char date[32];
  std::strftime(date, sizeof date, "%Y%m%d_%H%M%S", &local);
  std::string name = "profile_" + detail::file_name_part(labels.method);
  name += '_';
  name += date;
  name += "_prompt" + std::to_string(labels.prompt_tokens);
  name += "_gen" + std::to_string(labels.generated_tokens);
  if (labels.batch_size > 1) name += "_bs" + std::to_string(labels.batch_size);
  name += "_t" + detail::with_p_for_point(labels.temperature) + ".json";
  const std::filesystem::path base = labels.base;
  return (base / detail::file_name_part(labels.model) / "profiles" / name).string();
}

// A name for a profile made now, in a folder that exists when this returns; with _2, _3, ... before
// ".json" when there is such a file already. Throws latency::error.
[[nodiscard]] inline std::string new_profile_path(const profile_labels& labels) {
  const std::filesystem::path wanted = profile_path(labels, std::time(nullptr));
  std::error_code problem;
  std::filesystem::create_directories(wanted.parent_path(), problem);
  if (problem)
    throw error(wanted.parent_path().string(), "", "cannot create: " + problem.message());
  std::filesystem::path free = wanted;
  for (int n = 2; std::filesystem::exists(free, problem); ++n)
    free = wanted.parent_path() / (wanted.stem().string() + "_" + std::to_string(n) + ".json");
  return free.string();
}

}  // namespace latency
