// Any bytes as case.json of both kinds: refused with one line, or the sizes in it are possible and
// the reader goes on to the tensors, which are not there.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "pipeline_reference/longlive/golden_case.hpp"
#include "pipeline_reference/longlive/golden_run.hpp"
#include "pipeline_reference/longlive/golden_vae_decoder.hpp"
#include "pipeline_reference/ops/cpu/cpu_backend.hpp"
#include "tests/fuzz/refusal.hpp"

namespace {

const std::string folder = "/nonexistent";

template <class Compare>
void must_refuse(const Compare& compare) {
  try {
    compare();
    std::abort();
  } catch (const latency::error& refused) {
    fuzz::require_one_line(refused, folder + "/");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static ops::cpu::cpu_backend backend(1);
  nlohmann::json json;
  try {
    json = longlive::parse_golden_case({reinterpret_cast<const char*>(data), size},
                                       folder + "/case.json");
  } catch (const latency::error& refused) {
    fuzz::require_one_line(refused, folder + "/case.json: ");
    return 0;
  }
  must_refuse([&] {
    static_cast<void>(longlive::compare_golden_run(folder, json, longlive::kv_policy::ring,
                                                   backend.transformer(), backend.memory()));
  });
  must_refuse(
      [&] { longlive::compare_golden_vae_decoder(folder, json, backend.vae(), backend.memory()); });
  return 0;
}
