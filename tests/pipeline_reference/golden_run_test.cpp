#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "pipeline_reference/checkpoint/safetensors_writer.hpp"
#include "pipeline_reference/checkpoint/tensor_file.hpp"
#include "pipeline_reference/longlive/golden_run.hpp"
#include "pipeline_reference/ops/cpu/cpu_backend.hpp"
#include "tests/pipeline_reference/run_program.hpp"
#include "tests/pipeline_reference/source_dir.hpp"
#include "tests/temporary_folder.hpp"

using longlive::kv_policy;

namespace {

std::string golden(const std::string& name) {
  return longlive_tests::source_dir() + "/tests/data/longlive/" + name;
}

nlohmann::json case_of(const std::string& folder) {
  std::ifstream file(folder + "/case.json");
  return nlohmann::json::parse(file);
}

// A copy of a golden folder that a test may change.
struct changed_case {
  latency_test::temporary_folder folder;
  nlohmann::json json;

  explicit changed_case(const std::string& name) : json(case_of(golden(name))) {
    for (const auto& file : std::filesystem::directory_iterator(golden(name)))
      std::filesystem::copy_file(file.path(), folder / file.path().filename().string());
  }
  [[nodiscard]] std::string write() {
    std::ofstream(folder / "case.json") << json;
    return std::filesystem::path(folder / "case.json").parent_path().string();
  }
};

longlive_tests::program_result check_golden(std::vector<std::string> arguments) {
  const latency_test::temporary_folder folder;
  arguments.insert(arguments.begin(), LATENCY_CHECK_GOLDEN);
  return longlive_tests::running_program(folder, std::move(arguments)).wait();
}

}  // namespace

TEST_CASE("golden: both runs of the published code are met by both cache policies") {
  ops::cpu::cpu_backend backend;
  for (const char* name : {"dit_global_sink", "dit_recache_sink"})
    for (const kv_policy policy : {kv_policy::roll, kv_policy::ring}) {
      const longlive::golden_result result = longlive::compare_golden_run(
          golden(name), case_of(golden(name)), policy, backend.transformer(), backend.memory());
      CHECK(result.differences.size() >= 19);
      CHECK(result.exact_values > 200);
      CHECK(result.mismatches.empty());
      CHECK(result.not_compared.empty());
      for (const longlive::golden_difference& d : result.differences) {
        CAPTURE(d.tensor);
        CHECK(d.relative_l2 < 1e-5);
      }
    }
}

TEST_CASE("golden: a run under other settings is told apart, by tensors or by indices") {
  ops::cpu::cpu_backend backend;
  const auto worst = [&](nlohmann::json json) {
    const longlive::golden_result result = longlive::compare_golden_run(
        golden("dit_recache_sink"), json, kv_policy::ring, backend.transformer(), backend.memory());
    double out = 0;
    for (const longlive::golden_difference& d : result.differences)
      out = std::max(out, d.relative_l2);
    return std::pair{out, result.mismatches.size()};
  };
  nlohmann::json json = case_of(golden("dit_recache_sink"));
  CHECK(worst(json).first < 1e-5);
  json["config"]["global_sink"] = true;
  CHECK(worst(json).first > 1e-4);
  json["config"]["global_sink"] = false;
  json["calls"][5]["lei"] = 145;
  json["calls"][6]["timestep"][2] = 937.0;
  CHECK(worst(json).second == 2);
}

TEST_CASE("check_golden: exits 0 and names every tensor when all is met") {
  const auto result = check_golden({golden("dit_recache_sink"), "--kv", "roll"});
  CHECK(result.exit_code == 0);
  for (const char* text :
       {"call.035.flow", "latents", "kv.2.v", "263 of 263 timesteps, indices and counts equal"})
    CHECK(result.out.find(text) != std::string::npos);
  CHECK(result.out.find("ring") == std::string::npos);
}

TEST_CASE("check_golden: exits 1 when a value is off") {
  changed_case changed("dit_recache_sink");
  changed.json["calls"][7]["gei"] = 1;
  const auto result = check_golden({changed.write(), "--kv", "ring"});
  CHECK(result.exit_code == 1);
  CHECK(result.out.find("call 7: gei: expected 1, found 144  DIFFERENT") != std::string::npos);
}

TEST_CASE("check_golden: missing optional tensors and keys are no error") {
  changed_case changed("dit_global_sink");
  for (const char* key : {"calls", "warped_timesteps"}) changed.json.erase(key);
  const std::string folder = changed.write();
  const auto tensors =
      checkpoint::tensor_file::open(golden("dit_global_sink") + "/tensors.safetensors");
  std::vector<std::vector<float>> values;
  std::vector<checkpoint::tensor_to_write> kept;
  for (const checkpoint::tensor_entry& tensor : tensors.entries())
    if (tensor.name[0] != 'c' && tensor.name[0] != 'k') {
      values.push_back(tensors.read_f32(tensor.name, tensor.shape));
      kept.push_back({tensor.name, tensor.shape, {}});
    }
  for (std::size_t i = 0; i < kept.size(); ++i) kept[i].values = values[i];
  checkpoint::write_safetensors(folder + "/tensors.safetensors", kept);
  const auto result = check_golden({folder});
  CHECK(result.exit_code == 0);
  CHECK(result.out.find("latents") != std::string::npos);

  std::erase_if(kept, [](const auto& tensor) { return tensor.name == "latents"; });
  checkpoint::write_safetensors(folder + "/tensors.safetensors", kept);
  const auto nothing = check_golden({folder});
  CHECK(nothing.exit_code == 2);  // a check that compares nothing must not pass
  CHECK(nothing.err == "check_golden: " + folder +
                           "/tensors.safetensors: holds no flow, no latents and no KV to compare "
                           "with\n");
}

TEST_CASE("check_golden: bad input is one line and exit 2") {
  const auto one_line = [](const longlive_tests::program_result& r, const std::string& text) {
    CAPTURE(r.err);
    CHECK(r.exit_code == 2);
    CHECK(r.out.empty());
    CHECK(r.err.find(text) != std::string::npos);
    CHECK(r.err.rfind("check_golden: ", 0) == 0);
    CHECK(std::count(r.err.begin(), r.err.end(), '\n') == 1);
  };
  one_line(check_golden({"/nonexistent"}), "/nonexistent/case.json: no such file");
  one_line(check_golden({}), "CASE_DIR is required");
  one_line(check_golden({golden("dit_global_sink"), "--kv", "both"}), "--kv");
  if (!LATENCY_PIPELINE_ON_CUDA)
    one_line(check_golden({golden("dit_global_sink"), "--device", "cuda"}), "no CUDA back end");

  changed_case unknown("dit_recache_sink");
  unknown.json["kind"] = "sculpture";
  one_line(check_golden({unknown.write()}), "kind: unknown kind 'sculpture'");
  changed_case missing("dit_recache_sink");
  missing.json["config"].erase("dim");
  one_line(check_golden({missing.write()}), "dim");
  changed_case odd("dit_recache_sink");
  odd.json["config"]["latent_hw"] = {7, 12};
  one_line(check_golden({odd.write()}), "latent_height: must be even");
  changed_case layers("dit_recache_sink");
  layers.json["config"]["num_layers"] = 4;
  one_line(check_golden({layers.write()}), "blocks.3.");
  changed_case fraction("dit_recache_sink");
  fraction.json["config"]["dim"] = 1e300;
  one_line(check_golden({fraction.write()}),
           "case.json: dim: expected a whole number, found a fraction");
  changed_case endless("dit_recache_sink");
  endless.json["config"]["num_layers"] = std::int64_t{1} << 62;
  one_line(check_golden({endless.write()}), "case.json: num_layers: at most 256");
  changed_case wide("dit_recache_sink");
  wide.json["config"]["local_attn_size"] = std::uint64_t{1} << 63;
  one_line(check_golden({wide.write()}), "local_attn_size: expected a whole number, found one");
  changed_case beyond("dit_recache_sink");
  const std::string beyond_folder = beyond.write();
  std::ofstream(beyond_folder + "/case.json") << "{\"kind\": \"longlive_run\", \"a\": 1e999}";
  one_line(check_golden({beyond_folder}), "case.json: a number that no computer holds");
  std::ofstream(beyond_folder + "/case.json") << "{\"kind\": ";
  one_line(check_golden({beyond_folder}), "case.json: byte 10: not JSON");
  changed_case text("dit_recache_sink");
  text.json = "not a case";
  one_line(check_golden({text.write()}), "kind: expected a text");
}
