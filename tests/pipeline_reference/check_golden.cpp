// check_golden CASE_DIR... [--device cpu|cuda] [--kv roll|ring]
//
// Runs golden folders (case.json, tensors.safetensors, weights.safetensors; `kind` in case.json
// says what they hold) at whatever sizes they have. Prints the relative L2 of every golden tensor
// and every exact value that differs. Exit code: 0 all within tolerance, 1 not, 2 bad input.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "latency/error.hpp"
#include "pipeline_reference/files/complaint.hpp"
#include "pipeline_reference/files/text_file.hpp"
#include "pipeline_reference/longlive/golden_case.hpp"
#include "pipeline_reference/longlive/golden_run.hpp"
#include "pipeline_reference/longlive/golden_umt5_encoder.hpp"
#include "pipeline_reference/longlive/golden_vae_decoder.hpp"
#include "pipeline_reference/ops/backend.hpp"

namespace {

// Of a back end that stores fp32, and of one that stores bf16. Golden tensors are fp32 results, so
// the second is what roundings of activations add up to: most in the text encoder, whose scores are
// not scaled, so that a rounding of q and k moves the softmax.
constexpr double tolerance_f32 = 1e-5, run_tolerance_bf16 = 1e-2, vae_tolerance_bf16 = 2e-2,
                 text_tolerance_bf16 = 5e-2;

struct request {
  std::vector<longlive::kv_policy> policies;
  ops::backend& backend;

  [[nodiscard]] double tolerance(double bf16) const {
    return backend.transformer().storage() == ops::dtype::f32 ? tolerance_f32 : bf16;
  }
};

// Prints a result; true when everything in it is right.
bool report(const std::string& title, const longlive::golden_result& result, double tolerance) {
  fmt::print("{}\n", title);
  bool passed = result.mismatches.empty();
  for (const longlive::golden_difference& d : result.differences) {
    const bool close = d.relative_l2 < tolerance;  // false for NaN
    passed = passed && close;
    fmt::print("  {:<28} relative L2 {:9.2e}  max {:9.2e}  {}\n", d.tensor, d.relative_l2,
               d.max_abs, close ? "ok" : "TOO FAR");
  }
  for (const std::string& name : result.not_compared) fmt::print("  {:<28} not compared\n", name);
  for (const std::string& line : result.mismatches) fmt::print("  {}  DIFFERENT\n", line);
  if (result.exact_values > 0)
    fmt::print("  {} of {} timesteps, indices and counts equal\n",
               result.exact_values - static_cast<int>(result.mismatches.size()),
               result.exact_values);
  return passed;
}

bool check_longlive_run(const std::string& folder, const nlohmann::json& json, const request& r) {
  bool passed = true;
  for (const longlive::kv_policy policy : r.policies) {
    const longlive::golden_result result = longlive::compare_golden_run(
        folder, json, policy, r.backend.transformer(), r.backend.memory());
    const char* name = policy == longlive::kv_policy::roll ? "roll" : "ring";
    passed =
        report(fmt::format("{} (kv {})", folder, name), result, r.tolerance(run_tolerance_bf16)) &&
        passed;
  }
  return passed;
}

bool check_vae_decoder(const std::string& folder, const nlohmann::json& json, const request& r) {
  return report(
      folder,
      longlive::compare_golden_vae_decoder(folder, json, r.backend.vae(), r.backend.memory()),
      r.tolerance(vae_tolerance_bf16));
}

bool check_umt5_encoder(const std::string& folder, const nlohmann::json& json, const request& r) {
  return report(folder,
                longlive::compare_golden_umt5_encoder(folder, json, r.backend.transformer(),
                                                      r.backend.memory()),
                r.tolerance(text_tolerance_bf16));
}

struct handler {
  const char* kind;
  bool (*check)(const std::string& folder, const nlohmann::json& json, const request& r);
};
constexpr handler handlers[] = {{"longlive_run", check_longlive_run},
                                {"vae_decoder", check_vae_decoder},
                                {"umt5_encoder", check_umt5_encoder}};

bool check(const std::string& folder, const request& r) {
  const nlohmann::json json = longlive::read_golden_case(folder);
  const std::string kind = json["kind"].get<std::string>();
  for (const handler& h : handlers)
    if (kind == h.kind) return h.check(folder, json, r);
  throw latency::error(folder + "/case.json", "kind",
                       "unknown kind '" + files::printable(kind) + "'");
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> folders;
  std::string device = "cpu", kv;
  CLI::App app("Compares the pipeline with golden tensors.");
  app.add_option("CASE_DIR", folders, "folders with case.json")->required();
  app.add_option("--device", device, "cpu or cuda")->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--kv", kv, "KV cache policy, both when absent")
      ->check(CLI::IsMember({"roll", "ring"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& e) {
    files::complain("check_golden", e.what());
    return 2;
  }
  std::string place;
  try {
    const std::unique_ptr<ops::backend> backend = ops::make_backend(device);
    request r{{}, *backend};
    if (kv != "ring") r.policies.push_back(longlive::kv_policy::roll);
    if (kv != "roll") r.policies.push_back(longlive::kv_policy::ring);
    bool passed = true;
    for (const std::string& folder : folders) {
      place = folder;
      passed = check(folder, r) && passed;
    }
    return passed ? 0 : 1;
  } catch (const std::bad_alloc&) {
    files::complain("check_golden", place + ": not enough memory for this case");
  } catch (const std::exception& e) {
    files::complain("check_golden", e.what());
  }
  return 2;
}
