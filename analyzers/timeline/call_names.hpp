#pragma once
// What the names of CUDA and HIP calls say about them.

#include <string_view>
#include <vector>

#include "latency/recording.hpp"

namespace latency::timeline {

// What a call of the CUDA or HIP runtime, or of the driver, does, by its name.
[[nodiscard]] api_call_kind call_kind(std::string_view name);

struct call_name {
  api_call_kind kind = api_call_kind::other;
  bool launches_kernel = false;
  bool launches_graph = false;
  bool copies = false, sets = false;
  bool begins_capture = false, ends_capture = false;
};

// By the name's id: each name is looked at once. `strings` must outlive the object.
class call_names {
 public:
  explicit call_names(const string_table& strings) : strings_(strings) {}
  [[nodiscard]] const call_name& operator[](string_id name);

 private:
  struct known_name {
    bool known = false;
    call_name is;
  };
  const string_table& strings_;
  std::vector<known_name> names_;
};

}  // namespace latency::timeline
