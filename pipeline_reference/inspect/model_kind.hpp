#pragma once
// What the tensors of a file look like: which models they are the weights of, and the sizes of
// these as far as shapes tell them. A guess for people: the models check what they load themselves.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "pipeline_reference/checkpoint/tensor_entry.hpp"

namespace inspect {

struct found_model {
  std::string kind;  // "diffusion transformer (Wan2.1, LongLive)"
  std::string key;   // what stands before the model's names in the file: "generator.model."
  std::int64_t tensors = 0, parameters = 0;
  std::vector<std::pair<std::string, std::int64_t>> sizes;  // "dim" 1536, ...
};

// The models in the order of their keys; none when no tensor tells one. Names may be anything.
// Cost: a look at every tensor for each place that looks like a model, of which 16 are looked at.
[[nodiscard]] std::vector<found_model> find_models(
    const std::vector<checkpoint::tensor_entry>& entries);

}  // namespace inspect
