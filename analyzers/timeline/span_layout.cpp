#include "analyzers/timeline/span_layout.hpp"

#include <algorithm>

#include "latency/saturating.hpp"

namespace latency::timeline {
namespace {

// When a row of siblings ends if nothing else holds it: behind the last one whose end is known come
// those after it. Nothing: no end is known in it.
std::optional<std::int64_t> end_of(const std::vector<placed_span>& siblings);

std::optional<std::int64_t> end_of(const placed_span& one) {
  return one.end_ns ? one.end_ns : end_of(one.children);
}

std::optional<std::int64_t> end_of(const std::vector<placed_span>& siblings) {
  std::optional<std::int64_t> end_ns;
  for (const placed_span& one : siblings) {
    if (end_ns) end_ns = saturating_add(*end_ns, one.duration_ns);
    if (const auto own = end_of(one)) end_ns = std::max(end_ns.value_or(*own), *own);
  }
  return end_ns;
}

std::int64_t sum_of(const std::vector<placed_span>& siblings) {
  std::int64_t sum_ns = 0;
  for (const placed_span& one : siblings) sum_ns = saturating_add(sum_ns, one.duration_ns);
  return sum_ns;
}

class layout {
 public:
  explicit layout(recording& to) : to_(to) { to_.threads.push_back({"", 0}); }

  void place(std::vector<placed_span>& siblings, std::int64_t from_ns, std::int64_t to_ns,
             span_id parent) {
    std::int64_t limit_ns = to_ns;
    for (auto one = siblings.rbegin(); one != siblings.rend(); ++one) {
      one->end_ns = std::min(end_of(*one).value_or(limit_ns), limit_ns);
      limit_ns = saturating_add(*one->end_ns, -one->duration_ns);
    }
    std::int64_t free_ns = from_ns;
    for (placed_span& one : siblings) {
      const std::int64_t start_ns =
          std::max(saturating_add(*one.end_ns, -one.duration_ns), free_ns);
      free_ns = saturating_add(start_ns, one.duration_ns);
      add(one, start_ns, free_ns, parent);
    }
  }

  // Everything was placed: times count from the first.
  std::int64_t start_at_zero() {
    if (to_.spans.empty()) return 0;
    std::int64_t first_ns = to_.spans.front().start_ns;
    for (const span& s : to_.spans) first_ns = std::min(first_ns, s.start_ns);
    for (span& s : to_.spans) {
      for (std::int64_t* time_ns : {&s.start_ns, &s.end_ns})
        *time_ns = clamp_time(saturating_add(*time_ns, -first_ns));
      to_.wall_ns = std::max(to_.wall_ns, s.end_ns);
    }
    return first_ns;
  }

 private:
  void add(placed_span& one, std::int64_t start_ns, std::int64_t end_ns, span_id parent) {
    span row;
    row.id = ++last_id_;
    place(one.children, start_ns, end_ns, row.id);
    row.parent = parent;
    row.start_ns = start_ns;
    row.end_ns = end_ns;
    row.name = to_.strings.add(one.name);
    row.attributes = add(one.attributes);
    if (one.block >= 0) to_.blocks[static_cast<std::size_t>(one.block)].span = row.id;
    if (one.prompt_switch >= 0)
      to_.switches[static_cast<std::size_t>(one.prompt_switch)].span = row.id;
    to_.spans.push_back(row);
  }

  attribute_range add(const known_attributes& attributes) {
    const attribute_range range{to_.attributes.size(),
                                static_cast<std::uint32_t>(attributes.size())};
    for (const auto& [key, value] : attributes) {
      recorded_attribute row;
      row.key = to_.strings.add(key);
      if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        row.integer = *integer;
      } else if (const auto* real = std::get_if<double>(&value)) {
        row.type = recorded_attribute::kind::real;
        row.real = *real;
      } else {
        row.type = recorded_attribute::kind::text;
        row.text = to_.strings.add(std::get<std::string>(value));
      }
      to_.attributes.push_back(row);
    }
    return range;
  }

  recording& to_;
  span_id last_id_ = 0;
};

}  // namespace

std::int64_t length_of(const std::vector<placed_span>& children) {
  std::int64_t length_ns = sum_of(children);
  const auto end_ns = end_of(children);
  for (const placed_span& one : children)
    if (const auto own = end_of(one))
      length_ns =
          std::max(length_ns, saturating_add(*end_ns, -saturating_add(*own, -one.duration_ns)));
  return std::min(length_ns, time_limit_ns);
}

std::int64_t lay_out(std::vector<placed_span> roots, recording& to) {
  layout placing(to);
  const auto known_end_ns = end_of(roots);
  placing.place(roots, -time_limit_ns, known_end_ns.value_or(sum_of(roots)), 0);
  const std::int64_t first_ns = placing.start_at_zero();
  return known_end_ns ? first_ns : 0;
}

}  // namespace latency::timeline
