// Any bytes at all as a prompt file, in both forms (the first byte chooses): refused with one line,
// or every clip has the same number of prompts, none of them empty.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "pipeline_reference/longlive/prompts.hpp"
#include "tests/fuzz/refusal.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  try {
    const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto lines = longlive::parse_prompts(text, data[0] % 2 == 1, "fuzz");
    for (const longlive::prompt_line& line : lines) {
      if (line.prompts.size() != lines.front().prompts.size()) std::abort();
      for (const std::string& prompt : line.prompts) {
        if (prompt.empty()) std::abort();
        const auto embedding = longlive::seeded_embedding(prompt, 1, 4, 2);
        if (embedding.token_count < 1 || embedding.token_count > 4) std::abort();
      }
    }
  } catch (const latency::error& refused) {
    fuzz::require_one_line(refused, "fuzz: ");
  }
  return 0;
}
