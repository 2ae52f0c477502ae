#pragma once
// The one line that a refusal ends in.

#include <doctest/doctest.h>

#include <string>

#include "latency/error.hpp"

namespace latency_test {

// What the call throws; empty when it returns.
template <typename Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const latency::error& e) {
    CHECK(std::string(e.what()).find('\n') == std::string::npos);
    return e.what();
  }
  return "";
}

}  // namespace latency_test
