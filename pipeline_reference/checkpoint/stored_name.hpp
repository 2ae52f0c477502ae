#pragma once
// Names of tensors as training code leaves them in files.

#include <string>
#include <string_view>

namespace checkpoint {

// `name` with every `from` replaced, in one pass: names are untrusted, and may repeat it very
// often.
[[nodiscard]] inline std::string replaced_all(std::string_view name, std::string_view from,
                                              std::string_view to) {
  std::string result;
  for (std::size_t at; (at = name.find(from)) != std::string_view::npos;) {
    result += name.substr(0, at);
    result += to;
    name.remove_prefix(at + from.size());
  }
  return result += name;
}

// Without what PyTorch's FSDP adds where it wraps a module.
[[nodiscard]] inline std::string without_wrappers(std::string_view stored) {
  return replaced_all(stored, "_fsdp_wrapped_module.", "");
}

}  // namespace checkpoint
