// The interactive program on a GPU, as a user runs it, with the bundled small configuration.

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/pipeline_reference/source_dir.hpp"
#include "tests/pipeline_reference/tiny_run.hpp"

using longlive_tests::program_result;

TEST_CASE("interactive program on a GPU: kernels are recorded and belong to the program's spans") {
  const longlive_tests::tiny_run run;
  const std::string config =
      longlive_tests::source_dir() + "/pipeline_reference/configs/longlive_interactive_small.yaml";
  const program_result result =
      run.run({longlive_tests::interactive, "--config_path", config, "--device", "cuda",
               "--enable_timing", "--timing_output_dir", run / "out"});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  CHECK(result.out.find("Device: cuda (") != std::string::npos);
  CHECK(result.out.find("not recorded") == std::string::npos);
  const nlohmann::json file = run.timing_file();
  CHECK(file["run"]["tier"] == "kernels");
  CHECK(file["run"]["device_type"] == "cuda");
  CHECK(file["blocks"]["index"].size() == 21);
  CHECK(file["pixel_frames"]["index"].size() == 249);
  CHECK(file["device_ops"]["name"].size() > 21 * 5 * 4 * 10);  // blocks, forwards, layers, kernels
  CHECK(file["hygiene"]["dropped_device_ops"] == 0);
}
