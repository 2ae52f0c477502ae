#pragma once
// LATENCY_REGIONS: which regions a session records, and from which to which of their occurrences.
// "NAME[:wait=N,warmup=N,active=N][;NAME...]": the first `wait` occurrences are not recorded, the
// next `warmup` are recorded but left out of statistics, then `active` (0 = all) are recorded.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../error.hpp"
#include "next_part.hpp"
#include "printable.hpp"

namespace latency::detail {

struct region_rule {
  std::string name;
  std::uint64_t wait = 0, warm_up = 0, active = 0;
  std::uint64_t seen = 0;  // occurrences so far
};

// `unlisted`: no session records, or LATENCY_REGIONS does not name it; a scope like any other.
enum class region_phase : std::uint8_t { skipped, unlisted, warm_up, recorded };

[[nodiscard]] inline std::vector<region_rule> parse_regions(std::string_view text) {
  std::vector<region_rule> rules;
  const auto fail = [&](const std::string& why) {
    return error("LATENCY_REGIONS", "\"" + printable(text) + "\"", why);
  };
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view counts = next_part(rest, ';');
    region_rule rule;
    rule.name = next_part(counts, ':');
    if (rule.name.empty()) throw fail("a region has no name");
    while (!counts.empty()) {
      std::string_view number = next_part(counts, ',');
      const std::string key(next_part(number, '='));
      std::uint64_t* const target = key == "wait"     ? &rule.wait
                                    : key == "warmup" ? &rule.warm_up
                                    : key == "active" ? &rule.active
                                                      : nullptr;
      if (target == nullptr) throw fail("\"" + printable(key) + "\" is not wait, warmup or active");
      if (number.empty() || number.size() > 9 ||
          number.find_first_not_of("0123456789") != std::string_view::npos)
        throw fail(key + " needs a count, as in " + key + "=3");
      *target = std::stoull(std::string(number));
    }
    rules.push_back(rule);
  }
  return rules;
}

// Counts one more occurrence.
[[nodiscard]] inline region_phase next_phase(region_rule& rule) noexcept {
  const std::uint64_t occurrence = rule.seen++;
  if (occurrence < rule.wait) return region_phase::skipped;
  if (occurrence < rule.wait + rule.warm_up) return region_phase::warm_up;
  const bool after = rule.active != 0 && occurrence >= rule.wait + rule.warm_up + rule.active;
  return after ? region_phase::skipped : region_phase::recorded;
}

}  // namespace latency::detail
