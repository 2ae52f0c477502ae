// The program, on good and bad files.

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/pipeline_reference/run_program.hpp"
#include "tests/temporary_folder.hpp"

namespace {

const std::string vae = TEST_DATA_FOLDER "/longlive/vae_decoder/weights.safetensors";
const std::string torch = TEST_DATA_FOLDER "/checkpoint/torch_2_11.pt";

longlive_tests::program_result inspect(std::vector<std::string> arguments) {
  const latency_test::temporary_folder folder;
  arguments.insert(arguments.begin(), LATENCY_INSPECT_CHECKPOINT);
  return longlive_tests::running_program(folder, arguments).wait();
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("inspect_checkpoint: says what a file is and lists its tensors") {
  const auto result = inspect({vae});
  CHECK(result.exit_code == 0);
  CHECK(result.err.empty());
  CHECK(contains(result.out, "safetensors"));
  CHECK(contains(result.out, "looks like   video VAE (Wan2.1)"));
  CHECK(contains(result.out, "108 x BF16"));
  CHECK(contains(result.out, "decoder.head.2.weight"));
  CHECK(contains(result.out, "[3,16,3,3,3]"));
}

TEST_CASE("inspect_checkpoint: a pattern picks tensors, a summary shows none") {
  const auto picked = inspect({vae, "--names", "decoder.head.*"});
  CHECK(contains(picked.out, "decoder.head.0.gamma"));
  CHECK_FALSE(contains(picked.out, "decoder.conv1.weight"));
  const auto summary = inspect({vae, torch, "--summary"});
  CHECK(summary.exit_code == 0);
  CHECK(contains(summary.out, "PyTorch"));
  CHECK(contains(summary.out, "no model that is known here"));
  CHECK_FALSE(contains(summary.out, "decoder.head.0.gamma"));
}

TEST_CASE("inspect_checkpoint: the same as JSON") {
  const auto result = inspect({torch, vae, "--json", "--names", "extra.transposed"});
  REQUIRE(result.exit_code == 0);
  const nlohmann::json all = nlohmann::json::parse(result.out);
  REQUIRE(all.size() == 2);
  CHECK(all[0]["format"] == "PyTorch");
  REQUIRE(all[0]["tensors"].size() == 1);
  CHECK(all[0]["tensors"][0]["shape"] == nlohmann::json({6, 4}));
  CHECK(all[0]["tensors"][0]["strides"] == nlohmann::json({1, 6}));
  CHECK(all[0]["tensors"][0]["bytes"] == 96);
  CHECK(all[1]["models"][0]["sizes"]["vae_dim"] == 16);
  CHECK(all[1]["dtypes"]["BF16"] == 108);
}

TEST_CASE("inspect_checkpoint: a bad file is one line, and nothing is printed of the good one") {
  const latency_test::temporary_folder folder;
  const std::string bad = folder / "bad.pt";
  std::ofstream(bad) << "PK\x03\x04 and no more";
  for (const std::string& path : {bad, folder / "absent"}) {
    const auto result = inspect({vae, path});
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
    CHECK(result.err.rfind("inspect_checkpoint: " + path + ": ", 0) == 0);
    CHECK(result.err.find('\n') == result.err.size() - 1);
  }
  CHECK(inspect({}).exit_code == 2);
  CHECK(inspect({"--help"}).exit_code == 0);
}
