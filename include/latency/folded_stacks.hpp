#pragma once
// Folded stacks, the input of flame graph tools: one line "outer;inner;innermost N" for each path
// of span names, N being the exclusive nanoseconds of all spans with that path. The lines add up to
// the tracked time of all threads. A span handed to another thread stands below its parent.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "latency/detail/output_file.hpp"
#include "latency/detail/utf8.hpp"
#include "latency/recording.hpp"
#include "latency/span_tree.hpp"

namespace latency {

struct folded_stack {
  std::string path;  // names joined by ';'
  std::int64_t exclusive_ns = 0;
};

namespace detail {

// A name that cannot be taken for the syntax around it: ';' becomes ':', white space and control
// characters become '_', what is not UTF-8 becomes U+FFFD.
[[nodiscard]] inline std::string folded_name(std::string_view name) {
  if (name.empty()) return "(unnamed)";
  std::string result;
  for (std::size_t i = 0; i < name.size();) {
    const utf8_sequence sequence = decode_utf8(name.substr(i));
    const auto byte = static_cast<unsigned char>(name[i]);
    if (!sequence.valid) {
      result += replacement_character;
    } else if (byte <= ' ' || byte == 0x7F) {
      result += '_';
    } else if (byte == ';') {
      result += ':';
    } else {
      result += name.substr(i, sequence.length);
    }
    i += sequence.length;
  }
  return result;
}

}  // namespace detail

// The stacks with time of their own, parents before children. `tree` is that of `run`.
// O(spans * log(paths)).
[[nodiscard]] inline std::vector<folded_stack> fold_stacks(const recording& run,
                                                           const span_tree& tree) {
  std::unordered_map<std::string, std::size_t> name_ids;  // names that look the same are the same
  std::vector<std::size_t> name_of_string;
  for (const std::string& text : run.strings.all())
    name_of_string.push_back(
        name_ids.try_emplace(detail::folded_name(text), name_ids.size()).first->second);
  std::vector<const std::string*> names(name_ids.size());
  for (const auto& [name, id] : name_ids) names[id] = &name;

  std::vector<folded_stack> stacks;
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> known;  // (stack above, name)
  std::vector<std::size_t> stack_of_span(run.spans.size());
  constexpr auto none = static_cast<std::size_t>(-1);
  for (const std::uint32_t s : tree.preorder()) {
    const span_node& node = tree[s];
    const std::size_t above = node.parent == no_span ? none : stack_of_span[node.parent];
    const std::size_t name = name_of_string.at(run.spans[s].name);
    const auto [entry, inserted] = known.try_emplace({above, name}, stacks.size());
    if (inserted)
      stacks.push_back({above == none ? *names[name] : stacks[above].path + ';' + *names[name], 0});
    stack_of_span[s] = entry->second;
    stacks[entry->second].exclusive_ns += node.exclusive_ns;
  }
  std::vector<folded_stack> result;
  for (folded_stack& stack : stacks)
    if (stack.exclusive_ns != 0) result.push_back(std::move(stack));
  return result;
}

// Writes them. The file appears when it is complete; on any error nothing appears and
// latency::error names it.
inline void write_folded_stacks(const recording& run, const std::string& path) {
  std::string text;
  for (const folded_stack& stack : fold_stacks(run, span_tree(run))) {
    text += stack.path;
    text += ' ';
    text += std::to_string(stack.exclusive_ns);
    text += '\n';
  }
  detail::output_file file(path);
  file.write(text.data(), text.size());
  file.commit();
}

}  // namespace latency
