#include "analyzers/commands/requirement_parser.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <string_view>

#include "latency/error.hpp"

namespace latency::commands {
namespace {

using analysis::metric;

constexpr const char* metrics = "mean, p50, p95, p99, max, min, sum, exclusive, count or share";

struct unit_factor {
  std::string_view name;
  double factor;
};
constexpr unit_factor time_units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};

struct operator_name {
  std::string_view text;
  bound_kind relation;
};
// Longer ones first.
constexpr operator_name operators[] = {{"<=", bound_kind::at_most},
                                       {">=", bound_kind::at_least},
                                       {"==", bound_kind::equal},
                                       {"<", bound_kind::below},
                                       {">", bound_kind::above}};

class parser {
 public:
  explicit parser(const std::string& text) : text_(text) {}

  requirement parse() {
    requirement result;
    result.text = text_;
    result.metric = read_metric();
    expect('(', "'(' and the name of a span");
    result.name = read_name();
    expect(')', "')' after the name of the span");
    result.relation = read_operator();
    const double number = read_number();
    result.bound = number * read_factor(result.metric);
    skip_space();
    if (at_ != text_.size()) fail(at_, "expected nothing more");
    return result;
  }

 private:
  [[noreturn]] void fail(std::size_t at, const std::string& message) const {
    throw error("--require '" + text_ + "'", "character " + std::to_string(at + 1), message);
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  std::string_view word() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 ||
                                  text_[at_] == '_' || text_[at_] == '%'))
      ++at_;
    return std::string_view(text_).substr(begin, at_ - begin);
  }
  void expect(char wanted, const char* what) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != wanted) fail(at_, std::string("expected ") + what);
    ++at_;
  }

  metric read_metric() {
    skip_space();
    const std::size_t begin = at_;
    const std::string_view name = word();
    const auto known = analysis::metric_named(name);
    if (!known) fail(begin, std::string("expected a metric: ") + metrics);
    return *known;
  }

  std::string read_name() {
    skip_space();
    if (at_ < text_.size() && text_[at_] == '"') {
      const std::size_t end = text_.find('"', at_ + 1);
      if (end == text_.npos) fail(at_, "this quote is never closed");
      std::string name = text_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
      return name;
    }
    const std::size_t begin = at_;
    at_ = std::min(text_.find(')', at_), text_.size());
    std::size_t end = at_;
    while (end > begin && text_[end - 1] == ' ') --end;
    if (end == begin) fail(begin, "expected the name of a span");
    return text_.substr(begin, end - begin);
  }

  bound_kind read_operator() {
    skip_space();
    for (const operator_name& entry : operators)
      if (text_.compare(at_, entry.text.size(), entry.text) == 0) {
        at_ += entry.text.size();
        return entry.relation;
      }
    fail(at_, "expected <=, <, >=, > or ==");
  }

  double read_number() {
    skip_space();
    double number = 0;
    const char* const begin = text_.data() + at_;
    const auto parsed =
        std::from_chars(begin, text_.data() + text_.size(), number, std::chars_format::fixed);
    if (parsed.ec != std::errc{} || !std::isfinite(number) || number < 0)
      fail(at_, "expected a number that is not negative");
    at_ += static_cast<std::size_t>(parsed.ptr - begin);
    return number;
  }

  double read_factor(metric of) {
    skip_space();
    const std::size_t begin = at_;
    const std::string_view unit = word();
    if (of == metric::count) {
      if (!unit.empty()) fail(begin, "a count has no unit");
      return 1;
    }
    if (of == metric::share) {
      if (!unit.empty() && unit != "%") fail(begin, "expected % or nothing after a share");
      return unit.empty() ? 1 : 0.01;
    }
    for (const unit_factor& entry : time_units)
      if (unit == entry.name) return entry.factor;
    fail(begin, "expected a unit of time: ns, us, ms or s");
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

}  // namespace

requirement parse_requirement(const std::string& text) {
  return parser(text).parse();
}

bool holds(const requirement& wanted, double value) {
  switch (wanted.relation) {
    case bound_kind::at_most:
      return value <= wanted.bound;
    case bound_kind::below:
      return value < wanted.bound;
    case bound_kind::at_least:
      return value >= wanted.bound;
    case bound_kind::above:
      return value > wanted.bound;
    case bound_kind::equal:
      return value == wanted.bound;
  }
  return false;
}

}  // namespace latency::commands
