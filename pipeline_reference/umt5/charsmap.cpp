#include "pipeline_reference/umt5/charsmap.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "latency/detail/utf8.hpp"
#include "latency/error.hpp"

namespace umt5 {
namespace {

class tree_walk {
 public:
  tree_walk(const std::string& path, std::vector<std::uint32_t> units,
            std::string_view replacements)
      : path_(path), units_(std::move(units)), replacements_(replacements), below_(units_.size()) {}

  // Depth first with its own stack. Equal tails share their units, so what lies below a unit is
  // counted once and kept.
  void run() {
    enter(0);
    while (!stack_.empty()) {
      visit& top = stack_.back();
      if (top.next_label == 256) {
        leave();
        continue;
      }
      const std::uint32_t label = top.next_label++;
      const std::uint32_t child = children_of(top.unit) ^ label;
      if ((units_[child] & 0x800000ffu) != label) continue;
      if (below_[child].state == walk_state::entered)
        fail(child, "a rule without end: its unit leads back to itself");
      if (below_[child].state == walk_state::unseen) {
        enter(child);
      } else {
        add_child(below_[top.unit], below_[child]);
      }
    }
  }

 private:
  enum class walk_state : std::uint8_t { unseen, entered, left };
  struct counts {  // longest way down from a unit, itself included
    walk_state state = walk_state::unseen;
    std::uint32_t rules = 0;
    std::uint32_t bytes = 0;
  };
  struct visit {
    std::uint32_t unit;
    std::uint32_t next_label;
  };

  std::uint32_t children_of(std::uint32_t unit) const {
    const std::uint32_t bits = units_[unit];
    return unit ^ (bits >> 10) << ((bits & 0x200u) >> 6);
  }

  void enter(std::uint32_t unit) {
    if ((children_of(unit) | 0xffu) >= units_.size())
      fail(unit, fmt::format("its children lie outside of the {} units", units_.size()));
    if (unit != 0 && (units_[unit] & 0x100u)) check_replacement(unit);
    below_[unit].state = walk_state::entered;
    stack_.push_back({unit, 0});
  }

  void leave() {
    const std::uint32_t unit = stack_.back().unit;
    counts& here = below_[unit];
    here.state = walk_state::left;
    here.rules += (units_[unit] & 0x100u) != 0;
    here.bytes += 1;
    if (here.rules > charsmap_max_prefix_rules)
      fail(unit, fmt::format("more than {} rules begin alike", charsmap_max_prefix_rules));
    if (here.bytes > charsmap_max_rule_bytes + 1)  // the root takes no byte
      fail(unit, fmt::format("a rule of more than {} bytes", charsmap_max_rule_bytes));
    stack_.pop_back();
    if (!stack_.empty()) add_child(below_[stack_.back().unit], here);
  }

  static void add_child(counts& parent, const counts& child) {
    parent.rules = std::max(parent.rules, child.rules);
    parent.bytes = std::max(parent.bytes, child.bytes);
  }

  void check_replacement(std::uint32_t unit) const {
    const std::uint32_t place = units_[children_of(unit)] & 0x7fffffffu;
    if (place >= replacements_.size())
      fail(unit, fmt::format("its replacement stands at {}, but they end at {}", place,
                             replacements_.size()));
    std::string_view text = replacements_.substr(place);
    text = text.substr(0, text.find('\0'));
    if (text.size() > charsmap_max_replacement_bytes)
      fail(unit, fmt::format("its replacement has {} bytes, more than the limit of {}", text.size(),
                             charsmap_max_replacement_bytes));
    while (!text.empty()) {
      const auto sequence = latency::detail::decode_utf8(text);
      if (!sequence.valid) fail(unit, "its replacement is not UTF-8");
      text.remove_prefix(sequence.length);
    }
  }

  [[noreturn]] void fail(std::uint32_t unit, const std::string& message) const {
    throw latency::error(path_, fmt::format("precompiled_charsmap: unit {}", unit), message);
  }

  const std::string& path_;
  std::vector<std::uint32_t> units_;
  std::string_view replacements_;
  std::vector<counts> below_;
  std::vector<visit> stack_;
};

}  // namespace

void check_charsmap(const std::string& path, std::string_view charsmap) {
  const auto fail = [&](const std::string& message) {
    throw latency::error(path, "precompiled_charsmap", message);
  };
  if (charsmap.empty()) return;
  if (charsmap.size() > charsmap_max_bytes)
    fail(fmt::format("{} bytes, more than the limit of {}", charsmap.size(), charsmap_max_bytes));
  std::uint32_t tree_bytes = 0;
  if (charsmap.size() < sizeof tree_bytes) fail("ends within its size");
  std::memcpy(&tree_bytes, charsmap.data(), sizeof tree_bytes);
  charsmap.remove_prefix(sizeof tree_bytes);
  if (tree_bytes == 0 || tree_bytes % 4 != 0 || tree_bytes >= charsmap.size())
    fail(fmt::format("the tree claims {} bytes, {} follow", tree_bytes, charsmap.size()));
  if (charsmap.back() != '\0') fail("the last replacement has no end");
  std::vector<std::uint32_t> units(tree_bytes / 4);
  std::memcpy(units.data(), charsmap.data(), tree_bytes);
  tree_walk(path, std::move(units), charsmap.substr(tree_bytes)).run();
}

}  // namespace umt5
