#include "pipeline_reference/longlive/config_mapping.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <utility>

#include "latency/error.hpp"
#include "pipeline_reference/files/text_file.hpp"

namespace longlive {
namespace {

const yaml_node empty_mapping = [] {
  yaml_node node;
  node.type = yaml_node::kind::mapping;
  return node;
}();

std::string describe(const yaml_node& node) {
  switch (node.type) {
    case yaml_node::kind::null:
      return "nothing";
    case yaml_node::kind::scalar:
      return (node.quoted ? "the text '" : "'") + files::printable(node.scalar) + "'";
    case yaml_node::kind::sequence:
      return "a list";
    case yaml_node::kind::mapping:
      return "a mapping";
  }
  return "";
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= from.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({replaced, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row.back();
}

config_mapping::config_mapping(const yaml_node& node, std::string file, std::string prefix)
    : node_(&node), file_(std::move(file)), prefix_(std::move(prefix)) {}

const yaml_node* config_mapping::find(std::string_view key) {
  accept(key);
  const yaml_node* node = node_->find(key);
  return node == nullptr || node->type == yaml_node::kind::null ? nullptr : node;
}

bool config_mapping::has(std::string_view key) const {
  const yaml_node* node = node_->find(key);
  return node != nullptr && node->type != yaml_node::kind::null;
}

bool config_mapping::accept(std::string_view key) {
  known_.emplace_back(key);
  return has(key);
}

void config_mapping::require(std::string_view key) const {
  if (!has(key)) fail(key, "is missing");
}

int config_mapping::line(std::string_view key) const {
  const auto found = std::find(node_->keys.begin(), node_->keys.end(), key);
  return found == node_->keys.end()
             ? std::max(node_->line, 1)
             : node_->key_lines[static_cast<std::size_t>(found - node_->keys.begin())];
}

void config_mapping::fail(std::string_view key, const std::string& message) const {
  throw latency::error(
      file_, fmt::format("line {}: {}{}", line(key), prefix_, files::printable(key)), message);
}

const yaml_node& config_mapping::scalar(const yaml_node& node, std::string_view key,
                                        std::string_view expected) const {
  if (node.type != yaml_node::kind::scalar)
    fail(key, fmt::format("expects {}, found {}", expected, describe(node)));
  return node;
}

std::int64_t config_mapping::to_integer(std::string_view digits, std::string_view key,
                                        std::int64_t lowest, std::int64_t highest) const {
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (code == std::errc::invalid_argument || end != digits.data() + digits.size())
    fail(key, fmt::format("expects an integer, found '{}'", files::printable(digits)));
  if (code == std::errc::result_out_of_range || value < lowest || value > highest)
    fail(key, fmt::format("must be between {} and {}, found {}", lowest, highest,
                          files::printable(digits)));
  return value;
}

std::int64_t config_mapping::integer(std::string_view key, std::int64_t otherwise,
                                     std::int64_t lowest, std::int64_t highest) {
  const yaml_node* node = find(key);
  if (node == nullptr) return otherwise;
  if (scalar(*node, key, "an integer").quoted)
    fail(key, "expects an integer, found " + describe(*node));
  return to_integer(node->scalar, key, lowest, highest);
}

double config_mapping::real(std::string_view key, double otherwise, double lowest, double highest) {
  const yaml_node* node = find(key);
  if (node == nullptr) return otherwise;
  const std::string& text = scalar(*node, key, "a number").scalar;
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (node->quoted || code == std::errc::invalid_argument || end != text.data() + text.size())
    fail(key, "expects a number, found " + describe(*node));
  if (code != std::errc() || !(value >= lowest && value <= highest))  // also catches NaN
    fail(key, fmt::format("must be between {} and {}, found {}", lowest, highest,
                          files::printable(text)));
  return value;
}

bool config_mapping::boolean(std::string_view key, bool otherwise) {
  const yaml_node* node = find(key);
  if (node == nullptr) return otherwise;
  const std::string& text = scalar(*node, key, "true or false").scalar;
  if (!node->quoted) {
    for (const char* word : {"true", "True", "TRUE", "yes", "on"})
      if (text == word) return true;
    for (const char* word : {"false", "False", "FALSE", "no", "off"})
      if (text == word) return false;
  }
  fail(key, "expects true or false, found " + describe(*node));
}

std::string config_mapping::text(std::string_view key, std::string otherwise) {
  const yaml_node* node = find(key);
  if (node == nullptr) return otherwise;
  const std::string& value = scalar(*node, key, "a text").scalar;
  if (std::any_of(value.begin(), value.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
    fail(key, "must not contain line breaks or control characters");
  return value;
}

std::string config_mapping::choice(std::string_view key, std::string_view otherwise,
                                   std::initializer_list<std::string_view> choices) {
  const yaml_node* node = find(key);
  if (node == nullptr) return std::string(otherwise);
  const std::string expected = fmt::format("one of {}", fmt::join(choices, ", "));
  const std::string& value = scalar(*node, key, expected).scalar;
  if (std::find(choices.begin(), choices.end(), value) == choices.end())
    fail(key, fmt::format("expects {}, found {}", expected, describe(*node)));
  return value;
}

std::vector<std::int64_t> config_mapping::integers(std::string_view key, std::int64_t lowest,
                                                   std::int64_t highest) {
  std::vector<std::int64_t> values;
  const yaml_node* node = find(key);
  if (node == nullptr) return values;
  if (node->type == yaml_node::kind::sequence) {
    for (const yaml_node& item : node->items) {
      if (scalar(item, key, "a list of integers").quoted)
        fail(key, "expects a list of integers, found " + describe(item) + " in it");
      values.push_back(to_integer(item.scalar, key, lowest, highest));
    }
    return values;
  }
  std::string_view rest = scalar(*node, key, "a list of integers").scalar;
  while (!trimmed(rest).empty()) {
    const auto comma = rest.find(',');
    values.push_back(to_integer(trimmed(rest.substr(0, comma)), key, lowest, highest));
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  return values;
}

config_mapping config_mapping::mapping(std::string_view key) {
  const yaml_node* node = find(key);
  if (node == nullptr) return {empty_mapping, file_, prefix_ + std::string(key) + "."};
  if (node->type != yaml_node::kind::mapping)
    fail(key, "expects a mapping, found " + describe(*node));
  return {*node, file_, prefix_ + std::string(key) + "."};
}

void config_mapping::refuse_unknown() const {
  for (const std::string& key : node_->keys) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    const auto nearest = std::min_element(
        known_.begin(), known_.end(), [&key](const std::string& a, const std::string& b) {
          return edit_distance(key.substr(0, 80), a) < edit_distance(key.substr(0, 80), b);
        });
    fail(key, nearest == known_.end()
                  ? "unknown key"
                  : "unknown key; the nearest known one is " + prefix_ + *nearest);
  }
}

}  // namespace longlive
