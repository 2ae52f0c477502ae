#include "latency/profile_function.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <regex>
#include <stdexcept>
#include <string>

#include "schema_complaint.hpp"
#include "tests/temporary_folder.hpp"

using latency::profile_function;
using latency::profile_labels;
using latency::profile_options;
using latency::profile_path;
using latency_test::temporary_folder;
using nlohmann::json;

namespace {

// A moment that local time shows as 2026-03-04 05:06:07.
std::time_t some_moment() {
  std::tm local{};
  local.tm_year = 126;
  local.tm_mon = 2;
  local.tm_mday = 4;
  local.tm_hour = 5;
  local.tm_min = 6;
  local.tm_sec = 7;
  local.tm_isdst = -1;
  return std::mktime(&local);
}

profile_labels labels() {
  profile_labels result;
  result.base = "out";
  result.model = "meta/llama 7b";
  result.method = "generate";
  result.prompt_tokens = 128;
  result.generated_tokens = 64;
  result.temperature = 0.8;
  return result;
}

}  // namespace

TEST_CASE("profile_path: the name holds model, method, time, sizes and temperature") {
  CHECK(profile_path(labels(), some_moment()) ==
        "out/meta_llama_7b/profiles/profile_generate_20260304_050607_prompt128_gen64_t0p8.json");
}

TEST_CASE("profile_path: a batch is named only above 1") {
  profile_labels batch = labels();
  batch.batch_size = 4;
  CHECK(profile_path(batch, some_moment()).find("_gen64_bs4_t0p8.json") != std::string::npos);
  batch.batch_size = 1;
  CHECK(profile_path(batch, some_moment()).find("_bs") == std::string::npos);
}

TEST_CASE("profile_path: temperatures have a p for the point") {
  using latency::detail::with_p_for_point;
  CHECK(with_p_for_point(0) == "0p0");
  CHECK(with_p_for_point(1) == "1p0");
  CHECK(with_p_for_point(0.75) == "0p75");
  CHECK(with_p_for_point(1e-7) == "0p0000001");
  CHECK(with_p_for_point(std::numeric_limits<double>::max()).size() == 311);
  CHECK(with_p_for_point(std::numeric_limits<double>::denorm_min()).size() == 326);
}

TEST_CASE("profile_path: no model or method leaves its folder or hides its file") {
  using latency::detail::file_name_part;
  CHECK(file_name_part("..") == "_.");
  CHECK(file_name_part("../../etc") == "_._.._etc");
  CHECK(file_name_part("") == "_");
  CHECK(file_name_part("a\nb\0c\xFF") == "a_b");
  CHECK(file_name_part("\xC3\xA9") == "__");
  CHECK(file_name_part(std::string(5000, 'x')).size() == 100);
}

TEST_CASE("profile_path: impossible labels are errors") {
  profile_labels bad = labels();
  bad.batch_size = 0;
  CHECK_THROWS_WITH_AS(static_cast<void>(profile_path(bad, 0)),
                       "profile_path: batch_size: must be at least 1", latency::error);
  bad = labels();
  bad.prompt_tokens = -1;
  CHECK_THROWS_AS(static_cast<void>(profile_path(bad, 0)), latency::error);
  bad = labels();
  for (const double t :
       {-0.1, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    bad.temperature = t;
    CHECK_THROWS_AS(static_cast<void>(profile_path(bad, 0)), latency::error);
  }
}

TEST_CASE("profile_function: warm-up calls come first and stay out of the samples") {
  int calls = 0;
  const auto profile = profile_function([&] { ++calls; });
  CHECK(calls == 13);
  CHECK(profile.warmup_ns.size() == 3);
  CHECK(profile.samples_ns.size() == 10);
  CHECK(profile.summary_ns.n == 10);
  CHECK(profile.summary_ns.max == latency::maximum(profile.samples_ns));
  CHECK(profile.file.empty());
}

TEST_CASE("profile_function: a sample lasts as long as its call") {
  profile_options options;
  options.warmup = 0;
  options.iterations = 2;
  const auto profile = profile_function(
      [] {
        const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(200);
        while (std::chrono::steady_clock::now() < end) {
        }
        return 1;  // a result is allowed and dropped
      },
      options);
  CHECK(profile.warmup_ns.empty());
  for (const std::int64_t ns : profile.samples_ns) CHECK(ns >= 200'000);
}

TEST_CASE("profile_function: impossible counts are errors, the function's own errors pass") {
  profile_options options;
  options.iterations = 0;
  CHECK_THROWS_WITH_AS(static_cast<void>(profile_function([] {}, options)),
                       "profile_function: iterations: must be at least 1", latency::error);
  options.iterations = 1;
  options.warmup = -1;
  CHECK_THROWS_AS(static_cast<void>(profile_function([] {}, options)), latency::error);
  CHECK_THROWS_AS(static_cast<void>(profile_function([] { throw std::domain_error("no"); })),
                  std::domain_error);
}

TEST_CASE("profile_function: auto_save writes a file that obeys the schema and holds the samples") {
  const temporary_folder folder;
  profile_options options;
  options.auto_save = true;
  options.iterations = 5;
  options.labels = labels();
  options.labels.base = folder / "results";
  options.labels.method = "a \"quoted\" method";
  const auto profile = profile_function([] {}, options);
  CHECK(std::regex_search(
      profile.file,
      std::regex("/results/meta_llama_7b/profiles/"
                 "profile_a__quoted__method_[0-9]{8}_[0-9]{6}_prompt128_gen64_t0p8\\.json$")));
  const json file = json::parse(latency_test::read_file(profile.file));
  CHECK(latency_test::schema_complaint("profile.schema.json", file) == "");
  CHECK(file.at("method") == "a \"quoted\" method");
  CHECK(file.at("model") == "meta/llama 7b");
  CHECK(file.at("samples_ns") == profile.samples_ns);
  CHECK(file.at("warmup_ns") == profile.warmup_ns);
  CHECK(file.at("summary").at("n") == 5);
  CHECK(file.at("summary").at("p50_ns") == profile.summary_ns.p50);
  CHECK(file.at("summary").at("p99_ns").is_null());  // 5 calls have no P99
  json broken = file;
  broken.erase("samples_ns");
  CHECK(latency_test::schema_complaint("profile.schema.json", broken) != "");
}

TEST_CASE("profile_function: profiles saved in one second do not overwrite each other") {
  const temporary_folder folder;
  profile_options options;
  options.auto_save = true;
  options.labels.base = folder / "results";
  const std::string first = profile_function([] {}, options).file;
  const std::string second = profile_function([] {}, options).file;
  const std::string third = profile_function([] {}, options).file;
  CHECK(first != second);
  CHECK(second != third);
  for (const std::string& file : {first, second, third}) CHECK(std::filesystem::exists(file));
}

TEST_CASE("profile_function: a base that cannot be a folder is an error that names it") {
  const temporary_folder folder;
  const std::string base = folder / "file";
  std::ofstream(base) << "not a folder";
  profile_options options;
  options.auto_save = true;
  options.labels.base = base;
  CHECK_THROWS_WITH_AS(static_cast<void>(profile_function([] {}, options)),
                       (base + "/model/profiles: cannot create: Not a directory").c_str(),
                       latency::error);
}
