#include "pipeline_reference/longlive/dit_checkpoint.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/pipeline_reference/checkpoint/written_checkpoints.hpp"
#include "tests/pipeline_reference/message_of.hpp"
#include "tests/pipeline_reference/tiny_model.hpp"
#include "tests/temporary_folder.hpp"

using checkpoint::expected_tensor;
using checkpoint::random_weights;
using checkpoint::testing::state_dict;
using latency_test::message_of;
using longlive::open_dit_lora;
using longlive::open_dit_weights;

namespace {

const longlive::dit_config config = longlive_tests::tiny_dit();
const random_weights first(1), second(2);

state_dict dit(const random_weights& values, const std::string& prefix) {
  return {longlive::dit_tensors(config), &values, prefix};
}
state_dict lora(std::int64_t rank, const std::string& prefix) {
  return {checkpoint::low_rank_tensors(longlive::adapted_modules(config), rank), &second, prefix};
}

// Whether `found` has all tensors of the model with these values.
bool holds(const checkpoint::weight_source& found, const random_weights& values) {
  found.expect(longlive::dit_tensors(config));
  for (const expected_tensor& tensor : longlive::dit_tensors(config))
    if (checkpoint::testing::values_of(found, tensor) !=
        checkpoint::testing::values_of(values, tensor))
      return false;
  return true;
}

}  // namespace

TEST_CASE("dit_checkpoint: the published model has 825 tensors, its LoRA 300 modules") {
  const longlive::dit_config published;
  const auto modules = longlive::adapted_modules(published);
  CHECK(longlive::dit_tensors(published).size() == 825);
  CHECK(longlive::parameter_count(published) == 1'418'996'800);
  CHECK(modules.size() == 300);
  CHECK(checkpoint::element_count(checkpoint::low_rank_tensors(modules, 256)) == 349'962'240);
}

TEST_CASE("dit_checkpoint: the state dict is found under each published key and prefix") {
  const latency_test::temporary_folder folder;
  const std::string path = folder / "w";
  for (const char* key : {"generator", "model", ""})
    for (const char* prefix : {"", "model.", "model._fsdp_wrapped_module.",
                               "_fsdp_wrapped_module.model._fsdp_wrapped_module."}) {
      CAPTURE(key);
      CAPTURE(prefix);
      checkpoint::testing::write_pytorch(path, {{key, dit(first, prefix)}});
      CHECK(holds(open_dit_weights(path, false), first));
    }
  checkpoint::testing::write_safetensors_dict(path, dit(first, "model."));
  CHECK(holds(open_dit_weights(path, false), first));
}

TEST_CASE("dit_checkpoint: use_ema chooses between two state dicts; others are ignored") {
  const latency_test::temporary_folder folder;
  const std::string path = folder / "w";
  checkpoint::testing::write_pytorch(path, {{"generator", dit(first, "model.")},
                                            {"critic", dit(second, "model.")},
                                            {"generator_ema", dit(second, "model.")}});
  CHECK(holds(open_dit_weights(path, false), first));
  CHECK(holds(open_dit_weights(path, true), second));
  checkpoint::testing::write_pytorch(path, {{"generator_ema", dit(first, "")}});
  CHECK(message_of([&] { static_cast<void>(open_dit_weights(path, false)); }) ==
        path + ": holds generator_ema only; set use_ema: true");
  checkpoint::testing::write_pytorch(path, {{"generator", dit(first, "")}});
  CHECK(message_of([&] { static_cast<void>(open_dit_weights(path, true)); }) ==
        path + ": holds no generator_ema; set use_ema: false");
  checkpoint::testing::write_pytorch(path, {{"generator_lora", lora(2, "")}});
  CHECK(message_of([&] { static_cast<void>(open_dit_weights(path, false)); }) ==
        path +
            ": holds no transformer: no tensor patch_embedding.weight under generator, under "
            "model or at the top");
}

TEST_CASE("dit_checkpoint: LoRA is found with PEFT's names, and only of the rank configured") {
  const latency_test::temporary_folder folder;
  const std::string path = folder / "l";
  const auto expected = checkpoint::low_rank_tensors(longlive::adapted_modules(config), 3);
  for (const char* key : {"generator_lora", ""}) {
    checkpoint::testing::write_pytorch(path, {{key, lora(3, "base_model.model.")}});
    open_dit_lora(path, 3).expect(expected);
  }
  checkpoint::testing::write_pytorch(path, {{"generator_lora", lora(3, "base_model.model.model.")},
                                            {"critic_lora", lora(5, "base_model.model.")}});
  open_dit_lora(path, 3).expect(expected);
  CHECK(message_of([&] { static_cast<void>(open_dit_lora(path, 256)); }) ==
        path + ": holds a LoRA of rank 3, but adapter.rank is 256");

  state_dict named = lora(3, "base_model.model.");
  std::vector<float> zeros(3 * 40);
  std::vector<checkpoint::tensor_to_write> tensors;
  for (const expected_tensor& t : named.tensors) {
    std::string name = named.prefix + t.name;
    name.insert(name.rfind(".weight"), ".default");
    tensors.push_back(
        {name, t.shape,
         std::span(zeros).first(static_cast<std::size_t>(checkpoint::element_count(t.shape)))});
  }
  checkpoint::write_safetensors(path, tensors);
  open_dit_lora(path, 3).expect(expected);

  checkpoint::testing::write_pytorch(path, {{"generator", dit(first, "")}});
  CHECK(message_of([&] { static_cast<void>(open_dit_lora(path, 3)); }) ==
        path +
            ": holds no LoRA: no tensor <module>.lora_A.weight under generator_lora or at the "
            "top");
}
