#pragma once
// Measures a function: warm-up calls, then timed ones.
//
//   latency::profile_options options;
//   options.iterations = 100;
//   const auto profile = latency::profile_function([&] { step(); }, options);
//   std::cout << profile.summary_ns.p50;
//
// It measures time on the host: let the function wait for the device that it uses.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "latency/detail/utc_now.hpp"
#include "latency/error.hpp"
#include "latency/json_writer.hpp"
#include "latency/profile_path.hpp"
#include "latency/session.hpp"
#include "latency/statistics.hpp"

namespace latency {

struct profile_options {
  int warmup = 3;
  int iterations = 10;
  bool auto_save = false;  // write the profile under its automatic name
  profile_labels labels;
};

struct function_profile {
  std::vector<std::int64_t> warmup_ns;   // in call order
  std::vector<std::int64_t> samples_ns;  // likewise, without the warm-up
  summary summary_ns;                    // of the samples
  std::string file;                      // where it was saved, empty without auto_save
};

// Writes a profile (schemas/profile.schema.json). It appears when it is complete; on any error
// nothing appears and latency::error names the file.
inline void write_profile(const function_profile& profile, const profile_labels& labels,
                          const std::string& path) {
  json_writer json(path);
  const auto text = [&](const char* name, const std::string& content) {
    json.line_break();
    json.key(name);
    json.string(content);
  };
  const auto integer = [&](const char* name, std::int64_t content) {
    json.line_break();
    json.key(name);
    json.integer(content);
  };
  const auto real = [&](const char* name, double content) {
    json.key(name);
    json.real(content);
  };
  const auto integers = [&](const char* name, const std::vector<std::int64_t>& content) {
    json.line_break();
    json.key(name);
    json.begin_array();
    for (const std::int64_t i : content) json.integer(i);
    json.end_array();
  };
  json.begin_object();
  json.key("schema");
  json.begin_object();
  json.key("name");
  json.string("latency.profile");
  json.key("version");
  json.string("1.0");
  json.end_object();
  text("date", detail::utc_now());
  text("model", labels.model);
  text("method", labels.method);
  integer("prompt_tokens", labels.prompt_tokens);
  integer("generated_tokens", labels.generated_tokens);
  integer("batch_size", labels.batch_size);
  json.line_break();
  real("temperature", labels.temperature);
  integers("warmup_ns", profile.warmup_ns);
  integers("samples_ns", profile.samples_ns);
  const summary& s = profile.summary_ns;
  json.line_break();
  json.key("summary");
  json.begin_object();
  json.key("n");
  json.integer(s.n);
  real("total_ns", s.sum);
  real("mean_ns", s.mean);
  real("stddev_ns", s.stddev);
  real("min_ns", s.min);
  real("p50_ns", s.p50);
  real("p95_ns", s.p95);
  json.key("p99_ns");
  s.p99_valid ? json.real(s.p99) : json.null();
  real("max_ns", s.max);
  json.end_object();
  json.end_object();
  json.finish();
}

// Calls `function` options.warmup + options.iterations times. What it throws is passed on. Throws
// latency::error for a negative warm-up, fewer than one iteration, and what saving throws.
template <class Function>
[[nodiscard]] function_profile profile_function(Function&& function,
                                                const profile_options& options = {}) {
  if (options.warmup < 0) throw error("profile_function", "warmup", "must not be negative");
  if (options.iterations < 1) throw error("profile_function", "iterations", "must be at least 1");
  const auto time_calls = [&](int calls) {
    std::vector<std::int64_t> samples_ns;
    samples_ns.reserve(static_cast<std::size_t>(calls));
    for (int i = 0; i < calls; ++i) {
      const auto start = std::chrono::steady_clock::now();
      static_cast<void>(function());
      const std::chrono::nanoseconds duration = std::chrono::steady_clock::now() - start;
      samples_ns.push_back(duration.count());
    }
    return samples_ns;
  };
  function_profile result;
  result.warmup_ns = time_calls(options.warmup);
  result.samples_ns = time_calls(options.iterations);
  result.summary_ns = summarize(result.samples_ns);
  if (options.auto_save) {
    result.file = new_profile_path(options.labels);
    write_profile(result, options.labels, result.file);
  }
  return result;
}

}  // namespace latency
