#include "pipeline_reference/checkpoint/stored_name.hpp"

#include <doctest/doctest.h>

#include <string>

using checkpoint::replaced_all;
using checkpoint::without_wrappers;

TEST_CASE("replaced_all: every occurrence, from left to right, and not what it put in") {
  CHECK(replaced_all("", "a", "b").empty());
  CHECK(replaced_all("none here", "a", "b") == "none here");
  CHECK(replaced_all("aXbXc", "X", "--") == "a--b--c");
  CHECK(replaced_all("XX", "X", "").empty());
  CHECK(replaced_all("aaa", "aa", "b") == "ba");
  CHECK(replaced_all("aab", "ab", "b") == "ab");  // what remains is not looked at again
}

TEST_CASE("without_wrappers: plain module names, wherever FSDP wrapped") {
  CHECK(without_wrappers("model.blocks.0.ffn.weight") == "model.blocks.0.ffn.weight");
  CHECK(without_wrappers("model._fsdp_wrapped_module.blocks.0._fsdp_wrapped_module.ffn.weight") ==
        "model.blocks.0.ffn.weight");
  CHECK(without_wrappers("_fsdp_wrapped_module._fsdp_wrapped_module.w") == "w");
  CHECK(without_wrappers("_fsdp_wrapped_module") == "_fsdp_wrapped_module");  // a name, no wrapper
}

TEST_CASE("without_wrappers: a hostile name costs time in proportion to its length") {
  std::string name;
  for (int i = 0; i < 100000; ++i) name += "_fsdp_wrapped_module.";
  CHECK(without_wrappers(name + "w") == "w");
}
