#include "analyzers/analysis/cpp_name.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

namespace latency::analysis {
namespace {

constexpr std::size_t longest_parsed = 16384;  // longer names, and names that nest deeper, are
constexpr int deepest_parsed = 48;             // shown as they are

constexpr std::string_view anonymous = "(anonymous namespace)";

class name_parser {
 public:
  explicit name_parser(std::string_view text) : text_(text) {}

  std::optional<cpp_name> parse() {
    cpp_name result;
    if (text_.size() > longest_parsed || !parse(result, 0) || at_ != text_.size())
      return std::nullopt;
    return result;
  }

 private:
  bool parse(cpp_name& node, int depth) {
    if (depth > deepest_parsed) return false;
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    const std::size_t first = at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == ',' || c == '>' || c == ')') break;
      if (text_.substr(at_, anonymous.size()) == anonymous) {
        at_ += anonymous.size();  // says nothing
      } else if (c == '<') {
        if (!parse_list(node, '>', depth)) return false;
      } else if (c == '(') {
        if (!parse_list(node, ')', depth)) return false;
      } else {
        node.head += c;
        ++at_;
      }
    }
    node.text = text_.substr(first, at_ - first);
    return true;
  }

  bool parse_list(cpp_name& node, char end, int depth) {
    do {
      ++at_;
      cpp_name argument;
      if (!parse(argument, depth + 1)) return false;
      if (argument.text.empty()) continue;
      // Template arguments stand before the others.
      const auto place = end == '>' ? node.template_arguments++ : node.arguments.size();
      node.arguments.insert(node.arguments.begin() + static_cast<std::ptrdiff_t>(place),
                            std::move(argument));
    } while (at_ < text_.size() && text_[at_] == ',');
    return at_ < text_.size() && text_[at_++] == end;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

bool begins_with(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}
bool ends_with(std::string_view text, std::string_view with) {
  return text.size() >= with.size() && text.substr(text.size() - with.size()) == with;
}

// Namespaces, class and function of a head that say something.
std::vector<std::string> words_of(const cpp_name& node) {
  std::string head = node.head;
  for (std::size_t at = 0; (at = head.find(" const", at)) != head.npos;) head.erase(at, 6);
  head.erase(std::min(head.find(" ["), head.size()));
  while (!head.empty() && (head.back() == ' ' || head.back() == '*' || head.back() == '&'))
    head.pop_back();
  std::vector<std::string> words;
  for (std::size_t first = 0; first <= head.size();) {
    const std::size_t last = std::min(head.find("::", first), head.size());
    const std::string word = head.substr(first, last - first);
    first = last + 2;
    if (word.empty() || word[0] == '{' || word == "operator") continue;
    words.push_back(word);
  }
  return words;
}

// A number, a data type, or what holds data: says how, not what.
bool is_plain(const cpp_name& node) {
  static constexpr std::string_view types[] = {"true",
                                               "false",
                                               "bool",
                                               "char",
                                               "short",
                                               "int",
                                               "long",
                                               "float",
                                               "double",
                                               "void",
                                               "signed",
                                               "half",
                                               "__half",
                                               "__half2",
                                               "nullptr",
                                               "decltype",
                                               "OffsetCalculator",
                                               "TrivialOffsetCalculator",
                                               "Array",
                                               "OpaqueType"};
  const std::string word = own_name(node);
  if (word.empty() || !(std::isalpha(static_cast<unsigned char>(word[0])) || word[0] == '_'))
    return true;
  if (begins_with(node.head, "std::") || begins_with(node.head, "c10::") ||
      begins_with(word, "unsigned") || begins_with(word, "long ") || begins_with(word, "__nv_") ||
      ends_with(word, "_t") || ends_with(word, "Metadata"))
    return true;
  return std::find(std::begin(types), std::end(types), word) != std::end(types);
}

}  // namespace

std::optional<cpp_name> parse_cpp_name(std::string_view text) {
  return name_parser(text).parse();
}

std::string own_name(const cpp_name& node) {
  const auto words = words_of(node);
  return words.empty() ? "" : words.back();
}

std::string qualified_name(const cpp_name& node) {
  std::string result;
  auto words = words_of(node);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t space = words[i].rfind(' ');  // the return type stands before it
    if (space != words[i].npos) {
      result.clear();
      words[i].erase(0, space + 1);
    }
    const bool empty_talk = words[i].empty() || words[i] == "native" ||
                            ends_with(words[i], "detail") || ends_with(words[i], "_NS");
    if (empty_talk && i + 1 < words.size()) continue;
    result.append(result.empty() ? "" : "::").append(words[i]);
  }
  return result;
}

const cpp_name* telling_argument(const cpp_name& node) {
  for (std::size_t i = 0; i < node.template_arguments; ++i)
    if (!is_plain(node.arguments[i])) return &node.arguments[i];
  return nullptr;
}

const cpp_name& unwrapped(const cpp_name& node) {
  const cpp_name* result = &node;
  while (result->head.find("{lambda") != result->head.npos) {
    const cpp_name* const argument = telling_argument(*result);
    if (argument == nullptr) break;
    result = argument;
  }
  return *result;
}

}  // namespace latency::analysis
