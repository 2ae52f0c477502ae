#pragma once
// Typed reading of one mapping of a configuration: every wrong value becomes one line
// "FILE: line L: KEY: MESSAGE", and keys that nobody asked for are refused with the nearest known
// one.

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline_reference/longlive/yaml_document.hpp"

namespace longlive {

// Reads one mapping; keeps a reference to `node`, which must outlive it. A key whose value is null
// counts as absent. Every function throws latency::error on a wrong value. Not thread-safe.
class config_mapping {
 public:
  // `prefix` stands before every key in messages: "" or "model_kwargs.".
  config_mapping(const yaml_node& node, std::string file, std::string prefix);

  // Each marks the key as known and returns `otherwise` when the key is absent.
  std::int64_t integer(std::string_view key, std::int64_t otherwise, std::int64_t lowest,
                       std::int64_t highest);
  double real(std::string_view key, double otherwise, double lowest, double highest);
  bool boolean(std::string_view key, bool otherwise);
  std::string text(std::string_view key, std::string otherwise);
  std::string choice(std::string_view key, std::string_view otherwise,
                     std::initializer_list<std::string_view> choices);
  // A list of integers, or the published comma-separated text ("40, 80").
  std::vector<std::int64_t> integers(std::string_view key, std::int64_t lowest,
                                     std::int64_t highest);
  // A nested mapping; an empty one when the key is absent.
  config_mapping mapping(std::string_view key);

  [[nodiscard]] bool has(std::string_view key) const;
  // Throws when the key is absent.
  void require(std::string_view key) const;
  // Marks a key as known and says whether the file has it.
  bool accept(std::string_view key);
  // Throws for the first key that nothing above asked for.
  void refuse_unknown() const;

  // Of a key, or of the mapping when the key is absent.
  [[nodiscard]] int line(std::string_view key) const;
  // Throws "FILE: line L: KEY: MESSAGE".
  [[noreturn]] void fail(std::string_view key, const std::string& message) const;

 private:
  const yaml_node* find(std::string_view key);
  [[nodiscard]] const yaml_node& scalar(const yaml_node& node, std::string_view key,
                                        std::string_view expected) const;
  [[nodiscard]] std::int64_t to_integer(std::string_view digits, std::string_view key,
                                        std::int64_t lowest, std::int64_t highest) const;

  const yaml_node* node_;
  std::string file_;
  std::string prefix_;
  std::vector<std::string> known_;
};

// Number of single-character insertions, deletions and replacements that turn one text into the
// other.
[[nodiscard]] std::size_t edit_distance(std::string_view from, std::string_view to);

}  // namespace longlive
