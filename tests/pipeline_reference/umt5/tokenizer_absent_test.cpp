#include <doctest/doctest.h>

#include "latency/error.hpp"
#include "pipeline_reference/umt5/tokenizer.hpp"

TEST_CASE("tokenizer_absent: opening one says that there is none, and what needs none") {
  CHECK_THROWS_WITH_AS(static_cast<void>(umt5::tokenizer::open("spiece.model")),
                       "spiece.model: this build has no tokenizer (configuring it said which "
                       "library was missing); prompt_embeddings: seeded needs none",
                       latency::error);
}
