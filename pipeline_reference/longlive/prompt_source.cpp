#include "pipeline_reference/longlive/prompt_source.hpp"

#include <fmt/format.h>

#include <utility>

#include "latency/error.hpp"
#include "pipeline_reference/ops/transfer.hpp"

namespace longlive {

given_prompts::given_prompts(ops::memory& memory, std::vector<prompt_embedding> prompts)
    : memory_(memory), prompts_(std::move(prompts)) {}

std::int64_t given_prompts::segments() const {
  return static_cast<std::int64_t>(prompts_.size());
}

written_prompt given_prompts::write(std::int64_t segment, const ops::tensor& out, ops::stream s) {
  const prompt_embedding& prompt = prompts_.at(static_cast<std::size_t>(segment));
  if (static_cast<std::int64_t>(prompt.rows.size()) != out.elements())
    throw latency::error(
        "", "prompt embedding",
        fmt::format("expected {} values, found {}", out.elements(), prompt.rows.size()));
  ops::upload_floats(memory_, out, prompt.rows, s);
  return {prompt.token_count, std::nullopt};
}

}  // namespace longlive
