// Makes pipeline_reference/configs/tokenizer_small.model anew, from the bundled prompts:
//   train_small_tokenizer pipeline_reference/configs/prompts/* > tokenizer_small.model
// The file holds what the tokenizer reads and nothing else, so it is the same on every machine.

#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "latency/error.hpp"
#include "pipeline_reference/longlive/prompts.hpp"
#include "pipeline_reference/umt5/sentencepiece_model.hpp"
#include "pipeline_reference/umt5/train_tokenizer.hpp"

int main(int argc, char** argv) {
  try {
    std::vector<std::string> sentences;
    for (int i = 1; i < argc; ++i)
      for (const longlive::prompt_line& line : longlive::read_prompts(argv[i]))
        sentences.insert(sentences.end(), line.prompts.begin(), line.prompts.end());
    const std::string model = umt5::train_tokenizer(sentences, "identity", 700);
    std::cout << umt5::model_bytes(umt5::parse_sentencepiece_model("trained", model));
    return std::cout.flush() ? 0 : 2;
  } catch (const latency::error& error) {
    std::fprintf(stderr, "train_small_tokenizer: %s\n", error.what());
    return 2;
  }
}
