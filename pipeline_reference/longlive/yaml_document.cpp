#include "pipeline_reference/longlive/yaml_document.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "latency/error.hpp"
#include "pipeline_reference/files/text_file.hpp"

namespace longlive {
namespace {

[[noreturn]] void fail(const std::string& file, int line, const std::string& message) {
  throw latency::error(file, fmt::format("line {}", line), message);
}

// Builds the tree from yaml-cpp's events, checking the limits as they arrive.
class tree_builder : public YAML::EventHandler {
 public:
  explicit tree_builder(const std::string& file) : file_(file) {}

  [[nodiscard]] yaml_node take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(start(yaml_node::kind::null, mark, anchor));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    fail(file_, mark.line + 1, "aliases (*name) are not supported");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    yaml_node node = start(yaml_node::kind::scalar, mark, anchor);
    node.scalar = value;
    node.quoted = tag == "!";  // yaml-cpp's way of saying "not plain"
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(start(yaml_node::kind::sequence, mark, anchor));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(start(yaml_node::kind::mapping, mark, anchor));
  }
  void OnMapEnd() override { close(); }

 private:
  struct level {
    yaml_node node;
    bool key_read = false;  // a mapping whose next node is the value of keys.back()
  };

  yaml_node start(yaml_node::kind type, const YAML::Mark& mark, YAML::anchor_t anchor) {
    const int line = mark.line + 1;
    if (anchor != 0) fail(file_, line, "anchors (&name) are not supported");
    if (++nodes_ > yaml_max_nodes)
      fail(file_, line, fmt::format("more than {} values", yaml_max_nodes));
    yaml_node node;
    node.type = type;
    node.line = line;
    return node;
  }

  void open(yaml_node node) {
    if (levels_.size() >= yaml_max_depth)
      fail(file_, node.line, fmt::format("nested deeper than {} levels", yaml_max_depth));
    refuse_as_key(node);
    levels_.push_back({std::move(node)});
  }

  void close() {
    yaml_node node = std::move(levels_.back().node);
    levels_.pop_back();
    add(std::move(node));
  }

  void add(yaml_node node) {
    if (levels_.empty()) {
      root_ = std::move(node);
      return;
    }
    level& parent = levels_.back();
    if (parent.node.type == yaml_node::kind::mapping && !parent.key_read) {
      refuse_as_key(node);
      if (has_key(parent.node, node.scalar))
        fail(file_, node.line, files::printable(node.scalar) + ": given twice");
      parent.node.keys.push_back(std::move(node.scalar));
      parent.node.key_lines.push_back(node.line);
      parent.key_read = true;
      return;
    }
    parent.node.items.push_back(std::move(node));
    parent.key_read = false;
  }

  // yaml-cpp announces a complex key like any other node, in the place of a key.
  void refuse_as_key(const yaml_node& node) const {
    if (levels_.empty()) return;
    const level& parent = levels_.back();
    if (parent.node.type == yaml_node::kind::mapping && !parent.key_read &&
        node.type != yaml_node::kind::scalar)
      fail(file_, node.line, "a key must be a single word");
  }

  static bool has_key(const yaml_node& mapping, const std::string& key) {
    return std::find(mapping.keys.begin(), mapping.keys.end(), key) != mapping.keys.end();
  }

  const std::string& file_;
  std::size_t nodes_ = 0;
  std::vector<level> levels_;
  yaml_node root_;
};

}  // namespace

const yaml_node* yaml_node::find(std::string_view key) const {
  const auto found = std::find(keys.begin(), keys.end(), key);
  if (found == keys.end()) return nullptr;
  const auto index = static_cast<std::size_t>(found - keys.begin());
  return index < items.size() ? &items[index] : nullptr;
}

yaml_node parse_yaml(const std::string& text, const std::string& file) {
  if (text.size() > yaml_max_bytes)
    throw latency::error(
        file, "", fmt::format("{} bytes, more than the limit of {}", text.size(), yaml_max_bytes));
  if (const auto nul = text.find('\0'); nul != std::string::npos)
    throw latency::error(file, fmt::format("byte {}", nul), "not a text file");
  try {
    std::istringstream in(text);
    YAML::Parser parser(in);
    tree_builder builder(file);
    if (!parser.HandleNextDocument(builder)) throw latency::error(file, "", "is empty");
    yaml_node root = builder.take_root();
    if (root.type != yaml_node::kind::mapping)
      fail(file, std::max(root.line, 1), "must be a mapping of keys to values");
    tree_builder rest(file);
    if (parser.HandleNextDocument(rest))
      throw latency::error(file, "", "holds more than one document");
    return root;
  } catch (const YAML::Exception& e) {
    fail(file, std::max(e.mark.line, 0) + 1, "not YAML: " + files::printable(e.msg));
  }
}

yaml_node read_yaml(const std::string& path) {
  return parse_yaml(files::read_text_file(path, yaml_max_bytes), path);
}

}  // namespace longlive
