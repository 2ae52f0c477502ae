#pragma once
// A small YAML file as a tree of plain values that remember their lines, read with yaml-cpp's event
// parser under limits, so that a hostile file cannot cost much memory, time or stack.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace longlive {

// Beyond these a file is refused. Anchors and aliases are refused too: they are how a short file
// becomes a huge tree, and the published configurations do not use them.
inline constexpr std::size_t yaml_max_bytes = 256 * 1024;
inline constexpr std::size_t yaml_max_nodes = 4000;
inline constexpr std::size_t yaml_max_depth = 16;

struct yaml_node {
  enum class kind { null, scalar, sequence, mapping };

  kind type = kind::null;
  int line = 0;         // from 1
  bool quoted = false;  // scalar in quotes or a block scalar: text even if it looks like a number
  std::string scalar;   // kind::scalar
  std::vector<std::string> keys;  // kind::mapping, in the order of the file, without duplicates
  std::vector<int> key_lines;     // as long as keys
  std::vector<yaml_node> items;   // elements of a sequence, or the values of `keys`

  // The value of a key of a mapping, or nullptr.
  [[nodiscard]] const yaml_node* find(std::string_view key) const;
};

// One document whose root is a mapping. Throws latency::error "FILE: line L: MESSAGE".
[[nodiscard]] yaml_node parse_yaml(const std::string& text, const std::string& file);

// The same for a file. Throws latency::error also when it cannot be read or is too large.
[[nodiscard]] yaml_node read_yaml(const std::string& path);

}  // namespace longlive
