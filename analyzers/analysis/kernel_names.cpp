#include "analyzers/analysis/kernel_names.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "analyzers/analysis/cpp_name.hpp"

namespace latency::analysis {
namespace {

std::string plugged_in(const cpp_name& wrapped) {
  const cpp_name& node = unwrapped(wrapped);
  const cpp_name* const argument = telling_argument(node);
  if (argument == nullptr) return own_name(node);
  return own_name(node).append("<").append(plugged_in(*argument)).append(">");
}

std::string short_name(const cpp_name& node) {
  const cpp_name* const argument = telling_argument(node);
  if (argument == nullptr) return qualified_name(node);
  return qualified_name(node).append("<").append(plugged_in(*argument)).append(">");
}

// "#3#1" of "f(int)::{lambda()#3}::operator()() const::{lambda(float)#1}".
std::string lambda_numbers(const std::string& head) {
  std::string result;
  for (std::size_t i = 0; i < head.size(); ++i)
    if (head[i] == '#') do
        result += head[i];
      while (++i < head.size() && std::isdigit(static_cast<unsigned char>(head[i])));
  return result;
}

// Finds labels that tell names apart, as short as they come.
class difference {
 public:
  // One label for each name, of names that look alike; a few different ones may share one. Wrappers
  // (see above) are named only where nothing else differs.
  static std::vector<std::string> between(const std::vector<const cpp_name*>& nodes) {
    indices all(nodes.size());
    std::iota(all.begin(), all.end(), 0);
    std::vector<std::string> labels = between(nodes, false);
    add_if_it_helps(all, between(nodes, true), labels);
    return labels;
  }

 private:
  using indices = std::vector<std::size_t>;

  static std::vector<std::string> between(std::vector<const cpp_name*> nodes, bool wrappers) {
    if (!wrappers)
      for (const cpp_name*& node : nodes) node = &unwrapped(*node);
    std::vector<std::string> labels(nodes.size());
    std::map<std::string, indices> alike;
    for (std::size_t i = 0; i < nodes.size(); ++i) alike[own_name(*nodes[i])].push_back(i);
    for (const auto& [word, members] : alike) {
      if (alike.size() > 1)
        for (const std::size_t i : members) labels[i] = word.empty() ? "-" : word;
      within(nodes, members, wrappers, labels);
    }
    return labels;
  }

  static void within(const std::vector<const cpp_name*>& nodes, const indices& members,
                     bool wrappers, std::vector<std::string>& labels) {
    std::set<std::string_view> texts;
    std::size_t columns = 0;
    for (const std::size_t i : members) {
      texts.insert(nodes[i]->text);
      columns = std::max(columns, nodes[i]->arguments.size());
    }
    for (const bool numbers : {false, true})
      for (std::size_t c = 0; c < columns && told_apart(labels, members) < texts.size(); ++c)
        add_column(nodes, members, c, numbers, wrappers, labels);
    if (told_apart(labels, members) == texts.size()) return;
    std::vector<std::string> lambdas;
    for (const std::size_t i : members) lambdas.push_back(lambda_numbers(nodes[i]->head));
    add_if_it_helps(members, lambdas, labels);
  }

  static std::size_t told_apart(const std::vector<std::string>& labels, const indices& members) {
    std::set<std::string_view> different;
    for (const std::size_t i : members) different.insert(labels[i]);
    return different.size();
  }

  // Either a column of numbers or another one.
  static void add_column(const std::vector<const cpp_name*>& nodes, const indices& members,
                         std::size_t c, bool numbers, bool wrappers,
                         std::vector<std::string>& labels) {
    static const cpp_name missing;
    std::vector<const cpp_name*> column;
    bool all_numbers = true;
    bool equal = true;
    for (const std::size_t i : members) {
      const bool has = c < nodes[i]->arguments.size();
      column.push_back(has ? &nodes[i]->arguments[c] : &missing);
      const std::string_view text = column.back()->text;
      all_numbers =
          all_numbers && !text.empty() && std::isdigit(static_cast<unsigned char>(text[0]));
      equal = equal && text == column.front()->text;
    }
    if (!equal && all_numbers == numbers)
      add_if_it_helps(members, between(std::move(column), wrappers), labels);
  }

  // Adds parts to labels of which there are several, unless that tells no more of them apart.
  static void add_if_it_helps(const indices& members, const std::vector<std::string>& parts,
                              std::vector<std::string>& labels) {
    const std::size_t before = told_apart(labels, members);
    std::map<std::string, std::size_t> users;
    std::vector<std::string> kept;
    for (const std::size_t i : members) {
      ++users[labels[i]];
      kept.push_back(labels[i]);
    }
    for (std::size_t m = 0; m < members.size(); ++m)
      if (users[kept[m]] > 1) add(labels[members[m]], parts[m]);
    if (told_apart(labels, members) > before) return;
    for (std::size_t m = 0; m < members.size(); ++m) labels[members[m]] = kept[m];
  }

  static void add(std::string& label, const std::string& part) {
    if (part.empty()) return;
    label.append(label.empty() ? "" : ",").append(part);
  }
};

// Whole names in place of short ones that are still alike.
void keep_apart(const std::vector<std::string_view>& names, std::vector<std::string>& shortened) {
  for (bool again = true; again;) {
    again = false;
    std::map<std::string, std::vector<std::size_t>> users;
    for (std::size_t i = 0; i < names.size(); ++i) users[shortened[i]].push_back(i);
    for (const auto& [text, members] : users) {
      const auto other = [&, first = names[members.front()]](std::size_t i) {
        return names[i] != first;
      };
      if (std::none_of(members.begin(), members.end(), other)) continue;
      for (const std::size_t i : members) {
        again = again || shortened[i] != names[i];
        shortened[i] = names[i];
      }
    }
  }
}

}  // namespace

std::vector<std::string> short_kernel_names(const std::vector<std::string_view>& names) {
  std::vector<std::optional<cpp_name>> parsed(names.size());
  std::vector<std::string> result(names.begin(), names.end());
  std::map<std::string, std::vector<std::size_t>> alike;
  for (std::size_t i = 0; i < names.size(); ++i) {
    parsed[i] = parse_cpp_name(names[i]);
    if (!parsed[i]) continue;
    const std::string name = short_name(*parsed[i]);
    if (name.empty()) continue;
    result[i] = name;
    alike[name].push_back(i);
  }
  for (const auto& [name, members] : alike) {
    std::vector<const cpp_name*> nodes;
    for (const std::size_t i : members) nodes.push_back(&*parsed[i]);
    const std::vector<std::string> labels = difference::between(nodes);
    for (std::size_t i = 0; i < members.size(); ++i)
      if (!labels[i].empty()) result[members[i]].append(" [").append(labels[i]).append("]");
  }
  keep_apart(names, result);
  return result;
}

std::unordered_map<string_id, std::string> device_op_names(const recording& run) {
  std::unordered_map<string_id, std::string> result;
  std::vector<string_id> kernels;
  const auto add = [&](string_id name, device_op_kind kind) {
    if (!result.try_emplace(name, run.strings[name]).second) return;
    if (kind == device_op_kind::kernel) kernels.push_back(name);
  };
  for (const device_op& op : run.device_ops) add(op.name, op.kind);
  for (const device_total& total : run.device_totals) add(total.name, total.kind);
  std::vector<std::string_view> names;
  for (const string_id name : kernels) names.push_back(run.strings[name]);
  const std::vector<std::string> shortened = short_kernel_names(names);
  for (std::size_t i = 0; i < kernels.size(); ++i) result[kernels[i]] = shortened[i];
  return result;
}

}  // namespace latency::analysis
